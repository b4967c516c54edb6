package web_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/coder/websocket"
)

// A relay forwards messages to and from a gateway one at a time, and changes
// them as a test needs.
type relay struct {
	*httptest.Server
	target string

	mu    sync.Mutex
	sent  func(action string) (pass bool, answer string) // answer is a frame for the client, or "cut"
	heard func(event string) (pass bool)                 // it may block; later messages wait
}

func newRelay(t *testing.T, g *gateway) *relay {
	t.Helper()
	r := &relay{target: g.url()}
	page, _ := url.Parse(g.page())
	proxy := httputil.NewSingleHostReverseProxy(page)
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if q.Header.Get("Upgrade") == "" {
			proxy.ServeHTTP(w, q)
			return
		}
		near, err := websocket.Accept(w, q, &websocket.AcceptOptions{InsecureSkipVerify: true})
		if err != nil {
			return
		}
		defer near.CloseNow()
		far, _, err := websocket.Dial(t.Context(), r.target+"/?"+q.URL.RawQuery, nil)
		if err != nil {
			return
		}
		defer far.CloseNow()
		near.SetReadLimit(1 << 20)
		far.SetReadLimit(1 << 20)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go func() {
			defer near.CloseNow()
			r.pass(ctx, near, far, func(m wireMessage) (bool, string) { return r.onEvent(m.Event), "" })
		}()
		r.pass(ctx, far, near, func(m wireMessage) (bool, string) { return r.onAction(m.Action) })
	}))
	t.Cleanup(r.CloseClientConnections)
	return r
}

type wireMessage struct{ Action, Event string }

// pass forwards the messages of one side until that side ends.
func (r *relay) pass(ctx context.Context, to, from *websocket.Conn, look func(wireMessage) (pass bool, answer string)) {
	for {
		kind, text, err := from.Read(ctx)
		if err != nil {
			return
		}
		var m wireMessage
		json.Unmarshal(text, &m)
		pass, answer := look(m)
		if answer == "cut" {
			return
		}
		if pass {
			to.Write(ctx, kind, text)
		}
		if answer != "" {
			from.Write(ctx, kind, []byte(answer))
		}
	}
}

func (r *relay) onAction(name string) (pass bool, answer string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.sent == nil {
		return true, ""
	}
	return r.sent(name)
}

func (r *relay) onEvent(name string) (pass bool) {
	r.mu.Lock()
	heard := r.heard
	r.mu.Unlock()
	return heard == nil || heard(name)
}

// does sets the treatment of actions and of events; nil forwards all.
func (r *relay) does(sent func(action string) (pass bool, answer string), heard func(event string) (pass bool)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sent, r.heard = sent, heard
}

// loses drops the next event of a name, and returns a channel that is closed
// then.
func (r *relay) loses(name string) (lost <-chan struct{}) {
	c := make(chan struct{})
	var once sync.Once
	r.does(nil, func(event string) (pass bool) {
		pass = true
		if event == name {
			once.Do(func() { close(c); pass = false })
		}
		return pass
	})
	return c
}

func (r *relay) url() string { return strings.Replace(r.URL, "http", "ws", 1) }
