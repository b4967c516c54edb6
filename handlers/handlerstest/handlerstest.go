// Package handlerstest has the shared parts of tests of a Handler. A World is a
// Handler over a store in memory, with a clock that stands still. An Inbox is a
// Poster that keeps the clients' events.
package handlerstest

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"time"

	awsevents "github.com/aws/aws-lambda-go/events"
	"pgregory.net/rapid"

	"bellhop/handlers"
	"bellhop/store"
	"bellhop/store/storetest"
)

// A World is a Handler and its clients.
type World struct {
	*handlers.Handler
	*Inbox
	Clock   *storetest.Clock
	Log     bytes.Buffer
	Limit   time.Duration // of an invocation; 0 means none
	secrets atomic.Int64
}

// New returns a World over a store in memory. The secrets of its resume tokens
// are s1, s2, and so on.
func New() *World { return NewOver(func(s store.Store) store.Store { return s }) }

// NewOver is New, with the store that wrap returns.
func NewOver(wrap func(store.Store) store.Store) *World {
	w := &World{Inbox: NewInbox(), Clock: storetest.NewClock()}
	w.Handler = handlers.New(handlers.Config{
		Store: wrap(store.NewMemory(w.Clock.Now)), Poster: w.Inbox, Now: w.Clock.Now,
		Log:       slog.New(slog.NewTextHandler(&w.Log, nil)),
		NewSecret: func() string { return fmt.Sprint("s", w.secrets.Add(1)) },
	})
	return w
}

// Restart replaces the Handler with that of a new process, by w.Config.
func (w *World) Restart() { w.Handler = handlers.New(w.Config) }

// Use restarts w over another store.
func (w *World) Use(s store.Store) *World {
	w.Config.Store = s
	w.Restart()
	return w
}

// Invoke handles one event of API Gateway and returns its status.
func (w *World) Invoke(conn, route, body, reference string, query map[string]string) int {
	return w.invoke(w.Handler, conn, route, body, reference, query)
}

// InvokeBy lets the Handler of another process handle an event.
func (w *World) InvokeBy(h *handlers.Handler, conn, route, body string) {
	w.invoke(h, conn, route, body, "reference", nil)
}

func (w *World) invoke(h *handlers.Handler, conn, route, body, reference string, query map[string]string) int {
	ctx := context.Background()
	if w.Limit != 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, w.Limit)
		defer cancel()
	}
	return Invoke(ctx, h, conn, route, body, reference, query)
}

// Invoke lets h handle one event of API Gateway and returns its status.
func Invoke(
	ctx context.Context, h *handlers.Handler, conn, route, body, reference string, query map[string]string,
) int {
	e := awsevents.APIGatewayWebsocketProxyRequest{Body: body, QueryStringParameters: query}
	e.RequestContext.ConnectionID, e.RequestContext.RouteKey, e.RequestContext.RequestID = conn, route, reference
	r, err := h.Handle(ctx, e)
	if err != nil {
		return 502
	}
	return r.StatusCode
}

// Connect opens a connection and returns the status.
func (w *World) Connect(conn string, query map[string]string) int {
	status := w.Invoke(conn, "$connect", "", "connects", query)
	if status == 200 {
		w.Open(conn)
	}
	return status
}

// Say sends a client's message.
func (w *World) Say(conn, text string) { w.Invoke(conn, "$default", text, "reference", nil) }

// Drop ends a connection.
func (w *World) Drop(conn string) {
	w.Lose(conn)
	w.Invoke(conn, "$disconnect", "", "", nil)
}

// Logged returns the lines of the log since the last call.
func (w *World) Logged() (lines []string) {
	lines = strings.FieldsFunc(w.Log.String(), func(r rune) bool { return r == '\n' })
	w.Log.Reset()
	return lines
}

// Uniform draws a number of that many bits, all equally likely. Rapid's own
// numbers are mostly small.
func Uniform(t *rapid.T, name string, bits int) (n int) {
	for range bits {
		if n *= 2; rapid.Bool().Draw(t, name) {
			n++
		}
	}
	return n
}
