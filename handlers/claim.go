package handlers

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"math/rand/v2"
	"strings"
	"time"

	"bellhop/events"
	"bellhop/lobby"
	"bellhop/store"
)

// claimTTL is how long a claim counts while the lobby does not list the
// connection. It is longer than any invocation runs, so by then the connection
// has entered the lobby or never will.
const claimTTL = 15 * time.Second

// claim claims the lobby id of the sender's game, which keeps the sender out of
// every other lobby. from is the claim that this action has made before, if
// any. It returns the sender's connection with its new claim, or
// lobby.ErrAlreadyIn.
func (h *Handler) claim(ctx context.Context, req *action, from lobby.Claim, id string) (store.Connection, error) {
	c, hinted := req.client.hint(req.conn)
	if hinted && from == (lobby.Claim{}) && c.Claim.LobbyID != "" && claimLeft(c.Claim, req.now) <= 0 {
		return h.claimNext(ctx, req, c, id) // to claim from nothing would fail first
	}
	c, err := h.replaceClaim(ctx, req, from, id)
	if errors.Is(err, store.ErrConflict) {
		return h.claimNext(ctx, req, c, id)
	}
	return c, err
}

// claimAndRead is claim, and reads the lobby at the same time. seen is nil if
// the read failed or is out of date.
func (h *Handler) claimAndRead(ctx context.Context, req *action, from lobby.Claim, id string) (at store.Connection, seen *lobby.Lobby, err error) {
	c, known := req.client.hint(req.conn)
	if !known { // this write finds out the sender's game
		if c, err = h.replaceClaim(ctx, req, from, id); !errors.Is(err, store.ErrConflict) {
			return c, nil, err
		}
	}
	ahead := h.readAhead(ctx, lobby.KeyOf(c.Game, id))
	if known {
		at, err = h.claim(ctx, req, from, id)
	} else {
		at, err = h.claimNext(ctx, req, c, id)
	}
	if seen = <-ahead; seen != nil && seen.Has(req.conn) { // the read was before the sender left it
		seen = nil
	}
	return at, seen, err
}

// readAhead reads a lobby while its caller goes on. The channel delivers nil if
// the read fails: the caller's own read then returns the error.
func (h *Handler) readAhead(ctx context.Context, key lobby.Key) <-chan *lobby.Lobby {
	ahead := make(chan *lobby.Lobby, 1)
	go func() {
		defer close(ahead)
		defer h.contain(ctx)
		l, _ := h.Store.Lobby(ctx, key)
		ahead <- l
	}()
	return ahead
}

// claimNext is claim for a sender whose connection is c, if it is free to leave
// the lobby that c claims.
func (h *Handler) claimNext(ctx context.Context, req *action, c store.Connection, id string) (store.Connection, error) {
	for range 3 {
		if err := h.checkFree(ctx, c, req.now); err != nil {
			return c, err
		}
		var err error
		if c, err = h.replaceClaim(ctx, req, c.Claim, id); !errors.Is(err, store.ErrConflict) {
			return c, err
		}
	}
	return store.Connection{}, lobby.ErrAlreadyIn // the same client keeps moving it: it is entering
}

// replaceClaim replaces the sender's claim from by one of the lobby id. It
// returns store.ErrConflict, with the connection as it is, if the sender claims
// something else.
func (h *Handler) replaceClaim(ctx context.Context, req *action, from lobby.Claim, id string) (store.Connection, error) {
	c, err := h.Store.Claim(ctx, req.conn, from, newClaim(id, req.now, from))
	switch {
	case errors.Is(err, store.ErrConflict):
		return c, err
	case errors.Is(err, store.ErrNotFound):
		return c, unknownConnection(err)
	}
	req.client.learn(c)
	return c, err
}

// checkFree returns lobby.ErrAlreadyIn if c is in the lobby that it claims. If
// c might still be entering it, the error says when to try again.
func (h *Handler) checkFree(ctx context.Context, c store.Connection, now time.Time) error {
	if c.Claim.LobbyID == "" {
		return nil
	}
	wait := claimLeft(c.Claim, now)
	l, err := h.Store.Lobby(ctx, c.Key())
	if err == nil && l.Has(c.ID) && l.Due(now) { // it was there, so it is not entering, and might be out by now
		l, err = h.read(ctx, c.Key())
		wait = 0
	}
	switch {
	case err == nil && l.Has(c.ID):
		return lobby.ErrAlreadyIn
	case wait > 0:
		return claimPending(wait)
	case errors.Is(err, store.ErrNotFound):
		return nil
	}
	return err
}

func claimPending(settles time.Duration) error {
	return &events.Error{
		Code: events.AlreadyInLobby, RetryAfterMS: settles.Milliseconds(),
		Message: "Leave the lobby you are in; if your way into one has failed, try again after retry_after_ms milliseconds.",
	}
}

// undoClaim handles an error after which nobody knows whether the sender has
// entered the lobby that it claims. If the store was throttled it has written
// nothing, so the claim is released. Otherwise the sender might be in the
// lobby, and counts as in it until claimTTL. It returns cause.
func (h *Handler) undoClaim(ctx context.Context, at store.Connection, cause error) error {
	if !errors.Is(cause, store.ErrThrottled) {
		return cause
	}
	l, err := h.Store.Lobby(ctx, at.Key())
	if errors.Is(err, store.ErrNotFound) || err == nil && !l.Has(at.ID) {
		h.releaseClaim(ctx, at.ID, at.Claim)
	}
	return cause
}

// newClaim returns a claim of the lobby id that is to replace the claim from.
// Versions without claim IDs know a claim by its lobby and its time. So if from
// is of the same lobby and millisecond, the new claim's time is one earlier.
// One later would make the claim count for longer than claimTTL.
func newClaim(id string, now time.Time, from lobby.Claim) lobby.Claim {
	c := lobby.Claim{
		LobbyID: strings.ToLower(id), ID: 1 + rand.Uint32N(math.MaxUint32), At: now.UnixMilli(),
	}
	if c.LobbyID == from.LobbyID && c.At == from.At {
		c.At = from.At - 1
	}
	return c
}

func settled(c lobby.Claim) lobby.Claim {
	c.Settled = true
	return c
}

// claimLeft returns how long c still counts while its lobby does not list the
// connection.
func claimLeft(c lobby.Claim, now time.Time) time.Duration {
	if c.Settled {
		return 0
	}
	return time.UnixMilli(c.At).Add(claimTTL).Sub(now)
}

// releaseClaim removes the claim of a sender that has not entered the lobby, so
// that it can go elsewhere immediately. A claim older than claimTTL needs no
// write, since nobody counts it any more. A failure does little harm.
func (h *Handler) releaseClaim(ctx context.Context, conn string, from lobby.Claim) {
	h.swapClaim(ctx, conn, from, lobby.Claim{})
}

// swapClaim replaces a claim that still counts.
func (h *Handler) swapClaim(ctx context.Context, conn string, from, to lobby.Claim) {
	if claimLeft(from, h.Now()) <= 0 {
		return
	}
	c, err := h.Store.Claim(ctx, conn, from, to)
	switch {
	case err == nil:
		if known := h.clients.find(conn); known != nil {
			known.learn(c)
		}
	case !errors.Is(err, store.ErrConflict) && !errors.Is(err, store.ErrNotFound):
		h.Log.LogAttrs(ctx, slog.LevelWarn, "claim not changed", slog.String("connection_id", conn), slog.Any("error", err))
	}
}

// swapAndSettle writes a changed lobby. At the same time it settles the claims
// of those who leave the lobby by this change, so that they can go elsewhere as
// soon as the lobby does not list them. Their claims have done their work,
// since the lobby has listed them; so settling is right even if the write
// fails.
func (h *Handler) swapAndSettle(ctx context.Context, old, new *lobby.Lobby) error {
	var all []func()
	for _, gone := range lobby.Gone(old, new) {
		if claimLeft(gone.Claim, h.Now()) > 0 {
			all = append(all, func() { h.swapClaim(ctx, gone.Conn, gone.Claim, settled(gone.Claim)) })
		}
	}
	if len(all) == 0 {
		return h.Store.SwapLobby(ctx, old, new)
	}
	err := errors.New("the change of the lobby was not made") // if it panics
	h.atOnce(ctx, append(all, func() { err = h.Store.SwapLobby(ctx, old, new) }))
	return err
}
