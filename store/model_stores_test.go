package store_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"bellhop/store"
)

// games counts, so that each run of a model has a game, and connections, that none had before.
var games atomic.Int64

// A kept is what the stores are compared with: maps, one caller at a time.
type kept struct {
	now         func() time.Time
	game        string
	lobbies     map[store.Key]store.Lobby
	connections map[string]store.Connection
}

func (k *kept) lobby(key store.Key) (store.Lobby, error) {
	l, ok := k.lobbies[key]
	if !ok || !k.now().Before(l.ExpiresAt) {
		return store.Lobby{}, store.ErrNotFound
	}
	return l.Clone(), nil
}

func (k *kept) connection(id string) (store.Connection, error) {
	c, ok := k.connections[id]
	if !ok || !k.now().Before(c.ExpiresAt) {
		return store.Connection{}, store.ErrNotFound
	}
	return c, nil
}

func (k *kept) create(l store.Lobby) error {
	if _, err := k.lobby(l.Key()); err == nil {
		return store.ErrExists
	}
	k.lobbies[l.Key()] = l.Clone()
	return nil
}

func (k *kept) update(key store.Key, rule func(*store.Lobby) error) (store.Lobby, error) {
	l, err := k.lobby(key)
	if err != nil {
		return l, err
	}
	if err := rule(&l); err != nil {
		return store.Lobby{}, err
	}
	if k.lobbies[key] = l.Clone(); l.Closed {
		delete(k.lobbies, key)
	}
	return l, nil
}

// point also reports whether the connection pointed there already: then a store may have taken the call for its own,
// repeated because an answer was lost.
func (k *kept) point(id string, from, to store.Pointer) (c store.Connection, err error, already bool) {
	if c, err = k.connection(id); err != nil {
		return c, err, false
	}
	if c.Pointer != from {
		return c, store.ErrConflict, c.Pointer == to
	}
	c.Pointer = to
	k.connections[id] = c
	return c, nil, false
}

// TestModelOfStores does random things to each backend and to maps, and wants the same answers. So all backends
// answer alike.
func TestModelOfStores(t *testing.T) {
	eachBackend(t, func(t *testing.T, open func(*testing.T) (store.Store, *clock)) {
		s, c := open(t)
		rapid.Check(t, func(t *rapid.T) {
			k := &kept{
				now: c.Now, game: fmt.Sprint("game", games.Add(1)),
				lobbies: map[store.Key]store.Lobby{}, connections: map[string]store.Connection{},
			}
			t.Repeat(map[string]func(*rapid.T){
				"create":     func(t *rapid.T) { modelCreate(t, s, k) },
				"update":     func(t *rapid.T) { modelUpdate(t, s, k) },
				"update2":    func(t *rapid.T) { modelUpdate(t, s, k) }, // more often than the others
				"stale":      func(t *rapid.T) { modelStale(t, s, k) },
				"read":       func(t *rapid.T) { modelRead(t, s, k) },
				"put":        func(t *rapid.T) { modelPut(t, s, k) },
				"point":      func(t *rapid.T) { modelPoint(t, s, k) },
				"disconnect": func(t *rapid.T) { modelDelete(t, s, k) },
				"time":       func(t *rapid.T) { c.Move(time.Duration(rapid.IntRange(1, 10).Draw(t, "seconds")) * time.Second) },
			})
		})
	})
}

func drawID(t *rapid.T) string {
	return rapid.SampledFrom([]string{"Blue", "bLUE", "red"}).Draw(t, "lobby")
}

func (k *kept) drawKey(t *rapid.T) store.Key { return store.LobbyKey(k.game, drawID(t)) }

func (k *kept) drawConn(t *rapid.T) string {
	return k.game + "-" + rapid.SampledFrom([]string{"a", "A", "b"}).Draw(t, "connection")
}

func (k *kept) drawExpiry(t *rapid.T) time.Time {
	return k.now().Add(time.Duration(rapid.IntRange(1, 60).Draw(t, "lives")) * time.Second)
}

func drawPointer(t *rapid.T, name string) store.Pointer {
	id := rapid.SampledFrom([]string{"", "blue", "red"}).Draw(t, name)
	return store.Pointer{LobbyID: id, Since: rapid.Int64Range(0, 1).Draw(t, "since")}
}

// wantAlike compares what a store and the model have answered.
func wantAlike(t *rapid.T, got, want any, gotErr, wantErr error) {
	t.Helper()
	if !errors.Is(gotErr, wantErr) {
		t.Fatalf("store: %v, model: %v", gotErr, wantErr)
	}
	if diff := cmp.Diff(want, got, same); diff != "" {
		t.Fatalf("(-model +store):\n%s", diff)
	}
}

func modelCreate(t *rapid.T, s store.Store, k *kept) {
	l := store.NewLobby(k.game, drawID(t), store.Member{Conn: "host", Original: rapid.Bool().Draw(t, "original")})
	l.ExpiresAt = k.drawExpiry(t)
	wantAlike(t, nil, nil, s.CreateLobby(context.Background(), l), k.create(l))
}

func modelUpdate(t *rapid.T, s store.Store, k *kept) {
	key, c, expires := k.drawKey(t), commands.Draw(t, "command"), k.drawExpiry(t)
	rule := func(l *store.Lobby) error {
		l.ExpiresAt = expires
		return c.rule(l)
	}
	before, _ := k.lobby(key)
	got, err := store.UpdateLobby(context.Background(), s, key, nil, rule)
	want, wantErr := k.update(key, rule)
	if got == nil {
		got = &store.Lobby{}
	}
	wantAlike(t, *got, want, err, wantErr)
	if err == nil {
		checkInvariants(t, got)
		wantAlike(t, got.Gone(), gone(&before, got, c.drops), nil, nil)
		wantAlike(t, got.Changes, want.Changes, nil, nil)
	}
}

// gone returns whom before lists and after does not, but for one that dropped.
func gone(before, after *store.Lobby, dropped string) (places []store.Place) {
	for _, m := range before.Members {
		if !after.Lists(m.Conn) && m.Conn != dropped {
			places = append(places, store.Place{Conn: m.Conn, Since: m.Since})
		}
	}
	for _, r := range before.Waiting {
		if !after.Lists(r.Conn) && r.Conn != dropped {
			places = append(places, store.Place{Conn: r.Conn, Since: r.Since})
		}
	}
	return places
}

// modelStale lets a second writer win between the first one's read and write.
func modelStale(t *rapid.T, s store.Store, k *kept) {
	key, c := k.drawKey(t), commands.Draw(t, "command")
	read, err := s.Lobby(context.Background(), key)
	_, wantErr := k.lobby(key)
	wantAlike(t, nil, nil, err, wantErr)
	if err != nil {
		return
	}
	_, err = store.UpdateLobby(context.Background(), s, key, nil, c.rule)
	_, wantErr = k.update(key, c.rule)
	wantAlike(t, nil, nil, err, wantErr)
	if err == nil {
		late := read.Clone()
		late.Closed = rapid.Bool().Draw(t, "closed")
		wantAlike(t, nil, nil, s.SwapLobby(context.Background(), late), store.ErrConflict)
	}
}

func modelRead(t *rapid.T, s store.Store, k *kept) {
	key, id := k.drawKey(t), k.drawConn(t)
	l, err := s.Lobby(context.Background(), key)
	want, wantErr := k.lobby(key)
	if l == nil {
		l = &store.Lobby{}
	}
	wantAlike(t, *l, want, err, wantErr)
	c, err := s.Connection(context.Background(), id)
	wantC, wantErr := k.connection(id)
	wantAlike(t, c, wantC, err, wantErr)
}

func modelPut(t *rapid.T, s store.Store, k *kept) {
	c := store.Connection{ID: k.drawConn(t), Game: k.game, Pointer: drawPointer(t, "at"), ExpiresAt: k.drawExpiry(t)}
	if _, err := k.connection(c.ID); err != nil {
		k.connections[c.ID] = c
	}
	wantAlike(t, nil, nil, s.PutConnection(context.Background(), c), nil)
}

func modelPoint(t *rapid.T, s store.Store, k *kept) {
	id, from, to := k.drawConn(t), drawPointer(t, "from"), drawPointer(t, "to")
	if c, err := k.connection(id); err == nil && rapid.Bool().Draw(t, "right") {
		from = c.Pointer
	}
	got, err := s.Point(context.Background(), id, from, to)
	want, wantErr, already := k.point(id, from, to)
	if already && err == nil {
		wantErr = nil
	}
	wantAlike(t, got, want, err, wantErr)
}

func modelDelete(t *rapid.T, s store.Store, k *kept) {
	id := k.drawConn(t)
	got, err := s.DeleteConnection(context.Background(), id)
	want, wantErr := k.connection(id)
	delete(k.connections, id)
	wantAlike(t, got, want, err, wantErr)
}
