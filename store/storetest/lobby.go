package storetest

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"bellhop/lobby"
	"bellhop/store"
)

func testCreate(t *testing.T, s store.Store, _ *Clock) {
	Create(t, s, LobbyOf("blue-fox"))
}

func testCreateExists(t *testing.T, s store.Store, _ *Clock) {
	first, second := LobbyOf("blue-fox"), LobbyOf("blue-fox")
	Create(t, s, first)
	second.Members[0].Conn = "other"
	WantErr(t, "CreateLobby again", s.CreateLobby(t.Context(), second), store.ErrExists)
	WantLobby(t, s, first.Key(), first)
}

func testOneCreator(t *testing.T, s store.Store, _ *Clock) {
	lobbies := make([]lobby.Lobby, 16)
	for i := range lobbies {
		lobbies[i] = LobbyOf("blue-fox")
		lobbies[i].Members[0].Conn = fmt.Sprint("host", i)
	}
	errs := AtOnce(len(lobbies), func(i int) error { return s.CreateLobby(t.Context(), lobbies[i]) })
	winner := WantOne(t, errs, store.ErrExists)
	WantLobby(t, s, lobbies[winner].Key(), lobbies[winner])
}

func testNewVersion(t *testing.T, s store.Store, _ *Clock) {
	seen := map[int64]bool{}
	for range 8 {
		l := Create(t, s, LobbyOf("blue-fox"))
		if seen[l.Version] {
			t.Fatalf("version %d is that of a lobby before", l.Version)
		}
		seen[l.Version] = true
		closed := l.Clone()
		closed.Closed = true
		WantErr(t, "SwapLobby", Swap(t.Context(), s, closed), nil)
	}
}

func testNoLobby(t *testing.T, s store.Store, _ *Clock) {
	WantNoLobby(t, s, lobby.KeyOf("tanks", "blue-fox"))
}

func testCase(t *testing.T, s store.Store, _ *Clock) {
	l := LobbyOf("Blue-Fox")
	Create(t, s, l)
	WantErr(t, "CreateLobby in another case", s.CreateLobby(t.Context(), LobbyOf("bLUE-fOX")), store.ErrExists)
	got := WantLobby(t, s, lobby.KeyOf("tanks", "BLUE-FOX"), l)
	if got.ID != "Blue-Fox" {
		t.Errorf("id is %q, want it as the host spelled it", got.ID)
	}
}

func testGames(t *testing.T, s store.Store, _ *Clock) {
	tanks, boats := LobbyOf("blue-fox"), LobbyOf("blue-fox")
	boats.Game, boats.Members[0].Conn = "boats", "captain"
	Create(t, s, tanks)
	WantNoLobby(t, s, boats.Key())
	WantNoLobby(t, s, lobby.KeyOf("Tanks", "blue-fox")) // case counts in a game's name
	closed := Create(t, s, boats).Clone()
	closed.Closed = true
	WantErr(t, "SwapLobby", Swap(t.Context(), s, closed), nil)
	WantNoLobby(t, s, boats.Key())
	WantLobby(t, s, tanks.Key(), tanks)
}

func testLobbyExpires(t *testing.T, s store.Store, c *Clock) {
	l := LobbyOf("blue-fox")
	read := Create(t, s, l)
	c.Move(lobby.TTL - time.Second)
	WantLobby(t, s, l.Key(), l)
	WantErr(t, "CreateLobby a second before", s.CreateLobby(t.Context(), l), store.ErrExists)
	c.Move(time.Second)
	WantNoLobby(t, s, l.Key())
	swap := read.Clone()
	swap.ExpiresAt = c.Now().Add(time.Hour)
	WantErr(t, "SwapLobby of one that has expired", Swap(t.Context(), s, swap), store.ErrConflict)
	WantNoLobby(t, s, l.Key())
	next := LobbyOf("blue-fox")
	next.Members[0].Conn, next.ExpiresAt = "next", c.Now().Add(time.Hour)
	Create(t, s, next)
}

func testSwap(t *testing.T, s store.Store, _ *Clock) {
	l := Create(t, s, LobbyOf("blue-fox")).Clone()
	l.Members[0].AwayUntil = Epoch.Add(time.Minute)
	l.ExpiresAt = l.ExpiresAt.Add(time.Hour)
	WantErr(t, "SwapLobby", Swap(t.Context(), s, l), nil)
	WantLobby(t, s, l.Key(), l)
}

func testVersionGrows(t *testing.T, s store.Store, _ *Clock) {
	l := Create(t, s, LobbyOf("blue-fox"))
	for range 4 {
		WantErr(t, "SwapLobby", Swap(t.Context(), s, l.Clone()), nil)
		next := WantLobby(t, s, l.Key(), *l)
		if next.Version <= l.Version {
			t.Fatalf("version %d after %d", next.Version, l.Version)
		}
		l = next
	}
}

func testSwapConflict(t *testing.T, s store.Store, _ *Clock) {
	first := Create(t, s, LobbyOf("blue-fox"))
	second := first.Clone()
	second.MaxPlayers = 4
	WantErr(t, "SwapLobby", Swap(t.Context(), s, second), nil)
	late := first.Clone()
	late.MaxPlayers = 5
	for _, version := range []int64{first.Version, first.Version - 1, first.Version + 1<<40, 0} {
		late.Version = version
		WantErr(t, "SwapLobby of a wrong version", Swap(t.Context(), s, late), store.ErrConflict)
	}
	WantLobby(t, s, first.Key(), second)
}

func testSwapNothing(t *testing.T, s store.Store, _ *Clock) {
	l := LobbyOf("blue-fox")
	WantErr(t, "SwapLobby of version 0", Swap(t.Context(), s, l), store.ErrConflict)
	l.Version = 1
	WantErr(t, "SwapLobby of version 1", Swap(t.Context(), s, l), store.ErrConflict)
	l.Closed = true
	WantErr(t, "SwapLobby that closes", Swap(t.Context(), s, l), store.ErrConflict)
	WantNoLobby(t, s, l.Key())
}

func testOneSwap(t *testing.T, s store.Store, _ *Clock) {
	l := Create(t, s, LobbyOf("blue-fox"))
	swaps := make([]lobby.Lobby, 16)
	for i := range swaps {
		swaps[i] = l.Clone()
		swaps[i].MaxPlayers = 100 + i
	}
	errs := AtOnce(len(swaps), func(i int) error { return Swap(t.Context(), s, swaps[i]) })
	WantLobby(t, s, l.Key(), swaps[WantOne(t, errs, store.ErrConflict)])
}

func testSwapClosed(t *testing.T, s store.Store, _ *Clock) {
	l := Create(t, s, LobbyOf("blue-fox")).Clone()
	WantErr(t, "Close", l.Close("host"), nil)
	WantErr(t, "SwapLobby", Swap(t.Context(), s, l), nil)
	WantNoLobby(t, s, l.Key())
	WantErr(t, "SwapLobby again", Swap(t.Context(), s, l), store.ErrConflict)
	Create(t, s, LobbyOf("blue-fox"))
}

func testSwapClosedConflict(t *testing.T, s store.Store, _ *Clock) {
	first := Create(t, s, LobbyOf("blue-fox"))
	WantErr(t, "SwapLobby", Swap(t.Context(), s, first.Clone()), nil)
	closed := first.Clone()
	closed.Closed = true
	WantErr(t, "SwapLobby that closes", Swap(t.Context(), s, closed), store.ErrConflict)
	WantLobby(t, s, first.Key(), *first)
}

// testSwapSuccessor checks that a writer that has read a lobby that has ended
// since cannot overwrite the next lobby with its id, even if both were written
// equally often.
func testSwapSuccessor(t *testing.T, s store.Store, c *Clock) {
	closed := Create(t, s, LobbyOf("blue-fox")).Clone()
	late := closed.Clone()
	closed.Closed = true
	WantErr(t, "SwapLobby that closes", Swap(t.Context(), s, closed), nil)
	next := LobbyOf("blue-fox")
	next.Members[0].Conn = "next"
	expired := Create(t, s, next).Clone()
	WantErr(t, "SwapLobby of one that was closed", Swap(t.Context(), s, late), store.ErrConflict)
	WantLobby(t, s, next.Key(), next)
	c.Move(lobby.TTL)
	again := LobbyOf("blue-fox")
	again.ExpiresAt = c.Now().Add(time.Hour)
	Create(t, s, again)
	WantErr(t, "SwapLobby of one that had expired", Swap(t.Context(), s, expired), store.ErrConflict)
	WantLobby(t, s, again.Key(), again)
}

// Busy returns a lobby with waiting players and members; one member is away.
func Busy(id string) lobby.Lobby {
	l := LobbyOf(id)
	for i := range 4 {
		r := lobby.JoinRequest{Conn: fmt.Sprint("guest", i), ClaimID: uint32(i + 1), ClaimedAt: int64(i + 1), Original: i%2 == 0, RequestID: fmt.Sprint("r", i)}
		if err := l.Request(r); err != nil {
			panic(err)
		}
	}
	for i, peer := range []int{40, 0} {
		if _, _, err := l.Accept("host", fmt.Sprint("guest", i), peer, ""); err != nil {
			panic(err)
		}
	}
	if err := l.Disconnect("guest1", Epoch.Add(time.Minute)); err != nil {
		panic(err)
	}
	l.Events = nil
	return l
}

func testFields(t *testing.T, s store.Store, _ *Clock) {
	l := Busy("blue-fox")
	l.AutoAccept, l.Public, l.Locked, l.Mesh, l.Migrates = true, true, true, true, true
	l.Password, l.Metadata, l.Banned, l.CreatedAt, l.Term = "hash", `{"mode":"duel"}`, []string{"b1", "b2"}, 7, 3
	for i := range l.Members {
		m := &l.Members[i]
		m.Player, m.Token, m.PreviousConns = fmt.Sprintf(`{"member":%d}`, i), fmt.Sprint("t", i), []string{fmt.Sprint("former", i)}
	}
	for i := range l.Waiting {
		l.Waiting[i].Player = fmt.Sprintf(`{"waiting":%d}`, i)
	}
	Create(t, s, l)
}

// scribble overwrites all the memory that l points to.
func scribble(l *lobby.Lobby) {
	for i := range l.Members {
		l.Members[i] = lobby.Member{Conn: "scribble"}
	}
	for i := range l.Waiting {
		l.Waiting[i] = lobby.JoinRequest{Conn: "scribble"}
	}
	for i := range l.UsedPeerIDs {
		l.UsedPeerIDs[i] = [2]int{8, 9}
	}
}

func testCopiedIn(t *testing.T, s store.Store, _ *Clock) {
	l := Busy("blue-fox")
	read := Create(t, s, l)
	want := l.Clone()
	scribble(&l)
	WantLobby(t, s, l.Key(), want)
	swap := read.Clone()
	WantErr(t, "SwapLobby", Swap(t.Context(), s, swap), nil)
	scribble(&swap)
	WantLobby(t, s, l.Key(), want)
}

// testSnapshot checks that a lobby that was read never changes, whatever is
// written or a rule does to its own copy.
func testSnapshot(t *testing.T, s store.Store, _ *Clock) {
	l := Busy("blue-fox")
	read := Create(t, s, l)
	was := read.Clone()
	refuse := errors.New("no")
	_, err := store.UpdateLobby(t.Context(), s, l.Key(), func(l *lobby.Lobby) error {
		scribble(l)
		return refuse
	})

	WantErr(t, "UpdateLobby", err, refuse)
	WantLobby(t, s, l.Key(), l)
	swap := read.Clone()
	scribble(&swap)
	WantErr(t, "SwapLobby", Swap(t.Context(), s, swap), nil)
	if diff := cmp.Diff(was, *read, cmpopts.IgnoreUnexported(lobby.Lobby{}), cmpopts.IgnoreFields(lobby.Lobby{}, "Stored")); diff != "" {
		t.Errorf("what was read has changed (-before +after):\n%s", diff)
	}
}

// testLaterReads checks that a read that begins after a write has returned sees
// the write, from any client.
func testLaterReads(t *testing.T, s store.Store, _ *Clock) {
	l := Create(t, s, LobbyOf("blue-fox"))
	for i := range 16 {
		next := l.Clone()
		next.MaxPlayers = 100 + i
		WantErr(t, "SwapLobby", Swap(t.Context(), s, next), nil)
		for _, err := range AtOnce(4, func(int) error {
			got, err := s.Lobby(t.Context(), l.Key())
			if err == nil && got.MaxPlayers != 100+i {
				err = fmt.Errorf("read %d after %d was written", got.MaxPlayers, 100+i)
			}
			return err
		}) {
			WantErr(t, "Lobby", err, nil)
		}
		l = WantLobby(t, s, l.Key(), next)
	}
}
