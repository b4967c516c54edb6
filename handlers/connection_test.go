package handlers_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"bellhop/handlers/handlerstest"
	"bellhop/store"
	"bellhop/store/dynamodbtest"
)

// TestConnectTwice checks that a repeated $connect, as when Lambda retries it,
// leaves the connection where it is: in its lobby, and out of every other.
func TestConnectTwice(t *testing.T) {
	for name, open := range map[string]func(*handlerstest.World) store.Store{
		"memory": func(w *handlerstest.World) store.Store { return w.Store },
		"dynamodb": func(w *handlerstest.World) store.Store {
			return dynamodbtest.Open(t, dynamodbtest.Start(t), w.Clock.Now)
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := handlerstest.New()
			w.Use(open(w))
			openFox(t, w)
			for _, conn := range []string{"waiter", "guest", "host"} {
				w.Restart() // a process that knows nothing of the connection
				w.Invoke(conn, "$connect", "", "", nil)
				w.Say(conn, `{"action":"start_lobby","content":{"lobby_id":"own"},"request_id":"S"}`)
				w.Say(conn, leave)
			}
			want := map[string][]string{
				"waiter": {"error already_in_lobby S", "error not_in_lobby waiting", "lobby_left L"},
				"guest":  {"error already_in_lobby S", "lobby_left L"},
				"host":   {"request_cancelled", "peer_left", "error already_in_lobby S", "lobby_left L"},
			}
			if diff := cmp.Diff(want, brief(w.Heard())); diff != "" {
				t.Errorf("heard (-want +got):\n%s", diff)
			}
		})
	}
}

// TestGoneAreForgotten checks that a process forgets a connection that ends.
func TestGoneAreForgotten(t *testing.T) {
	w := handlerstest.New()
	w.Connect("ann", nil)
	w.Say("ann", `{"action":"ping"}`)
	if n := w.Remembered(); n != 1 {
		t.Errorf("%d connections are remembered, want ann's", n)
	}
	w.Clock.Move(time.Second)
	w.Drop("ann")
	if n := w.Remembered(); n != 0 {
		t.Errorf("%d clients outlive their connections", n)
	}
}
