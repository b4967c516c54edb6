package handlers

import (
	"context"
	"sync"
	"sync/atomic"

	"bellhop/internal/sharded"
	"bellhop/lobby"
	"bellhop/store"
)

// A client is what this process remembers of a connection between two messages.
// All of it can be forgotten; the limit then starts again.
type client struct {
	connCache
	limiter
	messages atomic.Pointer[limiter] // for send_message alone; nil before the first
	refusals refusals
	reported reported
	busy     atomic.Bool // the log has a line about its full outbox
}

// A connCache is a connection as this process last saw it: a hint, which is
// checked against the store.
type connCache struct {
	mu       sync.Mutex
	known    bool // the other fields are valid
	original bool
	game     string
	playerID string
	claim    lobby.Claim
}

// hint returns the connection conn as last seen, if at all.
func (s *connCache) hint(conn string) (c store.Connection, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return store.Connection{ID: conn, Game: s.game, Original: s.original, PlayerID: s.playerID, Claim: s.claim}, s.known
}

func (s *connCache) learn(c store.Connection) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.known, s.original, s.game, s.playerID, s.claim = c.ID != "", c.Original, c.Game, c.PlayerID, c.Claim
}

// client returns what the process remembers of conn.
func (h *Handler) client(conn string) *client {
	if c := h.clients.find(conn); c != nil {
		return c
	}
	c := new(client)
	c.limiter.fill(h.Rate, h.Burst)
	return h.clients.add(conn, c)
}

// messageLimiter returns the limiter of a client's send_message.
func (h *Handler) messageLimiter(c *client) *limiter {
	if c.messages.Load() == nil { // most clients send none
		l := new(limiter)
		l.fill(h.Messages, 3*h.Messages)
		c.messages.CompareAndSwap(nil, l)
	}
	return c.messages.Load()
}

// connection returns the sender's connection, from the store if this process
// does not know it.
func (h *Handler) connection(ctx context.Context, req *action) (c store.Connection, hinted bool, err error) {
	if c, ok := req.client.hint(req.conn); ok {
		return c, true, nil
	}
	c, err = h.refresh(ctx, req)
	return c, false, err
}

func (h *Handler) refresh(ctx context.Context, req *action) (store.Connection, error) {
	c, err := h.Store.Connection(ctx, req.conn)
	if err != nil {
		return c, unknownConnection(err)
	}
	req.client.learn(c)
	return c, nil
}

// A remembered holds values of T by name. On AWS another process might handle a
// connection's end, so a full part is thrown away.
type remembered[T any] struct {
	parts sharded.Parts[rememberedPart[T]]
}

type rememberedPart[T any] struct {
	mu sync.RWMutex
	of map[string]*T
}

// maxRemembered limits each of the 64 parts: a quarter of a million values in
// all.
const maxRemembered = 4096

// find returns the value of name, or nil.
func (r *remembered[T]) find(name string) *T {
	part := r.parts.Of(name)
	part.mu.RLock()
	defer part.mu.RUnlock()
	return part.of[name]
}

// add sets the value of name, unless it has one, and returns its value.
func (r *remembered[T]) add(name string, v *T) *T {
	part := r.parts.Of(name)
	part.mu.Lock()
	defer part.mu.Unlock()
	if found := part.of[name]; found != nil {
		return found
	}
	if part.of == nil || len(part.of) >= maxRemembered {
		part.of = map[string]*T{}
	}
	part.of[name] = v
	return v
}

func (r *remembered[T]) forget(name string) {
	part := r.parts.Of(name)
	part.mu.Lock()
	defer part.mu.Unlock()
	delete(part.of, name)
}
