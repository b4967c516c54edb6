package handlers

import (
	"cmp"
	"context"
	"errors"
	"strings"

	"bellhop/events"
	"bellhop/store"
)

// startLobby opens a lobby with the sender as its host.
func (h *Handler) startLobby(ctx context.Context, req *request) error {
	c, err := h.readStart(ctx, req)
	if err != nil {
		return err
	}
	req.session.pay(guessCost - 1)
	l, s, err := h.openLobby(ctx, req, c)
	if err != nil {
		return err
	}
	return h.started(ctx, req, l, s)
}

// readStart reads what lobby the sender wants. A sender that speaks the original dialect hears nothing of other fields than
// that dialect's, right or wrong: openAt ignores the right ones.
func (h *Handler) readStart(ctx context.Context, req *request) (c events.StartLobby, err error) {
	if err = req.Content.Read(&c); err == nil {
		return c, nil
	}
	if at, _, unknown := h.connection(ctx, req); unknown != nil || !at.Original {
		return c, err
	}
	var original events.OriginalStartLobby
	err = req.Content.Read(&original)
	return events.StartLobby{LobbyID: original.LobbyID}, err
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
	at, err := h.enter(ctx, req, store.Pointer{}, id, nil)
	if err != nil {
		return nil, seat{}, err
	}
	return h.openAt(ctx, req, at, id, c)
}

// openAt is openAs, for a sender who points there already, at.
func (h *Handler) openAt(ctx context.Context, req *request, at store.Connection, id string, c events.StartLobby) (*store.Lobby, seat, error) {
	if at.Original { // knows no more than that
		c = events.StartLobby{LobbyID: c.LobbyID}
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

// newLobby returns a lobby of which at is the host, and the host's seat.
func (h *Handler) newLobby(at store.Connection, id string, c events.StartLobby) (store.Lobby, seat) {
	s := seat{h.NewSecret(), store.HostPeerID, id}
	host := store.Member{Conn: at.ID, Player: strings.Clone(c.Player), Original: at.Original, Since: at.Pointer.Since}
	if !at.Original {
		host.Token = s.hash()
	}
	l := store.NewLobby(at.Game, id, host)
	l.MaxPlayers = cmp.Or(c.MaxPlayers, l.MaxPlayers)
	l.Public, l.AutoAccept, l.Metadata = c.Public, c.AutoAccept, strings.Clone(c.Metadata)
	l.Mesh, l.Migrates = c.Mesh, c.Migrates
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
