package main

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/coder/websocket"
)

// TestFaults checks that the flags reach the sockets, of the handler in this
// program and of a function. The faults of AWS happen, nothing is lost that AWS
// would not lose, and the program prints the seed.
func TestFaults(t *testing.T) {
	p := launch(t, "-throttle", "1")
	p.stdout.Find(t, `What AWS may do happens here by chance; -seed [1-9]\d* repeats it\.`)
	if _, r, err := websocket.Dial(t.Context(), p.stdout.Find(t, `ws://\S+`), nil); err == nil || r.StatusCode != http.StatusTooManyRequests {
		t.Errorf("the handshake: %v", err)
	}
	p.stop()
	<-p.ended

	folder := buildStack(t)
	for _, args := range [][]string{{}, {"emulate", "-template", otherStack + "/template.yaml", "-functions", folder}} {
		p := launch(t, append(args, "-seed", "3", "-reorder", "0.5", "-drop-disconnect", "1")...)
		p.stdout.Find(t, `-seed 3 repeats it`)
		c, _, err := websocket.Dial(t.Context(), p.stdout.Find(t, `ws://\S+`)+"?name=ann", nil)
		if err != nil {
			t.Fatal(err)
		}
		const n = 40
		var sent, heard []string
		for i := range n {
			text := fmt.Sprintf(`{"action":"ping","request_id":"%d","please":{"do":"count"}%s}`, 10+i, strings.Repeat(" ", i))
			if err := c.Write(t.Context(), websocket.MessageText, []byte(text)); err != nil {
				t.Fatal(err)
			}
		}
		for range n {
			_, data, err := c.Read(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			heard = append(heard, string(data))
		}
		sent = slices.Sorted(slices.Values(heard))
		if len(slices.Compact(sent)) != n || slices.Equal(sent, heard) {
			t.Errorf("%d answers, in order: %v", len(sent), heard)
		}
		c.CloseNow()
		p.stop()
		if err := <-p.ended; err != nil {
			t.Error(err)
		}
		if strings.Contains(p.stderr.String(), "DISCONNECT") {
			t.Error("$disconnect has come")
		}
	}
}
