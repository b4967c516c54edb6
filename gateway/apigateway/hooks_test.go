package apigateway

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
)

// TestHookArrive checks that messages can be handled out of order, each as
// usual. A message handled after the end of its connection is not lost:
// Shutdown waits for it.
func TestHookArrive(t *testing.T) {
	var mu sync.Mutex
	held := map[string]func(){}
	r := make(recorder, 10)
	g, address := serve(t, Config{Invoke: r.invoke, Hooks: Hooks{Arrive: func(_, body string, deal func()) {
		if strings.HasPrefix(body, "hold") {
			mu.Lock()
			held[body] = deal
			mu.Unlock()
			return
		}
		deal()
	}}})
	release := func(body string) {
		mu.Lock()
		deal := held[body]
		mu.Unlock()
		deal()
	}
	c := connect(t, address)
	c.send(slices.Concat(frame(text, "hold 1"), frame(text, "hold 2"), frame(text, "now")))
	var got []string
	next := func() { e := <-r; got = append(got, e.RequestContext.EventType+" "+e.Body) }
	next() // CONNECT
	next() // now
	release("hold 1")
	next()
	c.Close()
	next()                                           // DISCONNECT
	ended, cancel := context.WithCancel(t.Context()) // immediately
	cancel()
	if err := g.Shutdown(ended); err == nil {
		t.Error("Shutdown has not waited for a message")
	}
	release("hold 2")
	next()
	if diff := gocmp.Diff([]string{"CONNECT ", "MESSAGE now", "MESSAGE hold 1", "DISCONNECT ", "MESSAGE hold 2"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestHookPosting checks that a post and a close return the hook's error, that
// a connection is lost if the hook calls it gone, and that frames of API
// Gateway's own do not call the hook.
func TestHookPosting(t *testing.T) {
	answer := make(chan error, 1)
	r := make(recorder, 10)
	g, address := serve(t, Config{
		Invoke: func(ctx context.Context, e event) (response, error) {
			if e.Body == "fail" {
				return ok, errors.New("failed")
			}
			return r.invoke(ctx, e)
		},
		Hooks: Hooks{Posting: func(context.Context, string) error { return <-answer }},
	})
	c := connect(t, address)
	id := (<-r).RequestContext.ConnectionID
	c.send(frame(text, "fail"))
	if _, got := c.receive(); !strings.Contains(got, "Internal server error") {
		t.Errorf("the client hears %s", got)
	}
	api := httptest.NewServer(g.Management())
	defer api.Close()
	for _, test := range []struct {
		method string
		err    error
		status int
	}{
		{http.MethodPost, nil, 200}, {http.MethodPost, ErrLimitExceeded, 429}, {http.MethodDelete, ErrLimitExceeded, 429}, {http.MethodPost, ErrGone, 410},
	} {
		answer <- test.err
		request, _ := http.NewRequest(test.method, api.URL+"/local/@connections/"+id, strings.NewReader("hello"))
		got, err := http.DefaultClient.Do(request)
		if err != nil || got.StatusCode != test.status {
			t.Errorf("%s is answered %v, %v; want %d", test.method, got, err, test.status)
		}
		got.Body.Close()
	}
	if e := <-r; e.RequestContext.DisconnectStatusCode != 1006 {
		t.Errorf("who is gone ends with %d, want 1006", e.RequestContext.DisconnectStatusCode)
	}
	if _, got := c.receive(); got != "hello" {
		t.Errorf("the client has heard %q", got)
	}
	if n, err := c.in.Read(make([]byte, 1)); err == nil {
		t.Errorf("who is gone still hears %d bytes", n)
	}
}

// TestHookTold checks that the hooks get every message to clients, with its
// result, and every closed connection.
func TestHookTold(t *testing.T) {
	told, r := make(chan string, 10), make(recorder, 10)
	g, address := serve(t, Config{
		Invoke: func(ctx context.Context, e event) (response, error) {
			if e.Body == "fail" {
				return ok, errors.New("failed")
			}
			r <- e
			return response{StatusCode: 200, Body: "the answer"}, nil
		},
		Routes:          map[string]Route{"$connect": {}, "$disconnect": {}, "$default": {Answers: true}},
		NewConnectionID: func() string { return "me" },
		Hooks: Hooks{
			Posted: func(id string, data []byte, err error) { told <- fmt.Sprintf("%s %.13s %v", id, data, err) },
			Closed: func(id string) { told <- id + " closed" },
		},
	})
	c := connect(t, address)
	<-r
	var got []string
	for _, do := range []func(){ // a message first, after which the connection can be posted to
		func() { c.send(frame(text, "fail")) },
		func() { c.send(frame(text, "answer me")) },
		func() { g.Post(t.Context(), "me", []byte("hello")) },
		func() { g.Post(t.Context(), "you", []byte("hello")) },
		func() { g.Disconnect("me") },
	} {
		do()
		got = append(got, <-told)
	}
	if diff := gocmp.Diff([]string{
		`me {"message": " <nil>`, "me the answer <nil>", "me hello <nil>", "you hello " + ErrGone.Error(), "me closed",
	}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestThrottled checks the client's messages when API Gateway throttles.
func TestThrottled(t *testing.T) {
	var throttled atomic.Bool
	_, address := serve(t, Config{Invoke: func(_ context.Context, e event) (response, error) {
		if throttled.Load() || e.Body != "" {
			return response{}, ErrThrottled
		}
		return ok, nil
	}, Routes: map[string]Route{"$connect": {}, "$default": {}}})
	c := connect(t, address)
	c.send(frame(text, "x"))
	if _, got := c.receive(); !strings.HasPrefix(got, `{"message": "Too Many Requests", "connectionId":"`) {
		t.Errorf("the client hears %s", got)
	}
	throttled.Store(true)
	if _, r := dial(t, address, "", ""); r.StatusCode != http.StatusTooManyRequests {
		t.Errorf("the handshake is answered %d", r.StatusCode)
	}
}
