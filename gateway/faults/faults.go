// Package faults injects the faults that AWS allows and package apigateway
// alone does not show: messages out of order, posts that are late, throttled or
// find nobody, a missing $disconnect. Start with New, give its Hooks to an
// apigateway.Config, and its Invoker for each integration.
//
// A seed decides all chances. With the same order of arrivals they fall the
// same way.
package faults

import (
	"context"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	awsevents "github.com/aws/aws-lambda-go/events"

	"bellhop/gateway/apigateway"
)

// Config sets the faults and their chances, from 0, never, to 1, always.
type Config struct {
	Seed uint64
	// Reorder is the chance that a message waits for the next of its connection,
	// and is handled after that. API Gateway promises no order (developer guide,
	// "Set up WebSocket API routes").
	Reorder float64
	// Delay is the longest delay of a message, and of a post. A delayed message
	// also delays those behind it; posts that do not wait for each other can
	// overtake each other.
	Delay time.Duration
	// DropDisconnect is the chance that a connection ends without $disconnect,
	// which is best effort on AWS.
	DropDisconnect float64
	// Gone is the chance that a post, or a close, finds that the connection has
	// just been lost: GoneException.
	Gone float64
	// Throttle is the chance that a post is refused with LimitExceededException, a
	// handshake with 429, and a message with "Too Many Requests".
	Throttle float64
	// After calls f later; nil means time.AfterFunc.
	After func(d time.Duration, f func())
}

// Any reports whether any fault can occur.
func (c Config) Any() bool {
	return c.Reorder > 0 || c.Delay > 0 || c.DropDisconnect > 0 || c.Gone > 0 || c.Throttle > 0
}

// holdTime is how long a message waits for another that is to overtake it.
const holdTime = 250 * time.Millisecond

// Faults decides which faults occur. It is safe for concurrent use.
type Faults struct {
	Config
	mu   sync.Mutex
	dice [kinds]*rand.Rand
	held map[string]*message // by connection; at most one of each
}

// A held message.
type message struct{ deal func() }

// Each kind of fault has its own dice, so one kind does not change another.
const (
	reorder = iota
	lateMessage
	latePost
	disconnect
	gone
	throttledPost
	throttledEvent
	kinds
)

// New returns Faults that draw from c.Seed.
func New(c Config) *Faults {
	if c.After == nil {
		c.After = func(d time.Duration, f func()) { time.AfterFunc(d, f) }
	}
	f := &Faults{Config: c, held: map[string]*message{}}
	for kind := range f.dice {
		f.dice[kind] = rand.New(rand.NewPCG(c.Seed, uint64(kind)))
	}
	return f
}

// Hooks are for an apigateway.Config.
func (f *Faults) Hooks() apigateway.Hooks {
	return apigateway.Hooks{Arrive: f.arrive, Posting: f.posting}
}

// Invoker returns an integration in which events meet their faults first.
func (f *Faults) Invoker(next apigateway.Invoker) apigateway.Invoker {
	return func(ctx context.Context, e awsevents.APIGatewayWebsocketProxyRequest) (awsevents.APIGatewayProxyResponse, error) {
		switch ends := e.RequestContext.EventType == "DISCONNECT"; {
		case ends && f.chance(disconnect, f.DropDisconnect):
			return awsevents.APIGatewayProxyResponse{StatusCode: http.StatusOK}, nil
		case !ends && f.chance(throttledEvent, f.Throttle):
			return awsevents.APIGatewayProxyResponse{}, apigateway.ErrThrottled
		}
		return next(ctx, e)
	}
}

// chance draws whether a fault occurs.
func (f *Faults) chance(kind int, p float64) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.dice[kind].Float64() < p
}

// late waits for a random time, or until ctx ends.
func (f *Faults) late(ctx context.Context, kind int) error {
	if f.Delay <= 0 {
		return nil
	}
	f.mu.Lock()
	d := time.Duration(f.dice[kind].Int64N(int64(f.Delay)))
	f.mu.Unlock()
	over := make(chan struct{})
	f.After(d, func() { close(over) })
	select {
	case <-over:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// arrive handles a message late, or after the next one. It blocks the
// connection's reader goroutine.
func (f *Faults) arrive(connectionID, _ string, deal func()) {
	f.late(context.Background(), lateMessage)
	drawn := f.chance(reorder, f.Reorder)
	f.mu.Lock()
	overtaken := f.held[connectionID]
	delete(f.held, connectionID)
	if drawn && overtaken == nil {
		m := &message{deal}
		f.held[connectionID] = m
		f.mu.Unlock()
		f.After(holdTime, func() { f.release(connectionID, m) })
		return
	}
	f.mu.Unlock()
	deal()
	if overtaken != nil {
		overtaken.deal()
	}
}

// release handles a held message that nothing has overtaken.
func (f *Faults) release(connectionID string, m *message) {
	f.mu.Lock()
	isHeld := f.held[connectionID] == m
	if isHeld {
		delete(f.held, connectionID)
	}
	f.mu.Unlock()
	if isHeld {
		m.deal()
	}
}

func (f *Faults) posting(ctx context.Context, _ string) error {
	isGone, isThrottled := f.chance(gone, f.Gone), f.chance(throttledPost, f.Throttle)
	if err := f.late(ctx, latePost); err != nil {
		return err
	}
	switch {
	case isGone:
		return apigateway.ErrGone
	case isThrottled:
		return apigateway.ErrLimitExceeded
	}
	return nil
}
