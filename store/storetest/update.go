package storetest

import (
	"context"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"bellhop/lobby"
	"bellhop/store"
)

func testUpdate(t *testing.T, s store.Store, _ *Clock) {
	l := LobbyOf("blue-fox")
	Create(t, s, l)
	r := lobby.JoinRequest{Conn: "guest"}
	got, err := store.UpdateLobby(t.Context(), s, l.Key(), func(l *lobby.Lobby) error { return l.Request(r) })
	WantErr(t, "UpdateLobby", err, nil)
	WantErr(t, "Request", l.Request(r), nil)
	if diff := cmp.Diff(l, *got, same); diff != "" {
		t.Errorf("UpdateLobby (-want +got):\n%s", diff)
	}
	WantLobby(t, s, l.Key(), l)
}

func testUpdateNothing(t *testing.T, s store.Store, _ *Clock) {
	_, err := store.UpdateLobby(t.Context(), s, lobby.KeyOf("tanks", "blue-fox"), func(*lobby.Lobby) error {
		t.Error("the rule was applied to nothing")
		return nil
	})

	WantErr(t, "UpdateLobby", err, store.ErrNotFound)
}

// testUpdateError checks that Apply returns a rule's own error, even one of the
// store's errors.
func testUpdateError(t *testing.T, s store.Store, _ *Clock) {
	l := LobbyOf("blue-fox")
	before := Create(t, s, l)
	for _, want := range []error{lobby.ErrFull, store.ErrConflict, fmt.Errorf("wrapped: %w", store.ErrNotFound)} {
		calls := 0
		_, err := store.UpdateLobby(t.Context(), s, l.Key(), func(l *lobby.Lobby) error {
			calls++
			l.MaxPlayers, l.Closed = 3, true
			return want
		})

		if err != want || calls != 1 {
			t.Errorf("UpdateLobby: %v after %d calls, want %v itself after one", err, calls, want)
		}
	}
	if after := WantLobby(t, s, l.Key(), l); after.Version != before.Version {
		t.Errorf("version %d became %d", before.Version, after.Version)
	}
}

func testUpdateClose(t *testing.T, s store.Store, _ *Clock) {
	l := Busy("blue-fox")
	Create(t, s, l)
	got, err := store.UpdateLobby(t.Context(), s, l.Key(), func(l *lobby.Lobby) error { return l.Leave("host") })
	WantErr(t, "UpdateLobby", err, nil)
	if !got.Closed || len(got.Events) != 1 {
		t.Errorf("UpdateLobby returned %+v, want it closed, with one change", got)
	}
	WantNoLobby(t, s, l.Key())
	Create(t, s, LobbyOf("blue-fox"))
}

// testUpdateSwap checks that Apply writes through the caller's Swap, which gets
// the lobby before and after the change.
func testUpdateSwap(t *testing.T, s store.Store, _ *Clock) {
	l := Create(t, s, LobbyOf("blue-fox"))
	calls := 0
	swap := func(ctx context.Context, old, new *lobby.Lobby) error {
		if calls++; old.Has("guest") || !new.Has("guest") {
			t.Errorf("Swap was called with %v and %v", old, new)
		}
		return s.SwapLobby(ctx, old, new)
	}
	_, err := store.Update{Store: s, Key: l.Key(), Seen: l, Swap: swap}.Apply(t.Context(), func(l *lobby.Lobby) error {
		return l.Request(lobby.JoinRequest{Conn: "guest"})
	})
	WantErr(t, "Apply", err, nil)
	if got, err := s.Lobby(t.Context(), l.Key()); err != nil || !got.Has("guest") || calls != 1 {
		t.Errorf("the lobby is %v, %v after %d calls of Swap", got, err, calls)
	}
}

// testUpdateAtOnce checks that no change is lost among many simultaneous ones.
func testUpdateAtOnce(t *testing.T, s store.Store, _ *Clock) {
	l := Create(t, s, LobbyOf("blue-fox"))
	errs := AtOnce(32, func(i int) error {
		_, err := store.UpdateLobby(t.Context(), s, l.Key(), func(l *lobby.Lobby) error {
			return l.Request(lobby.JoinRequest{Conn: fmt.Sprint("guest", i)})
		})

		return err
	})
	for _, err := range errs {
		WantErr(t, "UpdateLobby", err, nil)
	}
	got, err := s.Lobby(t.Context(), l.Key())
	WantErr(t, "Lobby", err, nil)
	promised := map[int]bool{}
	for _, r := range got.Waiting {
		promised[r.PeerID] = true
	}
	for i := range errs {
		if !got.Has(fmt.Sprint("guest", i)) {
			t.Errorf("guest%d is lost", i)
		}
	}
	if len(promised) != 32 || len(got.Waiting) != 32 {
		t.Errorf("%d peer ids were promised to %d, want 32", len(promised), len(got.Waiting))
	}
}

// testUpdateAnew lets another writer write between a rule's read and its write:
// the rule must run again, and its new result counts.
func testUpdateAnew(t *testing.T, s store.Store, _ *Clock) {
	l := Create(t, s, LobbyOf("blue-fox"))
	calls := 0
	_, err := store.UpdateLobby(t.Context(), s, l.Key(), func(l *lobby.Lobby) error {
		if calls++; calls == 1 {
			other, err := s.Lobby(t.Context(), l.Key())
			WantErr(t, "Lobby", err, nil)
			full := other.Clone()
			full.MaxPlayers = 1
			WantErr(t, "SwapLobby", Swap(t.Context(), s, full), nil)
		}
		return l.Request(lobby.JoinRequest{Conn: "guest"})
	})

	WantErr(t, "UpdateLobby", err, lobby.ErrFull)
	if calls != 2 {
		t.Errorf("the rule was applied %d times, want 2", calls)
	}
}

// testUpdateLoses lets another writer be faster ten times in a row.
func testUpdateLoses(t *testing.T, s store.Store, _ *Clock) {
	l := Create(t, s, LobbyOf("blue-fox"))
	calls := 0
	got, err := store.UpdateLobby(t.Context(), s, l.Key(), func(l *lobby.Lobby) error {
		if calls++; calls <= 10 {
			other := l.Clone()
			other.MaxPlayers++
			WantErr(t, "SwapLobby", Swap(t.Context(), s, other), nil)
		}
		return l.Request(lobby.JoinRequest{Conn: "guest"})
	})

	WantErr(t, "UpdateLobby", err, nil)
	if !got.Has("guest") || got.MaxPlayers != l.MaxPlayers+10 {
		t.Errorf("after ten others who added a place each: %+v", got)
	}
	WantLobby(t, s, l.Key(), *got)
}

// testUpdateLastPlace checks a limit with many simultaneous writers.
func testUpdateLastPlace(t *testing.T, s store.Store, _ *Clock) {
	l := LobbyOf("blue-fox")
	l.MaxPlayers = 2
	for i := range 16 {
		WantErr(t, "Request", l.Request(lobby.JoinRequest{Conn: fmt.Sprint("guest", i)}), nil)
	}
	Create(t, s, l)
	winner := WantOne(t, AtOnce(16, func(i int) error {
		_, err := store.UpdateLobby(t.Context(), s, l.Key(), func(l *lobby.Lobby) error {
			_, _, err := l.Accept("host", fmt.Sprint("guest", i), 0, "")
			return err
		})

		return err
	}), lobby.ErrFull)
	got, err := s.Lobby(t.Context(), l.Key())
	WantErr(t, "Lobby", err, nil)
	if _, ok := got.Member(fmt.Sprint("guest", winner)); !ok || len(got.Members) != 2 || len(got.Waiting) != 15 {
		t.Errorf("guest%d was let in, but the lobby is %+v", winner, got)
	}
}
