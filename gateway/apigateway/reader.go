package apigateway

import (
	"context"
	"errors"
	"io"
	"os"
	"sync"
	"syscall"
	"time"
	"unicode/utf8"
)

// chunkSize is the most that is read at a time. A goroutine holds a chunk only
// while it has data, so an idle connection has none.
const chunkSize = 16 << 10

type chunk [chunkSize]byte

// bufferSize is the read buffer of a connection that must read in order to
// wait, as with TLS. It holds the buffer while it waits.
const bufferSize = 2 << 10

var chunks = sync.Pool{New: func() any { return new(chunk) }}

// receive handles messages until the connection ends, or until renew stops it.
// It returns how the client or the network ended it, or nil if this side did.
func (c *connection) receive(early []byte) (end *closeStatus, quiet bool) {
	for {
		data, err := early, error(nil)
		if early = nil; len(data) == 0 {
			data, err = c.wait()
		}
		if len(data) > 0 {
			if end := c.handle(data); end != nil {
				return end, false
			}
		}
		c.release()
		switch {
		case c.grown.Load() && errors.Is(err, os.ErrDeadlineExceeded):
			return nil, c.goOn()
		case c.isEnding():
			return nil, false
		case err != nil:
			return &endLost, false
		}
	}
}

// renew lets another goroutine read, with a small stack, from a connection that
// has become quiet.
func (c *connection) renew() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closing == nil {
		c.net.SetReadDeadline(time.Unix(1, 0))
	}
}

// goOn undoes renew. It returns false if the connection is closing.
func (c *connection) goOn() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closing != nil {
		c.net.SetReadDeadline(time.Now().Add(closeTime))
		return false
	}
	c.net.SetReadDeadline(time.Time{})
	return true
}

// handle handles the messages in data.
func (c *connection) handle(data []byte) *closeStatus {
	held := &cork{Context: context.Background()}
	defer held.release()
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
			c.grown.Store(true)
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

// wait returns the client's next bytes. They are valid until release.
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

// readNow reads the available bytes. It returns false if there are none.
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

// awaitHangup discards late data, so that a TCP reset does not destroy the
// close frame. It returns how the connection ends.
func (c *connection) awaitHangup() error {
	defer c.release()
	for {
		if _, err := c.wait(); err != nil {
			return err
		}
	}
}
