package handlers

import (
	"context"
	"errors"
	"log/slog"
	"time"

	awsevents "github.com/aws/aws-lambda-go/events"

	"bellhop/events"
	"bellhop/handlers/identity"
	"bellhop/lobby"
	"bellhop/store"
)

// connect admits a client. API Gateway sends the URL's parameters only with
// this event, so they are checked here.
func (h *Handler) connect(ctx context.Context, a incoming) awsevents.APIGatewayProxyResponse {
	c := store.Connection{ID: a.conn, Game: "default", ExpiresAt: h.Now().Add(store.ConnectionTTL)}
	if game, ok := a.query["game"]; ok {
		if c.Game = game; !events.IsGame(game) {
			return refuse(400, "Make the parameter game 1 to 64 of the characters A-Z a-z 0-9 . _ and -.")
		}
	}
	if protocol, ok := a.query["protocol"]; ok {
		if c.Original = protocol == "original"; !c.Original && protocol != "bellhop" {
			return refuse(400, "Make the parameter protocol bellhop or original.")
		}
	}
	if h.Identity != nil {
		var err error
		if c.PlayerID, err = h.identify(ctx, a, c.Game); err != nil {
			var refusal *identity.Refusal
			errors.As(err, &refusal)
			return refuse(refusal.Status, refusal.Message)
		}
	}
	if err := h.Store.PutConnection(ctx, c); err != nil {
		h.logFault(ctx, a.conn, a.reference, "$connect", err)
		return status(500)
	}
	return status(200)
}

// identify returns the player id of a client, or "" if it needs none. It
// returns an *identity.Refusal.
func (h *Handler) identify(ctx context.Context, a incoming, game string) (playerID string, err error) {
	if a.tokens > 1 {
		return "", &identity.Refusal{Status: 401, Message: "Give the parameter token once."}
	}
	return h.Identity.Verify(ctx, a.query["token"], game)
}

func refuse(code int, why string) awsevents.APIGatewayProxyResponse {
	return awsevents.APIGatewayProxyResponse{StatusCode: code, Body: `{"message":"` + why + `"}`}
}

// disconnect removes a client whose connection is gone. API Gateway does not
// promise to send this event.
func (h *Handler) disconnect(ctx context.Context, a incoming) awsevents.APIGatewayProxyResponse {
	if err := h.gone(ctx, a.conn); err != nil {
		h.logFault(ctx, a.conn, a.reference, "$disconnect", err)
		return status(500)
	}
	return status(200)
}

// gone forgets a connection and drops it from its lobby.
func (h *Handler) gone(ctx context.Context, conn string) error {
	h.clients.forget(conn)
	c, err := h.Store.DeleteConnection(ctx, conn)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil || c.Claim.LobbyID == "" {
		return err
	}
	_, err = h.drop(ctx, c.Key(), conn)
	return err
}

// drop disconnects conn from a lobby. It returns the end of the grace for which
// conn's slot is held, or the zero time if the slot is not held.
func (h *Handler) drop(ctx context.Context, key lobby.Key, conn string) (until time.Time, err error) {
	l, err := h.update(ctx, change{key: key}, func(l *lobby.Lobby) error {
		if m, _ := l.Member(conn); m.Away() {
			until = m.AwayUntil
			return lobby.ErrNotIn // so nothing is written again
		}
		return l.Disconnect(conn, h.Now().Add(h.Grace).UTC())
	})
	if errors.Is(err, lobby.ErrNotIn) || errors.Is(err, store.ErrNotFound) {
		return until, nil
	}
	if err != nil {
		return until, err
	}
	return h.expireLater(ctx, key, l, conn), nil
}

// expireLater schedules a look at the lobby for the end of the grace of conn,
// which has dropped. It returns that time, or the zero time if there is no
// grace.
func (h *Handler) expireLater(ctx context.Context, key lobby.Key, l *lobby.Lobby, conn string) (until time.Time) {
	m, _ := l.Member(conn)
	if m.Away() && h.Later != nil {
		h.Later(m.AwayUntil.Sub(h.Now()), func() {
			defer h.contain(context.Background())
			h.read(context.Background(), key)
		})
	} else if m.Away() && h.ExpireAt != nil {
		if err := h.ExpireAt(ctx, key, m.AwayUntil); err != nil {
			h.Log.LogAttrs(ctx, slog.LevelWarn, "grace not scheduled", slog.String("connection_id", conn), slog.Any("error", err))
		}
	}
	return m.AwayUntil
}

// EndGraces schedules a look at l, a lobby that an earlier process has left,
// for the end of each grace in it.
func (h *Handler) EndGraces(l *lobby.Lobby) {
	for _, m := range l.Members {
		h.expireLater(context.Background(), l.Key(), l, m.Conn)
	}
}

// expire ends the graces of a lobby, whose key is the event's body.
func (h *Handler) expire(ctx context.Context, a incoming) awsevents.APIGatewayProxyResponse {
	if _, err := h.read(ctx, lobby.Key(a.body)); err != nil && !errors.Is(err, store.ErrNotFound) {
		h.logFault(ctx, a.conn, a.reference, ExpireRoute, err)
		return status(500)
	}
	return status(200)
}
