package store_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"bellhop/store"
)

func testUpdate(t *testing.T, s store.Store, _ *clock) {
	l := lobbyOf("blue-fox")
	create(t, s, l)
	r := store.Request{Conn: "guest"}
	got, err := store.UpdateLobby(t.Context(), s, l.Key(), nil, func(l *store.Lobby) error { return l.Request(r) })
	wantErr(t, "UpdateLobby", err, nil)
	wantErr(t, "Request", l.Request(r), nil)
	if diff := cmp.Diff(l, *got, same); diff != "" {
		t.Errorf("UpdateLobby (-want +got):\n%s", diff)
	}
	wantLobby(t, s, l.Key(), l)
}

func testUpdateNothing(t *testing.T, s store.Store, _ *clock) {
	_, err := store.UpdateLobby(t.Context(), s, store.LobbyKey("tanks", "blue-fox"), nil, func(*store.Lobby) error {
		t.Error("the rule was applied to nothing")
		return nil
	})

	wantErr(t, "UpdateLobby", err, store.ErrNotFound)
}

// testUpdateError guards that what a rule returns comes back itself, even where it is an error of the store's.
func testUpdateError(t *testing.T, s store.Store, _ *clock) {
	l := lobbyOf("blue-fox")
	before := create(t, s, l)
	for _, want := range []error{store.ErrFull, store.ErrConflict, fmt.Errorf("wrapped: %w", store.ErrNotFound)} {
		calls := 0
		_, err := store.UpdateLobby(t.Context(), s, l.Key(), nil, func(l *store.Lobby) error {
			calls++
			l.MaxPlayers, l.Closed = 3, true
			return want
		})

		if err != want || calls != 1 {
			t.Errorf("UpdateLobby: %v after %d calls, want %v itself after one", err, calls, want)
		}
	}
	if after := wantLobby(t, s, l.Key(), l); after.Version != before.Version {
		t.Errorf("version %d became %d", before.Version, after.Version)
	}
}

func testUpdateClose(t *testing.T, s store.Store, _ *clock) {
	l := busy("blue-fox")
	create(t, s, l)
	got, err := store.UpdateLobby(t.Context(), s, l.Key(), nil, func(l *store.Lobby) error { return l.Leave("host") })
	wantErr(t, "UpdateLobby", err, nil)
	if !got.Closed || len(got.Changes) != 1 {
		t.Errorf("UpdateLobby returned %+v, want it closed, with one change", got)
	}
	wantNoLobby(t, s, l.Key())
	create(t, s, lobbyOf("blue-fox"))
}

// testGone guards that who must be pointed elsewhere is known after each update: all who were listed and are not.
func testGone(t *testing.T, s store.Store, _ *clock) {
	l := busy("blue-fox")
	create(t, s, l)
	for _, step := range []struct {
		rule func(*store.Lobby) error
		want []store.Place
	}{
		{func(l *store.Lobby) error { _, _, err := l.Accept("host", "guest2", 0, ""); return err }, nil},
		{func(l *store.Lobby) error { return l.Leave("guest0") }, []store.Place{{Conn: "guest0", Since: 1}}},
		{func(l *store.Lobby) error { return l.Request(store.Request{Conn: "guest4"}) }, nil},
		{func(l *store.Lobby) error { return l.Close("host") }, []store.Place{
			{Conn: "guest1", Since: 2}, {Conn: "guest2", Since: 3}, {Conn: "guest3", Since: 4}, {Conn: "guest4"},
			{Conn: "host", Since: 7},
		}},
	} {
		got, err := store.UpdateLobby(t.Context(), s, l.Key(), nil, step.rule)
		wantErr(t, "UpdateLobby", err, nil)
		gone := got.Gone()
		slices.SortFunc(gone, func(a, b store.Place) int { return strings.Compare(a.Conn, b.Conn) })
		if diff := cmp.Diff(step.want, gone); diff != "" {
			t.Errorf("Gone (-want +got):\n%s", diff)
		}
	}
}

// testUpdateAtOnce guards that nobody's change is lost when many make one.
func testUpdateAtOnce(t *testing.T, s store.Store, _ *clock) {
	l := create(t, s, lobbyOf("blue-fox"))
	errs := atOnce(32, func(i int) error {
		_, err := store.UpdateLobby(t.Context(), s, l.Key(), nil, func(l *store.Lobby) error {
			return l.Request(store.Request{Conn: fmt.Sprint("guest", i)})
		})

		return err
	})
	for _, err := range errs {
		wantErr(t, "UpdateLobby", err, nil)
	}
	got, err := s.Lobby(t.Context(), l.Key())
	wantErr(t, "Lobby", err, nil)
	promised := map[int]bool{}
	for _, r := range got.Waiting {
		promised[r.PeerID] = true
	}
	for i := range errs {
		if !got.Lists(fmt.Sprint("guest", i)) {
			t.Errorf("guest%d is lost", i)
		}
	}
	if len(promised) != 32 || len(got.Waiting) != 32 {
		t.Errorf("%d peer ids were promised to %d, want 32", len(promised), len(got.Waiting))
	}
}

// testUpdateAnew has somebody write between a rule's read and its write: the rule must be asked again, and its new
// answer counts.
func testUpdateAnew(t *testing.T, s store.Store, _ *clock) {
	l := create(t, s, lobbyOf("blue-fox"))
	calls := 0
	_, err := store.UpdateLobby(t.Context(), s, l.Key(), nil, func(l *store.Lobby) error {
		if calls++; calls == 1 {
			other, err := s.Lobby(t.Context(), l.Key())
			wantErr(t, "Lobby", err, nil)
			full := other.Clone()
			full.MaxPlayers = 1
			wantErr(t, "SwapLobby", s.SwapLobby(t.Context(), full), nil)
		}
		return l.Request(store.Request{Conn: "guest"})
	})

	wantErr(t, "UpdateLobby", err, store.ErrFull)
	if calls != 2 {
		t.Errorf("the rule was applied %d times, want 2", calls)
	}
}

// testUpdateLoses has somebody be faster ten times in a row.
func testUpdateLoses(t *testing.T, s store.Store, _ *clock) {
	l := create(t, s, lobbyOf("blue-fox"))
	calls := 0
	got, err := store.UpdateLobby(t.Context(), s, l.Key(), nil, func(l *store.Lobby) error {
		if calls++; calls <= 10 {
			other := l.Clone()
			other.MaxPlayers++
			wantErr(t, "SwapLobby", s.SwapLobby(t.Context(), other), nil)
		}
		return l.Request(store.Request{Conn: "guest"})
	})

	wantErr(t, "UpdateLobby", err, nil)
	if !got.Lists("guest") || got.MaxPlayers != l.MaxPlayers+10 {
		t.Errorf("after ten others who added a place each: %+v", got)
	}
	wantLobby(t, s, l.Key(), *got)
}

// testUpdateLastPlace guards a limit against many at once.
func testUpdateLastPlace(t *testing.T, s store.Store, _ *clock) {
	l := lobbyOf("blue-fox")
	l.MaxPlayers = 2
	for i := range 16 {
		wantErr(t, "Request", l.Request(store.Request{Conn: fmt.Sprint("guest", i)}), nil)
	}
	create(t, s, l)
	winner := wantOne(t, atOnce(16, func(i int) error {
		_, err := store.UpdateLobby(t.Context(), s, l.Key(), nil, func(l *store.Lobby) error {
			_, _, err := l.Accept("host", fmt.Sprint("guest", i), 0, "")
			return err
		})

		return err
	}), store.ErrFull)
	got, err := s.Lobby(t.Context(), l.Key())
	wantErr(t, "Lobby", err, nil)
	if _, ok := got.Member(fmt.Sprint("guest", winner)); !ok || len(got.Members) != 2 || len(got.Waiting) != 15 {
		t.Errorf("guest%d was let in, but the lobby is %+v", winner, got)
	}
}
