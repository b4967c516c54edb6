package lobby_test

import (
	"errors"
	"testing"
	"time"

	"bellhop/lobby"
)

var epoch = time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)

// lobbyOf returns a lobby of "tanks" with only "host" in it.
func lobbyOf(id string) lobby.Lobby {
	return lobby.New("tanks", id, lobby.Member{Conn: "host", ClaimedAt: 7})
}

func wantErr(t testing.TB, what string, got, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Fatalf("%s: %v, want %v", what, got, want)
	}
}

// scribble overwrites all the memory that l points to.
func scribble(l *lobby.Lobby) {
	for i := range l.Members {
		l.Members[i] = lobby.Member{Conn: "scribble"}
	}
	for i := range l.Waiting {
		l.Waiting[i] = lobby.JoinRequest{Conn: "scribble"}
	}
	for i := range l.UsedPeerIDs {
		l.UsedPeerIDs[i] = [2]int{8, 9}
	}
}
