package storetest

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"bellhop/lobby"
	"bellhop/store"
)

// openLobby returns a public lobby of "tanks" with that many players. It began
// that many seconds after the Epoch.
func openLobby(id string, began, players, places int) lobby.Lobby {
	l := LobbyOf(id)
	l.Public, l.MaxPlayers, l.CreatedAt = true, places, Epoch.UnixMicro()+int64(began)*1e6
	for i := 1; i < players; i++ {
		l.Members = append(l.Members, lobby.Member{Conn: fmt.Sprint("guest", i), PeerID: 1 + i})
	}
	return l
}

// pages returns the list of "tanks", read n lobbies at a time, and checks
// List's promises on each page.
func pages(t *testing.T, s store.Store, o *lobby.Order, n int) (all []lobby.Listing) {
	t.Helper()
	var after lobby.Position
	for more := true; more; {
		page, is, err := s.List(t.Context(), "tanks", o, after, n)
		WantErr(t, "List", err, nil)
		if more = is; more && len(page) == 0 {
			t.Fatalf("after %q there is more, and List shows none of it", after)
		}
		for _, l := range page {
			if l.Position <= after {
				t.Fatalf("%s at %q comes after %q", l.ID, l.Position, after)
			}
			after = l.Position
		}
		all = append(all, page...)
	}
	return all
}

// wantListed checks which lobbies of "tanks" are listed, with pages of any
// size. A write can be visible a moment late.
func wantListed(t *testing.T, s store.Store, o *lobby.Order, want ...string) {
	t.Helper()
	for _, n := range []int{1, 2, 3, 100} {
		var got []string
		for until := time.Now().Add(5 * time.Second); ; {
			got = nil
			for _, l := range pages(t, s, o, n) {
				got = append(got, l.ID)
			}
			if slices.Equal(got, want) || time.Now().After(until) {
				break
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("listed, %d at a time (-want +got):\n%s", n, diff)
		}
	}
}

func change(t *testing.T, s store.Store, l lobby.Lobby, rule func(l *lobby.Lobby)) {
	t.Helper()
	_, err := store.UpdateLobby(t.Context(), s, l.Key(), func(l *lobby.Lobby) error { rule(l); return nil })
	WantErr(t, "UpdateLobby", err, nil)
}

// testListNone checks that a game without lobbies has an empty list from any
// position.
func testListNone(t *testing.T, s store.Store, _ *Clock) {
	for _, after := range []lobby.Position{"", "0", "~"} {
		if page, more, err := s.List(t.Context(), "tanks", lobby.Newest, after, 5); err != nil || more || len(page) > 0 {
			t.Errorf("after %q: %v, %v, %v", after, page, more, err)
		}
	}
}

// testListOrders checks both orders, and that the id decides between lobbies
// that are otherwise equal.
func testListOrders(t *testing.T, s store.Store, _ *Clock) {
	for _, l := range []lobby.Lobby{
		openLobby("old", 0, 1, 4), openLobby("Twin-B", 2, 3, 8), openLobby("twin-a", 2, 3, 8), openLobby("one-left", 3, 7, 8),
		openLobby("big", 4, 1, 64), openLobby("late-one-left", 5, 1, 2),
	} {
		Create(t, s, l)
	}
	wantListed(t, s, lobby.Newest, "late-one-left", "big", "one-left", "twin-a", "Twin-B", "old")
	wantListed(t, s, lobby.Fullest, "one-left", "late-one-left", "old", "twin-a", "Twin-B", "big")
}

// testListMoves checks that a lobby keeps its position in Newest and moves in
// Fullest when a player comes or leaves.
func testListMoves(t *testing.T, s store.Store, _ *Clock) {
	older, newer := openLobby("older", 0, 2, 4), openLobby("newer", 1, 2, 4)
	Create(t, s, older)
	Create(t, s, newer)
	wantListed(t, s, lobby.Fullest, "older", "newer")
	change(t, s, newer, func(l *lobby.Lobby) { l.Members = append(l.Members, lobby.Member{Conn: "third", PeerID: 3}) })
	wantListed(t, s, lobby.Fullest, "newer", "older")
	wantListed(t, s, lobby.Newest, "newer", "older")
	change(t, s, newer, func(l *lobby.Lobby) { l.Members = l.Members[:1] })
	wantListed(t, s, lobby.Fullest, "older", "newer")
	wantListed(t, s, lobby.Newest, "newer", "older")
}

// testListLeaves checks that a lobby that nobody can join is in no list, and
// comes back to its position.
func testListLeaves(t *testing.T, s store.Store, _ *Clock) {
	l := openLobby("fox", 1, 2, 4)
	Create(t, s, openLobby("before", 0, 2, 4))
	Create(t, s, l)
	Create(t, s, openLobby("behind", 2, 2, 4))
	for _, why := range []struct {
		name    string
		do, end func(l *lobby.Lobby)
	}{
		{"full", func(l *lobby.Lobby) { l.MaxPlayers = 2 }, func(l *lobby.Lobby) { l.MaxPlayers = 4 }},
		{"locked", func(l *lobby.Lobby) { l.Locked = true }, func(l *lobby.Lobby) { l.Locked = false }},
		{"private", func(l *lobby.Lobby) { l.Public = false }, func(l *lobby.Lobby) { l.Public = true }},
		{"host away", func(l *lobby.Lobby) { l.Members[0].AwayUntil = Epoch.Add(time.Hour) },
			func(l *lobby.Lobby) { l.Members[0].AwayUntil = time.Time{} }},
	} {
		change(t, s, l, why.do)
		t.Log(why.name)
		wantListed(t, s, lobby.Newest, "behind", "before")
		wantListed(t, s, lobby.Fullest, "before", "behind")
		change(t, s, l, func(l *lobby.Lobby) { l.Metadata += " " }) // a write of an unlisted lobby lists nothing
		wantListed(t, s, lobby.Newest, "behind", "before")
		change(t, s, l, why.end)
		wantListed(t, s, lobby.Newest, "behind", "fox", "before")
		wantListed(t, s, lobby.Fullest, "before", "fox", "behind")
	}
	change(t, s, l, func(l *lobby.Lobby) { l.Members[1].AwayUntil = Epoch.Add(time.Hour) }) // a guest's slot counts as taken
	wantListed(t, s, lobby.Fullest, "before", "fox", "behind")
}

// testListClosed checks that a closed lobby is in no list, and neither is one
// that is private, locked or full from the start. The next lobby with its id is
// listed.
func testListClosed(t *testing.T, s store.Store, _ *Clock) {
	l := openLobby("fox", 0, 1, 4)
	Create(t, s, l)
	private, locked, full := openLobby("private", 1, 1, 4), openLobby("locked", 1, 1, 4), openLobby("full", 1, 4, 4)
	private.Public, locked.Locked = false, true
	Create(t, s, private)
	Create(t, s, locked)
	Create(t, s, full)
	wantListed(t, s, lobby.Newest, "fox")
	change(t, s, l, func(l *lobby.Lobby) { l.Closed, l.Members = true, nil })
	wantListed(t, s, lobby.Newest)
	wantListed(t, s, lobby.Fullest)
	Create(t, s, openLobby("FOX", 9, 2, 4))
	wantListed(t, s, lobby.Newest, "FOX")
	wantListed(t, s, lobby.Fullest, "FOX")
}

// testListExpires checks that expired lobbies are in no list, that lobbies
// behind any number of them are found, and that an id that another lobby has
// taken since is listed once.
func testListExpires(t *testing.T, s store.Store, c *Clock) {
	for i := range 50 {
		Create(t, s, openLobby(fmt.Sprint("gone-", i), 100+i, 3, 4)) // before the others in both orders
	}
	var newest, fullest []string
	for i := range 5 {
		l := openLobby(fmt.Sprint("stays-", i), i, 1, 4)
		l.ExpiresAt = l.ExpiresAt.Add(time.Hour)
		Create(t, s, l)
		newest, fullest = append([]string{l.ID}, newest...), append(fullest, l.ID)
	}
	c.Move(lobby.TTL)
	wantListed(t, s, lobby.Newest, newest...)
	wantListed(t, s, lobby.Fullest, fullest...)
	next := openLobby("gone-7", 7, 1, 4)
	next.ExpiresAt = c.Now().Add(time.Hour)
	Create(t, s, next)
	wantListed(t, s, lobby.Newest, append([]string{"gone-7"}, newest...)...)
	wantListed(t, s, lobby.Fullest, append(fullest, "gone-7")...)
}

// testListGames checks that a list has only the lobbies of one game, and that
// case counts in the game's name.
func testListGames(t *testing.T, s store.Store, _ *Clock) {
	for _, game := range []string{"boats", "Tanks", "tank", "tanks2"} {
		l := openLobby("other", 1, 2, 4)
		l.Game = game
		Create(t, s, l)
	}
	wantListed(t, s, lobby.Newest)
	Create(t, s, openLobby("fox", 0, 1, 4))
	wantListed(t, s, lobby.Newest, "fox")
	wantListed(t, s, lobby.Fullest, "fox")
}

// testListPassword checks that a lobby with a password is only in Newest, for
// as long as it has the password.
func testListPassword(t *testing.T, s store.Store, _ *Clock) {
	l := openLobby("secret", 1, 3, 4)
	l.Password = "salt.hash"
	Create(t, s, l)
	Create(t, s, openLobby("open", 0, 1, 4))
	wantListed(t, s, lobby.Newest, "secret", "open")
	wantListed(t, s, lobby.Fullest, "open")
	change(t, s, l, func(l *lobby.Lobby) { l.Password = "" })
	wantListed(t, s, lobby.Fullest, "secret", "open")
	change(t, s, l, func(l *lobby.Lobby) { l.Password = "salt.other" })
	wantListed(t, s, lobby.Fullest, "open")
	wantListed(t, s, lobby.Newest, "secret", "open")
}

// testListAfter checks that a list continues after a position even if the lobby
// there is gone, or others have come, and that more is false at the end.
func testListAfter(t *testing.T, s store.Store, _ *Clock) {
	for i := range 9 {
		Create(t, s, openLobby(fmt.Sprint("l", i), i, 1, 4))
	}
	wantListed(t, s, lobby.Newest, "l8", "l7", "l6", "l5", "l4", "l3", "l2", "l1", "l0")
	all := pages(t, s, lobby.Newest, 100)
	change(t, s, openLobby("l5", 0, 1, 4), func(l *lobby.Lobby) { l.Closed, l.Members = true, nil })
	Create(t, s, openLobby("new", 50, 1, 4))
	wantListed(t, s, lobby.Newest, "new", "l8", "l7", "l6", "l4", "l3", "l2", "l1", "l0")
	for i, want := range map[int]int{3: 5, 7: 1, 8: 0} { // after l5, l1 and l0
		page, more, err := s.List(t.Context(), "tanks", lobby.Newest, all[i].Position, 100)
		if err != nil || more || len(page) != want {
			t.Errorf("behind %s: %v, %v, %v, want %d", all[i].ID, page, more, err, want)
		}
	}
}

// testListShows checks that a listing has the lobby's current fields, also
// after writes.
func testListShows(t *testing.T, s store.Store, _ *Clock) {
	l := openLobby("Blue-Fox", 1, 2, 4)
	l.Password, l.AutoAccept, l.Mesh, l.Migrates, l.Metadata = "salt.hash", true, true, true, `{"map":"ice"}`
	for _, rule := range []func(l *lobby.Lobby){
		nil,
		func(l *lobby.Lobby) { l.Members = append(l.Members, lobby.Member{Conn: "third", PeerID: 3}) },
		func(l *lobby.Lobby) { l.Password, l.Metadata, l.AutoAccept = "", "", false },
		func(l *lobby.Lobby) { l.ExpiresAt = l.ExpiresAt.Add(time.Hour) },
	} {
		if rule == nil {
			Create(t, s, l)
		} else {
			change(t, s, l, rule)
		}
		wantListed(t, s, lobby.Newest, "Blue-Fox")
		is, err := s.Lobby(t.Context(), l.Key())
		WantErr(t, "Lobby", err, nil)
		got := pages(t, s, lobby.Newest, 5)[0]
		got.Position = ""
		if diff := cmp.Diff(is.Listing(), got); diff != "" {
			t.Errorf("listed (-lobby +list):\n%s", diff)
		}
	}
}
