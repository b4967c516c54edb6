package server_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/google/go-cmp/cmp"

	"bellhop/gateway/programtest"
	"bellhop/gateway/server"
)

// start serves like the program until the test ends, and returns the WebSocket
// URL. Nothing may be logged.
func start(t *testing.T, c server.Config) (url string) {
	t.Helper()
	log := programtest.NewOutput()
	c.Log = slog.New(slog.NewTextHandler(log, nil))
	s := server.New(c)
	listener, err := server.Listen("127.0.0.1:0", c.Log)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(listener) }()
	t.Cleanup(func() {
		if err := errors.Join(s.Shutdown(context.Background()), <-ended); err != nil || log.String() != "" {
			t.Errorf("at the end: %v, and the log says\n%s", err, log)
		}
		s.Close()
	})
	return "ws://" + listener.Addr().String()
}

// A caller is a client, with its messages as events.
type caller struct{ programtest.Client }

func dial(t *testing.T, url string) caller {
	t.Helper()
	return caller{programtest.Dial(t, url)}
}

func opens(lobby string) string {
	return `{"action":"start_lobby","content":{"lobby_id":"` + lobby + `"},"request_id":"1"}`
}

func joins(lobby string) string {
	return `{"action":"join_lobby","content":{"lobby_id":"` + lobby + `"},"request_id":"1"}`
}

const (
	leaves  = `{"action":"leave_lobby","request_id":"2"}`
	accepts = `{"action":"accept_request","request_id":"3"}` // the only one that waits
	pings   = `{"action":"ping","request_id":"4"}`
)

func acceptsOne(id string) string {
	return `{"action":"accept_request","content":{"connection_id":"` + id + `"},"request_id":"3"}`
}

// relays returns a candidate for a peer, with a number and padding.
func relays(to string, seq int, filling string) string {
	return fmt.Sprintf(`{"action":"send_ice_candidate","content":{"connection_id":%q,"candidate":"","seq":%d,"x":%q},"request_id":"5"}`, to, seq, filling)
}

// news is an event, with the fields that the tests need.
type news struct {
	Event     string
	RequestID string `json:"request_id"`
	Content   struct {
		Code         string
		ConnectionID string `json:"connection_id"`
		Host         string `json:"host_connection_id"`
		Seq          int
	}
}

// String returns the event, its code if it has one, and its request_id.
func (n news) String() string {
	return strings.Join(strings.Fields(n.Event+" "+n.Content.Code+" "+n.RequestID), " ")
}

// tell sends a message. If that fails, the received messages say why.
func (c caller) tell(text string) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	c.Write(ctx, websocket.MessageText, []byte(text))
}

// next returns the next event, or an error as one.
func (c caller) next() (n news) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	_, data, err := c.Read(ctx)
	if err == nil {
		err = json.Unmarshal(data, &n)
	}
	if err != nil {
		n.Event, n.RequestID = err.Error(), fence
	}
	return n
}

// fence is the request_id of a ping. An event before its answer was there
// before the ping was sent.
const fence = "fence"

// heard returns the events that c has received so far.
func (c caller) heard() (all []news) {
	c.tell(`{"action":"ping","request_id":"` + fence + `"}`)
	for {
		n := c.next()
		if n.RequestID == fence && (n.Event == "pong" || n.Content.Code != "") {
			return all
		}
		if all = append(all, n); n.RequestID == fence {
			return all
		}
	}
}

// ask sends a message, and returns the events until it has been handled.
func (c caller) ask(text string) []news {
	c.tell(text)
	return c.heard()
}

// atOnce lets all clients do something at the same time.
func atOnce(all []caller, do func(caller) []news) [][]news {
	heard := make([][]news, len(all))
	var wg sync.WaitGroup
	for i, c := range all {
		wg.Go(func() { heard[i] = do(c) })
	}
	wg.Wait()
	return heard
}

// want compares the received events with the expected ones.
func want(t *testing.T, who string, heard []news, want ...string) {
	t.Helper()
	got := []string{}
	for _, n := range heard {
		got = append(got, n.String())
	}
	if diff := cmp.Diff(append([]string{}, want...), got); diff != "" {
		t.Fatalf("%s heard (-want +got):\n%.3000s", who, diff)
	}
}

// wantCounts compares how many clients have received each event, or how often
// one has.
func wantCounts(t *testing.T, who string, heard [][]news, want map[string]int) {
	t.Helper()
	got := map[string]int{}
	for _, all := range heard {
		got[strings.Trim(fmt.Sprint(all), "[]")]++
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("%s heard (-want +got):\n%.3000s", who, diff)
	}
}

// each turns a list of events into lists of one event each, to count them.
func each(heard []news) (all [][]news) {
	for _, n := range heard {
		all = append(all, []news{n})
	}
	return all
}
