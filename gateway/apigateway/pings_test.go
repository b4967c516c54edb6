package apigateway

import (
	"sync/atomic"
	"testing"
	"time"
)

// TestPings checks that a quiet connection gets a ping after every Config.Ping.
// Pings and their answers count nowhere as messages, so Idle ends the
// connection as usual. A client that answers no ping stays until then.
func TestPings(t *testing.T) {
	for _, answers := range []bool{true, false} {
		var elapsed, posted atomic.Int64
		start := time.Now()
		g, address := serve(t, Config{
			Ping:  30 * time.Second,
			Now:   func() time.Time { return start.Add(time.Duration(elapsed.Load())) },
			Hooks: Hooks{Posted: func(string, []byte, error) { posted.Add(1) }},
		})
		c := connect(t, address)
		c.send(frame(text, "hello"))
		c.want(text, "hello")
		sweep := func(d time.Duration) {
			elapsed.Add(int64(d))
			g.Sweep()
		}
		nothing := func() { // otherwise it would come before the answer to this
			t.Helper()
			c.send(frame(ping, "marker"))
			c.want(0x80|opPong, "marker")
		}
		sweep(29 * time.Second)
		nothing()
		c.send(frame(text, "busy"))
		c.want(text, "busy")
		sweep(time.Second)
		nothing()
		for range 18 {
			sweep(28 * time.Second)
			nothing()
			sweep(2*time.Second + time.Millisecond) // sweeps are not exactly on time
			c.want(0x80|opPing, "")
			if answers {
				c.send(frame(0x80|opPong, ""))
			}
			sweep(0)
			nothing()
		}
		if s := g.Stats(); s.Received != 2 || s.Posts["taken"] != 2 || posted.Load() != 2 {
			t.Errorf("counted are %d messages received, %d posts and %d posted, want 2 each", s.Received, s.Posts["taken"], posted.Load())
		}
		sweep(time.Minute)
		c.wantEnd(closeStatus{code: 1001, reason: "Going away"})
	}
}

// TestPingsOff checks that there are no pings without Config.Ping, as on AWS.
func TestPingsOff(t *testing.T) {
	var elapsed atomic.Int64
	start := time.Now()
	g, address := serve(t, Config{Now: func() time.Time { return start.Add(time.Duration(elapsed.Load())) }})
	c := connect(t, address)
	for range 9 {
		elapsed.Add(int64(time.Minute))
		g.Sweep()
	}
	c.send(frame(text, "hello"))
	c.want(text, "hello")
}
