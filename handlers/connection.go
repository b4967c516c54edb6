package handlers

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"time"

	awsevents "github.com/aws/aws-lambda-go/events"

	"bellhop/events"
	"bellhop/store"
)

// connect lets a client in. What its URL asks for is decided here for good: API Gateway sends it with no other event.
func (h *Handler) connect(ctx context.Context, a arrival) awsevents.APIGatewayProxyResponse {
	c := store.Connection{ID: a.conn, Game: "default", ExpiresAt: h.Now().Add(store.ConnectionTTL)}
	if game, ok := a.query["game"]; ok {
		if c.Game = strings.Clone(game); !events.IsGame(game) {
			return refuse("Make the parameter game 1 to 64 of the characters A-Z a-z 0-9 . _ and -.")
		}
	}
	if protocol, ok := a.query["protocol"]; ok {
		if c.Original = protocol == "original"; !c.Original && protocol != "bellhop" {
			return refuse("Make the parameter protocol bellhop or original.")
		}
	}
	if err := h.Store.PutConnection(ctx, c); err != nil {
		h.logFault(ctx, a.conn, a.reference, "$connect", err)
		return status(500)
	}
	return status(200)
}

func refuse(why string) awsevents.APIGatewayProxyResponse {
	return awsevents.APIGatewayProxyResponse{StatusCode: 400, Body: `{"message":"` + why + `"}`}
}

// disconnect clears up after a client whose connection is gone. API Gateway does not promise that it says so.
func (h *Handler) disconnect(ctx context.Context, a arrival) awsevents.APIGatewayProxyResponse {
	if err := h.gone(ctx, a.conn); err != nil {
		h.logFault(ctx, a.conn, a.reference, "$disconnect", err)
		return status(500)
	}
	return status(200)
}

// gone forgets a connection and drops it from its lobby.
func (h *Handler) gone(ctx context.Context, conn string) error {
	h.sessions.forget(conn)
	c, err := h.Store.DeleteConnection(ctx, conn)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil || c.Pointer.LobbyID == "" {
		return err
	}
	_, err = h.drop(ctx, c.Key(), conn)
	return err
}

// drop tells a lobby that conn is gone, and returns until when its place is held: the zero time if it is not.
func (h *Handler) drop(ctx context.Context, key store.Key, conn string) (until time.Time, err error) {
	l, err := h.update(ctx, nil, key, func(l *store.Lobby) error {
		if m, _ := l.Member(conn); m.Away() {
			until = m.AwayUntil
			return store.ErrNotIn // so that nothing is written that is so already
		}
		return l.Drop(conn, h.Now().Add(h.Grace).UTC())
	})
	if errors.Is(err, store.ErrNotIn) || errors.Is(err, store.ErrNotFound) {
		return until, nil
	}
	if err != nil {
		return until, err
	}
	m, _ := l.Member(conn)
	if m.Away() && h.Later != nil {
		h.Later(m.AwayUntil.Sub(h.Now()), func() {
			defer h.contain(context.Background())
			h.read(context.Background(), key)
		})
	}
	return m.AwayUntil, nil
}

// claimSettles is for how long a pointer is believed though the lobby does not list the connection: longer than any
// invocation runs, so whatever the pointer was set for has happened by then, or never will.
const claimSettles = 15 * time.Second

// enter points the sender at the lobby id of its game, which keeps it out of every other. It returns where the sender
// points now, or store.ErrAlreadyIn.
func (h *Handler) enter(ctx context.Context, req *request, id string) (store.Connection, error) {
	to := store.Pointer{LobbyID: strings.Clone(strings.ToLower(id)), Since: req.now.UnixMilli()}
	var from store.Pointer
	for range 3 {
		c, err := h.Store.Point(ctx, req.conn, from, to)
		if errors.Is(err, store.ErrNotFound) {
			return c, unknownConnection(err)
		}
		if !errors.Is(err, store.ErrConflict) {
			req.session.learn(c)
			return c, err
		}
		if err := h.free(ctx, c, req.now); err != nil {
			return c, err
		}
		from = c.Pointer
	}
	return store.Connection{}, store.ErrAlreadyIn // the same client keeps moving it: it is on its way
}

// free returns store.ErrAlreadyIn if c is in the lobby that it points to, or an error that says when c may try again, if it
// may still be on its way there.
func (h *Handler) free(ctx context.Context, c store.Connection, now time.Time) error {
	if c.Pointer.LobbyID == "" {
		return nil
	}
	settles := time.UnixMilli(c.Pointer.Since).Add(claimSettles).Sub(now)
	l, err := h.Store.Lobby(ctx, c.Key())
	if err == nil && l.Lists(c.ID) && l.Due(now) { // it was there, so it is not on its way, and may be out by now
		l, err = h.read(ctx, c.Key())
		settles = 0
	}
	switch {
	case err == nil && l.Lists(c.ID):
		return store.ErrAlreadyIn
	case settles > 0:
		return settling(settles)
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

// release clears the pointer of a connection that is in its lobby no longer, so that it may go elsewhere at once. One
// that has settled needs no write: whoever follows it sees that it leads nowhere. Nor does it matter much if this fails.
func (h *Handler) release(ctx context.Context, conn string, p store.Pointer) {
	if h.Now().Sub(time.UnixMilli(p.Since)) >= claimSettles {
		return
	}
	_, err := h.Store.Point(ctx, conn, p, store.Pointer{})
	if err != nil && !errors.Is(err, store.ErrConflict) && !errors.Is(err, store.ErrNotFound) {
		h.Log.LogAttrs(ctx, slog.LevelWarn, "pointer not cleared", slog.String("connection_id", conn), slog.Any("error", err))
	}
}
