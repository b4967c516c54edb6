package handlers

import (
	"context"
	"errors"
	"strconv"

	"bellhop/events"
	"bellhop/handlers/metrics"
	"bellhop/lobby"
	"bellhop/store"
)

// countRoute counts a handshake or the end of a connection.
func (h *Handler) countRoute(key string, status int) {
	switch {
	case h.Metrics == nil:
	case key == "$connect":
		h.Metrics.Count(metrics.Connects, strconv.Itoa(status))
	case key == "$disconnect":
		h.Metrics.Count(metrics.Disconnects)
	}
}

// countAction counts a message by its action and result. failure is the event
// that has told the sender of err.
func (h *Handler) countAction(req *action, err error, failure events.Event) {
	if h.Metrics == nil {
		return
	}
	result := "ok"
	switch e := failure.(type) {
	case *events.Error:
		result = string(e.Code)
	case events.RequestRejected:
		result = string(e.Code)
		h.Metrics.Count(metrics.JoinsAsked)
	}
	if result == string(events.RateLimited) {
		h.Metrics.Count(metrics.Throttled, limitOf(err))
	}
	h.Metrics.Count(metrics.Actions, req.known(), result)
}

// limitOf names the limit that err is about.
func limitOf(err error) string {
	switch {
	case errors.Is(err, ErrBusy):
		return "receiver"
	case errors.Is(err, store.ErrThrottled):
		return "store"
	case errors.Is(err, lobby.ErrTooOften):
		return "lobby"
	}
	return "client"
}

// countJoined counts a delivered event that ends somebody's waiting.
func (h *Handler) countJoined(e events.Event) {
	if h.Metrics == nil {
		return
	}
	switch e := e.(type) {
	case events.RequestAccepted:
		h.Metrics.Count(metrics.JoinsAccepted)
	case events.RequestRejected:
		h.Metrics.Count(metrics.JoinsRejected, string(e.Code))
	}
}

// post posts data to a connection, and counts what does not arrive.
func (h *Handler) post(ctx context.Context, conn string, data []byte) error {
	err := h.Poster.Post(ctx, conn, data)
	switch {
	case err == nil:
	case errors.Is(err, ErrGone):
		h.Metrics.Count(metrics.Undelivered, "gone")
	case errors.Is(err, ErrBusy):
		h.Metrics.Count(metrics.Undelivered, "busy")
	default:
		h.Metrics.Count(metrics.Undelivered, "failed")
	}
	return err
}
