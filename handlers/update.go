package handlers

import (
	"cmp"
	"context"
	"errors"

	"bellhop/lobby"
	"bellhop/store"
)

// read returns the lobby after members whose grace has ended are removed; or
// store.ErrNotFound.
func (h *Handler) read(ctx context.Context, key lobby.Key) (*lobby.Lobby, error) {
	l, err := h.Store.Lobby(ctx, key)
	if err != nil || !l.Due(h.Now()) {
		return l, err
	}
	return h.update(ctx, nil, key, func(*lobby.Lobby) error { return nil })
}

// updateOwn is update for the lobby that the sender is in or waits for. It
// returns lobby.ErrNotIn if there is none.
func (h *Handler) updateOwn(ctx context.Context, req *action, rule func(*lobby.Lobby) error) (l *lobby.Lobby, err error) {
	err = h.inLobby(ctx, req, func(key lobby.Key) error {
		l, err = h.update(ctx, req, key, func(l *lobby.Lobby) error {
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

// update applies rule to the lobby and notifies those concerned. Members whose
// grace has ended are removed first; if that closes the lobby, update returns
// store.ErrNotFound. req is the action that causes the change, or nil if none
// is answered by it.
func (h *Handler) update(ctx context.Context, req *action, key lobby.Key, rule func(*lobby.Lobby) error) (*lobby.Lobby, error) {
	return h.updateSeen(ctx, req, key, nil, rule)
}

// updateSeen is update for a caller that has just read the lobby: seen, or nil.
func (h *Handler) updateSeen(ctx context.Context, req *action, key lobby.Key, seen *lobby.Lobby, rule func(*lobby.Lobby) error) (*lobby.Lobby, error) {
	l, lapsed, err := h.apply(ctx, key, seen, rule)
	if l != nil {
		h.notify(ctx, req, l, lapsed)
	}
	return l, err
}

// apply is updateSeen without notifying anybody. The first expired events are
// not the rule's. It returns the lobby even if the lobby has closed.
func (h *Handler) apply(ctx context.Context, key lobby.Key, seen *lobby.Lobby, rule func(*lobby.Lobby) error) (l *lobby.Lobby, lapsed int, err error) {
	now := h.Now()
	var no error // what the rule said, if not yes
	l, err = store.Update{Store: h.Store, Key: key, Seen: seen, Swap: h.swapAndSettle}.Apply(ctx, func(l *lobby.Lobby) error {
		l.ExpireAway(now)
		if lapsed, no = len(l.Events), store.ErrNotFound; !l.Closed {
			no = rule(l)
		}
		if l.ExpiresAt = l.Lasts(now); lapsed > 0 {
			return nil // that somebody's time is over is written whatever the rule says
		}
		return no
	})
	return l, lapsed, cmp.Or(err, no)
}

// inLobby calls do with the key of the sender's lobby. do returns
// lobby.ErrNotIn if the lobby does not list the sender; if another process has
// moved the sender since, inLobby calls it again with the right key.
func (h *Handler) inLobby(ctx context.Context, req *action, do func(lobby.Key) error) error {
	known, hinted, err := h.connection(ctx, req)
	if err != nil {
		return err
	}
	if err = follow(known, do); err != lobby.ErrNotIn || !hinted {
		return err
	}
	fresh, err := h.refresh(ctx, req)
	if err != nil {
		return err
	}
	if fresh.Claim == known.Claim {
		return lobby.ErrNotIn
	}
	return follow(fresh, do)
}

func follow(c store.Connection, do func(lobby.Key) error) error {
	if c.Claim.LobbyID == "" {
		return lobby.ErrNotIn
	}
	return do(c.Key())
}
