package handlers

import (
	"context"
	"errors"
	"sync"
	"time"

	"bellhop/events"
	"bellhop/handlers/metrics"
	"bellhop/lobby"
)

func (h *Handler) setSessionDescription(ctx context.Context, req *action) error {
	return h.relay(ctx, req, new(events.SessionDescription))
}

func (h *Handler) sendICECandidate(ctx context.Context, req *action) error {
	return h.relay(ctx, req, new(events.ICECandidate))
}

// buffers holds buffers for outgoing events. A Poster does not keep its data.
var buffers = sync.Pool{New: func() any { return new([]byte) }}

// relay passes c from the sender to a peer. This path has to be fast: it reads
// the lobby once and writes nothing.
func (h *Handler) relay(ctx context.Context, req *action, c events.Relay) error {
	if err := req.Content.Read(c); err != nil {
		return err
	}
	err := h.toPeer(ctx, req, c.Peer(), func(b []byte, from int, peer lobby.Member) ([]byte, error) {
		return c.AppendEvent(b, events.Sender{ConnectionID: req.conn, PeerID: from}, peer.Original), nil
	})
	if err != nil {
		return err
	}
	h.Metrics.Count(metrics.Relays, c.Kind())
	return h.done(ctx, req, events.Done{})
}

// toPeer posts an event to the peer id. write appends the event to b, for a
// sender with the peer id from.
func (h *Handler) toPeer(ctx context.Context, req *action, id string, write func(b []byte, from int, peer lobby.Member) ([]byte, error)) error {
	key, from, peer, err := h.peer(ctx, req, id)
	if err != nil {
		return err
	}
	if peer.Away() {
		return unreachable(peer.AwayUntil)
	}
	buf := buffers.Get().(*[]byte)
	defer buffers.Put(buf)
	if *buf, err = write((*buf)[:0], from, peer); err != nil {
		return err
	}
	err = h.post(ctx, peer.Conn, *buf)
	if errors.Is(err, ErrGone) {
		err = h.again(ctx, req, id, peer, *buf)
	}
	if errors.Is(err, ErrGone) {
		return h.lost(ctx, key, peer.Conn)
	}
	return err
}

// peer returns the member that the sender can talk to as id, and the key of
// their lobby. A sender that is in no lobby learns no more than one in another
// lobby: lobby.ErrNotLinked.
func (h *Handler) peer(ctx context.Context, req *action, id string) (at lobby.Key, from int, to lobby.Member, err error) {
	l, err := h.ownLobby(ctx, req)
	switch {
	case err == lobby.ErrNotIn:
		return at, 0, to, lobby.ErrNotLinked
	case err != nil:
		return at, 0, to, err
	}
	from, to, err = l.Peer(req.conn, id)
	return l.Key(), from, to, err
}

// again posts data to a peer whose connection turned out to be gone, if the
// peer has resumed on another since. This must not lose a message on its way.
func (h *Handler) again(ctx context.Context, req *action, id string, was lobby.Member, data []byte) error {
	_, _, now, err := h.peer(ctx, req, id)
	switch {
	case err != nil:
		return err
	case now.Conn == was.Conn:
		return ErrGone
	case now.Away():
		return unreachable(now.AwayUntil)
	}
	return h.post(ctx, now.Conn, data)
}

// lost drops a peer whose connection turned out to be gone, and returns the
// error for the sender.
func (h *Handler) lost(ctx context.Context, key lobby.Key, conn string) error {
	until, err := h.drop(ctx, key, conn)
	if err != nil {
		return err
	}
	return unreachable(until)
}

// unreachable returns the error for a peer that is away. The zero time means
// that it cannot come back.
func unreachable(until time.Time) error {
	return &events.Error{
		Code: events.PeerUnreachable, ResumeUntil: events.TimeOf(until),
		Message: "That peer's connection is gone; wait for them to come back, or go on without them.",
	}
}
