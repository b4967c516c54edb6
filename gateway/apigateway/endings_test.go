package apigateway

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// A closable is a gateway with a connection, fox, and a clock.
type closable struct {
	*Gateway
	clock atomic.Int64 // ns since 1970
	ends  recorder     // of $disconnect
}

func (g *closable) advance(d time.Duration) { g.clock.Add(int64(d)) }

func (g *closable) sweepAfter(d time.Duration) {
	g.advance(d)
	g.Sweep()
}

// An ending is a way in which a connection can end.
type ending struct {
	name string
	end  func(*closable, client)
	code int
	why  string
	wire int // if the client gets another code, or -1 for none
}

// check lets a connection end, and checks what the client and $disconnect see.
func (test ending) check(t *testing.T) {
	g := &closable{ends: make(recorder, 10)}
	g.clock.Store(time.Now().UnixNano())
	gateway, address := serve(t, Config{
		NewConnectionID: func() string { return "fox" },
		Now:             func() time.Time { return time.Unix(0, g.clock.Load()) },
		Invoke: func(ctx context.Context, e event) (response, error) {
			if e.RequestContext.EventType == "DISCONNECT" {
				return g.ends.invoke(ctx, e)
			}
			return echo(&g.Gateway)(ctx, e)
		},
	})
	g.Gateway = gateway
	c := connect(t, address)
	c.send(frame(text, "hello"))
	c.want(text, "hello")
	test.end(g, c)
	switch test.wire {
	case 0:
		c.wantEnd(closeStatus{code: test.code, reason: test.why})
	case -2:
		c.wantEnd(closeStatus{code: 1005})
	}
	c.Close()
	x := (<-g.ends).RequestContext
	if x.DisconnectStatusCode != int64(test.code) || *x.DisconnectReason != test.why {
		t.Errorf("$disconnect got %d %q, want %d %q", x.DisconnectStatusCode, *x.DisconnectReason, test.code, test.why)
	}
	if err := g.Post(context.Background(), "fox", nil); err != ErrGone {
		t.Errorf("a post afterwards returned %v, want ErrGone", err)
	}
}

// TestFidelityEndings checks the ways in which a client, the integration or a
// shutdown ends a connection.
func TestFidelityEndings(t *testing.T) {
	sends := func(frames ...[]byte) func(*closable, client) {
		return func(_ *closable, c client) { c.send(join(frames...)) }
	}
	for _, test := range []ending{
		{"the client closes", sends(frame(closing, "\x03\xe8")), 1000, "", 0},
		{"the client closes without a code", sends(frame(closing, "")), 1005, "Client-side close frame status not set", -2},
		{"the client hangs up", func(_ *closable, c client) { c.Close() }, 1006, "Connection lost", -1},
		{"the client hangs up within a message", func(_ *closable, c client) { c.send(frame(text, "abc")[:7]); c.Close() }, 1006, "Connection lost", -1},
		{"the integration closes", func(g *closable, _ client) { g.Disconnect("fox") }, 1000, "Connection Closed Normally", 0},
		{"shut down", func(g *closable, _ client) { go g.Shutdown(context.Background()) }, 1001, "Going away", 0},
		{"binary", sends(frame(0x80|opBinary, "x")), 1003, endBinary.reason, 0},
		{"a long frame", sends(frame(text, big+"x")), 1009, endLongFrame.reason, 0},
		{"a long message", sends(frame(moreText, big), frame(more, big), frame(more, big), frame(more, big), frame(final, "x")), 1009, endLongMessage.reason, 0},
		{"a long frame, of which more comes than is read", sends(frame(text, strings.Repeat(big, 64))), 1009, endLongFrame.reason, 0},
		{"no mask", sends(appendFrame(nil, text, []byte("x"))), 1002, endUnmasked.reason, 0},
		{"a bad close code", sends(frame(closing, "\x03\xee")), 1002, endCloseCode.reason, 0},
		{"a bad close reason", sends(frame(closing, "\x03\xe8\xff")), 1007, endReason.reason, 0},
	} {
		t.Run(test.name, test.check)
	}
}

// TestFidelityEndingsByTime checks when an idle or old connection ends.
func TestFidelityEndingsByTime(t *testing.T) {
	for _, test := range []ending{
		{"idle for 10 minutes", func(g *closable, _ client) { g.sweepAfter(10 * time.Minute) }, 1001, "Going away", 0},
		{"open for 2 hours", func(g *closable, c client) {
			for range 13 {
				g.advance(9*time.Minute + 30*time.Second)
				c.send(frame(text, "still here"))
				c.want(text, "still here")
				g.Sweep()
			}
			g.sweepAfter(4 * time.Minute)
		}, 1001, "Connection duration exceeded", 0},
		{"a ping does not count as activity", func(g *closable, c client) {
			g.advance(9 * time.Minute)
			c.send(frame(ping, ""))
			c.want(0x80|opPong, "")
			g.sweepAfter(time.Minute)
		}, 1001, "Going away", 0},
		{"a post counts as activity", func(g *closable, c client) {
			g.advance(9 * time.Minute)
			g.Post(context.Background(), "fox", []byte("news"))
			c.want(text, "news")
			g.sweepAfter(9 * time.Minute)
			c.send(frame(ping, "still there?"))
			c.want(0x80|opPong, "still there?")
			g.sweepAfter(time.Minute)
		}, 1001, "Going away", 0},
	} {
		t.Run(test.name, test.check)
	}
}

// TestOneDisconnect checks that $disconnect runs once, however many causes end
// a connection at the same time.
func TestOneDisconnect(t *testing.T) {
	var ended atomic.Int64
	g, address := serve(t, Config{Invoke: func(_ context.Context, e event) (response, error) {
		if e.RequestContext.EventType == "DISCONNECT" {
			ended.Add(1)
		}
		return ok, nil
	}})
	const connections = 50
	var all sync.WaitGroup
	for range connections {
		c := connect(t, address)
		all.Go(func() { c.Write(frame(closing, "")) })
		all.Go(func() { c.Write(frame(0x80|opBinary, "")) })
		all.Go(func() { c.Close() })
	}
	for c := range g.all() {
		all.Go(func() { g.Disconnect(c.id) })
	}
	all.Wait()
	if err := g.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	if ended.Load() != connections || g.Connections() != 0 {
		t.Errorf("$disconnect ran %d times for %d connections; %d are open", ended.Load(), connections, g.Connections())
	}
}

// TestShutdownWhileConnecting checks that a client that connects during a
// shutdown is either refused, or notified and waited for.
func TestShutdownWhileConnecting(t *testing.T) {
	var inside atomic.Int64
	g, address := serve(t, Config{Invoke: func(_ context.Context, e event) (response, error) {
		switch e.RequestContext.EventType {
		case "CONNECT":
			inside.Add(1)
		case "DISCONNECT":
			inside.Add(-1)
		}
		return ok, nil
	}})
	var clients sync.WaitGroup
	started := make(chan bool, 16)
	for range 16 {
		clients.Go(func() {
			for first := true; ; first = false {
				conn, err := net.Dial("tcp", address)
				if err != nil {
					return
				}
				io.WriteString(conn, handshake+"\r\n")
				r, err := http.ReadResponse(bufio.NewReader(conn), nil)
				if first {
					started <- true
				}
				if conn.Close(); err != nil || r.StatusCode == http.StatusServiceUnavailable {
					return
				}
			}
		})
	}
	for range 16 {
		<-started
	}
	if err := g.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	if n := inside.Load(); n != 0 {
		t.Errorf("%d connections have not ended", n)
	}
	clients.Wait()
}
