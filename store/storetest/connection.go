package storetest

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"bellhop/lobby"
	"bellhop/store"
)

func ConnectionOf(id string) store.Connection {
	return store.Connection{
		ID: id, Game: "tanks", Original: true, Claim: lobby.Claim{LobbyID: "blue-fox", ID: 4_000_000_000, At: 1_900_000_000_123},
		ExpiresAt: Epoch.Add(store.ConnectionTTL),
	}
}

func Put(t *testing.T, s store.Store, c store.Connection) {
	t.Helper()
	WantErr(t, "PutConnection", s.PutConnection(t.Context(), c), nil)
	WantConnection(t, s, c)
}

func WantConnection(t *testing.T, s store.Store, want store.Connection) {
	t.Helper()
	got, err := s.Connection(t.Context(), want.ID)
	WantErr(t, "Connection", err, nil)
	WantSame(t, "Connection", got, want)
}

func WantSame(t *testing.T, what string, got, want store.Connection) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("%s (-want +got):\n%s", what, diff)
	}
}

func WantNoConnection(t *testing.T, s store.Store, id string) {
	t.Helper()
	_, err := s.Connection(t.Context(), id)
	WantErr(t, "Connection", err, store.ErrNotFound)
	_, err = s.Claim(t.Context(), id, lobby.Claim{}, lobby.Claim{LobbyID: "x"})
	WantErr(t, "Claim", err, store.ErrNotFound)
	_, err = s.DeleteConnection(t.Context(), id)
	WantErr(t, "DeleteConnection", err, store.ErrNotFound)
}

func testConnection(t *testing.T, s store.Store, _ *Clock) {
	c, other := ConnectionOf("a"), ConnectionOf("b")
	Put(t, s, c)
	Put(t, s, other)
	was, err := s.DeleteConnection(t.Context(), c.ID)
	WantErr(t, "DeleteConnection", err, nil)
	WantSame(t, "DeleteConnection", was, c)
	WantNoConnection(t, s, c.ID)
	WantConnection(t, s, other)
}

// testConnectionStays checks that a retried $connect does not erase the claim
// of a connection. A deleted or expired connection does not stay.
func testConnectionStays(t *testing.T, s store.Store, c *Clock) {
	is := ConnectionOf("a")
	Put(t, s, is)
	again := store.Connection{ID: "a", Game: "boats", ExpiresAt: is.ExpiresAt.Add(time.Hour)}
	WantErr(t, "PutConnection", s.PutConnection(t.Context(), again), nil)
	WantConnection(t, s, is)
	_, err := s.DeleteConnection(t.Context(), "a")
	WantErr(t, "DeleteConnection", err, nil)
	Put(t, s, again)
	c.Move(again.ExpiresAt.Sub(c.Now()))
	is.ExpiresAt = c.Now().Add(time.Hour)
	Put(t, s, is)
}

func testNoConnection(t *testing.T, s store.Store, _ *Clock) {
	WantNoConnection(t, s, "a")
	WantNoConnection(t, s, "a") // none of these calls created it
}

func testConnectionCase(t *testing.T, s store.Store, _ *Clock) {
	lower, upper := ConnectionOf("aB3d="), ConnectionOf("Ab3D=")
	upper.Game = "boats"
	Put(t, s, lower)
	Put(t, s, upper)
	WantConnection(t, s, lower)
}

func testConnectionExpires(t *testing.T, s store.Store, c *Clock) {
	a := ConnectionOf("a")
	Put(t, s, a)
	c.Move(store.ConnectionTTL - time.Second)
	WantConnection(t, s, a)
	c.Move(time.Second)
	WantNoConnection(t, s, a.ID)
	a.ExpiresAt = c.Now().Add(time.Hour)
	Put(t, s, a)
}

// testPoint checks that only a caller that knows all fields of a claim can
// replace it.
func testPoint(t *testing.T, s store.Store, _ *Clock) {
	c := ConnectionOf("a")
	is := c.Claim
	Put(t, s, c)
	to := lobby.Claim{LobbyID: "red-fox", ID: 7, At: is.At + 1}
	settled := is
	settled.Settled = true
	for _, from := range []lobby.Claim{
		{}, {LobbyID: is.LobbyID}, {At: is.At}, {LobbyID: is.LobbyID, At: is.At}, {LobbyID: is.LobbyID, ID: is.ID},
		{LobbyID: is.LobbyID, ID: is.ID, At: is.At + 1}, {LobbyID: is.LobbyID, ID: 7, At: is.At}, settled, to,
	} {
		got, err := s.Claim(t.Context(), "a", from, to)
		WantErr(t, "Point from elsewhere", err, store.ErrConflict)
		WantSame(t, "Point from elsewhere", got, c)
		WantConnection(t, s, c)
	}
	unmarked := lobby.Claim{LobbyID: is.LobbyID, At: is.At}                     // by a version that makes no IDs
	for _, next := range []lobby.Claim{to, to, {}, is, settled, unmarked, is} { // elsewhere, to where it is, nowhere, and back
		got, err := s.Claim(t.Context(), "a", c.Claim, next)
		c.Claim = next
		WantErr(t, "Claim", err, nil)
		WantSame(t, "Claim", got, c)
		WantConnection(t, s, c)
	}
}

func testOnePoint(t *testing.T, s store.Store, _ *Clock) {
	c := ConnectionOf("a")
	c.Claim = lobby.Claim{}
	Put(t, s, c)
	to := func(i int) lobby.Claim { return lobby.Claim{LobbyID: fmt.Sprint("lobby", i), ID: 7, At: int64(i)} }
	errs := AtOnce(16, func(i int) error {
		_, err := s.Claim(t.Context(), "a", lobby.Claim{}, to(i))
		return err
	})
	c.Claim = to(WantOne(t, errs, store.ErrConflict))
	WantConnection(t, s, c)
}

// testOneDelete checks that exactly one of many deletes returns the connection.
func testOneDelete(t *testing.T, s store.Store, _ *Clock) {
	Put(t, s, ConnectionOf("a"))
	WantOne(t, AtOnce(16, func(int) error {
		_, err := s.DeleteConnection(t.Context(), "a")
		return err
	}), store.ErrNotFound)
	WantNoConnection(t, s, "a")
}
