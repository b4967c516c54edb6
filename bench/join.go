package main

import (
	"bytes"
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// joined is the cost of two clients that become a pair.
type joined struct {
	CPU       float64 `json:"cpu_ms"`     // server CPU for one pair
	PerSecond float64 `json:"per_second"` // pairs
}

// candidates is how many each client of a pair sends. joiners is how many pairs
// join at the same time.
const (
	candidates = 10
	joiners    = 4
)

// joinCost measures pairs from connecting to talking: both connect, one joins
// the other, each sends a description and its candidates, and both leave.
func joinCost(ctx context.Context, s server) (j joined, err error) {
	p, err := start(ctx, s.command)
	if err != nil {
		return j, err
	}
	defer p.stop()
	var next atomic.Int64
	if _, err := joinFor(ctx, s, p.url, &next, *length/6); err != nil {
		return j, err
	}
	began := time.Now()
	var n int64
	cpu, err := p.cpuOf(func() (err error) { n, err = joinFor(ctx, s, p.url, &next, *length); return err })
	return joined{CPU: cpu.Seconds() * 1e3 / float64(n), PerSecond: float64(n) / time.Since(began).Seconds()}, err
}

// joinFor lets pairs join for d, and returns how many did. next is the number
// of the next.
func joinFor(ctx context.Context, s server, url string, next *atomic.Int64, d time.Duration) (n int64, err error) {
	var all sync.WaitGroup
	failed := make(chan error, joiners)
	first, end := next.Load(), time.Now().Add(d)
	for range joiners {
		all.Go(func() {
			for time.Now().Before(end) && ctx.Err() == nil {
				if err := s.join(url, int(next.Add(1))); err != nil {
					failed <- err
					return
				}
			}
		})
	}
	all.Wait()
	select {
	case err := <-failed:
		return 0, err
	default:
		return next.Load() - first, ctx.Err()
	}
}

// join makes a pair and ends it.
func (s server) join(url string, number int) error {
	p, fromHost, fromJoiner, err := s.open(url, number)
	defer load{p}.close()
	for i := 0; i <= candidates && err == nil; i++ {
		if i == 1 {
			fromHost, fromJoiner = short(fromHost), short(fromJoiner)
		}
		if err = p.host.greet(p.joiner, fromHost, s.arrives); err == nil {
			err = p.joiner.greet(p.host, fromJoiner, s.arrives)
		}
	}
	return err
}

// short returns a description without most of its SDP: as long as a message
// with a candidate.
func short(description []byte) []byte {
	sdp, end := bytes.Index(description, []byte(sdpBegins)), bytes.LastIndexByte(description, 'x')
	return append(bytes.Clone(description[:sdp+len(sdpBegins)]), description[end-100:]...)
}
