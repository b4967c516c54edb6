package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
	"time"
)

// A tempo is how often a client sends while latencies are measured. It fills
// the queue of a client that does not read, but is far from the server's limit.
const tempo = 10 * time.Millisecond

// latencies measures how long messages of all pairs take, shortest first.
// Meanwhile one more pair sends ten messages for each of theirs; its receiver
// reads all of them or, if it is slow, none.
func latencies(ctx context.Context, s server, slow bool) ([]time.Duration, error) {
	p, err := start(ctx, s.command)
	if err != nil {
		return nil, err
	}
	defer p.stop()
	l, err := connect(s, p.url, *pairs)
	defer l.close()
	if err != nil {
		return nil, err
	}
	host, joiner, frame, err := onePair(s, p.url)
	if err != nil {
		return nil, err
	}
	defer host.Close()
	defer joiner.Close()
	ctx, stop := context.WithTimeout(ctx, *length)
	defer stop()
	go flood(ctx, host, bytes.Repeat(frame, 10))
	go io.Copy(io.Discard, host) // the server's rate_limited
	if !slow {
		go io.Copy(io.Discard, joiner)
	}
	var mu sync.Mutex
	var all []time.Duration
	var running sync.WaitGroup
	for i, p := range l {
		running.Go(func() {
			time.Sleep(tempo * time.Duration(i) / time.Duration(len(l))) // otherwise all would send at the same moment
			took, measureErr := p.latencies(ctx)
			mu.Lock()
			defer mu.Unlock()
			if all = append(all, took...); measureErr != nil {
				err = measureErr
			}
		})
	}
	running.Wait()
	slices.Sort(all)
	return all, err
}

// onePair connects a pair, and returns the frame that its host sends. The
// receiver's socket buffers are as small as possible.
func onePair(s server, url string) (host, joiner net.Conn, frame []byte, err error) {
	if host, err = dial(url + s.path(*pairs, "a")); err != nil {
		return nil, nil, nil, err
	}
	if joiner, err = dial(url + s.path(*pairs, "b")); err != nil {
		host.Close()
		return nil, nil, nil, err
	}
	joiner.(*net.TCPConn).SetReadBuffer(4 << 10)
	message, _, err := s.meet(host, joiner, *pairs)
	return host, joiner, appendMasked(nil, message), err
}

// flood sends in tempo until ctx ends.
func flood(ctx context.Context, host net.Conn, frames []byte) {
	for tick := time.NewTicker(tempo); ctx.Err() == nil; <-tick.C {
		host.Write(frames)
	}
}

// latencies sends in tempo until ctx ends, each message after the one before
// has arrived.
func (p *pair) latencies(ctx context.Context) (took []time.Duration, err error) {
	got := make([]byte, len(p.joiner.want))
	p.joiner.conn.SetReadDeadline(time.Now().Add(*length + patience))
	for tick := time.NewTicker(tempo); ctx.Err() == nil; <-tick.C {
		sent := time.Now()
		p.host.conn.Write(p.host.frame)
		if _, err := io.ReadFull(p.joiner.conn, got); err != nil || !bytes.Equal(got, p.joiner.want) {
			return took, fmt.Errorf("a message of a pair did not arrive as it was sent: %w%s", err, p.host.told())
		}
		took = append(took, time.Since(sent))
	}
	return took, nil
}
