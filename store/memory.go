package store

import (
	"context"
	"iter"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/btree"

	"bellhop/internal/sharded"
	"bellhop/lobby"
)

// A Memory is a Store for one process. It forgets everything when the process
// ends.
type Memory struct {
	lobbies     expiring[lobby.Key, *lobby.Lobby]
	index       lobbyIndex
	connections expiring[string, Connection]
}

// NewMemory returns an empty Memory that reads the time from now.
func NewMemory(now func() time.Time) *Memory {
	m := &Memory{}
	m.lobbies.init(now, func(l *lobby.Lobby) time.Time { return l.ExpiresAt })
	m.index.lists = map[indexKey]*btree.BTreeG[indexed]{}
	m.lobbies.changed = m.index.change
	m.connections.init(now, func(c Connection) time.Time { return c.ExpiresAt })
	m.connections.changed = func(Connection, Connection) {}
	return m
}

// CreateLobby implements Store.
func (m *Memory) CreateLobby(ctx context.Context, l lobby.Lobby) error {
	return m.lobbies.update(ctx, l.Key(), func(_ *lobby.Lobby, found bool) (*lobby.Lobby, bool, error) {
		if found {
			return nil, false, ErrExists
		}
		l := l.Clone()
		Own(&l, new(lobby.Lobby))
		l.Version = FirstVersion()
		return &l, true, nil
	})
}

// Lobby implements Store.
func (m *Memory) Lobby(ctx context.Context, key lobby.Key) (*lobby.Lobby, error) {
	return m.lobbies.get(ctx, key)
}

// SwapLobby implements Store.
func (m *Memory) SwapLobby(ctx context.Context, old, new *lobby.Lobby) error {
	return m.lobbies.update(ctx, old.Key(), func(is *lobby.Lobby, found bool) (*lobby.Lobby, bool, error) {
		if !found || is.Version != old.Version {
			return nil, false, ErrConflict
		}
		l := new.Clone()
		Own(&l, is)
		l.Version = old.Version + 1
		return &l, !l.Closed, nil
	})
}

// PutConnection implements Store.
func (m *Memory) PutConnection(ctx context.Context, c Connection) error {
	c.ID, c.Game, c.LobbyID, c.PlayerID = strings.Clone(c.ID), strings.Clone(c.Game), strings.Clone(c.LobbyID), strings.Clone(c.PlayerID)
	return m.connections.update(ctx, c.ID, func(is Connection, found bool) (Connection, bool, error) {
		if found {
			return is, true, nil
		}
		return c, true, nil
	})
}

// Connection implements Store.
func (m *Memory) Connection(ctx context.Context, id string) (Connection, error) {
	return m.connections.get(ctx, id)
}

// Claim implements Store.
func (m *Memory) Claim(ctx context.Context, id string, from, to lobby.Claim) (is Connection, err error) {
	err = m.connections.update(ctx, id, func(c Connection, found bool) (Connection, bool, error) {
		is = c
		switch {
		case !found:
			return c, false, ErrNotFound
		case c.Claim != from:
			return c, true, ErrConflict
		}
		is.Claim = to
		is.LobbyID = strings.Clone(to.LobbyID)
		return is, true, nil
	})
	return is, err
}

// DeleteConnection implements Store.
func (m *Memory) DeleteConnection(ctx context.Context, id string) (was Connection, err error) {
	err = m.connections.update(ctx, id, func(c Connection, found bool) (Connection, bool, error) {
		was = c
		if !found {
			return c, false, ErrNotFound
		}
		return c, false, nil
	})
	return was, err
}

// Own copies each string of l that old does not have. A backend in memory calls
// it before it replaces old by l: a caller's string can be part of a larger
// one, such as a message, or of memory that is used again.
func Own(l, old *lobby.Lobby) {
	own(&l.Game, old.Game)
	own(&l.ID, old.ID)
	own(&l.Metadata, old.Metadata)
	own(&l.Password, old.Password)
	own(&l.AddressKey, old.AddressKey)
	for i := range l.Members {
		m := &l.Members[i]
		was := find(old.Members, i, func(was *lobby.Member) bool { return was.Conn == m.Conn })
		own(&m.Conn, was.Conn)
		own(&m.Player, was.Player)
		own(&m.PlayerID, was.PlayerID)
		own(&m.Address, was.Address)
		own(&m.Token, was.Token)
	}
	for i := range l.Waiting {
		r := &l.Waiting[i]
		was := find(old.Waiting, i, func(was *lobby.JoinRequest) bool { return was.Conn == r.Conn })
		own(&r.Conn, was.Conn)
		own(&r.Player, was.Player)
		own(&r.PlayerID, was.PlayerID)
		own(&r.Address, was.Address)
		own(&r.RequestID, was.RequestID)
	}
}

// find returns the element of all for which is holds, likely the one at i, or
// the zero value.
func find[T any](all []T, i int, is func(*T) bool) (zero T) {
	if i < len(all) && is(&all[i]) {
		return all[i]
	}
	for i := range all {
		if is(&all[i]) {
			return all[i]
		}
	}
	return zero
}

// own replaces *s by old if they are equal, else by a copy.
func own(s *string, old string) {
	if *s == old {
		*s = old
	} else {
		*s = strings.Clone(*s)
	}
}

// Lobbies yields every lobby, in no order, for an operator's view of the
// process. A lobby that changes during the loop might be yielded before or
// after the change. It blocks nobody for long: it copies a 64th of the lobbies
// at a time under a lock.
func (m *Memory) Lobbies() iter.Seq[*lobby.Lobby] { return m.lobbies.all() }

// Sweep deletes expired values. Writes do that gradually; a quiet process can
// call it to free memory sooner.
func (m *Memory) Sweep() {
	m.lobbies.sweepAll()
	m.connections.sweepAll()
}

// Len returns how many lobbies and connections are kept, including expired ones
// that no sweep has deleted yet.
func (m *Memory) Len() (lobbies, connections int) { return m.lobbies.len(), m.connections.len() }

// expiring is a map whose values expire, in parts with a lock each.
type expiring[K ~string, V any] struct {
	now     func() time.Time
	expires func(V) time.Time
	changed func(was, is V) // called under the lock of a shard; the zero value is none
	shards  sharded.Parts[shard[K, V]]
}

type shard[K ~string, V any] struct {
	mu     sync.RWMutex
	values map[K]V
	writes int // since the last sweep
	kept   int // by the last sweep
}

func (s *expiring[K, V]) init(now func() time.Time, expires func(V) time.Time) {
	s.now, s.expires = now, expires
	for sh := range s.shards.All() {
		sh.values = map[K]V{}
	}
}

// live returns the value at key unless it has expired. The caller holds the
// shard's lock.
func (s *expiring[K, V]) live(sh *shard[K, V], key K) (v V, found bool) {
	v, found = sh.values[key]
	if found && !s.now().Before(s.expires(v)) {
		var none V
		return none, false
	}
	return v, found
}

func (s *expiring[K, V]) get(ctx context.Context, key K) (v V, err error) {
	if err := ctx.Err(); err != nil {
		return v, err
	}
	sh := s.shards.Of(string(key))
	sh.mu.RLock()
	defer sh.mu.RUnlock()
	v, found := s.live(sh, key)
	if !found {
		return v, ErrNotFound
	}
	return v, nil
}

// update replaces the value at key with the result of change, or deletes it if
// keep is false. If change returns an error, it does neither.
func (s *expiring[K, V]) update(ctx context.Context, key K, change func(v V, found bool) (next V, keep bool, err error)) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	sh := s.shards.Of(string(key))
	sh.mu.Lock()
	defer sh.mu.Unlock()
	next, keep, err := change(s.live(sh, key))
	if err != nil {
		return err
	}
	was := sh.values[key] // which may have expired
	if keep {
		sh.values[key] = next
	} else {
		var none V
		next = none
		delete(sh.values, key)
	}
	s.changed(was, next)
	s.sweep(sh)
	return nil
}

// sweep deletes expired values once a shard has seen as many writes as the last
// sweep left values. So a write costs the same, however many values there are.
func (s *expiring[K, V]) sweep(sh *shard[K, V]) {
	if sh.writes++; sh.writes < sh.kept+64 {
		return
	}
	s.forget(sh)
}

// forget deletes expired values.
func (s *expiring[K, V]) forget(sh *shard[K, V]) {
	now := s.now()
	for k, v := range sh.values {
		if !now.Before(s.expires(v)) {
			var none V
			delete(sh.values, k)
			s.changed(v, none)
		}
	}
	sh.writes, sh.kept = 0, len(sh.values)
}

// all yields every value that has not expired. Nothing is locked while a value
// is looked at.
func (s *expiring[K, V]) all() iter.Seq[V] {
	return func(yield func(V) bool) {
		for sh := range s.shards.All() {
			sh.mu.RLock()
			values := slices.Collect(maps.Values(sh.values))
			sh.mu.RUnlock()
			for _, v := range values {
				if s.now().Before(s.expires(v)) && !yield(v) {
					return
				}
			}
		}
	}
}

func (s *expiring[K, V]) sweepAll() {
	for sh := range s.shards.All() {
		sh.mu.Lock()
		s.forget(sh)
		sh.mu.Unlock()
	}
}

func (s *expiring[K, V]) len() (n int) {
	for sh := range s.shards.All() {
		sh.mu.RLock()
		n += len(sh.values)
		sh.mu.RUnlock()
	}
	return n
}
