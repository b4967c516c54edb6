package store_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"bellhop/store"
)

func testCreate(t *testing.T, s store.Store, _ *clock) {
	create(t, s, lobbyOf("blue-fox"))
}

func testCreateExists(t *testing.T, s store.Store, _ *clock) {
	first, second := lobbyOf("blue-fox"), lobbyOf("blue-fox")
	create(t, s, first)
	second.Members[0].Conn = "other"
	wantErr(t, "CreateLobby again", s.CreateLobby(t.Context(), second), store.ErrExists)
	wantLobby(t, s, first.Key(), first)
}

func testOneCreator(t *testing.T, s store.Store, _ *clock) {
	lobbies := make([]store.Lobby, 16)
	for i := range lobbies {
		lobbies[i] = lobbyOf("blue-fox")
		lobbies[i].Members[0].Conn = fmt.Sprint("host", i)
	}
	errs := atOnce(len(lobbies), func(i int) error { return s.CreateLobby(t.Context(), lobbies[i]) })
	winner := wantOne(t, errs, store.ErrExists)
	wantLobby(t, s, lobbies[winner].Key(), lobbies[winner])
}

func testNewVersion(t *testing.T, s store.Store, _ *clock) {
	seen := map[int64]bool{}
	for range 8 {
		l := create(t, s, lobbyOf("blue-fox"))
		if seen[l.Version] {
			t.Fatalf("version %d is that of a lobby before", l.Version)
		}
		seen[l.Version] = true
		closed := l.Clone()
		closed.Closed = true
		wantErr(t, "SwapLobby", s.SwapLobby(t.Context(), closed), nil)
	}
}

func testNoLobby(t *testing.T, s store.Store, _ *clock) {
	wantNoLobby(t, s, store.LobbyKey("tanks", "blue-fox"))
}

func testCase(t *testing.T, s store.Store, _ *clock) {
	l := lobbyOf("Blue-Fox")
	create(t, s, l)
	wantErr(t, "CreateLobby in another case", s.CreateLobby(t.Context(), lobbyOf("bLUE-fOX")), store.ErrExists)
	got := wantLobby(t, s, store.LobbyKey("tanks", "BLUE-FOX"), l)
	if got.ID != "Blue-Fox" {
		t.Errorf("id is %q, want it as the host spelled it", got.ID)
	}
}

func testGames(t *testing.T, s store.Store, _ *clock) {
	tanks, boats := lobbyOf("blue-fox"), lobbyOf("blue-fox")
	boats.Game, boats.Members[0].Conn = "boats", "captain"
	create(t, s, tanks)
	wantNoLobby(t, s, boats.Key())
	wantNoLobby(t, s, store.LobbyKey("Tanks", "blue-fox")) // case counts in a game's name
	closed := create(t, s, boats).Clone()
	closed.Closed = true
	wantErr(t, "SwapLobby", s.SwapLobby(t.Context(), closed), nil)
	wantNoLobby(t, s, boats.Key())
	wantLobby(t, s, tanks.Key(), tanks)
}

func testLobbyExpires(t *testing.T, s store.Store, c *clock) {
	l := lobbyOf("blue-fox")
	read := create(t, s, l)
	c.Move(store.LobbyTTL - time.Second)
	wantLobby(t, s, l.Key(), l)
	wantErr(t, "CreateLobby a second before", s.CreateLobby(t.Context(), l), store.ErrExists)
	c.Move(time.Second)
	wantNoLobby(t, s, l.Key())
	swap := read.Clone()
	swap.ExpiresAt = c.Now().Add(time.Hour)
	wantErr(t, "SwapLobby of one that has expired", s.SwapLobby(t.Context(), swap), store.ErrConflict)
	wantNoLobby(t, s, l.Key())
	next := lobbyOf("blue-fox")
	next.Members[0].Conn, next.ExpiresAt = "next", c.Now().Add(time.Hour)
	create(t, s, next)
}

func testSwap(t *testing.T, s store.Store, _ *clock) {
	l := create(t, s, lobbyOf("blue-fox")).Clone()
	l.Members[0].AwayUntil = epoch.Add(time.Minute)
	l.ExpiresAt = l.ExpiresAt.Add(time.Hour)
	wantErr(t, "SwapLobby", s.SwapLobby(t.Context(), l), nil)
	wantLobby(t, s, l.Key(), l)
}

func testVersionGrows(t *testing.T, s store.Store, _ *clock) {
	l := create(t, s, lobbyOf("blue-fox"))
	for range 4 {
		wantErr(t, "SwapLobby", s.SwapLobby(t.Context(), l.Clone()), nil)
		next := wantLobby(t, s, l.Key(), *l)
		if next.Version <= l.Version {
			t.Fatalf("version %d after %d", next.Version, l.Version)
		}
		l = next
	}
}

func testSwapConflict(t *testing.T, s store.Store, _ *clock) {
	first := create(t, s, lobbyOf("blue-fox"))
	second := first.Clone()
	second.MaxPlayers = 4
	wantErr(t, "SwapLobby", s.SwapLobby(t.Context(), second), nil)
	late := first.Clone()
	late.MaxPlayers = 5
	for _, version := range []int64{first.Version, first.Version - 1, first.Version + 1<<40, 0} {
		late.Version = version
		wantErr(t, "SwapLobby of a wrong version", s.SwapLobby(t.Context(), late), store.ErrConflict)
	}
	wantLobby(t, s, first.Key(), second)
}

func testSwapNothing(t *testing.T, s store.Store, _ *clock) {
	l := lobbyOf("blue-fox")
	wantErr(t, "SwapLobby of version 0", s.SwapLobby(t.Context(), l), store.ErrConflict)
	l.Version = 1
	wantErr(t, "SwapLobby of version 1", s.SwapLobby(t.Context(), l), store.ErrConflict)
	l.Closed = true
	wantErr(t, "SwapLobby that closes", s.SwapLobby(t.Context(), l), store.ErrConflict)
	wantNoLobby(t, s, l.Key())
}

func testOneSwap(t *testing.T, s store.Store, _ *clock) {
	l := create(t, s, lobbyOf("blue-fox"))
	swaps := make([]store.Lobby, 16)
	for i := range swaps {
		swaps[i] = l.Clone()
		swaps[i].MaxPlayers = 100 + i
	}
	errs := atOnce(len(swaps), func(i int) error { return s.SwapLobby(t.Context(), swaps[i]) })
	wantLobby(t, s, l.Key(), swaps[wantOne(t, errs, store.ErrConflict)])
}

func testSwapClosed(t *testing.T, s store.Store, _ *clock) {
	l := create(t, s, lobbyOf("blue-fox")).Clone()
	wantErr(t, "Close", l.Close("host"), nil)
	wantErr(t, "SwapLobby", s.SwapLobby(t.Context(), l), nil)
	wantNoLobby(t, s, l.Key())
	wantErr(t, "SwapLobby again", s.SwapLobby(t.Context(), l), store.ErrConflict)
	create(t, s, lobbyOf("blue-fox"))
}

func testSwapClosedConflict(t *testing.T, s store.Store, _ *clock) {
	first := create(t, s, lobbyOf("blue-fox"))
	wantErr(t, "SwapLobby", s.SwapLobby(t.Context(), first.Clone()), nil)
	closed := first.Clone()
	closed.Closed = true
	wantErr(t, "SwapLobby that closes", s.SwapLobby(t.Context(), closed), store.ErrConflict)
	wantLobby(t, s, first.Key(), *first)
}

// testSwapSuccessor guards that who has read a lobby that has ended since cannot write it over the next of its id,
// though that was written as often.
func testSwapSuccessor(t *testing.T, s store.Store, c *clock) {
	closed := create(t, s, lobbyOf("blue-fox")).Clone()
	late := closed.Clone()
	closed.Closed = true
	wantErr(t, "SwapLobby that closes", s.SwapLobby(t.Context(), closed), nil)
	next := lobbyOf("blue-fox")
	next.Members[0].Conn = "next"
	expired := create(t, s, next).Clone()
	wantErr(t, "SwapLobby of one that was closed", s.SwapLobby(t.Context(), late), store.ErrConflict)
	wantLobby(t, s, next.Key(), next)
	c.Move(store.LobbyTTL)
	again := lobbyOf("blue-fox")
	again.ExpiresAt = c.Now().Add(time.Hour)
	create(t, s, again)
	wantErr(t, "SwapLobby of one that had expired", s.SwapLobby(t.Context(), expired), store.ErrConflict)
	wantLobby(t, s, again.Key(), again)
}

// busy returns a lobby in which every field has a value.
func busy(id string) store.Lobby {
	l := lobbyOf(id)
	for i := range 4 {
		r := store.Request{Conn: fmt.Sprint("guest", i), Since: int64(i + 1), Original: i%2 == 0, RequestID: fmt.Sprint("r", i)}
		if err := l.Request(r); err != nil {
			panic(err)
		}
	}
	for i, peer := range []int{40, 0} {
		if _, _, err := l.Accept("host", fmt.Sprint("guest", i), peer, ""); err != nil {
			panic(err)
		}
	}
	if err := l.Drop("guest1", epoch.Add(time.Minute)); err != nil {
		panic(err)
	}
	l.Changes = nil
	return l
}

func testFields(t *testing.T, s store.Store, _ *clock) {
	create(t, s, busy("blue-fox"))
}

// scribble writes over all the memory that l points to.
func scribble(l *store.Lobby) {
	for i := range l.Members {
		l.Members[i] = store.Member{Conn: "scribble"}
	}
	for i := range l.Waiting {
		l.Waiting[i] = store.Request{Conn: "scribble"}
	}
	for i := range l.Used {
		l.Used[i] = [2]int{8, 9}
	}
}

func testCopiedIn(t *testing.T, s store.Store, _ *clock) {
	l := busy("blue-fox")
	read := create(t, s, l)
	want := l.Clone()
	scribble(&l)
	wantLobby(t, s, l.Key(), want)
	swap := read.Clone()
	wantErr(t, "SwapLobby", s.SwapLobby(t.Context(), swap), nil)
	scribble(&swap)
	wantLobby(t, s, l.Key(), want)
}

// testSnapshot guards that a lobby that was read stays as it was, whatever is written or a rule does to its own copy.
func testSnapshot(t *testing.T, s store.Store, _ *clock) {
	l := busy("blue-fox")
	read := create(t, s, l)
	was := read.Clone()
	refuse := errors.New("no")
	_, err := store.UpdateLobby(t.Context(), s, l.Key(), nil, func(l *store.Lobby) error {
		scribble(l)
		return refuse
	})

	wantErr(t, "UpdateLobby", err, refuse)
	wantLobby(t, s, l.Key(), l)
	swap := read.Clone()
	scribble(&swap)
	wantErr(t, "SwapLobby", s.SwapLobby(t.Context(), swap), nil)
	if diff := cmp.Diff(was, *read, exactly); diff != "" {
		t.Errorf("what was read has changed (-before +after):\n%s", diff)
	}
}

// testLaterReads guards that a read that begins after a write has returned sees it, whoever asks.
func testLaterReads(t *testing.T, s store.Store, _ *clock) {
	l := create(t, s, lobbyOf("blue-fox"))
	for i := range 16 {
		next := l.Clone()
		next.MaxPlayers = 100 + i
		wantErr(t, "SwapLobby", s.SwapLobby(t.Context(), next), nil)
		for _, err := range atOnce(4, func(int) error {
			got, err := s.Lobby(t.Context(), l.Key())
			if err == nil && got.MaxPlayers != 100+i {
				err = fmt.Errorf("read %d after %d was written", got.MaxPlayers, 100+i)
			}
			return err
		}) {
			wantErr(t, "Lobby", err, nil)
		}
		l = wantLobby(t, s, l.Key(), next)
	}
}
