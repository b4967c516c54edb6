package apigateway

import (
	"errors"
	"os"
	"sync"
	"syscall"
	"time"
)

// An outbox holds the frames that the system has not accepted yet for a client.
//
// Invariants, all with mu held:
//
//   - The bytes queue[:taken] have been written, in order and once. Frames are
//     only appended, whole, so a client never gets part of a frame followed by
//     another one.
//   - One goroutine writes at a time. If writing is true, that is writeRest,
//     which alone changes taken and discards the queue. Otherwise it is flush,
//     which holds mu while it writes and never waits for the client.
//   - An empty queue is nil: its buffer is in the pool. So an idle connection
//     has no buffer.
//   - A message is refused if more than maxOutbox bytes would wait. Only the
//     close frame, and a pong while less than half of that waits, ignore this.
//   - Each append is followed by a call of flush, immediately
//     or when the cork is released.
//   - Once closing is set it does not change. The close frame is the last frame
//     of the queue, and enqueue returns ErrGone.
//   - Once writeErr is set the queue is discarded and the network connection is
//     cut. The reader notices the cut and ends the connection.
type outbox struct {
	mu       sync.Mutex
	queue    []byte
	taken    int
	writing  bool
	closing  *closeStatus // how the connection ends; nil while it is open
	writeErr error

	writeSome func(fd uintptr) bool // writeNow as a closure, made once
}

// maxOutbox limits the bytes that wait for a client that does not read. AWS
// documents that there is a limit, but not its size.
const maxOutbox = 256 << 10

// queuedBytes returns the number of bytes that wait for the client.
func (c *connection) queuedBytes() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.queue) - c.taken
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

// ping sends a ping, unless something is queued: then the connection is not
// quiet.
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

// grow returns the queue to append to. It is called with mu held.
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
		c.discard()
		c.cut()
	case c.taken < len(c.queue):
		c.writing = true
		go c.writeRest()
	default:
		c.onDrained()
	}
}

// writeNow writes as much as possible without waiting. It is called with mu
// held.
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

// writeRest waits for the client to read the queue.
func (c *connection) writeRest() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.taken < len(c.queue) {
		part := c.queue[c.taken:]
		// Stall applies to each chunk. For a longer part, TLS does not report how
		// much of it was written.
		part = part[:min(len(part), chunkSize)]
		if c.closing == nil { // close has set a deadline of its own
			c.net.SetWriteDeadline(time.Now().Add(c.gateway.Stall))
		}
		c.mu.Unlock()
		n, err := c.net.Write(part)
		c.mu.Lock()
		c.taken += n
		if err != nil && !(errors.Is(err, os.ErrDeadlineExceeded) && n > 0) {
			c.writeErr = err
			c.discard()
			c.cut()
			break
		}
	}
	c.writing = false
	if c.writeErr != nil {
		return
	}
	if c.closing == nil {
		c.net.SetWriteDeadline(time.Time{}) // or a later write would fail
	}
	c.onDrained()
}

// onDrained runs when the system has accepted the whole queue. If the
// connection is closing, it hangs up. It is called with mu held.
func (c *connection) onDrained() {
	c.discard()
	if c.closing == nil {
		return
	}
	hangUp := c.net.Close
	if half, ok := c.net.(interface{ CloseWrite() error }); ok && !c.closing.byPeer {
		hangUp = half.CloseWrite // the client might still be sending: see awaitHangup
	}
	if c.raw != nil {
		hangUp()
	} else {
		go hangUp() // TLS waits for the client, and mu is held
	}
}

// discard empties the queue. It is called with mu held.
func (c *connection) discard() {
	if b := c.queue[:0]; cap(b) <= 64<<10 {
		queues.Put(&b)
	}
	c.queue, c.taken = nil, 0
}
