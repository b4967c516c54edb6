package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	awsevents "github.com/aws/aws-lambda-go/events"

	"bellhop/handlers"
	"bellhop/store"
	"bellhop/store/dynamodbtest"
)

// A connectionsAPI stands in for @connections. Posts to "host" meet a fault.
type connectionsAPI struct {
	mu    sync.Mutex
	fault dynamodbtest.Fault // nil: none
	tries int                // of posts to "host"
	heard map[string][]string
}

func (a *connectionsAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	conn := r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:]
	arrives := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		data, _ := io.ReadAll(r.Body)
		a.mu.Lock()
		defer a.mu.Unlock()
		a.heard[conn] = append(a.heard[conn], string(data))
	})
	a.mu.Lock()
	fault := a.fault
	if conn == "host" {
		a.tries++
	}
	a.mu.Unlock()
	if conn == "host" && fault != nil {
		fault("", w, r, arrives)
		return
	}
	arrives(w, r)
}

func (a *connectionsAPI) set(fault dynamodbtest.Fault) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.fault, a.tries, a.heard = fault, 0, map[string][]string{}
}

// refuses answers as API Gateway does ("PostToConnection").
func refuses(status int, kind string) dynamodbtest.Fault {
	return func(_ string, w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		w.Header().Set("X-Amzn-ErrorType", kind)
		w.WriteHeader(status)
		io.WriteString(w, `{"message":"made so by a test"}`)
	}
}

func once(fault dynamodbtest.Fault) dynamodbtest.Fault { return dynamodbtest.Times(1, "", fault) }

// TestPosts checks how a failed post is handled. A temporary failure is retried
// at most three times. The sender of a message that cannot be posted gets an
// error within the invocation's time. Nobody is left waiting for a host that
// was never notified.
func TestPosts(t *testing.T) {
	for name, tt := range map[string]struct {
		fault dynamodbtest.Fault
		tries int
		hears string        // of the joiner's join_lobby
		then  string        // of the host's next join_lobby
		limit time.Duration // of an invocation: 10 s, as template.yaml has it, or less
	}{
		"gone":                            {refuses(410, "GoneException"), 1, `"code":"host_unavailable"`, "", 10 * time.Second},
		"too many":                        {refuses(429, "LimitExceededException"), 3, `"code":"rate_limited"`, "request_to_join", 10 * time.Second},
		"broken":                          {refuses(503, "ServiceUnavailable"), 3, `"code":"internal"`, "request_to_join", 10 * time.Second},
		"forbidden":                       {refuses(403, "ForbiddenException"), 1, `"code":"internal"`, "request_to_join", 10 * time.Second},
		"hangs":                           {dynamodbtest.Hangs, 3, `"code":"internal"`, "request_to_join", 10 * time.Second},
		"hangs, and there is little time": {dynamodbtest.Hangs, 1, `"code":"internal"`, "request_to_join", 1900 * time.Millisecond},
		"too many, once":                  {once(refuses(429, "LimitExceededException")), 2, "", "", 10 * time.Second},
		"broken, once":                    {once(refuses(500, "InternalServerError")), 2, "", "", 10 * time.Second},
		"hangs, once":                     {once(dynamodbtest.Hangs), 2, "", "", 10 * time.Second},
		"all is well":                     {nil, 1, "", "", 10 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			api := &connectionsAPI{}
			h := handlers.New(handlers.Config{
				Store:  store.NewMemory(time.Now),
				Poster: newCallback(dynamodbtest.Config(), dynamodbtest.Serve(t, "127.0.0.1:0", api)+"/local"),
				Log:    slog.New(slog.NewTextHandler(io.Discard, nil)),
			})
			invoke := func(conn, route, body string) {
				t.Helper()
				invokeIn(t, h, tt.limit, conn, route, body)
			}
			api.set(nil)
			invoke("host", "$connect", "")
			invoke("guest", "$connect", "")
			invoke("host", "$default", `{"action":"start_lobby","content":{"lobby_id":"fox"}}`)

			api.set(tt.fault)
			invoke("guest", "$default", `{"action":"join_lobby","content":{"lobby_id":"fox"}}`)
			if api.tries != tt.tries {
				t.Errorf("the host is posted to %d times, want %d", api.tries, tt.tries)
			}
			if heard := strings.Join(api.heard["guest"], "\n"); (heard == "") != (tt.hears == "") || !strings.Contains(heard, tt.hears) {
				t.Errorf("the joiner hears %q, want %s", heard, tt.hears)
			}
			if tt.then == "" {
				return
			}
			api.set(nil)
			invoke("guest", "$default", `{"action":"join_lobby","content":{"lobby_id":"fox"}}`)
			if heard := strings.Join(api.heard["host"], "\n"); !strings.Contains(heard, tt.then) {
				t.Errorf("when all is well again the host hears %q, and the joiner %q", heard, api.heard["guest"])
			}
		})
	}
}

// invokeIn invokes the handler, which must succeed within a limit.
func invokeIn(t *testing.T, h *handlers.Handler, limit time.Duration, conn, route, body string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	e := awsevents.APIGatewayWebsocketProxyRequest{Body: body}
	e.RequestContext.ConnectionID, e.RequestContext.RouteKey = conn, route
	if r, err := h.Handle(ctx, e); err != nil || r.StatusCode != 200 || ctx.Err() != nil {
		t.Fatalf("%s %s: status %d, %v, time left: %v", conn, route, r.StatusCode, err, ctx.Err() == nil)
	}
}

// TestHangups checks the handling of a connection that cannot be closed.
func TestHangups(t *testing.T) {
	for status, want := range map[int]error{204: nil, 410: handlers.ErrGone} {
		api := &connectionsAPI{}
		api.set(refuses(status, map[int]string{410: "GoneException"}[status]))
		url := dynamodbtest.Serve(t, "127.0.0.1:0", api) + "/local"
		if err := newCallback(dynamodbtest.Config(), url).Hangup(t.Context(), "host"); !errors.Is(err, want) {
			t.Errorf("%d is %v, want %v", status, err, want)
		}
	}
}

// TestCallbackFromAnEvent checks that without CALLBACK_URL posts go to the
// address of the first event.
func TestCallbackFromAnEvent(t *testing.T) {
	c := newCallback(dynamodbtest.Config(), "")
	for _, domain := range []string{"first.example", "second.example"} {
		c.learn(awsevents.APIGatewayWebsocketProxyRequestContext{DomainName: domain, Stage: "prod"})
	}
	if got := fmt.Sprint(*c.client.Load().Options().BaseEndpoint); got != "https://first.example/prod" {
		t.Errorf("posts go to %s", got)
	}
}
