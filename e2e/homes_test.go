package e2e

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/url"
	"regexp"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	awsevents "github.com/aws/aws-lambda-go/events"

	"bellhop/handlers"
	"bellhop/store"
	"bellhop/store/storetest"
)

// A world is what a conversation needs to be the same each time: its clock, its ids, its faults.
type world struct {
	clock   *storetest.Clock
	store   store.Store
	failing atomic.Bool // whether the store is cut off
	handler *handlers.Handler
	ids     []string // that stand for those of lobbies yet to be made
	// elapses, if set, is told of time that passes: by a home whose clock is another.
	elapses func(*testing.T, time.Duration)
}

func newWorld() *world {
	w := &world{clock: storetest.NewClock(), ids: []string{"BCDFGH", "JKLMNP", "QRSTVW", "XZ2345"}}
	w.store = storetest.Failing(store.NewMemory(w.clock.Now), func(method string) error {
		if w.failing.Load() && slices.Contains([]string{"Lobby", "Claim", "PutConnection"}, method) {
			return errors.New("store: connection refused")
		}
		return nil
	})
	return w
}

// handle wires a Handler as main does.
func (w *world) handle(p handlers.Poster) *handlers.Handler {
	w.handler = handlers.New(handlers.Config{
		Store: w.store, Poster: p, Now: w.clock.Now, Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	return w.handler
}

func (w *world) nextID() (id string) {
	id, w.ids = w.ids[0], w.ids[1:]
	return id
}

// memoryHome calls the Handler, and keeps what it posts.
type memoryHome struct {
	handler *handlers.Handler
	mu      sync.Mutex
	inbox   map[string][]string // of those that are connected
	hungUp  map[string][]string // what those have heard who were hung up on and have not looked since
}

func openMemory(_ *testing.T, w *world) home {
	h := &memoryHome{inbox: map[string][]string{}, hungUp: map[string][]string{}}
	h.handler = w.handle(h)
	return h
}

func (h *memoryHome) event(name, route, body string, query map[string]string) int {
	e := awsevents.APIGatewayWebsocketProxyRequest{Body: body, QueryStringParameters: query}
	e.RequestContext.ConnectionID, e.RequestContext.RouteKey, e.RequestContext.RequestID = name, route, "a-reference"
	r, err := h.handler.Handle(context.Background(), e)
	if err != nil {
		return 502
	}
	return r.StatusCode
}

func (h *memoryHome) connect(name, query string) int {
	values, _ := url.ParseQuery(query)
	single := map[string]string{}
	for k, v := range values {
		single[k] = v[len(v)-1]
	}
	status := h.event(name, "$connect", "", single)
	if status == 200 {
		status = 101
		h.inbox[name] = []string{}
	}
	return status
}

func (h *memoryHome) send(name, text string) { h.event(name, "$default", text, nil) }

func (h *memoryHome) drop(name string, silent bool) {
	delete(h.inbox, name)
	if !silent {
		h.event(name, "$disconnect", "", nil)
	}
}

func (h *memoryHome) heard(name string) []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	if events, ok := h.hungUp[name]; ok {
		delete(h.hungUp, name)
		h.mu.Unlock()
		h.event(name, "$disconnect", "", nil)
		h.mu.Lock()
		return append(events, hungUp)
	}
	events := h.inbox[name]
	h.inbox[name] = []string{}
	return events
}

func (h *memoryHome) Post(_ context.Context, name string, data []byte) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.inbox[name] == nil {
		return handlers.ErrGone
	}
	h.inbox[name] = append(h.inbox[name], withoutReference(string(data)))
	return nil
}

func (h *memoryHome) Hangup(_ context.Context, name string) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.inbox[name] == nil {
		return handlers.ErrGone
	}
	h.hungUp[name] = h.inbox[name]
	delete(h.inbox, name)
	return nil
}

var reference = regexp.MustCompile(`"reference":"[^"]+"`)

func withoutReference(event string) string {
	return reference.ReplaceAllString(event, `"reference":"…"`)
}
