package apigateway

import (
	"sync/atomic"
	"time"
)

// Stats are the counts of a Gateway since New, and its current state.
type Stats struct {
	Connections int               // open ones
	Queued      int               // bytes that wait for clients to read
	Received    uint64            // messages from clients
	Posts       map[string]uint64 // messages to clients, by outcome: "taken", "gone", "limit_exceeded" or "payload_too_large"
	Refused     map[int]uint64    // handshakes, by the HTTP status of the answer
	Ended       map[int]uint64    // connections, by the status code in $disconnect; 3000 stands for all from there
}

// outcomes name the result of a post, by its error.
var outcomes = [...]struct {
	err  error
	name string
}{
	{nil, "taken"},
	{ErrGone, "gone"},
	{ErrLimitExceeded, "limit_exceeded"},
	{ErrPayloadTooLarge, "payload_too_large"},
}

// counters count events, each by one atomic addition.
type counters struct {
	received atomic.Uint64
	posts    [len(outcomes)]atomic.Uint64
	refused  [600]atomic.Uint64 // by status
	ended    [17]atomic.Uint64  // by code less 1000; the last counts all others
}

// countPost counts a post by its error.
func (c *counters) countPost(err error) {
	for i := range outcomes {
		if err == outcomes[i].err {
			c.posts[i].Add(1)
		}
	}
}

func (c *counters) countEnd(code int) { c.ended[min(code-codeNormal, len(c.ended)-1)].Add(1) }

// Stats returns the counts. It visits every connection, so call it to watch a
// server, not for each message.
func (g *Gateway) Stats() Stats {
	c := &g.counts
	s := Stats{
		Connections: g.Connections(), Received: c.received.Load(),
		Posts: map[string]uint64{}, Refused: map[int]uint64{}, Ended: map[int]uint64{},
	}
	for i := range outcomes {
		s.Posts[outcomes[i].name] = c.posts[i].Load()
	}
	for status := range c.refused {
		if n := c.refused[status].Load(); n > 0 {
			s.Refused[status] = n
		}
	}
	for i := range c.ended {
		code := codeNormal + i
		if i == len(c.ended)-1 {
			code = 3000
		}
		if n := c.ended[i].Load(); n > 0 {
			s.Ended[code] = n
		}
	}
	for c := range g.all() {
		s.Queued += c.queuedBytes()
	}
	return s
}

// A Client is the state of an open connection.
type Client struct {
	ID          string
	SourceIP    string    // with Config.TrustProxy, as the proxy says
	UserAgent   string    // its User-Agent; empty if it sends none
	ConnectedAt time.Time // UTC, in milliseconds
	ActiveAt    time.Time // of the last message in either direction
	Queued      int       // bytes that wait for it to read
}

// Clients returns the open connections that are not about to end, in no order.
// It visits every connection, as Stats does.
func (g *Gateway) Clients() (clients []Client) {
	for c := range g.all() {
		if !c.isEnding() {
			clients = append(clients, c.client())
		}
	}
	return clients
}

func (c *connection) client() Client {
	return Client{
		ID: c.id, SourceIP: c.sourceIP, UserAgent: c.userAgent, Queued: c.queuedBytes(),
		ConnectedAt: time.UnixMilli(c.connectedAt).UTC(), ActiveAt: time.UnixMilli(c.active.Load()).UTC(),
	}
}
