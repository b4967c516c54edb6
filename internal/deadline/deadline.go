// Package deadline has contexts that end at a time, as those of context.WithDeadline do, and set no timer until somebody
// waits for that: most messages are dealt with in microseconds, by code that asks Err at most. Start with At, and call End
// when what the time was for is over.
package deadline

import (
	"context"
	"sync"
	"time"
)

// A Context is a context.Context. The zero value is none.
type Context struct {
	parent context.Context
	at     time.Time
	mu     sync.Mutex
	err    error              // that it has ended with, if it was asked before there was a timed one
	timed  context.Context    // once somebody waits
	cancel context.CancelFunc // its
}

// At returns a context that ends at that time, with its parent, or by End.
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

// Deadline implements context.Context. It is the time that was given, also where the parent ends earlier.
func (c *Context) Deadline() (time.Time, bool) { return c.at, true }

// Done implements context.Context. From the first call on there is a timer.
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

// Value implements context.Context. Asking the timed one lets package context find out that this is one of its own, so that
// what is derived from it needs no goroutine to hear of the end.
func (c *Context) Value(key any) any {
	c.mu.Lock()
	timed := c.timed
	c.mu.Unlock()
	if timed != nil {
		return timed.Value(key)
	}
	return c.parent.Value(key)
}
