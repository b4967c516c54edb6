package apigateway

import (
	"context"
	"crypto/tls"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// TestQuiet checks that quiet connections give back the stacks that their
// messages needed, over TCP and TLS, and that a message whose first half has
// come by then is not lost.
func TestQuiet(t *testing.T) {
	var g *Gateway
	var elapsed atomic.Int64
	start, echoes := time.Now(), echo(&g)
	g, address := serve(t, Config{
		Now: func() time.Time { return start.Add(time.Duration(elapsed.Load())) },
		Invoke: func(ctx context.Context, e event) (response, error) {
			deep(200)
			return echoes(ctx, e)
		},
	})
	secure := httptest.NewTLSServer(g)
	defer secure.Close()
	used := func() (kib uint64) {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.StackInuse >> 10
	}
	var clients []client
	for i := range 100 {
		if i%2 == 0 {
			clients = append(clients, connect(t, address))
			continue
		}
		conn, err := tls.Dial("tcp", strings.TrimPrefix(secure.URL, "https://"), &tls.Config{InsecureSkipVerify: true})
		if err != nil {
			t.Fatal(err)
		}
		c, _ := shake(t, conn, "", "")
		clients = append(clients, c)
	}
	before := used()
	for _, c := range clients {
		c.send(frame(text, "hello"))
		c.want(text, "hello")
		c.send(frame(text, "whole")[:5])
	}
	grown := used()
	elapsed.Add(int64(2 * time.Second))
	g.Sweep()
	for deadline := time.Now().Add(time.Minute); used() > before+(grown-before)/8; time.Sleep(5 * time.Millisecond) { // a collection halves them at most
		if time.Now().After(deadline) {
			t.Fatalf("stacks of %d KiB grow to %d KiB, and then have %d", before, grown, used())
		}
	}
	for _, c := range clients {
		c.send(frame(text, "whole")[5:])
		c.want(text, "whole")
	}
}

// deep uses as many KiB of stack.
func deep(kib int) byte {
	var b [1 << 10]byte
	if kib > 0 {
		b[kib] = deep(kib - 1)
	}
	return b[kib]
}
