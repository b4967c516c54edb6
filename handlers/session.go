package handlers

import (
	"context"
	"hash/maphash"
	"sync"
	"time"

	"bellhop/store"
)

// A session is what this process remembers of a connection between two messages. All of it may be forgotten: where the
// connection points is a hint that is checked against the store, the bucket is then full again, and the log says once more
// that the client does not read.
type session struct {
	mu     sync.Mutex
	known  bool // conn has been read
	conn   store.Connection
	tokens float64 // actions that may be sent at once; those of the start are still to come
	last   time.Time
	busy   bool // the log says that it took no more
}

// hint returns what was last known of the connection, if anything.
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

// spend takes one action out of a bucket that holds burst and fills by rate a second. It returns how long to wait if
// there is none.
func (s *session) spend(now time.Time, rate, burst float64) (wait time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.last.IsZero() {
		s.tokens = burst
	} else {
		s.tokens = min(burst, s.tokens+max(0, now.Sub(s.last).Seconds())*rate)
	}
	s.last = now
	if s.tokens < 1 {
		return time.Duration((1 - s.tokens) / rate * float64(time.Second))
	}
	s.tokens--
	return 0
}

// wasBusy reports whether it has been called before.
func (s *session) wasBusy() (before bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	before, s.busy = s.busy, true
	return before
}

// pay takes n more actions out of the bucket, which may leave it in debt.
func (s *session) pay(n float64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tokens -= n
}

// sessions holds the sessions of a process. On AWS a connection's end may be handled by another process, so what is
// left over is thrown away once there is too much of it.
type sessions struct{ shards [64]sessionShard }

type sessionShard struct {
	mu sync.RWMutex
	of map[string]*session
}

// maxSessions bounds what one of the 64 shards holds: a quarter of a million connections in all.
const maxSessions = 4096

var sessionSeed = maphash.MakeSeed()

func (s *sessions) shard(conn string) *sessionShard {
	return &s.shards[maphash.String(sessionSeed, conn)%uint64(len(s.shards))]
}

// find returns conn's session, or nil.
func (sh *sessionShard) find(conn string) *session {
	sh.mu.RLock()
	defer sh.mu.RUnlock()
	return sh.of[conn]
}

// of returns conn's session, a new one if there is none.
func (s *sessions) of(conn string) *session {
	sh := s.shard(conn)
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

// learn tells c's session, if this process has one, where c points.
func (s *sessions) learn(c store.Connection) {
	if found := s.shard(c.ID).find(c.ID); found != nil {
		found.learn(c)
	}
}

func (s *sessions) forget(conn string) {
	sh := s.shard(conn)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	delete(sh.of, conn)
}

// connection returns what is known of the sender, from the store if this process does not know it.
func (h *Handler) connection(ctx context.Context, req *request) (c store.Connection, hinted bool, err error) {
	if c, ok := req.session.hint(); ok {
		return c, true, nil
	}
	c, err = h.refresh(ctx, req)
	return c, false, err
}

func (h *Handler) refresh(ctx context.Context, req *request) (store.Connection, error) {
	c, err := h.Store.Connection(ctx, req.conn)
	if err != nil {
		return c, unknownConnection(err)
	}
	req.session.learn(c)
	return c, nil
}

// inLobby calls do with the key of the lobby the sender is in. It returns what do returns, or store.ErrNotIn; do returns
// that too if the lobby does not list the sender, and is called again if another process has moved them meanwhile.
func (h *Handler) inLobby(ctx context.Context, req *request, do func(store.Key) error) error {
	known, hinted, err := h.connection(ctx, req)
	if err != nil {
		return err
	}
	if err = follow(known, do); err != store.ErrNotIn || !hinted {
		return err
	}
	fresh, err := h.refresh(ctx, req)
	if err != nil {
		return err
	}
	if fresh.Pointer == known.Pointer {
		return store.ErrNotIn
	}
	return follow(fresh, do)
}

func follow(c store.Connection, do func(store.Key) error) error {
	if c.Pointer.LobbyID == "" {
		return store.ErrNotIn
	}
	return do(c.Key())
}
