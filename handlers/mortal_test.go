package handlers

import (
	"context"
	"errors"
	"slices"
	"sync"

	"bellhop/lobby"
	"bellhop/store"
)

// errDead is what a process hears that has died: whatever it does from then on, nobody sees.
var errDead = errors.New("the process has died")

// A mortal is a process as the world sees it, in what it asks of the store and posts. It dies at one of those calls.
type crashingProcess struct {
	mu    sync.Mutex
	left  int  // calls until it dies; 0: it does not
	done  bool // whether the call at which it dies is still made
	dead  bool
	calls int
	tried []string // the lobbies that a connection was pointed at, in lower case
	// moments are what happens before some of its calls.
	moments []moment
}

func (m *crashingProcess) call(do func() error) error {
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
func (m *crashingProcess) count() (dies, dead bool) {
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
func (m *crashingProcess) due() (due []moment) {
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
func (m *crashingProcess) rest() (rest []moment) {
	m.mu.Lock()
	defer m.mu.Unlock()
	rest, m.moments = m.moments, nil
	return rest
}

func (m *crashingProcess) tries(lobby string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.tried = append(m.tried, lobby)
}

// A crashingStore is a real store as a mortal process reaches it.
type crashingStore struct {
	store.Store
	*crashingProcess
}

func (s crashingStore) CreateLobby(ctx context.Context, l lobby.Lobby) error {
	return s.call(func() error { return s.Store.CreateLobby(ctx, l) })
}

func (s crashingStore) Lobby(ctx context.Context, key lobby.Key) (l *lobby.Lobby, err error) {
	err = s.call(func() (err error) { l, err = s.Store.Lobby(ctx, key); return err })
	return l, err
}

func (s crashingStore) SwapLobby(ctx context.Context, old, new *lobby.Lobby) error {
	return s.call(func() error { return s.Store.SwapLobby(ctx, old, new) })
}

func (s crashingStore) PutConnection(ctx context.Context, c store.Connection) error {
	return s.call(func() error { return s.Store.PutConnection(ctx, c) })
}

func (s crashingStore) Connection(ctx context.Context, id string) (c store.Connection, err error) {
	err = s.call(func() (err error) { c, err = s.Store.Connection(ctx, id); return err })
	return c, err
}

func (s crashingStore) List(ctx context.Context, game string, o *lobby.Order, after lobby.Position, n int) (page []lobby.Listing, more bool, err error) {
	err = s.call(func() (err error) { page, more, err = s.Store.List(ctx, game, o, after, n); return err })
	return page, more, err
}

func (s crashingStore) Claim(ctx context.Context, id string, from, to lobby.Claim) (c store.Connection, err error) {
	s.tries(to.LobbyID)
	err = s.call(func() (err error) { c, err = s.Store.Claim(ctx, id, from, to); return err })
	return c, err
}

func (s crashingStore) DeleteConnection(ctx context.Context, id string) (c store.Connection, err error) {
	err = s.call(func() (err error) { c, err = s.Store.DeleteConnection(ctx, id); return err })
	return c, err
}

// A crashingPoster reaches the world's clients for a mortal process.
type crashingPoster struct {
	Poster
	*crashingProcess
}

func (p crashingPoster) Post(ctx context.Context, conn string, data []byte) error {
	return p.call(func() error { return p.Poster.Post(ctx, conn, data) })
}

func (p crashingPoster) Hangup(ctx context.Context, conn string) error {
	return p.call(func() error { return p.Poster.Hangup(ctx, conn) })
}
