package handlers

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"sync"

	"bellhop/events"
	"bellhop/lobby"
	"bellhop/store"
)

// outgoing is an event for one connection.
type outgoing struct {
	to        string
	original  bool // speaks the original dialect
	event     events.Event
	requestID string // of the action that the event answers
	last      bool   // then the connection is closed
}

// send posts o. It skips an event that the receiver's dialect does not have.
func (h *Handler) send(ctx context.Context, l outgoing) error {
	e := l.event
	if l.original {
		if e = events.Original(e); e == nil {
			return nil
		}
	}
	data, err := events.Append(nil, e, l.requestID)
	if err == nil {
		err = h.post(ctx, l.to, data)
	}
	if err == nil {
		h.countJoined(l.event)
	}
	return err
}

// reply sends the sender the answer to its action.
func (h *Handler) reply(ctx context.Context, req *action, e events.Event) error {
	ctx, cancel := lastTime(ctx)
	defer cancel()
	c, _, err := h.connection(ctx, req)
	if err != nil {
		return err
	}
	return h.replyTo(ctx, req, c, e)
}

// replyTo is reply to the connection c. If the sender is gone, it is removed
// from its lobby. If the answer cannot be delivered, an error could not be
// either, so replyTo only logs that.
func (h *Handler) replyTo(ctx context.Context, req *action, c store.Connection, e events.Event) error {
	answer := outgoing{to: req.conn, original: c.Original, event: e, requestID: req.RequestID}
	err := h.send(ctx, answer)
	if !errors.Is(err, ErrGone) {
		h.logUndelivered(ctx, answer, err)
		return nil
	}
	if c.Claim.LobbyID != "" { // $disconnect might have been handled before the sender entered the lobby
		if _, err := h.drop(ctx, c.Key(), req.conn); err != nil {
			return err
		}
	}
	return h.gone(ctx, req.conn)
}

// done answers an action that has no event of its own, if the sender asked for
// an answer. Without a request_id it saves a billed message.
func (h *Handler) done(ctx context.Context, req *action, e events.Done) error {
	if req.RequestID == "" {
		return nil
	}
	return h.reply(ctx, req, e)
}

// notify sends the lobby's events to the clients concerned. req is the action
// that they answer, or nil.
func (h *Handler) notify(ctx context.Context, req *action, l *lobby.Lobby) {
	h.dropAll(ctx, l.Key(), h.notifyChanges(ctx, req, l))
}

// dropAll drops connections that turned out to be gone.
func (h *Handler) dropAll(ctx context.Context, key lobby.Key, gone []string) {
	for _, conn := range gone {
		if _, err := h.drop(ctx, key, conn); err != nil {
			h.logFault(ctx, conn, "", "notify", err)
		}
	}
}

// notifyChanges is notify, but returns the connections that turned out to be
// gone.
func (h *Handler) notifyChanges(ctx context.Context, req *action, l *lobby.Lobby) (gone []string) {
	var all []outgoing
	for _, c := range l.Events {
		for _, o := range notifications(l, c) {
			if req != nil && o.to == req.conn && c.By == req.conn {
				o.requestID = req.RequestID
			}
			all = append(all, o)
		}
	}
	return h.broadcast(ctx, all)
}

// notifications decides which client gets which event: docs/protocol.md has the
// table.
func notifications(l *lobby.Lobby, c lobby.Event) (all []outgoing) {
	var e, toOthers events.Event
	switch c.Kind {
	case lobby.Asked:
		e = requestToJoin(c.Requests[0])
	case lobby.Removed:
		e = events.Removed{LobbyID: l.ID, Reason: cmp.Or(c.Reason, "The host removed you.")}
	case lobby.Resumed:
		e = events.PeerResumed{ConnectionID: c.Conn, NewConnectionID: c.New, PeerID: c.PeerID}
		toOthers = events.PlayerBack{PeerID: c.PeerID}
	case lobby.Replaced:
		e = events.Replaced{}
	case lobby.HostChanged:
		return hostChanged(c)
	case lobby.Updated:
		e = events.LobbyUpdated{Lobby: wireLobby(l)}
	case lobby.PlayerUpdated:
		e = events.PlayerUpdated{PeerID: c.PeerID, Player: events.Object(c.Player)}
		toOthers = e
	case lobby.Left:
		e = events.PeerLeft{ConnectionID: c.Conn, PeerID: c.PeerID, Reason: c.Reason}
		toOthers = events.PlayerLeft{PeerID: c.PeerID, Reason: c.Reason}
	case lobby.Disconnected:
		e = events.PeerDisconnected{ConnectionID: c.Conn, PeerID: c.PeerID, ResumeUntil: events.TimeOf(c.Until)}
		toOthers = events.PlayerAway{PeerID: c.PeerID, ResumeUntil: events.TimeOf(c.Until)}
	case lobby.Cancelled:
		e = events.RequestCancelled{ConnectionID: c.Conn}
	case lobby.Closed:
		e = events.LobbyClosed{LobbyID: l.ID, Reason: c.Reason}
	}
	for _, m := range c.To {
		if !m.Away() {
			all = append(all, outgoing{to: m.Conn, original: m.Original, event: e, last: c.Kind == lobby.Replaced})
		}
	}
	for _, m := range c.Others {
		if !m.Away() {
			all = append(all, outgoing{to: m.Conn, original: m.Original, event: toOthers})
		}
	}
	for _, r := range c.Requests {
		switch c.Kind {
		case lobby.Closed:
			all = append(all, lobbyClosed(l, r))
		case lobby.HostAway:
			all = append(all, requestRejected(l, r, events.HostUnavailable, hostIsAway))
		}
	}
	return all
}

// hostChanged are the notifications of a new host. In a star it learns its
// peers, and in any lobby who waits for it.
func hostChanged(c lobby.Event) (all []outgoing) {
	for _, m := range c.To {
		e := events.HostChanged{HostConnectionID: c.Conn, PeerID: c.PeerID, Term: c.Term}
		if m.Conn == c.Conn {
			e.Peers = wirePeers(c.Peers)
		}
		if !m.Away() {
			all = append(all, outgoing{to: m.Conn, original: m.Original, event: e})
		}
	}
	for _, r := range c.Requests {
		all = append(all, outgoing{to: c.Conn, event: requestToJoin(r)})
	}
	return all
}

func lobbyClosed(l *lobby.Lobby, r lobby.JoinRequest) outgoing {
	return requestRejected(l, r, events.LobbyClosedCode, "The lobby has closed.")
}

// broadcast posts to all receivers at the same time, and to each of them in
// order. It returns the connections that are gone. Any other failure is logged,
// since the action itself has succeeded.
func (h *Handler) broadcast(ctx context.Context, all []outgoing) (gone []string) {
	var mu sync.Mutex
	var posts []func()
	for _, to := range byRecipient(all) {
		posts = append(posts, func() {
			if err := h.sendInOrder(ctx, to); errors.Is(err, ErrGone) {
				mu.Lock()
				defer mu.Unlock()
				gone = append(gone, to[0].to)
			}
		})
	}
	h.atOnce(ctx, posts)
	return gone
}

// atOnce calls all functions concurrently and returns when all have returned.
func (h *Handler) atOnce(ctx context.Context, all []func()) {
	var wg sync.WaitGroup
	for _, f := range all {
		wg.Go(func() {
			defer h.contain(ctx)
			f()
		})
	}
	wg.Wait()
}

func byRecipient(all []outgoing) (groups [][]outgoing) {
	at := map[string]int{}
	for _, l := range all {
		i, ok := at[l.to]
		if !ok {
			i = len(groups)
			at[l.to], groups = i, append(groups, nil)
		}
		groups[i] = append(groups[i], l)
	}
	return groups
}

// sendInOrder posts events to one connection, one after the other. It returns
// ErrGone and logs any other error.
func (h *Handler) sendInOrder(ctx context.Context, all []outgoing) error {
	for _, l := range all {
		err := h.send(ctx, l)
		if errors.Is(err, ErrGone) {
			return err
		}
		h.logUndelivered(ctx, l, err)
		if l.last {
			h.logUndelivered(ctx, l, h.Poster.Hangup(ctx, l.to))
		}
	}
	return nil
}

// logUndelivered logs why l was not delivered. A receiver that does not read is
// logged once: it must not fill a log.
func (h *Handler) logUndelivered(ctx context.Context, l outgoing, err error) {
	if err == nil || errors.Is(err, ErrGone) || errors.Is(err, ErrBusy) && h.client(l.to).busy.Swap(true) {
		return
	}
	h.Log.LogAttrs(ctx, slog.LevelWarn, "event not delivered", slog.String("connection_id", l.to),
		slog.String("event", l.event.EventName()), slog.Any("error", err))
}

func requestRejected(l *lobby.Lobby, r lobby.JoinRequest, code events.Code, reason string) outgoing {
	return outgoing{to: r.Conn, original: r.Original, requestID: r.RequestID, event: events.RequestRejected{
		LobbyID: l.ID, Code: code, Reason: reason,
	}}
}
