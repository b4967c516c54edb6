package apigateway

import (
	"io"
	"net"
	"sync/atomic"
	"syscall"
)

// A connection is a client's WebSocket. One goroutine reads it and invokes the
// integration, message by message and in order (reader.go). Any goroutine can
// post to it (outbox.go) and close it (close.go).
type connection struct {
	gateway     *Gateway
	id          string
	net         net.Conn
	raw         syscall.RawConn // nil without access to the file descriptor, as with TLS
	buffer      []byte          // read buffer if raw is nil
	connectedAt int64           // ms since 1970
	active      atomic.Int64    // ms since 1970 of the last message in either direction
	grown       atomic.Bool     // a message might have made the stack of the goroutine that reads large
	host        string
	sourceIP    string
	network     string // of sourceIP; empty: it is not counted
	userAgent   string
	authorizer  any // its context; nil without an authorizer
	decoder     decoder

	// isReadable is readNow, a closure that is made once. It passes its results
	// in chunk, read and readErr, to the goroutine that reads.
	isReadable func(fd uintptr) bool
	chunk      *chunk
	read       int
	readErr    error

	outbox
}

// attach gives the connection its network connection.
func (c *connection) attach(conn net.Conn) {
	c.net = conn
	if c.raw = rawConn(conn); c.raw != nil {
		c.isReadable, c.writeSome = c.readNow, c.writeNow
	} else {
		c.buffer = make([]byte, bufferSize)
	}
}

// serve reads until the connection ends. early is what arrived along with the
// handshake.
func (c *connection) serve(early []byte) {
	end, quiet := c.receive(early)
	if quiet { // a stack does not become as small again as a new one
		c.grown.Store(false)
		go c.serve(nil)
		return
	}
	defer c.gateway.leave(c)
	if end != nil {
		c.close(*end)
	}
	if err := c.awaitHangup(); err == io.EOF {
		c.net.Close()
	} else {
		c.cut()
	}
	c.gateway.unregister(c)
	c.mu.Lock()
	e := *c.closing
	c.mu.Unlock()
	c.gateway.counts.countEnd(e.code)
	c.gateway.disconnected(c, e)
}
