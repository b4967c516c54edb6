package main

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// The load of a long run.
const (
	longPairs = 2_500
	longRate  = 20_000 // messages a second
)

// A lane is one direction of a pair, whose messages are numbered.
type lane struct {
	from, to net.Conn
	text     []byte // of a message; its number is at number
	number   []byte
	sent     uint64
	arrived  atomic.Uint64
}

// The number of a message takes the place of a candidate's priority, whose
// digits it has.
const (
	priority       = "2113937151"
	beforePriority = " udp "
)

// longRun lets many pairs relay numbered messages for d, and shows the server's
// memory each minute. A message that is missing, or comes in another order, is
// an error.
func longRun(ctx context.Context, s server, d time.Duration) error {
	p, err := start(ctx, s.command)
	if err != nil {
		return err
	}
	defer p.stop()
	lanes, err := openLanes(s, p.url)
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancelCause(ctx)
	var reading sync.WaitGroup
	for _, l := range lanes {
		defer l.from.Close()
		reading.Go(func() {
			if err := l.receive(); err != nil && ctx.Err() == nil {
				stop(err)
			}
		})
	}
	began, minute := time.Now(), time.Duration(0)
	var frame []byte
	sent := 0
	for due := began; due.Sub(began) < d && ctx.Err() == nil; sent++ {
		pause(time.Until(due))
		frame = lanes[rand.IntN(len(lanes))].send(frame)
		due = due.Add(time.Duration(rand.ExpFloat64() * float64(time.Second) / longRate))
		if due.Sub(began) >= minute {
			kib, _ := residentMemory(p.Pid)
			fmt.Fprintf(os.Stderr, "after %2.0f min: %11d messages sent, %d MiB of memory\n", minute.Minutes(), sent, kib>>10)
			minute += time.Minute
		}
	}
	missing := uint64(1)
	for end := time.Now().Add(patience); missing > 0 && time.Now().Before(end) && ctx.Err() == nil; {
		time.Sleep(50 * time.Millisecond)
		missing = 0
		for _, l := range lanes {
			missing += l.sent - l.arrived.Load()
		}
	}
	if ctx.Err() == nil {
		fmt.Printf("%d messages between %d connections, %.0f a second: %d missing, all others in order\n",
			sent, 2*longPairs, float64(sent)/time.Since(began).Seconds(), missing)
	}
	err = context.Cause(ctx)
	stop(nil)
	if missing > 0 && err == nil {
		err = fmt.Errorf("%d messages are missing", missing)
	}
	return err
}

func openLanes(s server, url string) (lanes []*lane, err error) {
	for i := range longPairs {
		p, fromHost, fromJoiner, err := s.open(url, i)
		if err != nil {
			return nil, err
		}
		host, joiner := p.host.conn, p.joiner.conn
		lanes = append(lanes, newLane(host, joiner, fromHost), newLane(joiner, host, fromJoiner))
	}
	return lanes, nil
}

func newLane(from, to net.Conn, text []byte) *lane {
	at := bytes.Index(text, []byte(priority))
	return &lane{from: from, to: to, text: text, number: text[at : at+len(priority)]}
}

// send sends the next message. An error comes back when reading.
func (l *lane) send(buffer []byte) []byte {
	l.sent++
	copy(l.number, fmt.Sprintf("%010d", l.sent))
	buffer = appendMasked(buffer[:0], l.text)
	l.from.Write(buffer)
	return buffer
}

// receive reads until the connection ends.
func (l *lane) receive() error {
	for next := uint64(1); ; next++ {
		payload, _, err := readText(l.to)
		if err != nil {
			return fmt.Errorf("after message %d: %w", next-1, err)
		}
		_, rest, _ := bytes.Cut(payload, []byte(beforePriority))
		if n, err := strconv.ParseUint(string(rest[:min(len(rest), len(priority))]), 10, 64); err != nil || n != next {
			return fmt.Errorf("message %d comes as %.200s", next, payload)
		}
		l.arrived.Store(next)
	}
}
