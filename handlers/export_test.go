package handlers

import (
	"maps"
	"slices"
	"time"

	"bellhop/events"
	"bellhop/lobby"
)

// What the tests from outside reach in the package.

const (
	AnswerTime = answerTime
	BusyRetry  = busyRetry
	ClaimTTL   = claimTTL
	GuessCost  = guessCost
	HashTime   = hashTime
)

var Hashing = hashing

// ActionNames returns the names of all actions, sorted.
func ActionNames() []string { return slices.Sorted(maps.Keys(actions)) }

// Remembered returns how many connections the process remembers.
func (h *Handler) Remembered() (n int) {
	for shard := range h.sessions.shards.All() {
		n += len(shard.of)
	}
	return n
}

// Paid returns how many actions conn has paid for.
func (h *Handler) Paid(conn string) float64 { return h.Burst - h.sessions.of(conn).tokens }

// TryPasswords counts as many wrong passwords as a lobby bears at once.
func (h *Handler) TryPasswords(key lobby.Key) { h.sessions.of(passwordTries(key)).pay(passwordBurst) }

// ForClient returns what conn is told of the servers.
func (s ICEServers) ForClient(conn string, now time.Time) []events.ICEServer {
	servers, _ := s.forClient(conn, now)
	return servers
}
