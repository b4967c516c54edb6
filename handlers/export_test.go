package handlers

import (
	"context"
	"maps"
	"slices"
	"time"

	"bellhop/events"
	"bellhop/lobby"
)

// Parts of the package that the external tests use.

const (
	AnswerTime = answerTime
	BusyRetry  = busyRetry
	ClaimTTL   = claimTTL
	GuessCost  = guessCost
)

var Hashing = hashing

// ActionNames returns the names of all actions, sorted.
func ActionNames() []string { return slices.Sorted(maps.Keys(actions)) }

// Remembered returns the number of connections that the process remembers.
func (h *Handler) Remembered() (n int) {
	for part := range h.clients.parts.All() {
		n += len(part.of)
	}
	return n
}

// Paid returns the number of actions that conn has paid for.
func (h *Handler) Paid(conn string) float64 {
	return h.Burst - h.client(conn).bucket.TokensAt(h.Now())
}

// TryPasswords counts as many wrong passwords as a lobby allows at once.
func (h *Handler) TryPasswords(key lobby.Key) { h.passwordTries(key).pay(h.Now(), passwordBurst) }

// ForClient returns the servers as conn gets them.
func (s ICEServers) ForClient(conn string, now time.Time) []events.ICEServer {
	servers, _ := s.forClient(context.Background(), Player{Conn: conn}, now)
	return servers
}
