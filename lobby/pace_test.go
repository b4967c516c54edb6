package lobby_test

import (
	"fmt"
	"testing"
	"time"

	"bellhop/lobby"
)

// TestPace checks the account of a lobby whose pace is 10 notices a second:
// what it has at first, what changes cost, how it fills, and what idle lobbies
// save.
func TestPace(t *testing.T) {
	const pace = lobby.Pace(10)
	began := time.Unix(1e9, 0)
	l := lobby.New("game", "fox", lobby.Member{Conn: "host"})
	l.CreatedAt, l.AutoAccept, l.Roster, l.MaxPlayers = began.UnixMicro(), true, true, 64
	want := func(what string, after, left time.Duration) {
		t.Helper()
		if got := -l.Debt(began.Add(after), pace); got != left {
			t.Errorf("%s, after %v: %v are left, want %v", what, after, got, left)
		}
	}
	change := func(after time.Duration, rule func(l *lobby.Lobby) error) {
		t.Helper()
		c := l.Clone()
		if err := rule(&c); err != nil {
			t.Fatal(err)
		}
		c.Pay(began.Add(after), pace)
		l = c
	}
	want("a new lobby", 0, 3200*time.Millisecond)
	for i := range 3 {
		change(0, func(l *lobby.Lobby) error {
			_, _, err := l.Join(lobby.JoinRequest{Conn: fmt.Sprint("guest", i), Player: "{}"}, "hash")
			return err
		})
	}
	want("each of three guests asks, and is shown to 1, 2 and 3, and then it takes 1 KB", 0, 2200*time.Millisecond)
	change(0, func(l *lobby.Lobby) error { return l.SetPlayer("guest0", "{}") })
	want("a change that three hear of", 0, 1800*time.Millisecond)
	want("a second later", time.Second, 2800*time.Millisecond)
	change(time.Second, func(l *lobby.Lobby) error { l.Notify(50); return nil })
	want("a message to 50", time.Second, -2300*time.Millisecond)
	if got := l.DebtAllowed(pace); got != 3200*time.Millisecond {
		t.Errorf("members come back up to a debt of %v", got)
	}
	want("an hour later", time.Hour, 409600*time.Millisecond)
	change(time.Hour, func(l *lobby.Lobby) error { l.Banned = []string{string(make([]byte, 10<<10))}; return nil })
	want("a write of 10 KB", time.Hour, 408500*time.Millisecond)
	c := l.Clone()
	if c.Pay(began, 0); c.PaidAt != l.PaidAt || c.Debt(began, 0) != 0 || c.DebtAllowed(0) != 0 {
		t.Error("a lobby without a pace keeps an account")
	}
}
