package handlers

import (
	"context"
	"errors"
	"strings"

	"bellhop/events"
	"bellhop/store"
)

// joinLobby asks a lobby's host to let the sender in.
func (h *Handler) joinLobby(ctx context.Context, req *request) error {
	var c events.JoinLobby
	if err := req.Content.Read(&c); err != nil {
		return err
	}
	at, seen, err := h.approach(ctx, req, store.Pointer{}, c.LobbyID)
	if err != nil {
		return err
	}
	if err = h.join(ctx, req, at, seen, c); errors.Is(err, store.ErrNotFound) {
		err = h.guessed(req, err)
	}
	return err
}

// join asks the host of the lobby that the sender points to, at, to let the sender in. seen is that lobby, if it has been read.
func (h *Handler) join(ctx context.Context, req *request, at store.Connection, seen *store.Lobby, c events.JoinLobby) error {
	id, s, in := c.LobbyID, seat{secret: h.NewSecret()}, false
	r := store.Request{
		Conn: req.conn, Player: strings.Clone(c.Player), Original: at.Original, Since: at.Pointer.Since, RequestID: strings.Clone(req.RequestID),
	}
	var m store.Member
	l, lapsed, err := h.apply(ctx, at.Key(), seen, func(l *store.Lobby) (err error) {
		id = l.ID
		if m, in, err = l.Join(r, s.hash()); errors.Is(err, store.ErrWrongPassword) {
			if err = h.prove(ctx, req, at.Key(), l.Password, c.Password); err == nil {
				r.Proved = l.Password
				m, in, err = l.Join(r, s.hash())
			}
		}
		return err
	})
	switch {
	case isRefusal(err):
		h.release(ctx, req.conn, at.Pointer)
	case err != nil:
		err = h.unsure(ctx, at, err)
	}
	if l != nil { // who is found gone by it is dropped when the sender has its answer, which is of before
		defer h.dropAll(ctx, l.Key(), h.tellChanges(ctx, nil, l, lapsed))
	}
	switch {
	case err == nil && in:
		err = h.admit(ctx, req, l, m, s)
	case err == nil:
		err = h.askHost(ctx, req, l)
	}
	return rejection(id, err)
}

// isRefusal reports whether err says that the sender was not let wait, and not that nobody knows.
func isRefusal(err error) bool {
	var slowed *events.Error
	if errors.As(err, &slowed) {
		return true
	}
	for _, w := range wireErrors {
		if w.rejects != "" && errors.Is(err, w.err) {
			return true
		}
	}
	return false
}

// admit tells the host that the sender has come into l, as m, and then the sender. If the host turns out to be gone, the
// sender is taken out again. If the host has another connection by then, or is another member, the sender is answered all
// the same.
func (h *Handler) admit(ctx context.Context, req *request, l *store.Lobby, m store.Member, s seat) error {
	now, host, err := h.tellHost(ctx, l, m)
	if err != nil {
		return err
	}
	answer := h.accepted(now, m, s, req.RequestID)
	if err = h.tell(ctx, answer); !errors.Is(err, ErrGone) {
		h.logUndelivered(ctx, answer, err)
		h.introduce(ctx, l, m, host)
		return nil
	}
	return h.takeOut(ctx, l, m.Conn, host)
}

// tellHost tells the host that m has come into l. It returns the lobby as it was then, and the connection that was told.
// It returns an error for the sender if m is out again.
func (h *Handler) tellHost(ctx context.Context, l *store.Lobby, m store.Member) (now *store.Lobby, told string, err error) {
	now = l
	for {
		host := now.Host()
		joined := joinedLetter(host, m)
		if err = h.tell(ctx, joined); !errors.Is(err, ErrGone) {
			h.logUndelivered(ctx, joined, err)
			return now, host.Conn, nil
		}
		now, err = h.hostGone(ctx, l.Key(), host, func(l2 *store.Lobby) bool { return l2.UndoAccept(l, m.Conn) })
		switch {
		case errors.Is(err, store.ErrNotFound), err == nil && now.CreatedAt != l.CreatedAt:
			return nil, "", errClosed
		case err != nil:
			return nil, "", err
		case !now.Lists(m.Conn):
			return nil, "", store.ErrNotIn // left, or was removed
		case now.HostID == host.PeerID: // it resumed, and found m among its peers
			return now, now.Host().Conn, nil
		case now.HostID == m.PeerID:
			return now, "", nil
		}
	}
}

// takeOut takes out of the lobby again who was let into l and is gone before the answer. told has heard of them.
func (h *Handler) takeOut(ctx context.Context, l *store.Lobby, conn, told string) error {
	ctx, cancel := lastTime(ctx)
	defer cancel()
	_, err := h.update(ctx, nil, l.Key(), func(now *store.Lobby) error {
		if !now.UndoAccept(l, conn, told) {
			return store.ErrNotIn
		}
		return nil
	})
	switch {
	case errors.Is(err, store.ErrNotIn): // or is the host by now
		_, err = h.drop(ctx, l.Key(), conn)
	case errors.Is(err, store.ErrNotFound):
		return nil
	}
	return err
}

// introduce tells those who are linked with m that it has come in: all but the host, and told, who know.
func (h *Handler) introduce(ctx context.Context, l *store.Lobby, m store.Member, told string) {
	var letters []letter
	for _, peer := range l.Peers(m) {
		if peer.PeerID != l.HostID && peer.Conn != told && !peer.Away() {
			letters = append(letters, joinedLetter(peer, m))
		}
	}
	h.dropAll(ctx, l.Key(), h.deliver(ctx, letters))
}

func joinedLetter(to, m store.Member) letter {
	return letter{to: to.Conn, original: to.Original, event: events.PeerJoined{
		ConnectionID: m.Conn, PeerID: m.PeerID, Player: events.Object(m.Player),
	}}
}

// hostGone is what becomes of a request to join if host, who was to hear of it, is gone: undo takes the sender out, and
// the error says that the host is away. If host has another connection by now, or is the host no longer, nothing changes, and
// the error is nil. It returns the lobby as it is.
func (h *Handler) hostGone(ctx context.Context, key store.Key, host store.Member, undo func(*store.Lobby) bool) (*store.Lobby, error) {
	ctx, cancel := lastTime(ctx)
	defer cancel()
	var out bool
	l, err := h.update(ctx, nil, key, func(l *store.Lobby) error {
		if out = false; l.Host().Conn != host.Conn {
			return nil
		}
		out = undo(l)
		return l.Drop(host.Conn, h.Now().Add(h.Grace).UTC())
	})
	if err == nil {
		h.lapseLater(key, l, host.Conn)
	}
	if err == nil && out {
		err = store.ErrHostAway
	}
	return l, err
}

// accepted is what m hears when it has come into l.
func (h *Handler) accepted(l *store.Lobby, m store.Member, s seat, requestID string) letter {
	s.peerID, s.lobbyID = m.PeerID, l.ID
	return letter{to: m.Conn, original: m.Original, requestID: requestID, event: events.RequestAccepted{
		HostConnectionID: l.Host().Conn, ConnectionID: m.Conn, PeerID: m.PeerID, LobbyID: l.ID, Term: l.Term,
		ResumeToken: s.token(), Lobby: wireLobby(l.Listing()), Peers: wirePeers(l, m),
		ICEServers: h.iceServers(m.Conn),
	}}
}

// askHost tells the host of l that the sender waits. If that cannot be done, the sender waits no longer, unless somebody
// has answered meanwhile: then the sender knows already.
func (h *Handler) askHost(ctx context.Context, req *request, l *store.Lobby) error {
	host, r := l.Host(), l.Waiting[len(l.Waiting)-1]
	err := h.tell(ctx, letter{to: host.Conn, original: host.Original, event: requestToJoin(r)})
	if err == nil {
		return nil
	}
	withdraw := func(l *store.Lobby) bool {
		_, answered := l.Withdraw(req.conn)
		return answered == nil
	}
	if errors.Is(err, ErrGone) {
		if _, err = h.hostGone(ctx, l.Key(), host, withdraw); errors.Is(err, store.ErrNotFound) {
			return nil // the sender has heard that the lobby has closed
		}
		return err
	}
	ctx, cancel := lastTime(ctx)
	defer cancel()
	var out bool
	_, undo := h.update(ctx, nil, l.Key(), func(l *store.Lobby) error {
		out = l.Host().Conn == host.Conn && withdraw(l)
		return nil
	})
	switch {
	case undo != nil && !errors.Is(undo, store.ErrNotFound):
		return undo
	case !out:
		return nil
	}
	return err
}

func requestToJoin(r store.Request) events.RequestToJoin {
	return events.RequestToJoin{ConnectionID: r.Conn, PeerID: r.PeerID, Player: events.Object(r.Player)}
}
