package e2e

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/url"
	"regexp"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"bellhop/handlers"
	"bellhop/handlers/handlerstest"
	"bellhop/handlers/metrics"
	"bellhop/store"
	"bellhop/store/storetest"
)

// A world holds what makes a conversation the same each time: its clock, its
// ids, its faults.
type world struct {
	clock   *storetest.Clock
	store   store.Store
	failing atomic.Bool // whether the store fails
	handler *handlers.Handler
	metrics *metrics.Set // what the Handler counts; nil: nothing
	log     io.Writer
	ids     []string // placeholders for the next lobby ids
	// elapses, if set, is called when time passes. A home with another clock sets
	// it.
	elapses func(*testing.T, time.Duration)
}

func newWorld() *world {
	w := &world{clock: storetest.NewClock(), log: io.Discard, ids: []string{"BCDFGH", "JKLMNP", "QRSTVW", "XZ2345"}}
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
		Store: w.store, Poster: p, Now: w.clock.Now, Log: slog.New(slog.NewTextHandler(w.log, nil)), Metrics: w.metrics,
	})
	return w.handler
}

func (w *world) nextID() (id string) {
	id, w.ids = w.ids[0], w.ids[1:]
	return id
}

// memoryHome calls the Handler, and keeps its posts.
type memoryHome struct {
	*handlerstest.Inbox
	handler *handlers.Handler
}

func openMemory(_ *testing.T, w *world) home {
	inbox := handlerstest.NewInbox()
	return &memoryHome{inbox, w.handle(inbox)}
}

func (h *memoryHome) event(name, route, body string, query map[string]string) int {
	return handlerstest.Invoke(context.Background(), h.handler, name, route, body, "a-reference", query)
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
		h.Open(name)
	}
	return status
}

func (h *memoryHome) send(name, text string) { h.event(name, "$default", text, nil) }

func (h *memoryHome) drop(name string, silent bool) {
	h.Lose(name)
	if !silent {
		h.event(name, "$disconnect", "", nil)
	}
}

func (h *memoryHome) heard(name string) []string {
	events, gone := h.HeardBy(name)
	for i := range events {
		events[i] = withoutReference(events[i])
	}
	if gone {
		h.event(name, "$disconnect", "", nil)
		events = append(events, hungUp)
	}
	return events
}

var reference = regexp.MustCompile(`"reference":"[^"]+"`)

func withoutReference(event string) string {
	return reference.ReplaceAllString(event, `"reference":"…"`)
}
