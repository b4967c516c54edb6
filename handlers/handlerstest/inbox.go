package handlerstest

import (
	"context"
	"sync"

	"bellhop/handlers"
)

// An Inbox keeps the events that connections receive.
type Inbox struct {
	Busy string // a connection whose outbox is full
	// Meanwhile, if set, runs while an event is on its way to a connection. The
	// post returns its error.
	Meanwhile func(conn, event string) error

	mu     sync.Mutex
	open   map[string][]string // events since the last look, by connection
	hungUp map[string][]string // the same for connections that were closed since then
}

// NewInbox returns an Inbox without connections.
func NewInbox() *Inbox { return &Inbox{open: map[string][]string{}, hungUp: map[string][]string{}} }

// Open adds a connection.
func (b *Inbox) Open(conn string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.open[conn] = []string{}
}

// Lose ends a connection. The Handler does not notice.
func (b *Inbox) Lose(conn string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.open, conn)
}

// Connected reports whether a connection is open.
func (b *Inbox) Connected(conn string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.open[conn] != nil
}

// Post implements handlers.Poster.
func (b *Inbox) Post(ctx context.Context, conn string, data []byte) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if b.Meanwhile != nil {
		if err := b.Meanwhile(conn, string(data)); err != nil {
			return err
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.open[conn] == nil:
		return handlers.ErrGone
	case b.Busy == conn:
		return handlers.ErrBusy
	}
	b.open[conn] = append(b.open[conn], string(data))
	return nil
}

// Hangup implements handlers.Poster. It ends a connection as the gateway does:
// the client sees it first, and $disconnect comes later, if ever.
func (b *Inbox) Hangup(_ context.Context, conn string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.open[conn] == nil {
		return handlers.ErrGone
	}
	b.hungUp[conn] = b.open[conn]
	delete(b.open, conn)
	return nil
}

// Heard returns what each connection has received since the last call.
func (b *Inbox) Heard() map[string][]string {
	b.mu.Lock()
	defer b.mu.Unlock()
	heard := b.hungUp
	b.hungUp = map[string][]string{}
	for conn, events := range b.open {
		if b.open[conn] = []string{}; len(events) > 0 {
			heard[conn] = events
		}
	}
	return heard
}

// HeardBy returns what one connection has received since the last call, and
// whether it has been hung up on since.
func (b *Inbox) HeardBy(conn string) (events []string, hungUp bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if events, hungUp = b.hungUp[conn]; hungUp {
		delete(b.hungUp, conn)
		return events, true
	}
	events = b.open[conn]
	b.open[conn] = []string{}
	return events, false
}
