package store_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"bellhop/store"
)

func connectionOf(id string) store.Connection {
	return store.Connection{
		ID: id, Game: "tanks", Original: true, Pointer: store.Pointer{LobbyID: "blue-fox", Since: 1_900_000_000_123},
		ExpiresAt: epoch.Add(store.ConnectionTTL),
	}
}

func put(t *testing.T, s store.Store, c store.Connection) {
	t.Helper()
	wantErr(t, "PutConnection", s.PutConnection(t.Context(), c), nil)
	wantConnection(t, s, c)
}

func wantConnection(t *testing.T, s store.Store, want store.Connection) {
	t.Helper()
	got, err := s.Connection(t.Context(), want.ID)
	wantErr(t, "Connection", err, nil)
	wantSame(t, "Connection", got, want)
}

func wantSame(t *testing.T, what string, got, want store.Connection) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("%s (-want +got):\n%s", what, diff)
	}
}

func wantNoConnection(t *testing.T, s store.Store, id string) {
	t.Helper()
	_, err := s.Connection(t.Context(), id)
	wantErr(t, "Connection", err, store.ErrNotFound)
	_, err = s.Point(t.Context(), id, store.Pointer{}, store.Pointer{LobbyID: "x"})
	wantErr(t, "Point", err, store.ErrNotFound)
	_, err = s.DeleteConnection(t.Context(), id)
	wantErr(t, "DeleteConnection", err, store.ErrNotFound)
}

func testConnection(t *testing.T, s store.Store, _ *clock) {
	c, other := connectionOf("a"), connectionOf("b")
	put(t, s, c)
	put(t, s, other)
	was, err := s.DeleteConnection(t.Context(), c.ID)
	wantErr(t, "DeleteConnection", err, nil)
	wantSame(t, "DeleteConnection", was, c)
	wantNoConnection(t, s, c.ID)
	wantConnection(t, s, other)
}

// testConnectionStays guards that a retried $connect does not wipe where the connection points. What was deleted, or has
// expired, does not stay.
func testConnectionStays(t *testing.T, s store.Store, c *clock) {
	is := connectionOf("a")
	put(t, s, is)
	again := store.Connection{ID: "a", Game: "boats", ExpiresAt: is.ExpiresAt.Add(time.Hour)}
	wantErr(t, "PutConnection", s.PutConnection(t.Context(), again), nil)
	wantConnection(t, s, is)
	_, err := s.DeleteConnection(t.Context(), "a")
	wantErr(t, "DeleteConnection", err, nil)
	put(t, s, again)
	c.Move(again.ExpiresAt.Sub(c.Now()))
	is.ExpiresAt = c.Now().Add(time.Hour)
	put(t, s, is)
}

func testNoConnection(t *testing.T, s store.Store, _ *clock) {
	wantNoConnection(t, s, "a")
	wantNoConnection(t, s, "a") // nothing of it made one
}

func testConnectionCase(t *testing.T, s store.Store, _ *clock) {
	lower, upper := connectionOf("aB3d="), connectionOf("Ab3D=")
	upper.Game = "boats"
	put(t, s, lower)
	put(t, s, upper)
	wantConnection(t, s, lower)
}

func testConnectionExpires(t *testing.T, s store.Store, c *clock) {
	a := connectionOf("a")
	put(t, s, a)
	c.Move(store.ConnectionTTL - time.Second)
	wantConnection(t, s, a)
	c.Move(time.Second)
	wantNoConnection(t, s, a.ID)
	a.ExpiresAt = c.Now().Add(time.Hour)
	put(t, s, a)
}

// testPoint guards that a pointer moves only from what the caller believes it to be, both its fields.
func testPoint(t *testing.T, s store.Store, _ *clock) {
	c := connectionOf("a")
	is := c.Pointer
	put(t, s, c)
	to := store.Pointer{LobbyID: "red-fox", Since: is.Since + 1}
	for _, from := range []store.Pointer{
		{}, {LobbyID: is.LobbyID}, {Since: is.Since}, {LobbyID: is.LobbyID, Since: is.Since + 1}, to,
	} {
		got, err := s.Point(t.Context(), "a", from, to)
		wantErr(t, "Point from elsewhere", err, store.ErrConflict)
		wantSame(t, "Point from elsewhere", got, c)
		wantConnection(t, s, c)
	}
	for _, next := range []store.Pointer{to, to, {}, is} { // elsewhere, to where it is, nowhere, and back
		got, err := s.Point(t.Context(), "a", c.Pointer, next)
		c.Pointer = next
		wantErr(t, "Point", err, nil)
		wantSame(t, "Point", got, c)
		wantConnection(t, s, c)
	}
}

func testOnePoint(t *testing.T, s store.Store, _ *clock) {
	c := connectionOf("a")
	c.Pointer = store.Pointer{}
	put(t, s, c)
	to := func(i int) store.Pointer { return store.Pointer{LobbyID: fmt.Sprint("lobby", i), Since: int64(i)} }
	errs := atOnce(16, func(i int) error {
		_, err := s.Point(t.Context(), "a", store.Pointer{}, to(i))
		return err
	})
	c.Pointer = to(wantOne(t, errs, store.ErrConflict))
	wantConnection(t, s, c)
}
