package handlers

import (
	"context"
	"errors"
	"slices"
	"sync"

	"bellhop/store"
)

// errDead is what a process hears that has died: whatever it does from then on, nobody sees.
var errDead = errors.New("the process has died")

// A mortal is a process as the world sees it, in what it asks of the store and posts. It dies at one of those calls.
type mortal struct {
	mu    sync.Mutex
	left  int  // calls until it dies; 0: it does not
	done  bool // whether the call at which it dies is still made
	dead  bool
	calls int
	tried []string // the lobbies that a connection was pointed at, in lower case
	// moments are what happens before some of its calls.
	moments []moment
}

func (m *mortal) call(do func() error) error {
	dies, dead := m.count()
	if dead || dies && !m.done {
		return errDead
	}
	if err := do(); !dies {
		return err
	}
	return errDead
}

// count counts a call, and reports whether the process dies at it, or is dead already.
func (m *mortal) count() (dies, dead bool) {
	for _, now := range m.due() {
		now.what()
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.dead {
		return false, true
	}
	m.calls++
	m.dead = m.calls == m.left
	return m.dead, false
}

// due returns the moments that come before the next call.
func (m *mortal) due() (due []moment) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.moments = slices.DeleteFunc(m.moments, func(o moment) bool {
		if o.at == m.calls+1 {
			due = append(due, o)
		}
		return o.at == m.calls+1
	})
	return due
}

// rest returns the moments that have not come.
func (m *mortal) rest() (rest []moment) {
	m.mu.Lock()
	defer m.mu.Unlock()
	rest, m.moments = m.moments, nil
	return rest
}

func (m *mortal) tries(lobby string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.tried = append(m.tried, lobby)
}

// A mortalStore is a real store as a mortal process reaches it.
type mortalStore struct {
	store.Store
	*mortal
}

func (s mortalStore) CreateLobby(ctx context.Context, l store.Lobby) error {
	return s.call(func() error { return s.Store.CreateLobby(ctx, l) })
}

func (s mortalStore) Lobby(ctx context.Context, key store.Key) (l *store.Lobby, err error) {
	err = s.call(func() (err error) { l, err = s.Store.Lobby(ctx, key); return err })
	return l, err
}

func (s mortalStore) SwapLobby(ctx context.Context, l store.Lobby) error {
	return s.call(func() error { return s.Store.SwapLobby(ctx, l) })
}

func (s mortalStore) PutConnection(ctx context.Context, c store.Connection) error {
	return s.call(func() error { return s.Store.PutConnection(ctx, c) })
}

func (s mortalStore) Connection(ctx context.Context, id string) (c store.Connection, err error) {
	err = s.call(func() (err error) { c, err = s.Store.Connection(ctx, id); return err })
	return c, err
}

func (s mortalStore) List(ctx context.Context, game string, o *store.Order, after store.Position, n int) (page []store.Listing, more bool, err error) {
	err = s.call(func() (err error) { page, more, err = s.Store.List(ctx, game, o, after, n); return err })
	return page, more, err
}

func (s mortalStore) Point(ctx context.Context, id string, from, to store.Pointer) (c store.Connection, err error) {
	s.tries(to.LobbyID)
	err = s.call(func() (err error) { c, err = s.Store.Point(ctx, id, from, to); return err })
	return c, err
}

func (s mortalStore) DeleteConnection(ctx context.Context, id string) (c store.Connection, err error) {
	err = s.call(func() (err error) { c, err = s.Store.DeleteConnection(ctx, id); return err })
	return c, err
}

// A mortalPoster reaches the world's clients for a mortal process.
type mortalPoster struct {
	Poster
	*mortal
}

func (p mortalPoster) Post(ctx context.Context, conn string, data []byte) error {
	return p.call(func() error { return p.Poster.Post(ctx, conn, data) })
}

func (p mortalPoster) Hangup(ctx context.Context, conn string) error {
	return p.call(func() error { return p.Poster.Hangup(ctx, conn) })
}
