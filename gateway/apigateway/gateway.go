// Package apigateway implements the WebSocket side of Amazon API Gateway for
// one API: it turns connections into the events of an AWS_PROXY integration,
// and lets that integration post to them. It behaves as AWS does, including
// limits and close codes, so an integration that works here works when
// deployed. docs/design.md says where AWS leaves room; docs/gateway.md says
// what is missing.
//
// Call New, mount the Gateway as an http.Handler, call Sweep once a second, and
// Shutdown at the end. An integration in another process posts through
// Management.
package apigateway

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	awsevents "github.com/aws/aws-lambda-go/events"

	"bellhop/internal/sharded"
)

// Quotas of API Gateway, which cannot be raised ("Quotas for configuring and
// running a WebSocket API").
const (
	MaxFrame   = 32 << 10  // bytes of payload in one frame
	MaxMessage = 128 << 10 // bytes in one message, in either direction
	maxURL     = 4096      // characters
)

var (
	// ErrGone means that there is no such connection, or not yet, or no more. It
	// is API Gateway's GoneException, 410.
	ErrGone = errors.New("apigateway: the connection is gone")
	// ErrLimitExceeded means that the client reads too slowly, and this message
	// was not accepted. It is API Gateway's LimitExceededException, 429.
	ErrLimitExceeded = errors.New("apigateway: too much waits for the connection")
	// ErrPayloadTooLarge means that a message is over MaxMessage. It is API
	// Gateway's PayloadTooLargeException, 413.
	ErrPayloadTooLarge = errors.New("apigateway: the message is over 128 KiB")
	// ErrTimeout means that the integration took longer than Config.Timeout. The
	// client gets "Endpoint request timed out"; while it connects, as a 504.
	ErrTimeout = errors.New("apigateway: the integration timed out")
	// ErrThrottled lets an Invoker imitate API Gateway's throttling. The client
	// gets "Too Many Requests"; while it connects, as a 429.
	ErrThrottled = errors.New("apigateway: throttled")
)

// An Invoker is an integration. Its context ends when the call returns, or
// after Config.Timeout. Then it must return: any later error counts as
// ErrTimeout.
//
// Its posts under the context are held until the messages that arrived with
// this one are handled. Then they leave in one write per connection.
type Invoker func(context.Context, awsevents.APIGatewayWebsocketProxyRequest) (awsevents.APIGatewayProxyResponse, error)

// Config configures a Gateway. Only Invoke is required.
type Config struct {
	Invoke Invoker
	// Routes are the API's routes by route key; nil means $connect, $disconnect
	// and $default. Without $connect everybody can connect. A message without a
	// route is answered "Forbidden".
	Routes map[string]Route
	// Selection is the route selection expression. It matters only if there are
	// routes with other keys.
	Selection Selection
	// Authorizer, if set, is asked before $connect is invoked.
	Authorizer *Authorizer
	Stage      string // name in events; "local" if empty
	APIID      string // name in events; "local" if empty
	// DomainName is the API's name in events. If it is empty, it is the one by
	// which a client connects.
	DomainName string
	// StageVariables are part of every event, if there are any.
	StageVariables map[string]string
	// TrustProxy means that every client comes through a trusted proxy. Then the
	// last address in X-Forwarded-For is the client's, and X-Forwarded-Proto and
	// -Port are true. Otherwise these headers are ignored.
	TrustProxy bool
	// PerNetwork limits the connections from one network at the same time: an IPv4
	// address, or the /64 of an IPv6 address. Others are refused with 429. 0 means
	// no limit. Private addresses have none: they might be a proxy's.
	PerNetwork int
	// AnyText passes text that is not UTF-8 to the integration. Otherwise such
	// text ends the connection with 1007, as RFC 6455, section 8.1, demands; an
	// event in JSON could not hold it.
	AnyText bool
	Log     *slog.Logger
	Now     func() time.Time
	// NewConnectionID makes ids for tests that compare them; nil makes ids like
	// those of AWS.
	NewConnectionID func() string
	// Idle is the longest time without a message in either direction, after which
	// a connection is closed. The default is AWS's 10 minutes.
	Idle time.Duration
	// Lifetime is the longest life of a connection. The default is AWS's 2 hours.
	Lifetime time.Duration
	// Ping is the time without a message after which a connection gets a ping
	// frame, again after each further Ping: proxies cut connections that carry
	// nothing. A ping is no message: Idle counts on, and a client that answers
	// none is not closed for that. 0, the default, sends none, as AWS.
	Ping time.Duration
	// Stall is how long a client can leave waiting data unread before it counts as
	// lost. The default is 30 seconds.
	Stall time.Duration
	// Timeout limits an invocation. The default is AWS's 29 seconds.
	Timeout time.Duration
	Hooks   Hooks
	// Observe, if set, is called after every invocation with its route, duration
	// and error.
	Observe func(route string, took time.Duration, err error)
}

// A Gateway holds the connections of one API. It is safe for concurrent use.
type Gateway struct {
	Config
	registry sharded.Parts[shard]
	open     atomic.Int64
	entrance sync.RWMutex // connections that Shutdown waits for
	draining bool         // no more connections
	swept    atomic.Int64 // ms since 1970 of the last Sweep
	networks networks
	running  sync.WaitGroup // one for every connection, from $connect until $disconnect has returned
	second   atomic.Pointer[stamp]
	choice   bool // messages can select other routes
	counts   counters

	namesConnections bool // Config has its own NewConnectionID
}

// A shard is a part of the registry, so connections do not wait for each
// other's posts.
type shard struct {
	sync.RWMutex
	connections map[string]*connection
}

// New returns a Gateway with no connections.
func New(c Config) *Gateway {
	c.Stage, c.APIID = cmp.Or(c.Stage, "local"), cmp.Or(c.APIID, "local")
	c.Idle, c.Lifetime = cmp.Or(c.Idle, 10*time.Minute), cmp.Or(c.Lifetime, 2*time.Hour)
	c.Stall = cmp.Or(c.Stall, 30*time.Second)
	c.Timeout = cmp.Or(c.Timeout, 29*time.Second)
	if c.Log == nil {
		c.Log = slog.Default()
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	g := &Gateway{namesConnections: c.NewConnectionID != nil}
	if !g.namesConnections {
		c.NewConnectionID = newConnectionID
	}
	c.Routes, g.choice = routesOf(c)
	g.Config = c
	return g
}

// Connections returns how many connections are open.
func (g *Gateway) Connections() int { return int(g.open.Load()) }

// Post sends data as one text message. It returns ErrGone, ErrLimitExceeded or
// ErrPayloadTooLarge; nil means that the message was accepted, not that it was
// received.
func (g *Gateway) Post(ctx context.Context, connectionID string, data []byte) error {
	if err := g.checkPosting(ctx, connectionID); err != nil {
		return g.notePost(connectionID, data, err)
	}
	return g.send(ctx, connectionID, data)
}

// send is Post for API Gateway's own messages. A message is counted before its
// client can read it.
func (g *Gateway) send(ctx context.Context, connectionID string, data []byte) error {
	c, err := g.post(ctx, connectionID, data)
	g.notePost(connectionID, data, err)
	if c != nil {
		c.flush()
	}
	return err
}

// post queues a message. It returns the connection if the caller must flush it
// now.
func (g *Gateway) post(ctx context.Context, connectionID string, data []byte) (*connection, error) {
	if len(data) > MaxMessage {
		return nil, ErrPayloadTooLarge
	}
	c := g.find(connectionID)
	if c == nil {
		return nil, ErrGone
	}
	if !utf8.Valid(data) {
		g.Log.Warn("what was posted is not UTF-8; its invalid bytes are replaced", "connection", connectionID)
		data = bytes.ToValidUTF8(data, []byte("\uFFFD"))
	}
	if err := c.enqueue(data); err != nil {
		return nil, err
	}
	held, ok := ctx.Value(corkKey{}).(*cork)
	if ok && held.add(c) {
		c.active.Store(held.now.Load())
		return nil, nil
	}
	c.active.Store(g.Now().UnixMilli())
	return c, nil
}

// Disconnect closes a connection as a DELETE of @connections does. It returns
// ErrGone, or the error of Hooks.Posting.
func (g *Gateway) Disconnect(connectionID string) error {
	if err := g.checkPosting(context.Background(), connectionID); err != nil {
		return err
	}
	c := g.find(connectionID)
	if c == nil {
		return ErrGone
	}
	return c.disconnect()
}

// Sweep closes connections that have been idle or open for too long, and pings
// quiet ones.
func (g *Gateway) Sweep() {
	now := g.Now().UnixMilli()
	last := g.swept.Swap(now)
	for c := range g.all() {
		quiet := now - c.active.Load()
		if quiet >= renewAfter && c.grown.Load() {
			c.renew()
		}
		switch {
		case now-c.connectedAt >= g.Lifetime.Milliseconds():
			c.close(endLifetime)
		case quiet >= g.Idle.Milliseconds():
			c.close(endGoingAway)
		case g.isPingDue(quiet, now-last):
			c.ping()
		}
	}
}

// renewAfter is how long, in ms, a connection is quiet before it gives back its
// stack. It is most of the memory of a player that has entered a lobby.
const renewAfter = 1000

// isPingDue reports whether a multiple of Ping has passed since the last sweep,
// for a connection that has been quiet for so long, both in ms. It needs
// neither a stored time nor a timer for each connection.
func (g *Gateway) isPingDue(quiet, sinceSweep int64) bool {
	every := g.Ping.Milliseconds()
	return every > 0 && quiet/every > max(quiet-sinceSweep, 0)/every
}

// Shutdown refuses new connections, closes all others with 1001, and waits
// until each $disconnect has returned. If ctx ends first, it cuts the remaining
// connections and returns an error with their number.
func (g *Gateway) Shutdown(ctx context.Context) error {
	g.entrance.Lock()
	g.draining = true
	g.entrance.Unlock()
	for c := range g.all() {
		c.close(endGoingAway)
	}
	done := make(chan struct{})
	go func() { g.running.Wait(); close(done) }()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
	}
	left := 0
	for c := range g.all() {
		c.cut()
		left++
	}
	return fmt.Errorf("apigateway: %d connections did not end in time: %w", left, ctx.Err())
}

// enter counts a new connection until leave. It returns the status and the
// reason if none is accepted.
func (g *Gateway) enter(c *connection) (status int, problem string) {
	g.entrance.RLock()
	defer g.entrance.RUnlock()
	if g.draining {
		return http.StatusServiceUnavailable, "The gateway is shutting down"
	}
	if c.network != "" && !g.networks.enter(c.network, g.PerNetwork) {
		return http.StatusTooManyRequests, "Your network has too many connections open; close some"
	}
	g.running.Add(1)
	return 0, ""
}

func (g *Gateway) leave(c *connection) {
	if c.network != "" {
		g.networks.leave(c.network)
	}
	g.running.Done()
}

func (g *Gateway) find(id string) *connection {
	s := g.registry.Of(id)
	s.RLock()
	defer s.RUnlock()
	return s.connections[id]
}

func (g *Gateway) register(c *connection) {
	s := g.registry.Of(c.id)
	s.Lock()
	if s.connections == nil {
		s.connections = map[string]*connection{}
	}
	s.connections[c.id] = c
	s.Unlock()
	g.open.Add(1)
	g.entrance.RLock()
	defer g.entrance.RUnlock()
	if g.draining { // Shutdown might have looked before
		c.close(endGoingAway)
	}
}

func (g *Gateway) unregister(c *connection) {
	s := g.registry.Of(c.id)
	s.Lock()
	delete(s.connections, c.id)
	s.Unlock()
	g.open.Add(-1)
}

// all yields the current connections. It holds the lock of their shard, so the
// loop must not unregister any.
func (g *Gateway) all() iter.Seq[*connection] {
	return func(yield func(*connection) bool) {
		for s := range g.registry.All() {
			if !s.all(yield) {
				return
			}
		}
	}
}

func (s *shard) all(yield func(*connection) bool) bool {
	s.RLock()
	defer s.RUnlock()
	for _, c := range s.connections {
		if !yield(c) {
			return false
		}
	}
	return true
}
