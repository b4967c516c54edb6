package handlers

import (
	"context"
	"errors"
	"sync"

	"bellhop/events"
	"bellhop/handlers/metrics"
	"bellhop/lobby"
	"bellhop/store"
)

// acceptRequest lets in a waiting connection.
func (h *Handler) acceptRequest(ctx context.Context, req *action) error {
	var c events.AcceptRequest
	if err := req.Content.Read(&c); err != nil {
		return err
	}
	s := resumeToken{secret: h.NewSecret()}
	var m lobby.Member
	var r lobby.JoinRequest
	l, err := h.updateOwn(ctx, req, h.paced(req, nil, func(l *lobby.Lobby) (err error) {
		m, r, err = l.Accept(req.conn, c.ConnectionID, c.PeerID, s.hash())
		return err
	}))
	if err != nil {
		return err
	}
	if err := h.send(ctx, h.accepted(ctx, l, m, s, r.RequestID)); err != nil {
		return h.undoAccept(ctx, req, l, r, s, err)
	}
	h.Metrics.Time(metrics.JoinAnswer, h.Now().UnixMilli()-r.ClaimedAt)
	h.introduce(ctx, l, m, req.conn)
	return h.done(ctx, req, events.Done{ConnectionID: m.Conn, PeerID: m.PeerID})
}

// undoAccept removes a member that could not be notified because of cause. If
// it is still connected, it waits as before. If it has become the host since,
// it cannot wait; it is notified once more, since without s nobody could resume
// its slot. If the lobby has closed since, it is notified of that.
func (h *Handler) undoAccept(ctx context.Context, req *action, accepted *lobby.Lobby, r lobby.JoinRequest, s resumeToken, cause error) error {
	ctx, cancel := lastTime(ctx)
	defer cancel()
	if errors.Is(cause, ErrGone) {
		if err := h.removeUnseen(ctx, accepted, r.Conn, ""); err != nil {
			return err
		}
		return lobby.ErrNotWaiting
	}
	var out bool
	l, err := h.update(ctx, change{key: accepted.Key()}, func(l *lobby.Lobby) error {
		if out = l.UndoAccept(accepted, r.Conn); out {
			l.Requeue(req.conn, r)
		}
		return nil
	})
	answer := lobbyClosed(accepted, r)
	switch {
	case errors.Is(err, store.ErrNotFound), err == nil && l.CreatedAt != accepted.CreatedAt:
	case err != nil:
		return err
	case l.Host().Conn == r.Conn:
		answer = h.accepted(ctx, l, l.Host(), s, r.RequestID)
	case out, l.Has(r.Conn), r.RequestID == "": // it waits, or has been notified that the host is away
		return cause
	default:
		answer = requestCancelled(r)
	}
	h.logUndelivered(ctx, answer, h.send(ctx, answer))
	return cause
}

// rejectJoinRequest turns away a waiting connection.
func (h *Handler) rejectJoinRequest(ctx context.Context, req *action) error {
	var c events.RejectJoinRequest
	if err := req.Content.Read(&c); err != nil {
		return err
	}
	var r lobby.JoinRequest
	l, err := h.updateOwn(ctx, req, func(l *lobby.Lobby) (err error) {
		r, err = l.Reject(req.conn, c.ConnectionID)
		return err
	})
	if err != nil {
		return err
	}
	if c.Reason == "" {
		c.Reason = "The host declined."
	}
	answer := requestRejected(l, r, events.RejectedByHost, c.Reason)
	if err = h.send(ctx, answer); err != nil && !errors.Is(err, ErrGone) {
		return h.undoReject(ctx, req, l, r, answer, err)
	}
	h.Metrics.Time(metrics.JoinAnswer, h.Now().UnixMilli()-r.ClaimedAt)
	return h.done(ctx, req, events.Done{})
}

// undoReject undoes a rejection that could not be delivered because of cause,
// if the connection has gone nowhere else. The connection claims the lobby
// again, and waits. If the lobby has closed since, the connection is notified
// of that.
func (h *Handler) undoReject(ctx context.Context, req *action, rejected *lobby.Lobby, r lobby.JoinRequest, answer outgoing, cause error) error {
	ctx, cancel := lastTime(ctx)
	defer cancel()
	from := rejected.ClaimOf(r)
	to := newClaim(from.LobbyID, h.Now(), from)
	r.ClaimID, r.ClaimedAt = to.ID, to.At
	c, err := h.Store.Claim(ctx, r.Conn, settled(from), to)
	if errors.Is(err, store.ErrConflict) && c.Claim == from {
		_, err = h.Store.Claim(ctx, r.Conn, from, to)
	}
	switch {
	case errors.Is(err, store.ErrNotFound):
		return cause
	case errors.Is(err, store.ErrConflict):
		h.logUndelivered(ctx, answer, h.send(ctx, answer))
		return cause
	case err != nil:
		return err
	}
	l, err := h.update(ctx, change{key: rejected.Key(), silent: true}, func(l *lobby.Lobby) error {
		if l.CreatedAt != rejected.CreatedAt {
			return store.ErrNotFound // another lobby has its id
		}
		l.Requeue(req.conn, r)
		return nil
	})
	isOver := errors.Is(err, store.ErrNotFound)
	if isOver || err == nil && !l.Has(r.Conn) {
		h.releaseClaim(ctx, r.Conn, to)
	}
	if l != nil {
		h.notify(ctx, nil, l)
	}
	if isOver {
		answer = lobbyClosed(rejected, r)
		h.logUndelivered(ctx, answer, h.send(ctx, answer))
	} else if err != nil {
		return err
	}
	return cause
}

// removePlayer removes a member.
func (h *Handler) removePlayer(ctx context.Context, req *action) error {
	var c events.RemovePlayer
	if err := req.Content.Read(&c); err != nil {
		return err
	}
	ban := map[string]lobby.Ban{"true": lobby.BanPlayer, "address": lobby.BanAddress}[c.Ban]
	_, err := h.updateOwn(ctx, req, func(l *lobby.Lobby) error { return l.Kick(req.conn, c.ConnectionID, c.Reason, ban) })
	if err != nil {
		return err
	}
	return h.done(ctx, req, events.Done{})
}

// updateLobby changes the settings of the sender's lobby.
func (h *Handler) updateLobby(ctx context.Context, req *action) error {
	var c events.UpdateLobby
	if err := req.Content.Read(&c); err != nil {
		return err
	}
	hashed := sync.OnceValues(func() (string, error) { return hashPassword(ctx, *c.Password) })
	l, err := h.updateOwn(ctx, req, h.paced(req, nil, func(l *lobby.Lobby) (err error) {
		s := lobby.Settings(c)
		if c.Password != nil && l.Host().Conn == req.conn { // nobody else makes this process work for it
			var hash string
			if hash, err = hashed(); err != nil {
				return err
			}
			s.Password = &hash
		}
		return l.Set(req.conn, s, req.now)
	}))
	if err == nil {
		req.payForReceivers(l)
	}
	return err
}

// updatePlayer replaces what the sender says of itself.
func (h *Handler) updatePlayer(ctx context.Context, req *action) error {
	var c events.UpdatePlayer
	if err := req.Content.Read(&c); err != nil {
		return err
	}
	l, err := h.updateOwn(ctx, req, h.paced(req, nil, func(l *lobby.Lobby) error { return l.SetPlayer(req.conn, c.Player) }))
	if err != nil {
		return err
	}
	req.payForReceivers(l)
	return h.done(ctx, req, events.Done{})
}

// setHost makes another member the host.
func (h *Handler) setHost(ctx context.Context, req *action) error {
	var c events.SetHost
	if err := req.Content.Read(&c); err != nil {
		return err
	}
	l, err := h.updateOwn(ctx, req, h.paced(req, nil, func(l *lobby.Lobby) error {
		m, err := l.SetHost(req.conn, c.ConnectionID)
		if errors.Is(err, lobby.ErrAway) {
			err = unreachable(m.AwayUntil)
		}
		return err
	}))
	if err == nil {
		req.payForReceivers(l)
	}
	return err
}

// leaveLobby gives up the sender's slot or request.
func (h *Handler) leaveLobby(ctx context.Context, req *action) error {
	l, err := h.updateOwn(ctx, req, func(l *lobby.Lobby) error { return l.Leave(req.conn) })
	if err != nil {
		return err
	}
	h.answerJoin(ctx, req, l)
	return h.reply(ctx, req, events.LobbyLeft{LobbyID: l.ID})
}

// answerJoin answers the join_lobby of a sender that has just taken it back, if
// an answer was asked for.
func (h *Handler) answerJoin(ctx context.Context, req *action, l *lobby.Lobby) {
	for _, c := range l.Events {
		if c.Kind == lobby.Cancelled && c.Conn == req.conn && c.Requests[0].RequestID != "" {
			answer := requestCancelled(c.Requests[0])
			h.logUndelivered(ctx, answer, h.send(ctx, answer))
		}
	}
}

// requestCancelled answers a request whose sender neither waits any more nor is
// in the lobby.
func requestCancelled(r lobby.JoinRequest) outgoing {
	return outgoing{to: r.Conn, original: r.Original, requestID: r.RequestID,
		event: &events.Error{Code: events.NotInLobby, Message: "You took the request back.", Action: "join_lobby"}}
}

// closeLobby ends the sender's lobby for everybody. Guests of the original
// dialect send it too when they leave.
func (h *Handler) closeLobby(ctx context.Context, req *action) error {
	c, _, err := h.connection(ctx, req)
	if err != nil {
		return err
	}
	l, err := h.updateOwn(ctx, req, func(l *lobby.Lobby) error {
		if c.Original && l.Host().Conn != req.conn {
			return l.Leave(req.conn)
		}
		return l.Close(req.conn)
	})
	switch {
	case c.Original && errors.Is(err, lobby.ErrNotIn):
		return nil
	case err != nil:
		return err
	}
	h.answerJoin(ctx, req, l)
	return nil
}
