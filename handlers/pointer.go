package handlers

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"time"

	"bellhop/store"
)

// claimSettles is for how long a pointer is believed though the lobby does not list the connection: longer than any
// invocation runs, so whatever the pointer was set for has happened by then, or never will.
const claimSettles = 15 * time.Second

// enter points the sender at the lobby id of its game, which keeps it out of every other. from is where this action has
// pointed it before, if anywhere. It returns where the sender points now, or store.ErrAlreadyIn. If it knows the sender's game
// before it is done it calls meanwhile, unless that is nil, at the same time, and waits for it in the end.
func (h *Handler) enter(ctx context.Context, req *request, from store.Pointer, id string, meanwhile func(game string)) (store.Connection, error) {
	to := store.Pointer{LobbyID: strings.Clone(strings.ToLower(id)), Since: req.now.UnixMilli()}
	var during sync.WaitGroup
	defer during.Wait()
	known := func(game string) {
		if meanwhile != nil {
			do := meanwhile
			meanwhile = nil
			during.Go(func() {
				defer h.contain(ctx)
				do(game)
			})
		}
	}
	c, hinted := req.session.hint()
	if hinted {
		known(c.Game)
	}
	// Who was in a lobby before points there still: to try from nowhere first would only tell so.
	if hinted && from == (store.Pointer{}) && c.Pointer.LobbyID != "" && settles(c.Pointer, req.now) <= 0 {
		if err := h.free(ctx, c, req.now); err != nil {
			return c, err
		}
		from = c.Pointer
	}
	for range 3 {
		if to == from.Settled() {
			to.Since-- // or what is noted late of the way before, of the same millisecond, is taken for this one
		}
		c, err := h.Store.Point(ctx, req.conn, from, to)
		if errors.Is(err, store.ErrNotFound) {
			return c, unknownConnection(err)
		}
		if !errors.Is(err, store.ErrConflict) {
			req.session.learn(c)
			return c, err
		}
		known(c.Game)
		if err := h.free(ctx, c, req.now); err != nil {
			return c, err
		}
		from = c.Pointer
	}
	return store.Connection{}, store.ErrAlreadyIn // the same client keeps moving it: it is on its way
}

// approach is enter, and reads the lobby at the same time: seen is nil if that failed, or is no longer so.
func (h *Handler) approach(ctx context.Context, req *request, from store.Pointer, id string) (at store.Connection, seen *store.Lobby, err error) {
	at, err = h.enter(ctx, req, from, id, func(game string) {
		seen, _ = h.Store.Lobby(ctx, store.LobbyKey(game, id)) // who needs it reads it again, and hears what is wrong
	})
	if seen != nil && seen.Lists(req.conn) { // as it was before the sender went there anew
		seen = nil
	}
	return at, seen, err
}

// free returns store.ErrAlreadyIn if c is in the lobby that it points to, or an error that says when c may try again, if it
// may still be on its way there.
func (h *Handler) free(ctx context.Context, c store.Connection, now time.Time) error {
	if c.Pointer.LobbyID == "" {
		return nil
	}
	wait := settles(c.Pointer, now)
	l, err := h.Store.Lobby(ctx, c.Key())
	if err == nil && l.Lists(c.ID) && l.Due(now) { // it was there, so it is not on its way, and may be out by now
		l, err = h.read(ctx, c.Key())
		wait = 0
	}
	switch {
	case err == nil && l.Lists(c.ID):
		return store.ErrAlreadyIn
	case wait > 0:
		return settling(wait)
	case errors.Is(err, store.ErrNotFound):
		return nil
	}
	return err
}

// unsure is what becomes of a sender who points at a lobby, of which nobody knows whether they have come into it, because of
// cause. If the store took no more requests it has written nothing, and they may try again at once. Else they may be in it,
// and count as in it until claimSettles.
func (h *Handler) unsure(ctx context.Context, at store.Connection, cause error) error {
	if !errors.Is(cause, store.ErrThrottled) {
		return cause
	}
	l, err := h.Store.Lobby(ctx, at.Key())
	if errors.Is(err, store.ErrNotFound) || err == nil && !l.Lists(at.ID) {
		h.release(ctx, at.ID, at.Pointer)
	}
	return cause
}

// settles returns how long p is still believed though its lobby does not list the connection.
func settles(p store.Pointer, now time.Time) time.Duration {
	return time.UnixMilli(p.Since).Add(claimSettles).Sub(now)
}

// release clears the pointer of a sender that has not come into the lobby, so that it may go elsewhere at once. One that
// has settled needs no write: whoever follows it sees that it leads nowhere. Nor does it matter much if this fails.
func (h *Handler) release(ctx context.Context, conn string, p store.Pointer) {
	h.repoint(ctx, conn, p, store.Pointer{})
}

// repoint is Point, for a pointer that has not settled.
func (h *Handler) repoint(ctx context.Context, conn string, p, to store.Pointer) {
	if settles(p, h.Now()) <= 0 {
		return
	}
	c, err := h.Store.Point(ctx, conn, p, to)
	switch {
	case err == nil:
		h.sessions.learn(c)
	case !errors.Is(err, store.ErrConflict) && !errors.Is(err, store.ErrNotFound):
		h.Log.LogAttrs(ctx, slog.LevelWarn, "pointer not changed", slog.String("connection_id", conn), slog.Any("error", err))
	}
}

// A parting is the store while a lobby is changed. Who is listed has come into it, and its pointer waits for nothing
// more: so it may go elsewhere as soon as the lobby does not list it. For those who are out by the change that is noted at
// the same time as the change is made, and is true whether it is made or not.
type parting struct {
	store.Store
	h *Handler
}

// SwapLobby implements store.Store.
func (p parting) SwapLobby(ctx context.Context, l store.Lobby) error {
	var all []func()
	for _, place := range l.Gone() {
		from := store.Pointer{LobbyID: strings.ToLower(l.ID), Since: place.Since}
		if settles(from, p.h.Now()) > 0 {
			all = append(all, func() { p.h.repoint(ctx, place.Conn, from, from.Settled()) })
		}
	}
	if len(all) == 0 {
		return p.Store.SwapLobby(ctx, l)
	}
	err := errors.New("the change of the lobby was not made") // if it panics
	p.h.atOnce(ctx, append(all, func() { err = p.Store.SwapLobby(ctx, l) }))
	return err
}
