package server_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	awsevents "github.com/aws/aws-lambda-go/events"

	"bellhop/gateway/apigateway"
	"bellhop/gateway/programtest"
	"bellhop/gateway/server"
	"bellhop/handlers"
	"bellhop/store"
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
	left     atomic.Int64 // handled $disconnects
	busy     int          // receivers that can be too busy, each of which can cause one log line
}

func newTarget(t *testing.T) *target { return newTargetOf(t, server.Config{}) }

func newTargetOf(t *testing.T, c server.Config) *target {
	before, log := runtime.NumGoroutine(), programtest.NewOutput()
	x := &target{}
	x.clock.Store(time.Now().Truncate(time.Second).UnixMilli())
	x.kept = store.NewMemory(x.now)
	c.Handler = handlers.Config{Store: x.kept, Rate: 100, Grace: time.Minute}
	c.Intercept = func(next apigateway.Invoker) apigateway.Invoker {
		return func(ctx context.Context, e awsevents.APIGatewayWebsocketProxyRequest) (awsevents.APIGatewayProxyResponse, error) {
			if e.RequestContext.EventType == "DISCONNECT" {
				defer x.left.Add(1)
			}
			return next(ctx, e)
		}
	}
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
		programtest.Await(t, "more goroutines than before", func() string { return fmt.Sprint(max(0, runtime.NumGoroutine()-before-2)) }, "0")
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
