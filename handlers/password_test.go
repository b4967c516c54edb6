package handlers_test

import (
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"bellhop/handlers"
	"bellhop/handlers/handlerstest"
	"bellhop/lobby"
)

// TestTooManyPasswords checks that nobody waits for long while other passwords
// are hashed. A client that would is told to try again, can do so, and the
// error is not internal.
func TestTooManyPasswords(t *testing.T) {
	w := handlerstest.New()
	for _, conn := range []string{"host", "guest", "stranger"} {
		w.Connect(conn, nil)
	}
	w.Say("host", `{"action":"start_lobby","content":{"lobby_id":"fox","password":"old"}}`)
	w.Heard()
	wishes := map[string]string{
		"host":     `{"action":"update_lobby","content":{"max_players":3,"password":"new"},"request_id":"1"}`,
		"guest":    `{"action":"join_lobby","content":{"lobby_id":"fox","password":"old"},"request_id":"2"}`,
		"stranger": `{"action":"start_lobby","content":{"lobby_id":"hen","password":"own"},"request_id":"3"}`,
	}
	for range cap(handlers.Hashing) {
		handlers.Hashing <- struct{}{}
	}
	w.Limit = 10 * time.Second // the answers come within an invocation's time
	var all sync.WaitGroup
	for conn, wish := range wishes {
		all.Go(func() { w.Say(conn, wish) })
	}
	all.Wait()
	w.Limit = 0
	for range cap(handlers.Hashing) {
		<-handlers.Hashing
	}
	want := map[string][]string{"host": {"error rate_limited 1"}, "guest": {"error rate_limited 2"}, "stranger": {"error rate_limited 3"}}
	if diff := cmp.Diff(want, brief(w.Heard())); diff != "" {
		t.Errorf("meanwhile they hear (-want +got):\n%s", diff)
	}
	for _, conn := range []string{"stranger", "guest", "host"} {
		w.Say(conn, wishes[conn])
	}
	want = map[string][]string{"host": {"request_to_join", "lobby_updated 1"}, "stranger": {"lobby_started 3"}}
	if diff := cmp.Diff(want, brief(w.Heard())); diff != "" {
		t.Errorf("afterwards they hear (-want +got):\n%s", diff)
	}
	if lines := w.Logged(); len(lines) > 0 {
		t.Errorf("the log says %q", lines)
	}
}

// TestRightPasswordPasses checks that the right password opens a lobby however
// many wrong ones others have tried. A wrong one is slowed down after the
// check, and its sender pays for it.
func TestRightPasswordPasses(t *testing.T) {
	w := handlerstest.New()
	for _, conn := range []string{"host", "guest", "stranger"} {
		w.Connect(conn, nil)
	}
	w.Say("host", `{"action":"start_lobby","content":{"lobby_id":"fox","password":"right"}}`)
	w.Say("stranger", `{"action":"join_lobby","content":{"lobby_id":"fox","password":"wrong"},"request_id":"1"}`)
	w.TryPasswords(lobby.KeyOf("default", "fox")) // as if others had tried that many
	w.Heard()
	w.Say("stranger", `{"action":"join_lobby","content":{"lobby_id":"fox","password":"wrong"},"request_id":"2"}`)
	w.Say("guest", `{"action":"join_lobby","content":{"lobby_id":"fox","password":"right"},"request_id":"3"}`)
	want := map[string][]string{"host": {"request_to_join"}, "stranger": {"error rate_limited 2"}}
	if diff := cmp.Diff(want, brief(w.Heard())); diff != "" {
		t.Errorf("heard (-want +got):\n%s", diff)
	}
	if paid := w.Paid("stranger"); paid != 2*handlers.GuessCost {
		t.Errorf("two wrong passwords cost %v actions, want %v", paid, 2*handlers.GuessCost)
	}
	w.Clock.Move(time.Second)
	w.Say("stranger", `{"action":"join_lobby","content":{"lobby_id":"fox","password":"wrong"},"request_id":"4"}`)
	want = map[string][]string{"stranger": {"request_rejected wrong_password 4"}}
	if diff := cmp.Diff(want, brief(w.Heard())); diff != "" {
		t.Errorf("a second later (-want +got):\n%s", diff)
	}
}
