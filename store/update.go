package store

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"time"

	"bellhop/lobby"
)

// maxAttempts limits how often Apply tries to write while others write first. A
// host that admits players while 100 others ask can lose some 40 times on a
// slow store. The context limits the time.
const maxAttempts = 128

// An Update is a change of one lobby. Set Store and Key, then call Apply.
type Update struct {
	Store Store
	Key   lobby.Key
	// Seen is the lobby, if the caller has just read it, which saves a read.
	// nil means that Apply reads it.
	Seen *lobby.Lobby
	// Swap writes the changed lobby; nil means Store.SwapLobby. It lets a caller
	// do more at the same time as the write. It returns what SwapLobby returns.
	Swap func(ctx context.Context, old, new *lobby.Lobby) error
}

// Apply applies rule to a copy of the lobby and writes the result, as one step.
// If another writer is faster, it applies rule again to the newer lobby. So
// rule must only change its argument and set variables of its caller.
//
// Apply returns the lobby with its Events. It returns ErrNotFound if there is
// no such lobby. If rule returns an error, it returns that, and nothing is
// written. It returns ErrConflict if other writers were faster at every
// attempt.
func (u Update) Apply(ctx context.Context, rule func(*lobby.Lobby) error) (*lobby.Lobby, error) {
	seen, swap := u.Seen, u.Swap
	if swap == nil {
		swap = u.Store.SwapLobby
	}
	for attempt := range maxAttempts {
		began, old, err := time.Now(), seen, error(nil)
		if seen = nil; old == nil {
			old, err = u.Store.Lobby(ctx, u.Key)
		}
		if err != nil {
			return nil, err
		}
		l := old.Clone()
		if err := rule(&l); err != nil {
			return nil, err
		}
		if err = swap(ctx, old, &l); err == nil {
			l.Version++
			return &l, nil
		}
		if !errors.Is(err, ErrConflict) {
			return nil, err
		}
		if err := backoffOf(old, &l).pause(ctx, attempt, began); err != nil {
			return nil, err
		}
	}
	return nil, ErrConflict
}

// UpdateLobby is Apply of an Update that has a Store and a Key alone.
func UpdateLobby(ctx context.Context, s Store, key lobby.Key, rule func(*lobby.Lobby) error) (*lobby.Lobby, error) {
	return Update{Store: s, Key: key}.Apply(ctx, rule)
}

// A backoff is how a write waits before its next attempt: for a random time.
// Its limit doubles with each attempt, from first to most. With slowly, the
// limit is a multiple of the time that the attempt took, so a slow backend gets
// no more requests than it can answer.
type backoff struct {
	first, most time.Duration
	slowly      bool
}

// Players who want to join, or who describe themselves, wait longer than all
// others. If 100 ask together, each write makes 99 others fail, and the host's
// writes, which admit players, would have to be faster than all of them. So a
// burst of players spreads out over the time that their writes take one after
// the other (some 5 ms each), and the host's writes go between them.
//
// In a lobby of 64 in which each updates its player once a second, a third as
// many writes fail by this, and each takes a fourth of the time, as measured by
// BenchmarkRoster on an emulator of DynamoDB that is too slow for that.
var (
	crowding  = backoff{4 * time.Millisecond, time.Second, true}
	otherwise = backoff{time.Millisecond, 16 * time.Millisecond, false}
)

// backoffOf returns the backoff for a retry of the change from old to l.
func backoffOf(old, l *lobby.Lobby) backoff {
	if len(l.Members)+len(l.Waiting) > len(old.Members)+len(old.Waiting) || describes(l) {
		return crowding
	}
	return otherwise
}

// describes reports whether l has changed by what a member says of itself.
func describes(l *lobby.Lobby) bool {
	return slices.ContainsFunc(l.Events, func(e lobby.Event) bool { return e.Kind == lobby.PlayerUpdated })
}

// pause waits after an attempt that began at a time.
func (b backoff) pause(ctx context.Context, attempt int, began time.Time) error {
	bound, most := b.first, b.most
	if took := time.Since(began); b.slowly {
		bound, most = bound+took, max(most, took)
	}
	wait := time.NewTimer(rand.N(min(bound<<min(attempt, 8), most)))
	defer wait.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-wait.C:
		return nil
	}
}
