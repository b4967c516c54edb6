package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/google/go-cmp/cmp"

	"bellhop/gateway/programtest"
	"bellhop/store"

	"bellhop/gateway/server"

	"bellhop/handlers"
)

// The tests here are about hostile clients, by the hundred, over sockets,
// against the program's own server. Each test gives the events of every client.
// The events for single hostile messages are conversations:
// testdata/conversations/abuse-*.txt.

// A target is the program's server with a clock that only a test moves. So the
// levels of buckets and the ends of graces are counted and not measured. At the
// end all clients have hung up, and nothing must be left of them.
type target struct {
	*server.Server
	url      string
	kept     *store.Memory
	clock    atomic.Int64 // ms since 1970
	welcomed atomic.Int64 // handled handshakes
	busy     int          // receivers that can be too busy, each of which can cause one log line
}

func newTarget(t *testing.T) *target { return newTargetOf(t, server.Config{}) }

func newTargetOf(t *testing.T, c server.Config) *target {
	before, log := runtime.NumGoroutine(), programtest.NewOutput()
	x := &target{}
	x.clock.Store(time.Now().Truncate(time.Second).UnixMilli())
	x.kept = store.NewMemory(x.now)
	c.Handler = handlers.Config{Store: x.kept, Rate: 100, Grace: time.Minute}
	c.Now, c.Log = x.now, slog.New(slog.NewTextHandler(log, nil))
	x.Server = server.New(c)
	x.Sockets.Stall = time.Hour // unless a test is about it: this machine can be slow
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		x.ServeHTTP(w, r)
		x.welcomed.Add(1)
	}))
	x.url = "ws" + strings.TrimPrefix(web.URL, "http")
	t.Cleanup(func() { // after those of all clients
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		if err := x.Sockets.Shutdown(ctx); err != nil {
			t.Error(err)
		}
		web.Close()
		x.wait(time.Minute + time.Second) // a grace ends at a whole second
		x.kept.Sweep()
		if lobbies, connections := x.kept.Len(); lobbies+connections > 0 {
			t.Errorf("the store is left with %d lobbies and %d connections", lobbies, connections)
		}
		await(t, "more goroutines than before", func() string { return fmt.Sprint(max(0, runtime.NumGoroutine()-before-2)) }, "0")
		lines := strings.Count(log.String(), "\n")
		if undelivered := strings.Count(log.String(), "event not delivered"); lines > undelivered || undelivered > x.busy {
			t.Errorf("the log says\n%.2000s", log)
		}
	})
	return x
}

func (x *target) now() time.Time { return time.UnixMilli(x.clock.Load()) }

func (x *target) wait(d time.Duration) { x.clock.Add(d.Milliseconds()) }

// crowd connects n clients.
func (x *target) crowd(t *testing.T, n int) (all []caller) {
	for range n {
		all = append(all, dial(t, x.url))
	}
	return all
}

// open connects a host and opens a lobby.
func (x *target) open(t *testing.T, lobby string) (host caller) {
	t.Helper()
	host = dial(t, x.url)
	want(t, "a host", host.ask(opens(lobby)), "lobby_started 1")
	return host
}

// A pair is a host and a guest that the host has admitted.
type pair struct {
	host, guest     caller
	hostID, guestID string
}

func (x *target) pair(t *testing.T, lobby string) pair {
	t.Helper()
	p := pair{host: x.open(t, lobby), guest: dial(t, x.url)}
	p.guest.ask(joins(lobby))
	want(t, "a host", p.host.ask(accepts), "request_to_join", "done 3")
	heard := p.guest.heard()
	want(t, "a guest", heard, "request_accepted 1")
	p.hostID, p.guestID = heard[0].Content.Host, heard[0].Content.ConnectionID
	return p
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
