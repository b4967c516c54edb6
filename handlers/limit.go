package handlers

import (
	"time"

	"bellhop/events"
)

// guessCost is the cost, in actions, of a wrong lobby id or token, and of
// opening a lobby. At the default rate that is 5 guesses a second, and 25 at
// once.
const guessCost = 20

// guessed charges the sender for what might have been a guess.
func (h *Handler) guessed(req *action, err error) error {
	req.session.pay(guessCost - 1)
	return err
}

func tooFast(wait time.Duration) error {
	return &events.Error{
		Code: events.RateLimited, RetryAfterMS: (wait + time.Millisecond - 1).Milliseconds(),
		Message: "Slow down, and try this again after retry_after_ms milliseconds.",
	}
}

// spend takes one action out of a bucket of size burst that fills at rate
// actions a second. If there is none, it returns how long to wait.
func (s *session) spend(now time.Time, rate, burst float64) (wait time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.last.IsZero() {
		s.tokens = burst
	} else {
		s.tokens = min(burst, s.tokens+max(0, now.Sub(s.last).Seconds())*rate)
	}
	s.last = now
	if s.tokens < 1 {
		return time.Duration((1 - s.tokens) / rate * float64(time.Second))
	}
	s.tokens--
	return 0
}

// pay takes n more actions out of the bucket, which can leave it in debt.
func (s *session) pay(n float64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tokens -= n
}
