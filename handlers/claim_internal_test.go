package handlers

import (
	"testing"
	"time"

	"bellhop/lobby"
)

// TestClaimTimes checks that versions without claim IDs, which know a claim by
// its lobby and time, never mistake a new claim for the one that it replaces.
func TestClaimTimes(t *testing.T) {
	now := time.UnixMilli(1000)
	first := newClaim("Hen", now, lobby.Claim{})
	second := newClaim("hen", now, settled(first))
	if first.LobbyID != "hen" || first.At != 1000 || second.LobbyID != "hen" || second.At == first.At || second.ID == first.ID {
		t.Errorf("claims %+v and %+v", first, second)
	}
	if other := newClaim("owl", now, first); other.At != 1000 {
		t.Errorf("claim %+v of another lobby, want the time 1000", other)
	}
}
