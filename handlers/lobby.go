package handlers

import (
	"cmp"
	"context"
	"errors"
	"strings"
	"sync"

	"bellhop/events"
	"bellhop/store"
)

// startLobby opens a lobby with the sender as its host.
func (h *Handler) startLobby(ctx context.Context, req *request) error {
	var c events.StartLobby
	if err := req.Content.Read(&c); err != nil {
		return err
	}
	req.session.pay(guessCost - 1)
	l, s, err := h.openLobby(ctx, req, c)
	if err != nil {
		return err
	}
	return h.started(ctx, req, l, s)
}

// started tells the sender that l is theirs.
func (h *Handler) started(ctx context.Context, req *request, l *store.Lobby, s seat) error {
	return h.reply(ctx, req, events.LobbyStarted{
		LobbyID: l.ID, ConnectionID: req.conn, PeerID: store.HostPeerID, ResumeToken: s.token(), Lobby: wireLobby(l.Listing()),
		ICEServers: h.iceServers(req.conn),
	})
}

// openLobby adds a lobby of which the sender is the host, and returns it with the host's seat.
func (h *Handler) openLobby(ctx context.Context, req *request, c events.StartLobby) (l *store.Lobby, s seat, err error) {
	if c.LobbyID != "" {
		return h.openAs(ctx, req, strings.Clone(c.LobbyID), c)
	}
	for range 5 { // with a million lobbies open, one id in 500 is taken
		if l, s, err = h.openAs(ctx, req, h.NewID(), c); !errors.Is(err, store.ErrExists) {
			return l, s, err
		}
	}
	return nil, s, errors.New("no free lobby id found")
}

func (h *Handler) openAs(ctx context.Context, req *request, id string, c events.StartLobby) (*store.Lobby, seat, error) {
	at, err := h.enter(ctx, req, id)
	if err != nil {
		return nil, seat{}, err
	}
	password, err := hashPassword(ctx, c.Password)
	if err != nil {
		h.release(ctx, req.conn, at.Pointer)
		return nil, seat{}, err
	}
	l, s := h.newLobby(at, id, c)
	l.Password = password
	if err := h.create(ctx, l); errors.Is(err, store.ErrExists) {
		h.release(ctx, req.conn, at.Pointer)
		return nil, s, err
	} else if err != nil {
		return nil, s, h.unsure(ctx, at, err)
	}
	return &l, s, nil
}

// newLobby returns a lobby of which at is the host, and the host's seat. In the original dialect it closes with its host.
func (h *Handler) newLobby(at store.Connection, id string, c events.StartLobby) (store.Lobby, seat) {
	s := seat{h.NewSecret(), store.HostPeerID, id}
	host := store.Member{Conn: at.ID, Player: strings.Clone(c.Player), Original: at.Original, Since: at.Pointer.Since}
	if !at.Original {
		host.Token = s.hash()
	}
	l := store.NewLobby(at.Game, id, host)
	l.MaxPlayers = cmp.Or(c.MaxPlayers, l.MaxPlayers)
	l.Public, l.AutoAccept, l.Metadata = c.Public, c.AutoAccept, strings.Clone(c.Metadata)
	l.Mesh, l.Migrates = c.Mesh && !at.Original, c.Migrates && !at.Original
	now := h.Now()
	l.CreatedAt, l.ExpiresAt = now.UnixMicro(), l.Lasts(now)
	return l, s
}

// create adds l. A lobby that stands in its place though its time is over is closed first, and one whose host is gone
// without anybody having heard of it begins to lapse.
func (h *Handler) create(ctx context.Context, l store.Lobby) error {
	err := h.Store.CreateLobby(ctx, l)
	if !errors.Is(err, store.ErrExists) {
		return err
	}
	there, lapsed := h.read(ctx, l.Key())
	if errors.Is(lapsed, store.ErrNotFound) {
		return h.Store.CreateLobby(ctx, l)
	}
	if lapsed != nil || there.Host().Away() {
		return err
	}
	if _, gone := h.Store.Connection(ctx, there.Host().Conn); errors.Is(gone, store.ErrNotFound) {
		if _, fault := h.drop(ctx, l.Key(), there.Host().Conn); fault != nil {
			return fault
		}
		if there.Host().Original { // which has no grace
			return h.Store.CreateLobby(ctx, l)
		}
	}
	return err
}

// joinLobby asks a lobby's host to let the sender in.
func (h *Handler) joinLobby(ctx context.Context, req *request) error {
	var c events.JoinLobby
	if err := req.Content.Read(&c); err != nil {
		return err
	}
	at, err := h.enter(ctx, req, c.LobbyID)
	if err != nil {
		return err
	}
	if err = h.join(ctx, req, at, c); errors.Is(err, store.ErrNotFound) {
		err = h.guessed(req, err)
	}
	return err
}

// join asks the host of the lobby that the sender points to, at, to let the sender in.
func (h *Handler) join(ctx context.Context, req *request, at store.Connection, c events.JoinLobby) error {
	id, s, in := c.LobbyID, seat{secret: h.NewSecret()}, false
	r := store.Request{
		Conn: req.conn, Player: strings.Clone(c.Player), Original: at.Original, Since: at.Pointer.Since, RequestID: strings.Clone(req.RequestID),
	}
	var m store.Member
	l, lapsed, err := h.apply(ctx, at.Key(), func(l *store.Lobby) (err error) {
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

// admit tells the host that the sender has come in, and then the sender. If the host turns out to be gone the sender is
// taken out again.
func (h *Handler) admit(ctx context.Context, req *request, l *store.Lobby, m store.Member, s seat) error {
	host := l.Host()
	joined := joinedLetter(host, m)
	err := h.tell(ctx, joined)
	if errors.Is(err, ErrGone) {
		return h.hostGone(ctx, l.Key(), host, func(l *store.Lobby) bool { return l.Forget(host.Conn, m.Conn) })
	}
	h.logUndelivered(ctx, joined, err)
	answer := h.accepted(l, m, s, req.RequestID)
	if err = h.tell(ctx, answer); !errors.Is(err, ErrGone) {
		h.logUndelivered(ctx, answer, err)
		h.introduce(ctx, l, m, host.Conn)
		return nil
	}
	_, err = h.update(ctx, nil, l.Key(), func(l *store.Lobby) error { return l.Leave(m.Conn) })
	if errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrNotIn) {
		return nil
	}
	return err
}

// introduce tells those who are linked with m that it has come in: all but one, who knows.
func (h *Handler) introduce(ctx context.Context, l *store.Lobby, m store.Member, knows string) {
	var letters []letter
	for _, peer := range l.Peers(m) {
		if peer.Conn != knows && !peer.Away() {
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
// reports whether it was still there. If somebody else is the host by then, they have heard of the sender from the lobby.
func (h *Handler) hostGone(ctx context.Context, key store.Key, host store.Member, undo func(*store.Lobby) bool) error {
	ctx, cancel := lastTime(ctx)
	defer cancel()
	var out bool
	_, err := h.update(ctx, nil, key, func(l *store.Lobby) error {
		if out = l.Host().Conn == host.Conn && undo(l); out {
			return l.Drop(host.Conn, h.Now().Add(h.Grace).UTC())
		}
		return nil
	})
	switch {
	case err != nil && !errors.Is(err, store.ErrNotFound):
		return err
	case out:
		return store.ErrHostAway
	}
	return nil
}

// accepted is what m hears when it has come into l.
func (h *Handler) accepted(l *store.Lobby, m store.Member, s seat, requestID string) letter {
	s.peerID, s.lobbyID = m.PeerID, l.ID
	return letter{to: m.Conn, original: m.Original, requestID: requestID, event: events.RequestAccepted{
		HostConnectionID: l.Host().Conn, ConnectionID: m.Conn, PeerID: m.PeerID, LobbyID: l.ID,
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
		return h.hostGone(ctx, l.Key(), host, withdraw)
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
// who has become the host meanwhile cannot wait, and is told once more: without s nobody resumes its place.
func (h *Handler) undoAccept(ctx context.Context, req *request, l *store.Lobby, r store.Request, s seat, cause error) error {
	ctx, cancel := lastTime(ctx)
	defer cancel()
	gone := errors.Is(cause, ErrGone)
	l, err := h.update(ctx, nil, l.Key(), func(l *store.Lobby) error {
		if l.Forget(req.conn, r.Conn) && !gone {
			l.Readmit(req.conn, r)
		}
		return nil
	})
	switch {
	case err != nil && !errors.Is(err, store.ErrNotFound):
		return err
	case gone:
		return store.ErrNotWaiting
	case err == nil && l.Host().Conn == r.Conn:
		answer := h.accepted(l, l.Host(), s, r.RequestID)
		h.logUndelivered(ctx, answer, h.tell(ctx, answer))
	}
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
	err = h.tell(ctx, letter{to: r.Conn, original: r.Original, requestID: r.RequestID, event: events.RequestRejected{
		LobbyID: l.ID, Code: events.RejectedByHost, Reason: c.Reason,
	}})
	if err != nil && !errors.Is(err, ErrGone) {
		return h.undoReject(ctx, req, l, r, err)
	}
	return h.done(ctx, req, events.Done{})
}

// undoReject lets somebody wait again who could not be told because of cause, if they have gone nowhere else.
func (h *Handler) undoReject(ctx context.Context, req *request, l *store.Lobby, r store.Request, cause error) error {
	ctx, cancel := lastTime(ctx)
	defer cancel()
	to := store.Pointer{LobbyID: strings.ToLower(l.ID), Since: r.Since}
	c, err := h.Store.Point(ctx, r.Conn, store.Pointer{}, to)
	switch {
	case errors.Is(err, store.ErrNotFound), errors.Is(err, store.ErrConflict) && c.Pointer != to:
		return cause
	case err != nil && !errors.Is(err, store.ErrConflict):
		return err
	}
	_, err = h.update(ctx, nil, l.Key(), func(l *store.Lobby) error {
		l.Readmit(req.conn, r)
		return nil
	})
	if err != nil && !errors.Is(err, store.ErrNotFound) {
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
			answer := letter{to: req.conn, original: c.Requests[0].Original, requestID: c.Requests[0].RequestID,
				event: &events.Error{Code: events.NotInLobby, Message: "You took the request back.", Action: "join_lobby"}}
			h.logUndelivered(ctx, answer, h.tell(ctx, answer))
		}
	}
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
