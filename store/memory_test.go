package store_test

import (
	"fmt"
	"testing"
	"time"

	"bellhop/lobby"
	"bellhop/store"
	"bellhop/store/storetest"
)

// TestMemoryForgets checks that expired values leave memory although nobody
// deletes them.
func TestMemoryForgets(t *testing.T) {
	const hours, perHour = 20, 5000
	c := storetest.NewClock()
	m := store.NewMemory(c.Now)
	for hour := range hours {
		for i := range perHour {
			l := lobby.New("tanks", fmt.Sprint(hour, "-", i), lobby.Member{Conn: "host"})
			l.ExpiresAt = c.Now().Add(time.Hour)
			storetest.WantErr(t, "CreateLobby", m.CreateLobby(t.Context(), l), nil)
			id := fmt.Sprint(hour, "-", i)
			storetest.WantErr(t, "PutConnection", m.PutConnection(t.Context(), store.Connection{ID: id, ExpiresAt: l.ExpiresAt}), nil)
		}
		c.Move(time.Hour)
		// A sweep's remaining values and as many again until the next, with 64 for
		// each of 64 shards, and some to spare.
		if lobbies, connections := m.Len(); max(lobbies, connections) > 3*perHour+64*64 {
			t.Fatalf("%d lobbies and %d connections are kept, though all have expired: %d in each of %d hours",
				lobbies, connections, perHour, hour+1)
		}
	}
}

// TestMemoryKeeps checks that a sweep deletes only expired values.
func TestMemoryKeeps(t *testing.T) {
	c := storetest.NewClock()
	m := store.NewMemory(c.Now)
	for i := range 2000 {
		storetest.Put(t, m, storetest.ConnectionOf(fmt.Sprint(i)))
	}
	c.Move(store.ConnectionTTL - time.Second)
	for range 5000 { // more writes than values
		storetest.Put(t, m, storetest.ConnectionOf("0"))
	}
	if _, connections := m.Len(); connections != 2000 {
		t.Errorf("%d connections are kept, want 2000", connections)
	}
}

// TestMemoryDeletes checks that deleted and closed values leave memory, and
// that reads and failed writes keep nothing.
func TestMemoryDeletes(t *testing.T) {
	m := store.NewMemory(storetest.NewClock().Now)
	for i := range 100 {
		storetest.Put(t, m, storetest.ConnectionOf("a"))
		_, err := m.DeleteConnection(t.Context(), "a")
		storetest.WantErr(t, "DeleteConnection", err, nil)
		closed := storetest.Create(t, m, storetest.LobbyOf("blue-fox")).Clone()
		closed.Closed = true
		storetest.WantErr(t, "SwapLobby", storetest.Swap(t.Context(), m, closed), nil)
		storetest.WantNoConnection(t, m, fmt.Sprint("nobody", i))
		storetest.WantErr(t, "SwapLobby", storetest.Swap(t.Context(), m, closed), store.ErrConflict)
	}
	if lobbies, connections := m.Len(); lobbies != 0 || connections != 0 {
		t.Errorf("%d lobbies and %d connections are kept, want none", lobbies, connections)
	}
}

// TestMemoryLobbies checks that Lobbies yields every lobby once, and none that
// has closed or expired. The loop can stop early, and others can write
// meanwhile.
func TestMemoryLobbies(t *testing.T) {
	c := storetest.NewClock()
	m := store.NewMemory(c.Now)
	for i := range 200 {
		l := storetest.LobbyOf(fmt.Sprint(i))
		l.ExpiresAt = c.Now().Add(time.Duration(1+i%2) * time.Hour) // even numbers expire
		storetest.Create(t, m, l)
	}
	c.Move(time.Hour)
	closed, err := m.Lobby(t.Context(), lobby.KeyOf(storetest.LobbyOf("1").Game, "1"))
	storetest.WantErr(t, "Lobby", err, nil)
	l := closed.Clone()
	l.Closed = true
	storetest.WantErr(t, "SwapLobby", storetest.Swap(t.Context(), m, l), nil)
	seen := map[string]int{}
	for l := range m.Lobbies() {
		seen[l.ID]++
		l := l.Clone() // as a player does who joins it
		storetest.WantErr(t, "SwapLobby", storetest.Swap(t.Context(), m, l), nil)
	}
	for i := range 200 {
		want := i % 2
		if i == 1 {
			want = 0
		}
		if got := seen[fmt.Sprint(i)]; got != want {
			t.Errorf("lobby %d is yielded %d times, want %d", i, got, want)
		}
	}
	for range m.Lobbies() {
		break
	}
}

// TestMemoryAtOnce lets the race detector see every method run at the same time
// as every other, and as the sweeps.
func TestMemoryAtOnce(t *testing.T) {
	c := storetest.NewClock()
	m, ctx := store.NewMemory(c.Now), t.Context()
	storetest.AtOnce(8, func(worker int) error {
		for i := range 500 {
			id := fmt.Sprint(i % 7)
			l := storetest.Busy(id)
			l.ExpiresAt = c.Now().Add(time.Second)
			m.CreateLobby(ctx, l)
			store.UpdateLobby(ctx, m, l.Key(), func(l *lobby.Lobby) error {
				return l.Request(lobby.JoinRequest{Conn: fmt.Sprint("guest", worker, i)})
			})
			if read, err := m.Lobby(ctx, l.Key()); err == nil {
				read.Has("guest") // as a reader who holds no lock
				storetest.Swap(ctx, m, read.Clone())
			}
			m.PutConnection(ctx, store.Connection{ID: id, ExpiresAt: l.ExpiresAt})
			m.Claim(ctx, id, lobby.Claim{}, lobby.Claim{LobbyID: id})
			m.Connection(ctx, id)
			if i%10 == worker {
				m.DeleteConnection(ctx, id)
				c.Move(time.Second)
			}
			m.Len()
			for l := range m.Lobbies() {
				l.Has("guest")
			}
		}
		return nil
	})
}
