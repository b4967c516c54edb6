package storetest_test

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"bellhop/lobby"
	"bellhop/store"
	"bellhop/store/storetest"
)

// A simple Store is two maps and a lock. It shows how little a backend needs.
// It keeps what has expired, and only hides it.
type simple struct {
	mu          sync.Mutex
	now         func() time.Time
	lobbies     map[lobby.Key]*lobby.Lobby
	connections map[string]store.Connection
}

// TestSimple holds a backend to the contract of store.Store.
func TestSimple(t *testing.T) {
	storetest.Run(t, func(_ *testing.T, now func() time.Time) store.Store {
		return &simple{now: now, lobbies: map[lobby.Key]*lobby.Lobby{}, connections: map[string]store.Connection{}}
	})
}

// lock locks s. It returns the error of a context that has ended.
func (s *simple) lock(ctx context.Context) error {
	s.mu.Lock()
	return ctx.Err()
}

func (s *simple) CreateLobby(ctx context.Context, l lobby.Lobby) error {
	defer s.mu.Unlock()
	if err := s.lock(ctx); err != nil {
		return err
	}
	if is := s.lobbies[l.Key()]; is != nil && s.now().Before(is.ExpiresAt) {
		return store.ErrExists
	}
	l = l.Clone() // the caller might change what l points to
	store.Own(&l, &lobby.Lobby{})
	l.Version = store.FirstVersion()
	s.lobbies[l.Key()] = &l
	return nil
}

func (s *simple) Lobby(ctx context.Context, key lobby.Key) (*lobby.Lobby, error) {
	defer s.mu.Unlock()
	if err := s.lock(ctx); err != nil {
		return nil, err
	}
	if l := s.lobbies[key]; l != nil && s.now().Before(l.ExpiresAt) {
		return l, nil
	}
	return nil, store.ErrNotFound
}

func (s *simple) SwapLobby(ctx context.Context, old, new *lobby.Lobby) error {
	defer s.mu.Unlock()
	if err := s.lock(ctx); err != nil {
		return err
	}
	is := s.lobbies[old.Key()]
	if is == nil || is.Version != old.Version || !s.now().Before(is.ExpiresAt) {
		return store.ErrConflict
	}
	l := new.Clone()
	store.Own(&l, is)
	l.Version = old.Version + 1
	s.lobbies[l.Key()] = &l
	if l.Closed {
		delete(s.lobbies, l.Key())
	}
	return nil
}

func (s *simple) List(ctx context.Context, game string, o *lobby.Order, after lobby.Position, n int) (page []lobby.Listing, more bool, err error) {
	defer s.mu.Unlock()
	if err := s.lock(ctx); err != nil {
		return nil, false, err
	}
	for _, l := range s.lobbies {
		if p := o.PositionOf(l); l.Game == game && p > after && s.now().Before(l.ExpiresAt) {
			listing := l.Listing()
			listing.Position = p
			page = append(page, listing)
		}
	}
	slices.SortFunc(page, func(a, b lobby.Listing) int { return cmp.Compare(a.Position, b.Position) })
	return page[:min(n, len(page))], len(page) > n, nil
}

func (s *simple) ListLag() time.Duration { return 0 }

// connection returns a connection and whether there is one. s is locked.
func (s *simple) connection(id string) (store.Connection, bool) {
	c, found := s.connections[id]
	return c, found && s.now().Before(c.ExpiresAt)
}

func (s *simple) PutConnection(ctx context.Context, c store.Connection) error {
	defer s.mu.Unlock()
	if err := s.lock(ctx); err != nil {
		return err
	}
	if _, found := s.connection(c.ID); !found {
		c.ID, c.Game, c.LobbyID, c.PlayerID = strings.Clone(c.ID), strings.Clone(c.Game), strings.Clone(c.LobbyID), strings.Clone(c.PlayerID)
		s.connections[c.ID] = c
	}
	return nil
}

func (s *simple) Connection(ctx context.Context, id string) (store.Connection, error) {
	defer s.mu.Unlock()
	if err := s.lock(ctx); err != nil {
		return store.Connection{}, err
	}
	if c, found := s.connection(id); found {
		return c, nil
	}
	return store.Connection{}, store.ErrNotFound
}

func (s *simple) Claim(ctx context.Context, id string, from, to lobby.Claim) (store.Connection, error) {
	defer s.mu.Unlock()
	if err := s.lock(ctx); err != nil {
		return store.Connection{}, err
	}
	c, found := s.connection(id)
	switch {
	case !found:
		return store.Connection{}, store.ErrNotFound
	case c.Claim != from:
		return c, store.ErrConflict
	}
	to.LobbyID = strings.Clone(to.LobbyID)
	c.Claim = to
	s.connections[c.ID] = c
	return c, nil
}

func (s *simple) DeleteConnection(ctx context.Context, id string) (store.Connection, error) {
	defer s.mu.Unlock()
	if err := s.lock(ctx); err != nil {
		return store.Connection{}, err
	}
	c, found := s.connection(id)
	if !found {
		return store.Connection{}, store.ErrNotFound
	}
	delete(s.connections, id)
	return c, nil
}
