package handlers

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"bellhop/store"
	"bellhop/store/dynamodbtest"
)

// TestConnectTwice guards that a $connect that comes again for a connection, as when Lambda retries it, leaves the
// connection where it is: in its lobby, and kept out of every other.
func TestConnectTwice(t *testing.T) {
	for name, open := range map[string]func(*fixture) store.Store{
		"memory":   func(w *fixture) store.Store { return w.Store },
		"dynamodb": func(w *fixture) store.Store { return dynamodbtest.Open(t, dynamodbtest.Start(t), w.clock) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(unwrapped)
			w.Config.Store = open(w)
			w.Handler = New(w.Config)
			w.openFox(t)
			for _, conn := range []string{"waiter", "guest", "host"} {
				w.Handler = New(w.Config) // a process that knows nothing of the connection
				w.invoke(conn, "$connect", "", "", nil)
				w.say(conn, `{"action":"start_lobby","content":{"lobby_id":"own"},"request_id":"S"}`)
				w.say(conn, leave)
			}
			want := map[string][]string{
				"waiter": {"error already_in_lobby S", "error not_in_lobby waiting", "lobby_left L"},
				"guest":  {"error already_in_lobby S", "lobby_left L"},
				"host":   {"request_cancelled", "peer_left", "error already_in_lobby S", "lobby_left L"},
			}
			if diff := cmp.Diff(want, brief(w.heard())); diff != "" {
				t.Errorf("heard (-want +got):\n%s", diff)
			}
		})
	}
}
