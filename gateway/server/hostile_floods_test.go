package server_test

import (
	"context"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/google/go-cmp/cmp"

	"bellhop/gateway/apigateway"
)

// TestFloods checks a client that sends meaningless bytes, as messages or as
// fragments of one. It gets one answer for each message, costs others nothing,
// and keeps its connection and its slot.
func TestFloods(t *testing.T) {
	x := newTarget(t)
	fox, ann := x.pair(t, "fox"), dial(t, x.url)
	eve := fox.guest
	x.wait(time.Minute) // buckets are full
	answers := map[string]int{}
	for range 4 {
		for range 500 {
			eve.tell("x")
		}
		want(t, "somebody else", ann.ask(pings), "pong 4")
		for range 500 {
			answers[eve.next().String()]++
		}
	}
	if diff := cmp.Diff(map[string]int{"error invalid_json": 500, "error rate_limited": 1500}, answers); diff != "" {
		t.Errorf("who sends 2,000 messages of a byte heard (-want +got):\n%s", diff)
	}
	x.wait(time.Minute)
	want(t, "who was flooding", eve.ask(pings), "pong 4")
	want(t, "its host", fox.host.ask(relays(fox.guestID, 1, "")), "done 5")
	want(t, "who was flooding", eve.heard(), "received_ice_candidate")

	eve.fragments("", pings, func() { want(t, "somebody else", ann.ask(pings), "pong 4") })
	want(t, "who sends a message in fragments of a byte", []news{eve.next()}, "pong 4")
	frame := strings.Repeat("x", apigateway.MaxFrame)
	eve.fragments(frame+frame+frame, frame+"x", func() { want(t, "somebody else", ann.ask(pings), "pong 4") })
	if _, _, err := eve.Read(t.Context()); websocket.CloseStatus(err) != websocket.StatusMessageTooBig {
		t.Errorf("whose fragments are more than 128 KiB heard %v, want status 1009", err)
	}
	want(t, "its host", []news{fox.host.next()}, "peer_disconnected")
}

// fragments sends a message: its first part in long frames, the rest byte by
// byte. In the middle of it, it calls meanwhile.
func (c caller) fragments(first, rest string, meanwhile func()) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	w, err := c.Writer(ctx, websocket.MessageText)
	for part := range slices.Chunk([]byte(first), apigateway.MaxFrame) {
		if err == nil {
			_, err = w.Write(part)
		}
	}
	for i := 0; i < len(rest) && err == nil; i++ {
		if i == len(rest)/2 {
			meanwhile()
		}
		_, err = io.WriteString(w, rest[i:i+1])
	}
	if err == nil {
		w.Close()
	}
}
