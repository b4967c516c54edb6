package apigateway

import (
	"context"
	"sync"
	"time"
)

// A deadline is an invocation's context. It sets a timer only when somebody asks when it ends: an integration in
// this process hardly ever waits, and a timer for each message would cost it more than the rest of its context.
type deadline struct {
	context.Context
	at time.Time

	mu    sync.Mutex
	timed context.Context // nil until it is asked for
	stop  context.CancelFunc
	over  bool
}

func newDeadline(parent context.Context, d time.Duration) *deadline {
	return &deadline{Context: parent, at: time.Now().Add(d)}
}

// timer returns the context that does end.
func (d *deadline) timer() context.Context {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.timed == nil {
		d.timed, d.stop = context.WithDeadline(d.Context, d.at)
		if d.over {
			d.stop()
		}
	}
	return d.timed
}

// end ends the context with the call it was for.
func (d *deadline) end() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.over = true
	if d.stop != nil {
		d.stop()
	}
}

// Deadline implements context.Context.
func (d *deadline) Deadline() (time.Time, bool) { return d.at, true }

// Done implements context.Context.
func (d *deadline) Done() <-chan struct{} { return d.timer().Done() }

// Err implements context.Context.
func (d *deadline) Err() error { return d.timer().Err() }

// Value implements context.Context. By it package context finds the timer, and needs no goroutine for a context that
// is derived from this one.
func (d *deadline) Value(key any) any {
	d.mu.Lock()
	parent := d.Context
	if d.timed != nil {
		parent = d.timed
	}
	d.mu.Unlock()
	return parent.Value(key)
}
