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

// A contest is a store in which another writer writes before each of the first
// losses swaps.
type contest struct {
	store.Store
	losses   int
	attempts int
	onLoss   func()
}

func newContest(t *testing.T, losses int) (*contest, lobby.Key) {
	l := storetest.LobbyOf("blue-fox")
	c := &contest{losses: losses, onLoss: func() {}}
	c.Store = storetest.Failing(store.NewMemory(storetest.NewClock().Now), func(method string) error {
		if method != "SwapLobby" {
			return nil
		}
		if c.attempts++; c.losses == 0 {
			return nil
		}
		c.losses--
		c.onLoss()
		return fmt.Errorf("another writer was faster: %w", store.ErrConflict)
	})
	storetest.Create(t, c, l)
	return c, l.Key()
}

// TestUpdateGivesUp checks that UpdateLobby retries, waits for a bounded time
// between its attempts, and gives up. Time passes only in the bubble.
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
				s, key := newContest(t, tt.losses)
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

// TestUpdateEndsWithContext checks that no update waits for another attempt
// once the context has ended, before the wait or in it.
func TestUpdateEndsWithContext(t *testing.T) {
	for name, wait := range map[string]time.Duration{"before": 0, "meanwhile": time.Nanosecond} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, key := newContest(t, 1000)
				ctx, end := context.WithCancel(t.Context())
				defer end()
				s.onLoss = func() {
					switch {
					case wait == 0:
						end()
					case s.attempts == 2: // the first one that a wait follows
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

// TestUpdateBackendFails checks that an unnamed error is returned without
// another attempt.
func TestUpdateBackendFails(t *testing.T) {
	s, key := newContest(t, 0)
	fire, calls := errors.New("the disk is on fire"), 0
	broken := storetest.Failing(s, func(method string) error {
		if method != "SwapLobby" {
			return nil
		}
		calls++
		return fire
	})
	_, err := store.UpdateLobby(t.Context(), broken, key, func(l *lobby.Lobby) error { return l.Request(lobby.JoinRequest{Conn: "guest"}) })
	if storetest.WantErr(t, "UpdateLobby", err, fire); calls != 1 {
		t.Errorf("%d attempts, want 1", calls)
	}
}
