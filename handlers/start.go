package handlers

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"

	"bellhop/events"
	"bellhop/handlers/metrics"
	"bellhop/lobby"
	"bellhop/store"
)

// startLobby opens a lobby with the sender as its host.
func (h *Handler) startLobby(ctx context.Context, req *action) error {
	c, err := h.readStart(ctx, req)
	if err != nil {
		return err
	}
	req.pay(guessCost - 1)
	l, s, err := h.openLobby(ctx, req, c)
	if err != nil {
		return err
	}
	return h.started(ctx, req, l, s)
}

// readStart reads the content of start_lobby. A sender of the original dialect
// gets no errors about fields that its dialect lacks.
func (h *Handler) readStart(ctx context.Context, req *action) (c events.StartLobby, err error) {
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

// started answers the sender with lobby_started.
func (h *Handler) started(ctx context.Context, req *action, l *lobby.Lobby, s resumeToken) error {
	return h.reply(ctx, req, events.LobbyStarted{
		LobbyID: l.ID, ConnectionID: req.conn, PeerID: lobby.FirstPeerID, ResumeToken: s.token(), Lobby: wireLobby(l),
		Roster: wireRoster(l), ICEServers: h.iceServers(ctx, req.conn, l),
	})
}

// openLobby adds a lobby with the sender as its host, and returns it with the
// host's resume token.
func (h *Handler) openLobby(ctx context.Context, req *action, c events.StartLobby) (l *lobby.Lobby, s resumeToken, err error) {
	if c.LobbyID != "" {
		return h.openAs(ctx, req, c.LobbyID, c)
	}
	for range 5 { // with a million lobbies open, one id in 500 is taken
		if l, s, err = h.openAs(ctx, req, h.NewID(), c); !errors.Is(err, store.ErrExists) {
			return l, s, err
		}
	}
	return nil, s, errors.New("no free lobby id found")
}

func (h *Handler) openAs(ctx context.Context, req *action, id string, c events.StartLobby) (*lobby.Lobby, resumeToken, error) {
	at, err := h.claim(ctx, req, lobby.Claim{}, id)
	if err != nil {
		return nil, resumeToken{}, err
	}
	return h.openAt(ctx, req, at, id, c)
}

// openAt is openAs for a sender that has claimed the id; at is its connection.
func (h *Handler) openAt(ctx context.Context, req *action, at store.Connection, id string, c events.StartLobby) (*lobby.Lobby, resumeToken, error) {
	if at.Original { // the original dialect has no other fields
		c = events.StartLobby{LobbyID: c.LobbyID}
	}
	password, err := hashPassword(ctx, c.Password)
	if err != nil {
		h.releaseClaim(ctx, req.conn, at.Claim)
		return nil, resumeToken{}, err
	}
	l, s := h.newLobby(at, id, c)
	l.Password = password
	if err := h.create(ctx, l); errors.Is(err, store.ErrExists) {
		h.releaseClaim(ctx, req.conn, at.Claim)
		return nil, s, err
	} else if err != nil {
		return nil, s, h.undoClaim(ctx, at, err)
	}
	h.Metrics.Count(metrics.LobbiesOpened)
	return &l, s, nil
}

// newLobby returns a lobby with at as its host, and the host's resume token.
func (h *Handler) newLobby(at store.Connection, id string, c events.StartLobby) (lobby.Lobby, resumeToken) {
	s := resumeToken{h.NewSecret(), lobby.FirstPeerID, id}
	host := lobby.Member{Conn: at.ID, Player: c.Player, PlayerID: at.PlayerID, Original: at.Original, ClaimID: at.Claim.ID, ClaimedAt: at.Claim.At}
	if !at.Original {
		host.Token = s.hash()
	}
	l := lobby.New(at.Game, id, host)
	l.MaxPlayers = cmp.Or(c.MaxPlayers, l.MaxPlayers)
	l.Public, l.AutoAccept, l.Metadata = c.Public, c.AutoAccept, c.Metadata
	l.Mesh, l.Migrates, l.Roster = c.Mesh, c.Migrates, c.Roster
	l.AddressKey = rand.Text()
	now := h.Now()
	l.CreatedAt, l.ExpiresAt = now.UnixMicro(), l.Lasts(now)
	return l, s
}

// create adds l. If a lobby whose time is over has the id, that lobby is closed
// first. If that lobby's host is gone and nobody has noticed, the host's grace
// begins.
func (h *Handler) create(ctx context.Context, l lobby.Lobby) error {
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
