package handlers

import (
	"context"
	"errors"
	"sync"
	"time"

	"bellhop/events"
	"bellhop/store"
)

func (h *Handler) setSessionDescription(ctx context.Context, req *request) error {
	return h.relay(ctx, req, new(events.SessionDescription))
}

func (h *Handler) sendICECandidate(ctx context.Context, req *request) error {
	return h.relay(ctx, req, new(events.ICECandidate))
}

// buffers holds room for events on their way out. A Poster does not keep what it is given.
var buffers = sync.Pool{New: func() any { return new([]byte) }}

// relay hands c from the sender to the peer that it is for. This is the path that has to be fast: it reads the lobby
// once and writes nothing.
func (h *Handler) relay(ctx context.Context, req *request, c events.Relay) error {
	if err := req.Content.Read(c); err != nil {
		return err
	}
	key, from, peer, err := h.peer(ctx, req, c.Peer())
	if err != nil {
		return err
	}
	if peer.Away() {
		return unreachable(peer.AwayUntil)
	}
	buf := buffers.Get().(*[]byte)
	defer buffers.Put(buf)
	*buf = c.AppendEvent((*buf)[:0], events.Sender{ConnectionID: req.conn, PeerID: from}, peer.Original)
	err = h.Poster.Post(ctx, peer.Conn, *buf)
	if errors.Is(err, ErrGone) {
		err = h.again(ctx, req, c.Peer(), peer, *buf)
	}
	if errors.Is(err, ErrGone) {
		return h.lost(ctx, key, peer.Conn)
	}
	if err != nil {
		return err
	}
	return h.done(ctx, req, events.Done{})
}

// peer returns the lobby that the sender is in, its peer id there, and the member that it may talk to as id. A sender in no
// lobby hears no more than one in another: store.ErrNotLinked.
func (h *Handler) peer(ctx context.Context, req *request, id string) (at store.Key, from int, to store.Member, err error) {
	err = h.inLobby(ctx, req, func(key store.Key) error {
		l, err := h.read(ctx, key)
		if errors.Is(err, store.ErrNotFound) || err == nil && !l.Lists(req.conn) {
			return store.ErrNotIn
		}
		if err != nil {
			return err
		}
		at = key
		from, to, err = l.Peer(req.conn, id)
		return err
	})
	if err == store.ErrNotIn {
		err = store.ErrNotLinked
	}
	return at, from, to, err
}

// again posts data to a peer whose connection turned out to be gone, if they have resumed from another meanwhile: a
// message under way must not be lost by that.
func (h *Handler) again(ctx context.Context, req *request, id string, was store.Member, data []byte) error {
	_, _, now, err := h.peer(ctx, req, id)
	switch {
	case err != nil:
		return err
	case now.Conn == was.Conn:
		return ErrGone
	case now.Away():
		return unreachable(now.AwayUntil)
	}
	return h.Poster.Post(ctx, now.Conn, data)
}

// lost drops a peer whose connection turned out to be gone, and says so to the sender.
func (h *Handler) lost(ctx context.Context, key store.Key, conn string) error {
	until, err := h.drop(ctx, key, conn)
	if err != nil {
		return err
	}
	return unreachable(until)
}

// unreachable is the error for a peer that is away. The zero time means that they cannot come back.
func unreachable(until time.Time) error {
	return &events.Error{
		Code: events.PeerUnreachable, ResumeUntil: events.TimeOf(until),
		Message: "That peer's connection is gone; wait for them to come back, or go on without them.",
	}
}
