package server_test

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"bellhop/gateway/apigateway"
	"bellhop/gateway/programtest"
	"bellhop/gateway/server"
	"bellhop/handlers"
	"bellhop/store"
)

var (
	soakConnections = flag.Int("soak.connections", 60, "`number` of clients of TestSoak")
	soakTime        = flag.Duration("soak.time", 4*time.Second, "`time` that they play for")
)

// soakGrace is short, so many slots expire.
const soakGrace = time.Second

// TestSoak runs many clients that open, join, leave and close lobbies, relay,
// and drop in all ways; some come back and some do not. No request is answered
// twice, and no answer is internal. When all have gone, nothing is left of
// them: not in the store, no goroutine, no memory. `make soak` runs it for
// long.
func TestSoak(t *testing.T) {
	var log strings.Builder
	kept := store.NewMemory(time.Now)
	s := server.New(server.Config{
		Handler: handlers.Config{Store: kept, Rate: 1e6, Grace: soakGrace},
		Sockets: apigateway.Config{Idle: time.Hour, Lifetime: time.Hour},
		Log:     slog.New(slog.NewTextHandler(&log, nil)),
	})
	web := httptest.NewServer(s)
	defer web.Close()
	before := measure()
	f := &field{t: t, url: "ws" + strings.TrimPrefix(web.URL, "http"), codes: map[string]int{}, events: map[string]int{}}
	ctx, cancel := context.WithTimeout(context.Background(), *soakTime)
	defer cancel()
	var players sync.WaitGroup
	for i := range *soakConnections {
		players.Go(func() { f.play(ctx, rand.New(rand.NewPCG(uint64(i), 1))) })
	}
	players.Wait()
	web.CloseClientConnections()
	programtest.Await(t, "connections, lobbies and what is known of connections", func() string {
		kept.Sweep()
		lobbies, connections := kept.Len()
		return fmt.Sprint(s.Sockets.Connections(), lobbies, connections)
	}, "0 0 0")
	programtest.Await(t, "more goroutines than before", func() string { return fmt.Sprint(max(0, runtime.NumGoroutine()-before.goroutines-5)) }, "0")
	after := measure()
	f.report(before, after)
	if after.mib > before.mib+16 {
		t.Errorf("%.1f MiB have become %.1f", before.mib, after.mib)
	}
	if log.String() != "" {
		t.Errorf("the log says\n%.2000s", &log)
	}
}

// A level is the resources that a process holds.
type level struct {
	goroutines int
	mib        float64
}

func measure() level {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return level{runtime.NumGoroutine(), float64(m.HeapAlloc) / (1 << 20)}
}

// A field is the shared state of the clients: their lobbies, and the events so
// far.
type field struct {
	t   *testing.T
	url string

	mu        sync.Mutex
	connects  int
	codes     map[string]int // of errors and rejections
	events    map[string]int
	latencies []time.Duration
}

// A soaker is one client over the course of its connections.
type soaker struct {
	*field
	*rand.Rand
	ws       *websocket.Conn
	open     map[string]bool // ids of unanswered requests
	requests int
	token    string // of its current or last slot
	host     string // its peer; empty unless it is a guest
	guests   []string
}

func (f *field) play(ctx context.Context, r *rand.Rand) {
	p := &soaker{field: f, Rand: r}
	for ctx.Err() == nil {
		p.life(ctx)
	}
}

// life is one connection: the client resumes if it can, sends some actions, and
// ends in some way.
func (p *soaker) life(ctx context.Context) {
	ws, _, err := websocket.Dial(ctx, p.url, nil)
	if err != nil {
		return
	}
	p.ws, p.open = ws, map[string]bool{}
	defer ws.CloseNow()
	p.mu.Lock()
	p.connects++
	p.mu.Unlock()
	if p.token != "" && p.IntN(4) > 0 {
		p.ask(ctx, "resume", map[string]any{"resume_token": p.token})
	}
	for range 2 + p.IntN(20) {
		if !p.act(ctx) {
			return
		}
	}
	switch p.IntN(3) {
	case 0:
		ws.Close(websocket.StatusNormalClosure, "")
	case 1:
		p.ask(ctx, "leave_lobby", nil)
		p.token, p.host, p.guests = "", "", nil
	}
}

// act sends an action that fits the client's state. It returns false when the
// connection has ended.
func (p *soaker) act(ctx context.Context) bool {
	lobby := fmt.Sprintf("lobby-%d", p.IntN(max(1, *soakConnections/6)))
	switch n := p.IntN(12); {
	case p.host != "":
		return p.ask(ctx, "send_ice_candidate", map[string]any{"connection_id": p.host, "candidate": "", "t": time.Now().UnixNano()})
	case len(p.guests) > 0 && n == 0:
		return p.ask(ctx, "remove_player", map[string]any{"connection_id": p.guests[p.IntN(len(p.guests))], "ban": p.IntN(2) == 0})
	case p.token != "":
		return p.ask(ctx, "ping", nil)
	case n < 3:
		return p.ask(ctx, "start_lobby", map[string]any{"lobby_id": lobby, "auto_accept": n == 0, "on_host_leave": []string{"close", "migrate"}[p.IntN(2)]})
	default:
		return p.ask(ctx, "join_lobby", map[string]any{"lobby_id": lobby})
	}
}

// ask sends an action and reads all messages up to its answer.
func (p *soaker) ask(ctx context.Context, action string, content any) bool {
	p.requests++
	id := fmt.Sprint(p.requests)
	p.open[id] = true
	p.send(ctx, map[string]any{"action": action, "content": content, "request_id": id})
	for p.open[id] {
		_, data, err := p.ws.Read(ctx)
		if err != nil {
			return false
		}
		p.hear(ctx, data)
	}
	return true
}

func (p *soaker) send(ctx context.Context, message any) {
	data, _ := json.Marshal(message)
	p.ws.Write(ctx, websocket.MessageText, data)
}

func (p *soaker) hear(ctx context.Context, data []byte) {
	var e struct {
		Event     string
		RequestID string `json:"request_id"`
		Content   struct {
			Code             string
			T                int64
			ConnectionID     string `json:"connection_id"`
			HostConnectionID string `json:"host_connection_id"`
			ResumeToken      string `json:"resume_token"`
		}
	}
	if err := json.Unmarshal(data, &e); err != nil {
		p.t.Errorf("heard %s: %v", data, err)
	}
	p.count(e.Event, e.Content.Code, e.Content.T)
	if e.RequestID != "" && !p.open[e.RequestID] {
		p.t.Errorf("answered twice, or not asked: %s", data)
	}
	delete(p.open, e.RequestID)
	switch e.Event {
	case "lobby_started", "request_accepted":
		p.token, p.host, p.guests = e.Content.ResumeToken, e.Content.HostConnectionID, nil
	case "resumed":
		if p.host = e.Content.HostConnectionID; p.host == e.Content.ConnectionID {
			p.host = ""
		}
	case "host_changed":
		p.host = e.Content.HostConnectionID // or its own id: then it gets peer_not_found and leaves
	case "request_to_join":
		p.send(ctx, map[string]any{"action": "accept_request", "content": map[string]any{"connection_id": e.Content.ConnectionID}})
		p.guests = append(p.guests, e.Content.ConnectionID)
	case "lobby_closed", "removed":
		p.token, p.host, p.guests = "", "", nil
	}
	if slices.Contains([]string{"not_in_lobby", "resume_failed", "peer_not_found", "already_in_lobby"}, e.Content.Code) {
		p.token, p.host, p.guests = "", "", nil
	}
}

func (f *field) count(event, code string, sent int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.events[event]++; code != "" {
		f.codes[code]++
	}
	if event == "received_ice_candidate" {
		f.latencies = append(f.latencies, time.Since(time.Unix(0, sent)))
	}
	if code == "internal" {
		f.t.Error("an answer is internal")
	}
}

func (f *field) report(before, after level) {
	slices.Sort(f.latencies)
	f.t.Logf("%d clients for %v: %d connections, %d relays, %d resumes", *soakConnections, *soakTime, f.connects, len(f.latencies), f.events["resumed"])
	if n := len(f.latencies); n > 0 {
		f.t.Logf("relayed in %v (half of them), %v (99 of 100)", f.latencies[n/2].Round(time.Microsecond), f.latencies[n*99/100].Round(time.Microsecond))
	}
	f.t.Logf("events %v", f.events)
	f.t.Logf("errors and rejections %v", f.codes)
	f.t.Logf("goroutines %d, then %d; %.1f MiB, then %.1f", before.goroutines, after.goroutines, before.mib, after.mib)
}
