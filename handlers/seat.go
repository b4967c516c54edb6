package handlers

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"strconv"
	"strings"

	"bellhop/events"
	"bellhop/store"
)

// A seat is the place that a token is of, with what proves that it is one's own.
type seat struct {
	secret  string
	peerID  int
	lobbyID string
}

// token is how clients keep a seat. It names the lobby, so that nothing has to be stored to find it.
func (s seat) token() string { return s.secret + "." + strconv.Itoa(s.peerID) + "." + s.lobbyID }

// hash is what is stored of the secret. That has 128 random bits, so a slow hash would guard nothing more.
func (s seat) hash() string {
	sum := sha256.Sum256([]byte(s.secret))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// seatOf returns the seat that a token is of, if it is one.
func seatOf(token string) (s seat, ok bool) {
	secret, rest, _ := strings.Cut(token, ".")
	number, lobbyID, _ := strings.Cut(rest, ".")
	id, err := strconv.Atoi(number)
	s = seat{secret, id, lobbyID}
	return s, err == nil && secret != "" && events.IsLobbyID(lobbyID) && s.token() == token
}

// NewSecret makes the secret of a resume token: 128 bits from a cryptographic source, in 22 characters.
func NewSecret() string {
	var b [16]byte
	rand.Read(b[:])
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// resume gives the sender the place that its token is of.
func (h *Handler) resume(ctx context.Context, req *request) error {
	var c events.Resume
	if err := req.Content.Read(&c); err != nil {
		return err
	}
	s, ok := seatOf(c.ResumeToken)
	if !ok {
		return h.noSeat(ctx, req)
	}
	at, seen, err := h.approach(ctx, req, store.Pointer{}, s.lobbyID)
	if err != nil {
		return err
	}
	var m store.Member
	l, err := h.updateSeen(ctx, nil, at.Key(), seen, func(l *store.Lobby) (err error) {
		if at.Original || l.ID != s.lobbyID {
			return store.ErrNoSuchSeat
		}
		m, err = l.Resume(s.peerID, s.hash(), req.conn, at.Pointer.Since)
		return err
	})
	if errors.Is(err, store.ErrNoSuchSeat) || errors.Is(err, store.ErrNotFound) {
		h.release(ctx, req.conn, at.Pointer)
		return h.guessed(req, store.ErrNoSuchSeat)
	}
	if err != nil {
		return h.unsure(ctx, at, err)
	}
	if err := h.reply(ctx, req, events.Resumed{
		LobbyID: l.ID, ConnectionID: m.Conn, PeerID: m.PeerID, HostConnectionID: l.Host().Conn, Term: l.Term, Lobby: wireLobby(l.Listing()), Peers: wirePeers(l, m),
		ICEServers: h.iceServers(m.Conn),
	}); err != nil || m.PeerID != l.HostID {
		return err
	}
	var waiting []letter // nobody else has told the host of those who came while it was away
	for _, r := range l.Waiting {
		waiting = append(waiting, letter{to: m.Conn, event: requestToJoin(r)})
	}
	if err := h.tellAll(ctx, waiting); errors.Is(err, ErrGone) {
		_, err = h.drop(ctx, l.Key(), m.Conn)
		return err
	}
	return nil
}

// noSeat is the error for a token that is none: whoever is in a lobby hears of that, as with any other token.
func (h *Handler) noSeat(ctx context.Context, req *request) error {
	c, err := h.refresh(ctx, req)
	if err == nil {
		err = h.free(ctx, c, req.now)
	}
	if err != nil {
		return err
	}
	return h.guessed(req, store.ErrNoSuchSeat)
}

// guessCost is how many actions' worth it is to be wrong about a lobby's id or a token, or to open a lobby: at the default
// rate 5 of those a second, and 25 at once.
const guessCost = 20

// guessed makes the sender pay for what may have been a guess.
func (h *Handler) guessed(req *request, err error) error {
	req.session.pay(guessCost - 1)
	return err
}

// wireLobby is what clients hear of l.
func wireLobby(l store.Listing) events.Lobby {
	topology, onHostLeave := "star", "close"
	if l.Mesh {
		topology = "mesh"
	}
	if l.Migrates {
		onHostLeave = "migrate"
	}
	return events.Lobby{
		LobbyID: l.ID, Players: l.Players, MaxPlayers: l.MaxPlayers, Public: l.Public, Locked: l.Locked,
		HasPassword: l.HasPassword, AutoAccept: l.AutoAccept, Topology: topology, OnHostLeave: onHostLeave,
		Metadata: events.Object(l.Metadata), CreatedAt: events.Time(l.CreatedAt / 1e6),
	}
}

// wirePeers is what m hears of those it is linked with.
func wirePeers(l *store.Lobby, m store.Member) []events.Peer {
	peers := []events.Peer{}
	for _, p := range l.Peers(m) {
		peers = append(peers, events.Peer{ConnectionID: p.Conn, PeerID: p.PeerID, Player: events.Object(p.Player), Away: p.Away()})
	}
	return peers
}
