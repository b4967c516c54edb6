package handlers

import (
	"cmp"
	"context"
	"errors"

	"bellhop/handlers/metrics"
	"bellhop/lobby"
	"bellhop/store"
)

// A change names the lobby to change. The zero values of the other fields suit
// a change without an action.
type change struct {
	key    lobby.Key
	sender *action      // the action that an event of the change answers; nil: none
	seen   *lobby.Lobby // the lobby, if the caller has just read it
	silent bool         // the caller sends the notifications itself
}

// update applies rule to a lobby, writes it, and notifies those concerned. It
// is the only way to change a lobby that exists.
//
// Members whose grace has ended are removed first, which is written even if
// rule returns an error. If that closes the lobby, update returns
// store.ErrNotFound instead of applying rule. It returns a lobby whenever one
// was written, and the errors of rule and of store.Update.
func (h *Handler) update(ctx context.Context, c change, rule func(*lobby.Lobby) error) (*lobby.Lobby, error) {
	now := h.Now()
	var refused error
	u := store.Update{Store: h.Store, Key: c.key, Seen: c.seen, Swap: h.swapAndSettle}
	l, err := u.Apply(ctx, func(l *lobby.Lobby) error {
		l.ExpireAway(now)
		expired := len(l.Events) > 0
		if refused = store.ErrNotFound; !l.Closed {
			refused = rule(l)
		}
		l.Pay(now, h.LobbyPace)
		if l.ExpiresAt = l.Lasts(now); expired {
			return nil
		}
		return refused
	})
	if l != nil && l.Closed {
		h.Metrics.Count(metrics.LobbiesClosed)
	}
	if l != nil && !c.silent {
		h.notify(ctx, c.sender, l)
	}
	return l, cmp.Or(err, refused)
}

// updateOwn is update for the lobby that the sender is in or waits for. It
// returns lobby.ErrNotIn if there is none.
func (h *Handler) updateOwn(ctx context.Context, req *action, rule func(*lobby.Lobby) error) (l *lobby.Lobby, err error) {
	err = h.inLobby(ctx, req, func(key lobby.Key) error {
		l, err = h.update(ctx, change{key: key, sender: req}, func(l *lobby.Lobby) error {
			if !l.Has(req.conn) {
				return lobby.ErrNotIn
			}
			return rule(l)
		})
		if errors.Is(err, store.ErrNotFound) {
			return lobby.ErrNotIn
		}
		return err
	})
	return l, err
}

// inLobby calls do with the key of the sender's lobby. do returns
// lobby.ErrNotIn if the lobby does not list the sender. If another process has
// moved the sender since, inLobby calls do again with the right key.
func (h *Handler) inLobby(ctx context.Context, req *action, do func(lobby.Key) error) error {
	c, hinted, err := h.connection(ctx, req)
	for err == nil {
		if err = lobby.ErrNotIn; c.Claim.LobbyID != "" {
			err = do(c.Key())
		}
		if err != lobby.ErrNotIn || !hinted {
			return err
		}
		was := c.Claim
		if c, err = h.refresh(ctx, req); err == nil && c.Claim == was {
			return lobby.ErrNotIn
		}
		hinted = false
	}
	return err
}

// ownLobby returns the lobby that the sender is in or waits for, or
// lobby.ErrNotIn.
func (h *Handler) ownLobby(ctx context.Context, req *action) (l *lobby.Lobby, err error) {
	err = h.inLobby(ctx, req, func(key lobby.Key) error {
		l, err = h.read(ctx, key)
		if errors.Is(err, store.ErrNotFound) || err == nil && !l.Has(req.conn) {
			return lobby.ErrNotIn
		}
		return err
	})
	return l, err
}

// read returns the lobby after members whose grace has ended are removed; or
// store.ErrNotFound.
func (h *Handler) read(ctx context.Context, key lobby.Key) (*lobby.Lobby, error) {
	l, err := h.Store.Lobby(ctx, key)
	if err != nil || !l.Due(h.Now()) {
		return l, err
	}
	return h.update(ctx, change{key: key}, func(*lobby.Lobby) error { return nil })
}
