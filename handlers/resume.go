package handlers

import (
	"context"
	"errors"
	"time"

	"bellhop/events"
	"bellhop/internal/network"
	"bellhop/lobby"
	"bellhop/store"
)

// resume gives the sender the slot that its token owns.
func (h *Handler) resume(ctx context.Context, req *action) error {
	var c events.Resume
	if err := req.Content.Read(&c); err != nil {
		return err
	}
	s, ok := parseResumeToken(c.ResumeToken)
	if !ok {
		return h.noSlot(ctx, req)
	}
	at, seen, err := h.claimAndRead(ctx, req, lobby.Claim{}, s.lobbyID)
	if err != nil {
		return err
	}
	var m lobby.Member
	allowed := func(l *lobby.Lobby) time.Duration { return l.DebtAllowed(h.LobbyPace) }
	l, err := h.update(ctx, change{key: at.Key(), seen: seen}, h.paced(req, allowed, func(l *lobby.Lobby) (err error) {
		if at.Original || l.ID != s.lobbyID {
			return lobby.ErrNoSuchSlot
		}
		m, err = l.Resume(s.peerID, s.hash(), lobby.JoinRequest{
			Conn: req.conn, PlayerID: at.PlayerID, Address: l.AddressHash(network.Of(req.address)), ClaimID: at.Claim.ID, ClaimedAt: at.Claim.At,
		})
		return err
	}))
	if errors.Is(err, lobby.ErrNoSuchSlot) || errors.Is(err, store.ErrNotFound) {
		h.releaseClaim(ctx, req.conn, at.Claim)
		return h.guessed(req, lobby.ErrNoSuchSlot)
	}
	if isRefusal(err) {
		h.releaseClaim(ctx, req.conn, at.Claim)
		return err
	}
	if err != nil {
		return h.undoClaim(ctx, at, err)
	}
	peers, roster := wireMembers(l, m)
	if err := h.reply(ctx, req, events.Resumed{
		LobbyID: l.ID, ConnectionID: m.Conn, PeerID: m.PeerID, HostConnectionID: l.Host().Conn, Term: l.Term, Lobby: wireLobby(l),
		Peers: peers, Roster: roster, ICEServers: h.iceServers(ctx, m.Conn, l),
	}); err != nil || m.PeerID != l.HostPeerID {
		return err
	}
	var waiting []outgoing // nobody else has notified the host of players who came while it was away
	for _, r := range l.Waiting {
		waiting = append(waiting, outgoing{to: m.Conn, event: requestToJoin(r)})
	}
	if err := h.sendInOrder(ctx, waiting); errors.Is(err, ErrGone) {
		_, err = h.drop(ctx, l.Key(), m.Conn)
		return err
	}
	return nil
}

// noSlot returns the error for a malformed token. A sender in a lobby gets that
// error instead, as with any other token.
func (h *Handler) noSlot(ctx context.Context, req *action) error {
	c, err := h.refresh(ctx, req)
	if err == nil {
		err = h.checkFree(ctx, c, req.now)
	}
	if err != nil {
		return err
	}
	return h.guessed(req, lobby.ErrNoSuchSlot)
}
