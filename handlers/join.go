package handlers

import (
	"context"
	"errors"

	"bellhop/events"
	"bellhop/handlers/metrics"
	"bellhop/internal/network"
	"bellhop/lobby"
	"bellhop/store"
)

// joinLobby sends the sender's request to join to a lobby's host.
func (h *Handler) joinLobby(ctx context.Context, req *action) error {
	var c events.JoinLobby
	if err := req.Content.Read(&c); err != nil {
		return err
	}
	_, known := req.client.hint(req.conn)
	at, seen, err := h.claimAndRead(ctx, req, lobby.Claim{}, c.LobbyID)
	if err != nil {
		return err
	}
	if c.OrStart != nil {
		if !known { // then nothing has been read, and the lobby might exist
			seen, _ = h.Store.Lobby(ctx, at.Key())
		}
		return h.joinOrStart(ctx, req, at, seen, c)
	}
	if err = h.join(ctx, req, at, seen, c); errors.Is(err, store.ErrNotFound) {
		err = h.guessed(req, err)
	}
	return err
}

// maxTurns is how often a sender that joins or starts a lobby finds that others
// have opened or closed it just before.
const maxTurns = 16

// joinOrStart is joinLobby for a sender that starts the lobby if there is none.
// The lobby can open or close at any moment, so it tries again, by what it
// finds then. After maxTurns the sender is to try again later.
func (h *Handler) joinOrStart(ctx context.Context, req *action, at store.Connection, seen *lobby.Lobby, c events.JoinLobby) error {
	for range maxTurns {
		var err error
		if seen != nil {
			err = h.join(ctx, req, at, seen, c)
		} else {
			err = h.startAt(ctx, req, at, c.LobbyID, *c.OrStart)
		}
		if !errors.Is(err, store.ErrNotFound) && !errors.Is(err, store.ErrExists) {
			return err
		}
		if at, seen, err = h.claimAndRead(ctx, req, lobby.Claim{}, c.LobbyID); err != nil {
			return err
		}
	}
	h.releaseClaim(ctx, req.conn, at.Claim)
	return store.ErrThrottled
}

// startAt is startLobby for a sender that has claimed the id; at is its
// connection.
func (h *Handler) startAt(ctx context.Context, req *action, at store.Connection, id string, c events.StartLobby) error {
	l, s, err := h.openAt(ctx, req, at, id, c)
	if err != nil {
		return err
	}
	req.pay(guessCost - 1)
	return h.started(ctx, req, l, s)
}

// join sends the sender's request to the host of the lobby that the sender
// claims. seen is that lobby if it has been read, else nil.
func (h *Handler) join(ctx context.Context, req *action, at store.Connection, seen *lobby.Lobby, c events.JoinLobby) error {
	id, s, in := c.LobbyID, resumeToken{secret: h.NewSecret()}, false
	r := lobby.JoinRequest{
		Conn: req.conn, Player: c.Player, PlayerID: at.PlayerID, Original: at.Original,
		ClaimID: at.Claim.ID, ClaimedAt: at.Claim.At, RequestID: req.RequestID,
	}
	var m lobby.Member
	l, err := h.update(ctx, change{key: at.Key(), seen: seen, silent: true}, h.paced(req, nil, func(l *lobby.Lobby) (err error) {
		id, r.Address = l.ID, l.AddressHash(network.Of(req.address))
		if m, in, err = l.Join(r, s.hash()); errors.Is(err, lobby.ErrWrongPassword) {
			if err = h.prove(ctx, req, at.Key(), l.Password, c.Password); err == nil {
				r.Proved = l.Password
				m, in, err = l.Join(r, s.hash())
			}
		}
		return err
	}))
	switch {
	case isRefusal(err):
		h.releaseClaim(ctx, req.conn, at.Claim)
	case err != nil:
		err = h.undoClaim(ctx, at, err)
	}
	if l != nil { // clients found gone are dropped after the sender has its answer, which shows the lobby before
		defer h.dropAll(ctx, l.Key(), h.notifyChanges(ctx, nil, l))
	}
	switch {
	case err == nil && in:
		err = h.admit(ctx, req, l, m, s)
	case err == nil:
		err = h.askHost(ctx, req, l)
	}
	if err == nil {
		h.Metrics.Count(metrics.JoinsAsked)
	}
	return rejection(id, err)
}

// isRefusal reports whether err says that the sender does not wait for the
// lobby, rather than that the outcome is unknown.
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

// admit notifies the host that the sender has joined, then answers the sender.
// If the host turns out to be gone, the sender is removed again.
func (h *Handler) admit(ctx context.Context, req *action, l *lobby.Lobby, m lobby.Member, s resumeToken) error {
	now, host, err := h.notifyHost(ctx, l, m)
	if err != nil {
		return err
	}
	answer := h.accepted(ctx, now, m, s, req.RequestID)
	if err = h.send(ctx, answer); !errors.Is(err, ErrGone) {
		h.logUndelivered(ctx, answer, err)
		h.introduce(ctx, l, m, host)
		return nil
	}
	return h.removeUnseen(ctx, l, m.Conn, host)
}

// notifyHost notifies the host that m has joined l. It returns the lobby as it
// was then, and the notified connection. It returns an error for the sender if
// m is out again.
func (h *Handler) notifyHost(ctx context.Context, l *lobby.Lobby, m lobby.Member) (now *lobby.Lobby, told string, err error) {
	now = l
	for {
		host := now.Host()
		joined := peerJoined(host, m)
		if err = h.send(ctx, joined); !errors.Is(err, ErrGone) {
			h.logUndelivered(ctx, joined, err)
			return now, host.Conn, nil
		}
		now, err = h.hostGone(ctx, l.Key(), host, func(l2 *lobby.Lobby) bool { return l2.UndoAccept(l, m.Conn) })
		switch {
		case errors.Is(err, store.ErrNotFound), err == nil && now.CreatedAt != l.CreatedAt:
			return nil, "", errClosed
		case err != nil:
			return nil, "", err
		case !now.Has(m.Conn):
			return nil, "", lobby.ErrNotIn // left, or was removed
		case now.HostPeerID == host.PeerID: // it resumed, and found m among its peers
			return now, now.Host().Conn, nil
		case now.HostPeerID == m.PeerID:
			return now, "", nil
		}
	}
}

// removeUnseen removes from the lobby a client that was admitted to l and is
// gone before the answer. told have been notified of it.
func (h *Handler) removeUnseen(ctx context.Context, l *lobby.Lobby, conn, told string) error {
	ctx, cancel := lastTime(ctx)
	defer cancel()
	_, err := h.update(ctx, change{key: l.Key()}, func(now *lobby.Lobby) error {
		if !now.UndoAccept(l, conn, told) {
			return lobby.ErrNotIn
		}
		return nil
	})
	switch {
	case errors.Is(err, lobby.ErrNotIn): // or it is the host by now
		_, err = h.drop(ctx, l.Key(), conn)
	case errors.Is(err, store.ErrNotFound):
		return nil
	}
	return err
}

// introduce notifies the members that are linked with m, or see it in a roster,
// of its arrival, except the one that knows already.
func (h *Handler) introduce(ctx context.Context, l *lobby.Lobby, m lobby.Member, told string) {
	var all []outgoing
	for _, peer := range l.Peers(m) {
		if peer.PeerID != l.HostPeerID && peer.Conn != told && !peer.Away() {
			all = append(all, peerJoined(peer, m))
		}
	}
	for _, other := range l.Others(m) {
		if other.Conn != told && !other.Away() {
			all = append(all, outgoing{to: other.Conn, original: other.Original, event: events.PlayerJoined{
				PeerID: m.PeerID, Player: events.Object(m.Player), PlayerID: m.PlayerID,
			}})
		}
	}
	h.dropAll(ctx, l.Key(), h.broadcast(ctx, all))
}

func peerJoined(to, m lobby.Member) outgoing {
	return outgoing{to: to.Conn, original: to.Original, event: events.PeerJoined{
		ConnectionID: m.Conn, PeerID: m.PeerID, Player: events.Object(m.Player), PlayerID: m.PlayerID,
	}}
}

// hostGone handles a join request whose host turned out to be gone. undo takes
// the sender out of the lobby and reports whether it was still there. If the
// host has changed since, the new host knows of the sender from the lobby.
func (h *Handler) hostGone(ctx context.Context, key lobby.Key, host lobby.Member, undo func(*lobby.Lobby) bool) (*lobby.Lobby, error) {
	ctx, cancel := lastTime(ctx)
	defer cancel()
	var out bool
	l, err := h.update(ctx, change{key: key}, func(l *lobby.Lobby) error {
		if out = false; l.Host().Conn != host.Conn {
			return nil
		}
		out = undo(l)
		return l.Disconnect(host.Conn, h.Now().Add(h.Grace).UTC())
	})
	if err == nil {
		h.expireLater(ctx, key, l, host.Conn)
	}
	if err == nil && out {
		err = lobby.ErrHostAway
	}
	return l, err
}

// accepted returns the event for m when it has joined l.
func (h *Handler) accepted(ctx context.Context, l *lobby.Lobby, m lobby.Member, s resumeToken, requestID string) outgoing {
	s.peerID, s.lobbyID = m.PeerID, l.ID
	peers, roster := wireMembers(l, m)
	return outgoing{to: m.Conn, original: m.Original, requestID: requestID, event: events.RequestAccepted{
		HostConnectionID: l.Host().Conn, ConnectionID: m.Conn, PeerID: m.PeerID, LobbyID: l.ID, Term: l.Term,
		ResumeToken: s.token(), Lobby: wireLobby(l), Peers: peers, Roster: roster,
		ICEServers: h.iceServers(ctx, m.Conn, l),
	}}
}

// askHost notifies the host of l that the sender waits. If that fails, the
// sender no longer waits, unless it has been answered since.
func (h *Handler) askHost(ctx context.Context, req *action, l *lobby.Lobby) error {
	host, r := l.Host(), l.Waiting[len(l.Waiting)-1]
	err := h.send(ctx, outgoing{to: host.Conn, original: host.Original, event: requestToJoin(r)})
	if err == nil {
		return nil
	}
	withdraw := func(l *lobby.Lobby) bool {
		_, answered := l.CancelRequest(req.conn)
		return answered == nil
	}
	if errors.Is(err, ErrGone) {
		if _, err = h.hostGone(ctx, l.Key(), host, withdraw); errors.Is(err, store.ErrNotFound) {
			return nil // the sender has been notified that the lobby is closed
		}
		return err
	}
	ctx, cancel := lastTime(ctx)
	defer cancel()
	var out bool
	_, undo := h.update(ctx, change{key: l.Key()}, func(l *lobby.Lobby) error {
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

func requestToJoin(r lobby.JoinRequest) events.RequestToJoin {
	return events.RequestToJoin{ConnectionID: r.Conn, PeerID: r.PeerID, Player: events.Object(r.Player), PlayerID: r.PlayerID}
}
