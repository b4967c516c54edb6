package main

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"time"
)

// rates are how many messages a second all pairs send together. Each is less
// than what a core of the fastest server relays.
var rates = [...]int{5_000, 20_000, 60_000}

// atRate lets all pairs together send rate messages a second, at the times of a
// Poisson process, whether or not earlier messages have arrived (an open loop).
// A message takes from the time at which it was due to be sent: one that waits
// behind a slow one counts with its wait.
func atRate(rate int) traffic {
	return func(ctx context.Context, l load, d time.Duration) ([]time.Duration, error) {
		return l.steady(ctx, rate, d)
	}
}

func (l load) steady(ctx context.Context, rate int, d time.Duration) (took []time.Duration, err error) {
	var ways []*way
	for _, p := range l {
		ways = append(ways, &way{from: p.host, to: p.joiner}, &way{from: p.joiner, to: p.host})
	}
	var reading sync.WaitGroup
	failed := make(chan error, len(ways))
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	for _, w := range ways {
		w.from.conn.SetDeadline(time.Now().Add(d + patience))
		w.to.buffer = make([]byte, 64<<10)
		reading.Go(func() {
			if err := w.receive(); err != nil {
				failed <- err
				stop()
			}
		})
	}
	random := rand.New(rand.NewPCG(1, uint64(rate)))
	gap := func() time.Duration {
		return time.Duration(random.ExpFloat64() * float64(time.Second) / float64(rate))
	}
	began := time.Now()
	for due := began.Add(gap()); due.Sub(began) < d && ctx.Err() == nil; {
		if early := time.Until(due); early > 0 {
			pause(early)
			continue
		}
		ways[random.IntN(len(ways))].send(due, false)
		due = due.Add(gap())
	}
	for _, w := range ways {
		w.send(time.Now(), true)
	}
	reading.Wait()
	select {
	case err := <-failed:
		return nil, err
	default:
	}
	for _, w := range ways {
		took = append(took, w.took...)
	}
	return took, ctx.Err()
}

// A way is one direction of a pair.
type way struct {
	from, to *end
	took     []time.Duration

	mu   sync.Mutex
	due  []time.Time // of the messages in flight
	last bool        // whether the last message was sent
}

// send sends a message that was due at a time.
func (w *way) send(due time.Time, last bool) {
	w.mu.Lock()
	w.due, w.last = append(w.due, due), last
	w.mu.Unlock()
	w.from.conn.Write(w.from.frame) // an error comes back when reading
}

// receive reads until the last message has arrived.
func (w *way) receive() error {
	for over := false; !over; {
		w.mu.Lock()
		inFlight := len(w.due)
		w.mu.Unlock()
		n, err := w.to.read(math.MaxInt) // more can be sent meanwhile
		if err != nil {
			return fmt.Errorf("%d messages did not arrive: %w", inFlight, err)
		}
		now := time.Now()
		w.mu.Lock()
		if n > len(w.due) {
			n, err = 0, fmt.Errorf("%d messages arrive, and %d were sent", n, len(w.due))
		}
		for _, due := range w.due[:n] {
			w.took = append(w.took, now.Sub(due))
		}
		w.due = slices.Delete(w.due, 0, n)
		over = w.last && len(w.due) == 0
		w.mu.Unlock()
		if err != nil {
			return err
		}
	}
	return nil
}
