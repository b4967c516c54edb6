package handlers

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"bellhop/events"
	"bellhop/handlers/metrics"
	"bellhop/lobby"
)

// guessCost is the cost, in actions, of a wrong lobby id or token, and of
// opening a lobby. At the default rate that is 5 guesses a second, and 25 at
// once.
const guessCost = 20

// pay charges the sender for n more actions.
func (req *action) pay(n int) { req.client.pay(req.now, n) }

// guessed charges the sender for what might have been a guess.
func (h *Handler) guessed(req *action, err error) error {
	req.pay(guessCost - 1)
	h.Metrics.Count(metrics.Guesses)
	return err
}

// payForReceivers charges the sender for a change that many others are notified
// of: an action for each receiver beyond the first. The change is the last of
// l's events.
func (req *action) payForReceivers(l *lobby.Lobby) {
	receivers, change := 0, l.Events[len(l.Events)-1]
	for _, to := range [][]lobby.Member{change.To, change.Others} {
		for _, m := range to {
			if m.Conn != req.conn && !m.Away() && !m.Original {
				receivers++
			}
		}
	}
	req.pay(receivers - 1)
}

func tooFast(wait time.Duration) *events.Error {
	return &events.Error{
		Code: events.RateLimited, RetryAfterMS: (wait + time.Millisecond - 1).Milliseconds(),
		Message: "Slow down, and try this again after retry_after_ms milliseconds.",
	}
}

// paced returns rule for an action that a lobby in debt refuses: others would
// be notified of it. allowed is a debt that refuses nothing.
func (h *Handler) paced(req *action, allowed func(*lobby.Lobby) time.Duration, rule func(*lobby.Lobby) error) func(*lobby.Lobby) error {
	return func(l *lobby.Lobby) error {
		wait := l.Debt(req.now, h.LobbyPace)
		if allowed != nil {
			wait -= allowed(l)
		}
		if wait > 0 {
			return lobbyTooFast(wait)
		}
		return rule(l)
	}
}

func lobbyTooFast(wait time.Duration) error {
	e := tooFast(wait)
	e.Message = "Too much happens in this lobby for now; try this again after retry_after_ms milliseconds."
	return errors.Join(e, lobby.ErrTooOften)
}

// A limiter is a bucket of actions. Call fill before anything else.
type limiter struct{ bucket rate.Limiter }

// fill makes l a full bucket of size burst that fills at perSecond actions a
// second.
func (l *limiter) fill(perSecond, burst float64) {
	// Whatever the time is, the bucket fills from the zero time until then.
	l.bucket.SetBurstAt(time.Time{}, int(burst))
	l.bucket.SetLimitAt(time.Time{}, rate.Limit(perSecond))
}

// spend takes one action out of the bucket. If there is none, it returns how
// long to wait.
func (l *limiter) spend(now time.Time) (wait time.Duration) {
	if l.bucket.AllowN(now, 1) {
		return 0
	}
	missing := 1 - l.bucket.TokensAt(now)
	return time.Duration(missing / float64(l.bucket.Limit()) * float64(time.Second))
}

// A client that is refused again and again without a pause, for so long, does
// not heed retry_after_ms.
const (
	floodTime  = 10 * time.Second
	floodPause = time.Second
)

// refusals are those of one client without a pause, in milliseconds since 1970.
type refusals struct{ first, last atomic.Int64 }

// add counts a refusal, and reports whether they have gone on for floodTime.
func (r *refusals) add(now time.Time) (isFlood bool) {
	ms := now.UnixMilli()
	if ms-r.last.Swap(ms) > floodPause.Milliseconds() {
		r.first.Store(ms)
	}
	return ms-r.first.Load() >= floodTime.Milliseconds()
}

// hangUp disconnects a sender that floods.
func (h *Handler) hangUp(ctx context.Context, req *action) {
	h.Log.LogAttrs(ctx, slog.LevelWarn, "client disconnected that sends too much", slog.String("connection_id", req.conn))
	if err := h.Poster.Hangup(ctx, req.conn); err != nil && !errors.Is(err, ErrGone) {
		h.logFault(ctx, req.conn, req.reference, "", err)
	}
}

// pay takes n more actions out of the bucket, which can leave it in debt.
func (l *limiter) pay(now time.Time, n int) {
	burst := l.bucket.Burst()
	for n > 0 && burst > 0 { // a reservation is for a bucketful at most
		l.bucket.ReserveN(now, min(n, burst))
		n -= burst
	}
}
