package handlers

import (
	"context"
	"sync"
	"time"

	"bellhop/internal/sharded"
	"bellhop/store"
)

// A session is what this process remembers of a connection between two
// messages: a hint of its claim, which is checked against the store, and its
// rate limit. All of it can be forgotten; the limit then starts again.
type session struct {
	mu     sync.Mutex
	known  bool // conn is valid
	conn   store.Connection
	tokens float64 // rest of the burst of actions; the first is not included
	last   time.Time
	busy   bool // the log has a line about its full outbox
}

// hint returns the connection as last seen, or nil.
func (s *session) hint() (c store.Connection, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.conn, s.known
}

func (s *session) learn(c store.Connection) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.conn, s.known = c, c.ID != ""
}

// wasBusy reports whether it has been called before.
func (s *session) wasBusy() (before bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	before, s.busy = s.busy, true
	return before
}

// sessions holds the sessions of a process. On AWS another process might handle
// a connection's end, so a full shard is thrown away.
type sessions struct{ shards sharded.Parts[sessionShard] }

type sessionShard struct {
	mu sync.RWMutex
	of map[string]*session
}

// maxSessions limits each of the 64 shards: a quarter of a million connections
// in all.
const maxSessions = 4096

// find returns conn's session, or nil.
func (sh *sessionShard) find(conn string) *session {
	sh.mu.RLock()
	defer sh.mu.RUnlock()
	return sh.of[conn]
}

// of returns conn's session, making it if there is none.
func (s *sessions) of(conn string) *session {
	sh := s.shards.Of(conn)
	if found := sh.find(conn); found != nil {
		return found
	}
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if found := sh.of[conn]; found != nil {
		return found
	}
	if sh.of == nil || len(sh.of) >= maxSessions {
		sh.of = map[string]*session{}
	}
	sh.of[conn] = new(session)
	return sh.of[conn]
}

// learn updates c's session, if this process has one.
func (s *sessions) learn(c store.Connection) {
	if found := s.shards.Of(c.ID).find(c.ID); found != nil {
		found.learn(c)
	}
}

func (s *sessions) forget(conn string) {
	sh := s.shards.Of(conn)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	delete(sh.of, conn)
}

// connection returns the sender's connection, from the store if this process
// does not know it.
func (h *Handler) connection(ctx context.Context, req *action) (c store.Connection, hinted bool, err error) {
	if c, ok := req.session.hint(); ok {
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
	req.session.learn(c)
	return c, nil
}
