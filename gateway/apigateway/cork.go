package apigateway

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
)

// A cork holds back the flushes of posts while a chunk of one sender's messages
// is handled. So a client that gets three messages in that time gets them in
// one write. It is the context of those invocations.
type cork struct {
	context.Context
	now      atomic.Int64 // ms since 1970, arrival of the message being handled
	since    int64        // the same, at the last flush
	mu       sync.Mutex
	held     []*connection
	one      [1]*connection // most messages have one receiver
	released bool           // it holds nothing any more
}

// corkTime is how long, in ms, a message can be held while others are handled,
// since an integration can be slow.
const corkTime = 2

type corkKey struct{}

// Value implements context.Context.
func (k *cork) Value(key any) any {
	if key == (corkKey{}) {
		return k
	}
	return nil
}

// add takes over the flush of a connection. It returns false if the cork holds
// nothing any more.
func (k *cork) add(c *connection) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.released {
		return false
	}
	if slices.Contains(k.held, c) {
		return true
	}
	if k.held == nil {
		k.held = k.one[:0]
	}
	k.held = append(k.held, c)
	return true
}

// flush flushes the held connections.
func (k *cork) flush() {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, c := range k.held {
		c.flush()
	}
	k.held = nil
}

// release flushes the held connections. From now on it holds none.
func (k *cork) release() {
	k.mu.Lock()
	k.released = true
	k.mu.Unlock()
	k.flush()
}
