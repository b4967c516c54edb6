package handlers

import (
	"strings"
	"testing"

	"bellhop/events"
)

// FuzzSeat checks that a token belongs to one slot, and that every possible
// slot has a token.
func FuzzSeat(f *testing.F) {
	f.Add("kX3v", 1, "Blue-Fox")
	f.Add("a.1", 2, "fox")
	f.Add("a", -1, "1.fox")
	f.Fuzz(func(t *testing.T, secret string, peerID int, lobbyID string) {
		s := resumeToken{secret, peerID, lobbyID}
		got, ok := parseResumeToken(s.token())
		if ok && got != s {
			t.Errorf("%q is the token of %+v, and of %+v", s.token(), s, got)
		}
		if can := secret != "" && !strings.Contains(secret, ".") && events.IsLobbyID(lobbyID); ok != can {
			t.Errorf("%q is a token: %v, want %v", s.token(), ok, can)
		}
	})
}
