package apigateway

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unicode/utf8"
)

// A connection is a client's WebSocket. One goroutine reads it and invokes the
// integration, message by message and in order. Any goroutine can post to it.
type connection struct {
	gateway     *Gateway
	id          string
	net         net.Conn
	raw         syscall.RawConn // nil where readiness cannot be asked for, as with TLS
	buffer      []byte          // what is read into then
	connectedAt int64           // ms since 1970
	active      atomic.Int64    // ms since 1970 of the last message in either direction
	host        string
	sourceIP    string
	userAgent   string
	decoder     decoder

	// What the closures below hand to and from the system calls they wrap. They are made once, not for every call.
	chunk      *chunk
	read       int
	readErr    error
	isReadable func(fd uintptr) bool
	writeSome  func(fd uintptr) bool

	mu       sync.Mutex
	queue    []byte // frames that the system has not taken yet
	taken    int    // bytes of queue that the system has
	writeErr error
	writing  bool         // a goroutine sees to the queue
	closing  *closeStatus // how the connection ends, once that is known: nothing is posted any more
}

// closeTime is how long a client has to hang up after the close frame.
const closeTime = 2 * time.Second

// chunkSize is the most that is read at a time. A goroutine holds a chunk only
// while there is something in it, so an idle connection has none.
const chunkSize = 16 << 10

type chunk [chunkSize]byte

// bufferSize is the read buffer of a connection that cannot be asked whether
// there is something to read, as with TLS. It holds the buffer while it waits.
const bufferSize = 2 << 10

var chunks = sync.Pool{New: func() any { return new(chunk) }}

// take gives the connection its network connection.
func (c *connection) take(conn net.Conn) {
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
	defer c.gateway.running.Done()
	end := c.receive(early)
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

// receive handles messages until the connection ends. It returns how the client
// or the network ended it, or nil if this side did.
func (c *connection) receive(early []byte) *closeStatus {
	for {
		data, err := early, error(nil)
		if early = nil; len(data) == 0 {
			data, err = c.wait()
		}
		if len(data) > 0 {
			if end := c.handle(data); end != nil {
				return end
			}
		}
		c.release()
		switch {
		case c.isEnding():
			return nil
		case err != nil:
			return &endLost
		}
	}
}

// handle handles the messages in data.
func (c *connection) handle(data []byte) *closeStatus {
	held := &cork{Context: context.Background()}
	defer held.draw()
	for len(data) > 0 {
		opcode, payload, rest, end := c.decoder.next(data)
		if end != nil {
			return end
		}
		data = rest
		switch opcode {
		case opText:
			if !c.gateway.AnyText && !utf8.Valid(payload) {
				return endText
			}
			c.gateway.arrive(held, c, string(payload))
			if c.isEnding() {
				return nil
			}
		case opPing:
			c.pong(payload)
			held.add(c)
		case opClose:
			e, wrong := readClose(payload)
			if wrong != nil {
				return wrong
			}
			return &e
		}
	}
	return nil
}

// wait returns what the client sends next. The bytes are valid until release.
func (c *connection) wait() ([]byte, error) {
	if c.raw == nil {
		n, err := c.net.Read(c.buffer)
		return c.buffer[:n], err
	}
	if err := c.raw.Read(c.isReadable); err != nil {
		return nil, err
	}
	if c.readErr == nil && c.read == 0 {
		return nil, io.EOF
	}
	return c.chunk[:max(c.read, 0)], c.readErr
}

// readNow reads what is there. It returns false if there is nothing.
func (c *connection) readNow(fd uintptr) bool {
	if c.chunk == nil {
		c.chunk = chunks.Get().(*chunk)
	}
	c.read, c.readErr = readFD(fd, c.chunk[:])
	if errors.Is(c.readErr, syscall.EAGAIN) {
		c.release()
		return false
	}
	return true
}

func (c *connection) release() {
	if c.chunk != nil {
		chunks.Put(c.chunk)
		c.chunk = nil
	}
}

// awaitHangup discards what still arrives, so that a TCP reset does not destroy
// the close frame. It returns how the connection ends.
func (c *connection) awaitHangup() error {
	defer c.release()
	for {
		if _, err := c.wait(); err != nil {
			return err
		}
	}
}

// cut closes a connection without a close frame. A TLS connection would send an
// alert first, and wait 5 seconds for a client that does not read.
func (c *connection) cut() {
	if secure, ok := c.net.(*tls.Conn); ok {
		secure.NetConn().Close()
		return
	}
	c.net.Close()
}

// waiting returns how many bytes wait for the client.
func (c *connection) waiting() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.queue) - c.taken
}

func (c *connection) isEnding() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.closing != nil
}

// close sends what is queued and a close frame, then hangs up when both are
// sent or closeTime is over. It returns false if the connection is closing
// already.
func (c *connection) close(e closeStatus) bool {
	c.mu.Lock()
	if c.closing != nil {
		c.mu.Unlock()
		return false
	}
	c.closing = &e
	if e.code != 1006 {
		c.queue = appendClose(c.grow(), e)
	}
	c.mu.Unlock()
	c.net.SetDeadline(time.Now().Add(closeTime))
	if e.code == 1006 {
		c.cut()
	}
	c.flush()
	return true
}

// disconnect closes the connection as @connections does.
func (c *connection) disconnect() error {
	if c.isEnding() {
		return ErrGone
	}
	if c.gateway.Hooks.Closed != nil {
		c.gateway.Hooks.Closed(c.id)
	}
	if !c.close(closeStatus{code: 1000, reason: "Connection Closed Normally"}) {
		return ErrGone
	}
	return nil
}

// enqueue queues a message. The caller must make sure that flush is called.
func (c *connection) enqueue(data []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.closing != nil:
		return ErrGone
	case len(c.queue)-c.taken+len(data) > maxOutbox:
		return ErrLimitExceeded
	}
	c.queue = appendMessage(c.grow(), data)
	return nil
}

// pong queues the answer to a ping. A client that sends pings and reads nothing
// gets no more of them than the outbox holds; RFC 6455, section 5.5.3, allows
// answering the last ping alone.
func (c *connection) pong(payload []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closing == nil && len(c.queue)-c.taken < maxOutbox/2 {
		c.queue = appendFrame(c.grow(), 0x80|opPong, payload)
	}
}

// ping sends a ping, unless something waits for the client already: then the way is not quiet.
func (c *connection) ping() {
	c.mu.Lock()
	due := c.closing == nil && len(c.queue) == 0
	if due {
		c.queue = appendFrame(c.grow(), 0x80|opPing, nil)
	}
	c.mu.Unlock()
	if due {
		c.flush()
	}
}

// queues are the buffers of outboxes. An idle connection has none.
var queues = sync.Pool{New: func() any { b := make([]byte, 0, 4<<10); return &b }}

// grow returns the queue to append to.
func (c *connection) grow() []byte {
	if c.queue == nil {
		c.queue = *queues.Get().(*[]byte)
	}
	return c.queue
}

// flush writes as much of the queue as the system accepts without waiting. If
// something is left, a goroutine writes the rest.
func (c *connection) flush() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.writing || len(c.queue) == 0 {
		return
	}
	if c.raw != nil {
		if err := c.raw.Write(c.writeSome); err != nil {
			c.writeErr = err
		}
	}
	switch {
	case c.writeErr != nil:
		c.drop()
		c.cut() // what the reading goroutine notices
	case c.taken < len(c.queue):
		c.writing = true
		go c.writeRest()
	default:
		c.sent()
	}
}

// writeNow writes as much as possible without waiting.
func (c *connection) writeNow(fd uintptr) bool {
	n, err := writeFD(fd, c.queue[c.taken:])
	if n > 0 {
		c.taken += n
	}
	if err != nil && !errors.Is(err, syscall.EAGAIN) {
		c.writeErr = err
	}
	return true
}

// writeRest waits for the client to take what is queued.
func (c *connection) writeRest() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.taken < len(c.queue) {
		part := c.queue[c.taken:]
		part = part[:min(len(part), chunkSize)] // for each of which there is Stall: TLS does not say what it has written of more
		if c.closing == nil {                   // closing has set a deadline of its own
			c.net.SetWriteDeadline(time.Now().Add(c.gateway.Stall))
		}
		c.mu.Unlock()
		n, err := c.net.Write(part)
		c.mu.Lock()
		c.taken += n
		if err != nil && !(errors.Is(err, os.ErrDeadlineExceeded) && n > 0) {
			c.writeErr = err
			c.drop()
			c.cut()
			break
		}
	}
	c.writing = false
	if c.writeErr != nil {
		return
	}
	if c.closing == nil {
		c.net.SetWriteDeadline(time.Time{}) // or it would end what is written later, when nobody waits
	}
	c.sent()
}

// sent runs when the system has taken all that was queued.
func (c *connection) sent() {
	c.drop()
	if c.closing == nil {
		return
	}
	hangUp := c.net.Close
	if half, ok := c.net.(interface{ CloseWrite() error }); ok && !c.closing.byPeer {
		hangUp = half.CloseWrite // and the client may still be sending: see awaitHangup
	}
	if c.raw != nil {
		hangUp()
	} else {
		go hangUp() // for the time that TLS waits, nobody should
	}
}

// drop empties the queue.
func (c *connection) drop() {
	if b := c.queue[:0]; cap(b) <= 64<<10 {
		queues.Put(&b)
	}
	c.queue, c.taken = nil, 0
}
