package handlers

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"bellhop/events"
	"bellhop/handlers/metrics"
	"bellhop/lobby"
	"bellhop/store"
)

// wireErrors decides the words that clients get for an error of ours. An error
// that is not here is our fault: internal, and logged. A row with rejects
// answers join_lobby with request_rejected and that code.
var wireErrors = []struct {
	err     error
	code    events.Code
	field   string
	message string
	rejects events.Code
}{
	{err: store.ErrExists, code: events.LobbyExists, message: "That lobby id is taken; choose another or leave it out."},
	{err: lobby.ErrAlreadyIn, code: events.AlreadyInLobby, message: "Leave the lobby you are in, or wait for, before you start or join another."},
	{err: lobby.ErrNotIn, code: events.NotInLobby, message: "Start or join a lobby first."},
	{err: lobby.ErrNotHost, code: events.NotHost, message: "Leave this to the lobby's host."},
	{err: lobby.ErrNotWaiting, code: events.RequestNotFound, message: "Nobody with that id waits for your lobby."},
	{err: lobby.ErrSeveralWaiting, code: events.MissingField, field: "connection_id", message: "Several are waiting; add \"connection_id\" to \"content\"."},
	{err: lobby.ErrPeerIDTaken, code: events.InvalidField, field: "peer_id", message: "Make \"peer_id\" a number that nobody in this lobby has ever had."},
	{err: lobby.ErrNotLinked, code: events.PeerNotFound, message: "Send only to a peer in your lobby, by the id that an event has named."},
	{err: lobby.ErrFull, code: events.LobbyFull, message: "The lobby is full; wait for a place.", rejects: events.LobbyFull},
	{err: store.ErrNotFound, code: events.LobbyNotFound, message: "There is no lobby with that id; check the spelling.", rejects: events.LobbyNotFound},
	{err: lobby.ErrLocked, code: events.Internal, message: "The lobby is locked; ask its host, or try another.", rejects: events.LobbyLocked},
	{err: lobby.ErrWrongPassword, code: events.Internal, message: "That is not the lobby's password; ask its host.", rejects: events.WrongPassword},
	{err: lobby.ErrBanned, code: events.Banned, message: "The host has banned you from this lobby.", rejects: events.Banned},
	{err: lobby.ErrNeedsNewer, code: events.Internal, message: "This lobby needs a newer client.", rejects: events.LobbyLocked},
	{err: lobby.ErrTooFew, code: events.InvalidField, field: "max_players", message: "Make \"max_players\" at least the number of places that are taken."},
	{err: lobby.ErrOneself, code: events.InvalidField, field: "connection_id", message: "Remove somebody else; to go yourself, send leave_lobby."},
	{err: lobby.ErrNoSuchSlot, code: events.ResumeFailed, message: "That place cannot be resumed; join the lobby anew."},
	{err: lobby.ErrHostAlready, code: events.InvalidField, field: "connection_id", message: "Name another member: you are the host."},
	{err: lobby.ErrCannotFollow, code: events.InvalidField, field: "connection_id",
		message: "Ask everybody for a newer client: one in this lobby uses the original dialect, and cannot follow a new host."},
	{err: errNoMessages, code: events.NotAvailable, message: "Send messages over WebRTC: this server passes on none."},
	{err: errHearsNone, code: events.NotAvailable, message: "Send messages to that player over WebRTC: its client uses the original dialect."},
	{err: errNoMatch, code: events.Internal, message: "There is no such lobby with a free place; start one, or try again later.", rejects: events.NoMatch},
	{err: errClosed, code: events.Internal, message: "The lobby has closed.", rejects: events.LobbyClosedCode},
	{err: lobby.ErrHostAway, code: events.Internal, message: hostIsAway, rejects: events.HostUnavailable},
	{err: lobby.ErrTooOften, code: events.RateLimited, message: "Change the settings less often, and try again after retry_after_ms milliseconds."},
	{err: ErrBusy, code: events.RateLimited, message: "The receiver cannot keep up; slow down."},
	{err: store.ErrThrottled, code: events.RateLimited, message: "Too much is going on for now; try again after retry_after_ms milliseconds."},
}

var (
	errNoMatch    = errors.New("no lobby matches")
	errClosed     = errors.New("lobby closed while the sender came in")
	errNoMessages = errors.New("messages are turned off")
	errHearsNone  = errors.New("receiver's dialect has no messages")
)

// hostIsAway is the reason of a request_rejected with host_unavailable.
const hostIsAway = "The host's connection is gone; try again in a minute."

// rejected is the reason why a join_lobby failed.
type rejected struct {
	lobbyID string
	err     error
}

func (r rejected) Error() string { return r.err.Error() }
func (r rejected) Unwrap() error { return r.err }

func rejection(lobbyID string, err error) error {
	if err == nil {
		return nil
	}
	return rejected{lobbyID, err}
}

// answer sends the sender the event for err, and returns it. Without an error,
// the sender has been answered already or needs no answer.
func (h *Handler) answer(ctx context.Context, req *action, err error) events.Event {
	if err == nil {
		return nil
	}
	e := h.event(ctx, req, err)
	// A sender that the store does not know, or cannot look up, has no dialect and
	// no lobby, but might still be connected.
	var c store.Connection
	soon, cancel := context.WithTimeout(ctx, answerTime/2)
	defer cancel()
	caught(func() (err error) { c, _, err = h.connection(soon, req); return err })
	if err := caught(func() error { return h.replyTo(ctx, req, c, e) }); err != nil {
		h.logFault(ctx, req.conn, req.reference, req.known(), err)
	}
	return e
}

// event returns the event that tells the sender about err. It logs an error
// that is our fault.
func (h *Handler) event(ctx context.Context, req *action, err error) events.Event {
	var wire *events.Error
	if errors.As(err, &wire) {
		return req.failed(*wire)
	}
	var r rejected
	isJoin := errors.As(err, &r)
	for _, w := range wireErrors {
		switch {
		case !errors.Is(err, w.err):
		case isJoin && w.rejects != "":
			return events.RequestRejected{LobbyID: r.lobbyID, Code: w.rejects, Reason: w.message}
		case w.code == events.RateLimited:
			return req.failed(events.Error{Code: w.code, Message: w.message, RetryAfterMS: busyRetry.Milliseconds()})
		case w.code != events.Internal:
			return req.failed(events.Error{Code: w.code, Message: w.message, Field: w.field})
		}
	}
	h.logFault(ctx, req.conn, req.reference, req.known(), err)
	return req.failed(events.Error{
		Code: events.Internal, Reference: req.reference,
		Message: "Try again; if it stays, tell whoever runs this server the reference.",
	})
}

// failed returns e as the sender gets it: with the action, and the peer or
// lobby that e is about.
func (req *action) failed(e events.Error) *events.Error {
	e.Action = req.Action
	switch e.Code {
	case events.PeerNotFound, events.PeerUnreachable:
		e.ConnectionID = req.Content.ConnectionID()
	case events.LobbyExists:
		var c events.OriginalStartLobby
		req.Content.Read(&c) // it was read before
		e.LobbyID = c.LobbyID
	}
	return &e
}

// busyRetry is the retry_after_ms for a full outbox of the receiver: about as
// long as a phone takes to empty one.
const busyRetry = time.Second

// logFault writes the one log line for an internal error. Our errors hold no
// message content.
func (h *Handler) logFault(ctx context.Context, conn, reference, action string, err error) {
	h.Metrics.Count(metrics.Faults)
	h.Log.LogAttrs(ctx, slog.LevelError, "internal", slog.String("reference", reference),
		slog.String("connection_id", conn), slog.String("action", action), slog.Any("error", err))
}

// unknownConnection returns the error for a message from a connection that
// never connected, or has been removed.
func unknownConnection(err error) error {
	if errors.Is(err, store.ErrNotFound) {
		return errors.New("message of an unknown connection")
	}
	return err
}
