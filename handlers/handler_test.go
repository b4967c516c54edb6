package handlers

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	awsevents "github.com/aws/aws-lambda-go/events"

	"bellhop/store"
)

// A world is a Handler over a real store, and what its clients have heard. Its clock stands still until it is moved.
type fixture struct {
	*Handler
	log     bytes.Buffer
	secrets atomic.Int64
	limit   time.Duration // of an invocation; none if 0
	mu      sync.Mutex
	now     time.Time
	inbox   map[string][]string // of those that are connected
	hungUp  map[string][]string // of those that were hung up on since anybody looked
	busy    string              // who takes no more for now
	// meanwhile, if set, happens while an event is on its way to a connection. What it returns, the post does.
	meanwhile func(conn, event string) error
}

// newWorld returns a world whose handler is as wrap makes its store.
func newWorld(wrap func(store.Store) store.Store) *fixture {
	w := &fixture{now: time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC), inbox: map[string][]string{}, hungUp: map[string][]string{}}
	w.Handler = New(Config{
		Store: wrap(store.NewMemory(w.clock)), Poster: w, Now: w.clock, NewSecret: w.newSecret, Log: slog.New(slog.NewTextHandler(&w.log, nil)),
	})
	return w
}

// newSecret makes the secrets s1, s2, …
func (w *fixture) newSecret() string { return fmt.Sprint("s", w.secrets.Add(1)) }

func unwrapped(s store.Store) store.Store { return s }

func (w *fixture) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

func (w *fixture) wait(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
}

// invoke handles one event of API Gateway and returns its status.
func (w *fixture) invoke(conn, route, body, reference string, query map[string]string) int {
	return w.handle(w.Handler, conn, route, body, reference, query)
}

// invokeBy has a process handle one event.
func (w *fixture) invokeBy(h *Handler, conn, route, body string) {
	w.handle(h, conn, route, body, "reference", nil)
}

func (w *fixture) handle(h *Handler, conn, route, body, reference string, query map[string]string) int {
	e := awsevents.APIGatewayWebsocketProxyRequest{Body: body, QueryStringParameters: query}
	e.RequestContext.ConnectionID, e.RequestContext.RouteKey, e.RequestContext.RequestID = conn, route, reference
	ctx := context.Background()
	if w.limit != 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, w.limit)
		defer cancel()
	}
	r, err := h.Handle(ctx, e)
	if err != nil {
		return 502
	}
	return r.StatusCode
}

func (w *fixture) connect(conn string, query map[string]string) int {
	status := w.invoke(conn, "$connect", "", "connects", query)
	if status == 200 {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.inbox[conn] = []string{}
	}
	return status
}

func (w *fixture) Post(ctx context.Context, conn string, data []byte) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if w.meanwhile != nil {
		if err := w.meanwhile(conn, string(data)); err != nil {
			return err
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.inbox[conn] == nil:
		return ErrGone
	case w.busy == conn:
		return ErrBusy
	}
	w.inbox[conn] = append(w.inbox[conn], string(data))
	return nil
}

// Hangup ends a connection as the gateway does: the client sees it first, and $disconnect comes later, if ever.
func (w *fixture) Hangup(_ context.Context, conn string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.inbox[conn] == nil {
		return ErrGone
	}
	w.hungUp[conn] = w.inbox[conn]
	delete(w.inbox, conn)
	return nil
}

// drop ends a connection.
func (w *fixture) drop(conn string) {
	w.mu.Lock()
	delete(w.inbox, conn)
	w.mu.Unlock()
	w.invoke(conn, "$disconnect", "", "", nil)
}

// heard returns what everybody has heard since the last call.
func (w *fixture) heard() map[string][]string {
	w.mu.Lock()
	defer w.mu.Unlock()
	heard := w.hungUp
	w.hungUp = map[string][]string{}
	for conn, events := range w.inbox {
		if w.inbox[conn] = []string{}; len(events) > 0 {
			heard[conn] = events
		}
	}
	return heard
}

// logged returns the lines of the log since the last call.
func (w *fixture) logged() (lines []string) {
	lines = strings.FieldsFunc(w.log.String(), func(r rune) bool { return r == '\n' })
	w.log.Reset()
	return lines
}

// openFox has three connect and a lobby begin: host's, with guest in it and waiter in front of it.
func (w *fixture) openFox(t *testing.T) {
	t.Helper()
	for _, conn := range []string{"host", "guest", "waiter", "stranger"} {
		if status := w.connect(conn, nil); status != 200 {
			t.Fatalf("%s is refused with %d", conn, status)
		}
	}
	for _, say := range [][2]string{
		{"host", `{"action":"start_lobby","content":{"lobby_id":"fox"}}`},
		{"guest", `{"action":"join_lobby","content":{"lobby_id":"fox"}}`},
		{"host", `{"action":"accept_request"}`},
		{"waiter", `{"action":"join_lobby","content":{"lobby_id":"fox"},"request_id":"waiting"}`},
	} {
		w.invoke(say[0], "$default", say[1], "", nil)
	}
	w.heard()
}
