package handlers_test

import (
	"testing"

	"bellhop/handlers/handlerstest"
)

// openFox connects three clients and opens a lobby: host's, with guest in it
// and waiter in front of it.
func openFox(t testing.TB, w *handlerstest.World) {
	t.Helper()
	for _, conn := range []string{"host", "guest", "waiter", "stranger"} {
		if status := w.Connect(conn, nil); status != 200 {
			t.Fatalf("%s is refused with %d", conn, status)
		}
	}
	for _, say := range [][2]string{
		{"host", `{"action":"start_lobby","content":{"lobby_id":"fox"}}`},
		{"guest", `{"action":"join_lobby","content":{"lobby_id":"fox"}}`},
		{"host", `{"action":"accept_request"}`},
		{"waiter", `{"action":"join_lobby","content":{"lobby_id":"fox"},"request_id":"waiting"}`},
	} {
		w.Say(say[0], say[1])
	}
	w.Heard()
}
