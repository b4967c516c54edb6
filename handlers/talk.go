package handlers

import (
	"context"
	"encoding/json"
	"errors"

	"bellhop/events"
	"bellhop/handlers/metrics"
	"bellhop/lobby"
	"bellhop/store"
)

// freeReceivers is how many others get a message that the lobby keeps no
// account of: that write would cost a fourth more. A message to more is
// written, so that the lobby's pace holds for it.
const freeReceivers = 3

// sendMessage passes data to a peer or to all other members. Like a relay it
// reads the lobby and writes nothing, unless it has many receivers.
func (h *Handler) sendMessage(ctx context.Context, req *action) error {
	var c events.SendMessage
	if err := req.Content.Read(&c); err != nil {
		return err
	}
	if h.Messages < 0 {
		return errNoMessages
	}
	if wait := h.messageLimiter(req.client).spend(req.now); wait > 0 {
		return tooFast(wait)
	}
	var err error
	if c.ConnectionID != "" {
		err = h.sendToPeer(ctx, req, c)
	} else {
		err = h.sendToAll(ctx, req, c)
	}
	if err != nil {
		return err
	}
	h.Metrics.Count(metrics.Relays, "message")
	return h.done(ctx, req, events.Done{})
}

func (h *Handler) sendToPeer(ctx context.Context, req *action, c events.SendMessage) error {
	return h.toPeer(ctx, req, c.ConnectionID, func(b []byte, from int, peer lobby.Member) ([]byte, error) {
		if peer.Original {
			return nil, errHearsNone
		}
		return events.Append(b, events.ReceivedMessage{ConnectionID: req.conn, PeerID: from, Data: json.RawMessage(c.Data)}, "")
	})
}

func (h *Handler) sendToAll(ctx context.Context, req *action, c events.SendMessage) error {
	l, err := h.ownLobby(ctx, req)
	if err != nil {
		return err
	}
	if h.LobbyPace > 0 && len(receivers(l, req.conn)) > freeReceivers {
		l, err = h.update(ctx, change{key: l.Key(), seen: l}, h.paced(req, nil, func(l *lobby.Lobby) error {
			l.Notify(len(receivers(l, req.conn)))
			return nil
		}))
	}
	if errors.Is(err, store.ErrNotFound) {
		return lobby.ErrNotIn
	} else if err != nil {
		return err
	}
	from, ok := l.Member(req.conn)
	if !ok {
		return lobby.ErrNotIn // it waits
	}
	isPeer := map[int]bool{}
	for _, p := range l.Peers(from) {
		isPeer[p.PeerID] = true
	}
	var all []outgoing
	for _, m := range receivers(l, req.conn) {
		e := events.ReceivedMessage{PeerID: from.PeerID, Data: json.RawMessage(c.Data)}
		if isPeer[m.PeerID] {
			e.ConnectionID = req.conn
		}
		all = append(all, outgoing{to: m.Conn, event: e})
	}
	req.pay(len(all) - 1)
	h.dropAll(ctx, l.Key(), h.broadcast(ctx, all))
	return nil
}

// receivers returns the members that a message of conn to all is for: none if
// conn is no member.
func receivers(l *lobby.Lobby, conn string) (to []lobby.Member) {
	if _, ok := l.Member(conn); !ok {
		return nil
	}
	for _, m := range l.Members {
		if m.Conn != conn && !m.Away() && !m.Original {
			to = append(to, m)
		}
	}
	return to
}
