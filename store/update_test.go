package store_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"bellhop/lobby"
	"bellhop/store"
	"bellhop/store/storetest"
)

// A contested store has somebody else write before each swap, losses times.
type contested struct {
	store.Store
	losses   int
	attempts int
	onLoss   func()
}

func (c *contested) SwapLobby(ctx context.Context, old, new *lobby.Lobby) error {
	c.attempts++
	if c.losses == 0 {
		return c.Store.SwapLobby(ctx, old, new)
	}
	c.losses--
	c.onLoss()
	return fmt.Errorf("somebody was faster: %w", store.ErrConflict)
}

// contest opens a lobby in a store that is contested so often.
func contest(t *testing.T, losses int) (*contested, lobby.Key) {
	l := storetest.LobbyOf("blue-fox")
	c := &contested{Store: store.NewMemory(storetest.NewClock().Now), losses: losses, onLoss: func() {}}
	storetest.Create(t, c, l)
	return c, l.Key()
}

// TestUpdateGivesUp guards that UpdateLobby tries again, waits for a bounded time between its attempts, and gives up.
// Time passes only in the bubble.
func TestUpdateGivesUp(t *testing.T) {
	for name, tt := range map[string]struct {
		losses, attempts int
		err              error
		most             time.Duration
	}{
		"the first wins":        {0, 1, nil, 0},
		"the second, soon":      {1, 2, nil, 4 * time.Millisecond},
		"the 128th":             {127, 128, nil, 127 * time.Second},
		"never more than these": {1000, 128, store.ErrConflict, 127 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, key := contest(t, tt.losses)
				start := time.Now()
				_, err := store.UpdateLobby(t.Context(), s, key, func(l *lobby.Lobby) error { return l.Request(lobby.JoinRequest{Conn: "guest"}) })
				storetest.WantErr(t, "UpdateLobby", err, tt.err)
				if took := time.Since(start); s.attempts != tt.attempts || took > tt.most {
					t.Errorf("%d attempts in %v, want %d in at most %v", s.attempts, took, tt.attempts, tt.most)
				}
			})
		})
	}
}

// TestUpdateEndsWithContext guards that nobody waits for another attempt once the context has ended, be it before the
// wait or in it.
func TestUpdateEndsWithContext(t *testing.T) {
	for name, wait := range map[string]time.Duration{"before": 0, "meanwhile": time.Nanosecond} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, key := contest(t, 1000)
				ctx, end := context.WithCancel(t.Context())
				defer end()
				s.onLoss = func() {
					switch {
					case wait == 0:
						end()
					case s.attempts == 2: // the first that is followed by a wait
						time.AfterFunc(wait, end)
					}
				}
				_, err := store.UpdateLobby(ctx, s, key, func(l *lobby.Lobby) error { return l.Request(lobby.JoinRequest{Conn: "guest"}) })
				storetest.WantErr(t, "UpdateLobby", err, context.Canceled)
				if s.attempts > 2 {
					t.Errorf("%d attempts", s.attempts)
				}
			})
		})
	}
}

// TestUpdateBackendFails guards that an error with no name comes back at once.
func TestUpdateBackendFails(t *testing.T) {
	s, key := contest(t, 0)
	broken := &failing{Store: s, err: errors.New("the disk is on fire")}
	_, err := store.UpdateLobby(t.Context(), broken, key, func(l *lobby.Lobby) error { return l.Request(lobby.JoinRequest{Conn: "guest"}) })
	if storetest.WantErr(t, "UpdateLobby", err, broken.err); broken.calls != 1 {
		t.Errorf("%d attempts, want 1", broken.calls)
	}
}

// A failing store cannot write.
type failing struct {
	store.Store
	err   error
	calls int
}

func (f *failing) SwapLobby(context.Context, *lobby.Lobby, *lobby.Lobby) error {
	f.calls++
	return f.err
}
