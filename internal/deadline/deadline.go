// Package deadline has contexts that end at a time, like those of
// context.WithDeadline. They set no timer until a goroutine waits for Done:
// most messages take microseconds to handle, and at most check Err. Start with
// At, and call End when the work is done.
package deadline

import (
	"context"
	"sync"
	"time"
)

// A Context is a context.Context. The zero value is not valid.
type Context struct {
	parent context.Context
	at     time.Time
	mu     sync.Mutex
	err    error              // set if Err found the end before there was a timed context
	timed  context.Context    // made by the first Done
	cancel context.CancelFunc // of timed
}

// At returns a context that ends at a time, with its parent, or by End.
func At(parent context.Context, at time.Time) *Context { return &Context{parent: parent, at: at} }

// End ends c.
func (c *Context) End() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.timed != nil {
		c.cancel()
	} else if c.err == nil {
		c.err = context.Canceled
	}
}

// Deadline implements context.Context. It returns the time passed to At, even
// if the parent ends earlier.
func (c *Context) Deadline() (time.Time, bool) { return c.at, true }

// Done implements context.Context. The first call starts a timer.
func (c *Context) Done() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.timed == nil {
		c.timed, c.cancel = context.WithDeadline(c.parent, c.at)
		if c.err != nil {
			c.cancel()
		}
	}
	return c.timed.Done()
}

// Err implements context.Context.
func (c *Context) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.timed != nil:
		return c.timed.Err()
	case c.err != nil:
	case c.parent.Err() != nil:
		c.err = c.parent.Err()
	case !time.Now().Before(c.at):
		c.err = context.DeadlineExceeded
	}
	return c.err
}

// Value implements context.Context. It asks the timed context, by which package
// context recognizes one of its own: contexts derived from c then need no
// goroutine.
func (c *Context) Value(key any) any {
	c.mu.Lock()
	timed := c.timed
	c.mu.Unlock()
	if timed != nil {
		return timed.Value(key)
	}
	return c.parent.Value(key)
}
