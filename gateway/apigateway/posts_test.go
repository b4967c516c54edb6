package apigateway

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// TestSlowReader checks that the unread messages of a client are bounded, cost
// the others nothing, and all arrive if they were accepted.
func TestSlowReader(t *testing.T) {
	id := make(chan string, 2)
	var g *Gateway
	g, address := serve(t, Config{Invoke: func(ctx context.Context, e event) (response, error) {
		if e.RequestContext.EventType == "CONNECT" {
			id <- e.RequestContext.ConnectionID
		}
		return echo(&g)(ctx, e)
	}})
	slow, fast := connect(t, address), connect(t, address)
	slowID := <-id
	fast.send(frame(text, "a")) // its answer comes only once it is registered, and slow is by then
	fast.want(text, "a")
	slow.send(frame(text, "a"))
	slow.want(text, "a")
	taken := 0
	var err error
	for ; err == nil && taken < 10_000; taken++ {
		err = g.Post(t.Context(), slowID, []byte(big))
	}
	if taken--; err != ErrLimitExceeded {
		t.Fatalf("after %d posts of 32 KiB to who does not read: %v, want ErrLimitExceeded", taken, err)
	}
	fast.send(frame(text, "still here"))
	fast.want(text, "still here")
	for range taken {
		slow.want(text, big)
	}
	slow.send(frame(text, "and back"))
	slow.want(text, "and back")
	if err := g.Post(t.Context(), slowID, make([]byte, MaxMessage+1)); err != ErrPayloadTooLarge {
		t.Errorf("a post over 128 KiB returned %v, want ErrPayloadTooLarge", err)
	}
	if err := g.Post(t.Context(), slowID, []byte("a\xffb")); err != nil {
		t.Error(err)
	}
	slow.want(text, "a\uFFFDb")
}

// TestSlowReaderRecovers checks that a slow client that has caught up gets
// messages like all others, even after Stall.
func TestSlowReaderRecovers(t *testing.T) {
	const stall = time.Second
	var g *Gateway
	id := make(chan string, 1)
	g, address := serve(t, Config{Stall: stall, Invoke: func(ctx context.Context, e event) (response, error) {
		if e.RequestContext.EventType == "CONNECT" {
			id <- e.RequestContext.ConnectionID
		}
		return echo(&g)(ctx, e)
	}})
	slow := connect(t, address)
	slow.send(frame(text, "here"))
	slow.want(text, "here")
	to, taken := <-id, 0
	for g.Post(t.Context(), to, []byte(big)) == nil {
		taken++
	}
	for range taken {
		slow.want(text, big)
	}
	for caughtUp := time.Now(); time.Since(caughtUp) < 2*stall; {
		if err := g.Post(t.Context(), to, []byte("more")); err != nil {
			t.Fatal(err)
		}
		slow.want(text, "more")
	}
}

// TestStalledReader checks that a client that reads nothing for the time of
// Stall is lost: its connection is cut, and $disconnect gets 1006.
func TestStalledReader(t *testing.T) {
	var g *Gateway
	id, ended := make(chan string, 1), make(chan event, 1)
	g, address := serve(t, Config{Stall: 50 * time.Millisecond, Invoke: func(ctx context.Context, e event) (response, error) {
		switch e.RequestContext.EventType {
		case "CONNECT":
			id <- e.RequestContext.ConnectionID
		case "DISCONNECT":
			ended <- e
		}
		return echo(&g)(ctx, e)
	}})
	slow := connect(t, address)
	slow.send(frame(text, "here"))
	slow.want(text, "here")
	to := <-id
	for g.Post(t.Context(), to, []byte(big)) == nil {
	}
	if e := <-ended; e.RequestContext.DisconnectStatusCode != 1006 || g.Connections() != 0 {
		t.Errorf("it ended with %d, and %d connections are left", e.RequestContext.DisconnectStatusCode, g.Connections())
	}
}

// TestStalledReaderOfTLS checks that a client that reads nothing through TLS,
// where closing sends one more record, delays neither posts to it nor its end.
func TestStalledReaderOfTLS(t *testing.T) {
	var g *Gateway
	id, ended := make(chan string, 1), make(chan event, 1)
	g = New(Config{Log: slog.New(slog.DiscardHandler), Stall: 50 * time.Millisecond, Invoke: func(_ context.Context, e event) (response, error) {
		switch e.RequestContext.EventType {
		case "MESSAGE":
			id <- e.RequestContext.ConnectionID
		case "DISCONNECT":
			ended <- e
		}
		return ok, nil
	}})
	server := httptest.NewTLSServer(g)
	defer server.Close()
	conn, err := tls.Dial("tcp", server.Listener.Addr().String(), server.Client().Transport.(*http.Transport).TLSClientConfig)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.Write(append([]byte(handshake+"\r\n"), frame(text, "here")...))
	to, posted := <-id, make(chan error)
	go func() {
		err := error(nil)
		for err == nil || err == ErrLimitExceeded {
			err = g.Post(context.Background(), to, []byte(big))
		}
		posted <- err
	}()
	select {
	case err := <-posted:
		if err != ErrGone {
			t.Errorf("the last post returned %v, want ErrGone", err)
		}
	case <-time.After(4 * time.Second): // where TLS itself gives up after 5
		t.Error("a post waits for who does not read")
	}
	if e := <-ended; e.RequestContext.DisconnectStatusCode != 1006 {
		t.Errorf("it ended with %d, want 1006", e.RequestContext.DisconnectStatusCode)
	}
}

// TestPingFlood checks that a client that sends pings and reads nothing does
// not use ever more memory.
func TestPingFlood(t *testing.T) {
	g, address := serve(t, Config{})
	c := connect(t, address)
	flood := bytes.Repeat(frame(ping, big[:125]), 1000)
	c.SetWriteDeadline(time.Now().Add(time.Second))
	for range 200 { // 25 MB
		if _, err := c.Write(flood); err != nil {
			break
		}
	}
	for c := range g.all() {
		c.mu.Lock()
		if n := len(c.queue) - c.taken; n > maxOutbox {
			t.Errorf("%d bytes of pongs wait", n)
		}
		c.mu.Unlock()
	}
}

// TestPostsDoNotMix checks that messages of many senders arrive whole, and
// those of each sender in order.
func TestPostsDoNotMix(t *testing.T) {
	var g *Gateway
	id := make(chan string, 1)
	g, address := serve(t, Config{Invoke: func(ctx context.Context, e event) (response, error) {
		if e.RequestContext.EventType == "MESSAGE" {
			id <- e.RequestContext.ConnectionID
		}
		return ok, nil
	}})
	c := connect(t, address)
	c.send(frame(text, "hello"))
	to := <-id
	const posters, posts = 8, 200
	filler := strings.Repeat("x", 1500)
	for p := range posters {
		go func() {
			for n := range posts {
				for g.Post(context.Background(), to, fmt.Appendf(nil, "%d %d %s", p, n, filler)) == ErrLimitExceeded {
					time.Sleep(time.Millisecond) // later, which AWS requires
				}
			}
		}()
	}
	var next [posters]int
	for range posters * posts {
		_, message := c.receive()
		var p, n int
		var rest string
		if fmt.Sscan(message, &p, &n, &rest); rest != filler || next[p] != n {
			t.Fatalf("received %.20q…, want %d of poster %d", message, next[p], p)
		}
		next[p]++
	}
}

// TestWithoutRawConn checks that a connection without access to its file
// descriptor, as with TLS, works as well, with a library that checks all
// frames.
func TestWithoutRawConn(t *testing.T) {
	var g *Gateway
	g = New(Config{Invoke: echo(&g), Log: slog.New(slog.DiscardHandler)})
	server := httptest.NewTLSServer(g)
	defer server.Close()
	c, _, err := websocket.Dial(t.Context(), server.URL, &websocket.DialOptions{HTTPClient: server.Client()})
	if err != nil {
		t.Fatal(err)
	}
	c.SetReadLimit(MaxMessage)
	for range 100 {
		if err := c.Write(t.Context(), websocket.MessageText, []byte(big)); err != nil {
			t.Fatal(err)
		}
		if _, got, err := c.Read(t.Context()); err != nil || string(got) != big {
			t.Fatalf("%d bytes came back: %v", len(got), err)
		}
	}
	go c.Read(t.Context()) // answers the close frame
	if err := g.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
}

// BenchmarkRelay measures a 1500-byte message from one client to another, with
// both ends in this process.
func BenchmarkRelay(b *testing.B) {
	ids := make(chan string, 2)
	var g *Gateway
	var peer string
	g, address := serve(b, Config{Invoke: func(ctx context.Context, e event) (response, error) {
		switch e.RequestContext.EventType {
		case "CONNECT":
			ids <- e.RequestContext.ConnectionID
		case "MESSAGE":
			return ok, g.Post(ctx, peer, []byte(e.Body))
		}
		return ok, nil
	}})
	from, to := connect(b, address), connect(b, address)
	<-ids
	peer = <-ids
	from.SetDeadline(time.Time{})
	to.SetDeadline(time.Time{})
	message := frame(text, big[:1500])
	received := make([]byte, len(appendFrame(nil, text, []byte(big[:1500]))))
	b.ReportAllocs()
	for b.Loop() {
		from.Write(message)
		io.ReadFull(to.in, received)
	}
}

// TestPostedAtOnce checks that a connection can be posted to from the moment at
// which its client has the answer to its handshake. A peer that learned of the
// client from the client itself, and then got a 410, would forget it.
func TestPostedAtOnce(t *testing.T) {
	id := make(chan string, 1)
	g := New(Config{Log: slog.New(slog.DiscardHandler), Invoke: func(_ context.Context, e event) (response, error) {
		if e.RequestContext.EventType == "CONNECT" {
			id <- e.RequestContext.ConnectionID
		}
		return ok, nil
	}})
	posted := make(chan error, 1)
	server := httptest.NewUnstartedServer(g)
	server.Listener = watched{server.Listener, func(sent []byte) {
		if bytes.HasPrefix(sent, []byte("HTTP/1.1 101 ")) {
			posted <- g.Post(context.Background(), <-id, []byte("welcome"))
		}
	}}
	server.Start()
	defer server.Close()
	c := connect(t, strings.TrimPrefix(server.URL, "http://"))
	if err := <-posted; err != nil {
		t.Fatalf("a post while 101 is sent: %v", err)
	}
	if _, got := c.receive(); got != "welcome" {
		t.Errorf("heard %q", got)
	}
	c.Close()
	if err := g.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
}

// A watched listener's connections report the bytes of each write before they
// write them.
type watched struct {
	net.Listener
	writes func([]byte)
}

func (l watched) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &watchedConn{c, l.writes}, nil
}

type watchedConn struct {
	net.Conn
	writes func([]byte)
}

func (c *watchedConn) Write(b []byte) (int, error) {
	c.writes(b)
	return c.Conn.Write(b)
}
