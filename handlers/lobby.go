package handlers

import (
	"context"
	"errors"
	"strings"
	"sync"

	"bellhop/events"
	"bellhop/store"
)

// acceptRequest lets in somebody who waits.
func (h *Handler) acceptRequest(ctx context.Context, req *request) error {
	var c events.AcceptRequest
	if err := req.Content.Read(&c); err != nil {
		return err
	}
	s := seat{secret: h.NewSecret()}
	var m store.Member
	var r store.Request
	l, err := h.updateOwn(ctx, req, func(l *store.Lobby) (err error) {
		m, r, err = l.Accept(req.conn, c.ConnectionID, c.PeerID, s.hash())
		return err
	})
	if err != nil {
		return err
	}
	if err := h.tell(ctx, h.accepted(l, m, s, r.RequestID)); err != nil {
		return h.undoAccept(ctx, req, l, r, s, err)
	}
	h.introduce(ctx, l, m, req.conn)
	return h.done(ctx, req, events.Done{ConnectionID: m.Conn, PeerID: m.PeerID})
}

// undoAccept takes out again a member who could not be told because of cause, and lets one who is there wait as before. One
// who has become the host meanwhile cannot wait, and is told once more: without s nobody resumes its place. Nor can one whose
// lobby has closed meanwhile, or who is out of it already: that one hears so in answer to its request.
func (h *Handler) undoAccept(ctx context.Context, req *request, accepted *store.Lobby, r store.Request, s seat, cause error) error {
	ctx, cancel := lastTime(ctx)
	defer cancel()
	if errors.Is(cause, ErrGone) {
		if err := h.takeOut(ctx, accepted, r.Conn, ""); err != nil {
			return err
		}
		return store.ErrNotWaiting
	}
	var out bool
	l, err := h.update(ctx, nil, accepted.Key(), func(l *store.Lobby) error {
		if out = l.UndoAccept(accepted, r.Conn); out {
			l.Readmit(req.conn, r)
		}
		return nil
	})
	answer := closedLetter(accepted, r)
	switch {
	case errors.Is(err, store.ErrNotFound), err == nil && l.CreatedAt != accepted.CreatedAt:
	case err != nil:
		return err
	case l.Host().Conn == r.Conn:
		answer = h.accepted(l, l.Host(), s, r.RequestID)
	case out, l.Lists(r.Conn), r.RequestID == "": // waits, or has heard that the host is away
		return cause
	default:
		answer = takenBackLetter(r)
	}
	h.logUndelivered(ctx, answer, h.tell(ctx, answer))
	return cause
}

// rejectJoinRequest sends away somebody who waits.
func (h *Handler) rejectJoinRequest(ctx context.Context, req *request) error {
	var c events.RejectJoinRequest
	if err := req.Content.Read(&c); err != nil {
		return err
	}
	var r store.Request
	l, err := h.updateOwn(ctx, req, func(l *store.Lobby) (err error) {
		r, err = l.Reject(req.conn, c.ConnectionID)
		return err
	})
	if err != nil {
		return err
	}
	if c.Reason == "" {
		c.Reason = "The host declined."
	}
	answer := rejectedLetter(l, r, events.RejectedByHost, c.Reason)
	if err = h.tell(ctx, answer); err != nil && !errors.Is(err, ErrGone) {
		return h.undoReject(ctx, req, l, r, answer, err)
	}
	return h.done(ctx, req, events.Done{})
}

// undoReject lets somebody wait again who could not be told answer because of cause. They are on their way to the lobby anew, so
// that they go nowhere else meanwhile. One that has gone elsewhere already is told answer once more, and one whose lobby has
// closed meanwhile is told so.
func (h *Handler) undoReject(ctx context.Context, req *request, rejected *store.Lobby, r store.Request, answer letter, cause error) error {
	ctx, cancel := lastTime(ctx)
	defer cancel()
	from := store.Pointer{LobbyID: strings.ToLower(rejected.ID), Since: r.Since}
	r.Since = max(h.Now().UnixMilli(), r.Since+1)
	to := store.Pointer{LobbyID: from.LobbyID, Since: r.Since}
	c, err := h.Store.Point(ctx, r.Conn, from.Settled(), to)
	if errors.Is(err, store.ErrConflict) && c.Pointer == from {
		_, err = h.Store.Point(ctx, r.Conn, from, to)
	}
	switch {
	case errors.Is(err, store.ErrNotFound):
		return cause
	case errors.Is(err, store.ErrConflict):
		h.logUndelivered(ctx, answer, h.tell(ctx, answer))
		return cause
	case err != nil:
		return err
	}
	l, lapsed, err := h.apply(ctx, rejected.Key(), nil, func(l *store.Lobby) error {
		if l.CreatedAt != rejected.CreatedAt {
			return store.ErrNotFound // another has taken its id
		}
		l.Readmit(req.conn, r)
		return nil
	})
	isOver := errors.Is(err, store.ErrNotFound)
	if isOver || err == nil && !l.Lists(r.Conn) {
		h.release(ctx, r.Conn, to)
	}
	if l != nil {
		h.announce(ctx, nil, l, lapsed)
	}
	if isOver {
		answer = closedLetter(rejected, r)
		h.logUndelivered(ctx, answer, h.tell(ctx, answer))
	} else if err != nil {
		return err
	}
	return cause
}

// removePlayer takes a member's place from it.
func (h *Handler) removePlayer(ctx context.Context, req *request) error {
	var c events.RemovePlayer
	if err := req.Content.Read(&c); err != nil {
		return err
	}
	_, err := h.updateOwn(ctx, req, func(l *store.Lobby) error { return l.Remove(req.conn, c.ConnectionID, c.Reason, c.Ban) })
	if err != nil {
		return err
	}
	return h.done(ctx, req, events.Done{})
}

// updateLobby sets what the sender's lobby does from now on.
func (h *Handler) updateLobby(ctx context.Context, req *request) error {
	var c events.UpdateLobby
	if err := req.Content.Read(&c); err != nil {
		return err
	}
	if c.Metadata != nil {
		*c.Metadata = strings.Clone(*c.Metadata)
	}
	hashed := sync.OnceValues(func() (string, error) { return hashPassword(ctx, *c.Password) })
	_, err := h.updateOwn(ctx, req, func(l *store.Lobby) (err error) {
		s := store.Settings(c)
		if c.Password != nil && l.Host().Conn == req.conn { // nobody else makes this process work for it
			var hash string
			if hash, err = hashed(); err != nil {
				return err
			}
			s.Password = &hash
		}
		return l.Set(req.conn, s)
	})
	return err
}

// leaveLobby gives up the sender's place, or its request for one.
func (h *Handler) leaveLobby(ctx context.Context, req *request) error {
	l, err := h.updateOwn(ctx, req, func(l *store.Lobby) error { return l.Leave(req.conn) })
	if err != nil {
		return err
	}
	h.answerJoin(ctx, req, l)
	return h.reply(ctx, req, events.LobbyLeft{LobbyID: l.ID})
}

// answerJoin answers the join_lobby of a sender who has just taken it back, if an answer was asked for.
func (h *Handler) answerJoin(ctx context.Context, req *request, l *store.Lobby) {
	for _, c := range l.Changes {
		if c.Kind == store.Cancelled && c.Conn == req.conn && c.Requests[0].RequestID != "" {
			answer := takenBackLetter(c.Requests[0])
			h.logUndelivered(ctx, answer, h.tell(ctx, answer))
		}
	}
}

// takenBackLetter answers a request whose sender neither waits any more nor is in the lobby.
func takenBackLetter(r store.Request) letter {
	return letter{to: r.Conn, original: r.Original, requestID: r.RequestID,
		event: &events.Error{Code: events.NotInLobby, Message: "You took the request back.", Action: "join_lobby"}}
}

// closeLobby ends the sender's lobby for all in it. The original's guests say it too when they leave.
func (h *Handler) closeLobby(ctx context.Context, req *request) error {
	c, _, err := h.connection(ctx, req)
	if err != nil {
		return err
	}
	l, err := h.updateOwn(ctx, req, func(l *store.Lobby) error {
		if c.Original && l.Host().Conn != req.conn {
			return l.Leave(req.conn)
		}
		return l.Close(req.conn)
	})
	switch {
	case c.Original && errors.Is(err, store.ErrNotIn):
		return nil
	case err != nil:
		return err
	}
	h.answerJoin(ctx, req, l)
	return nil
}
