package handlers_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"bellhop/handlers"
	"bellhop/handlers/handlerstest"
	"bellhop/lobby"
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

// TestScheduledGrace checks that a drop asks for an event at the end of the
// grace, and that this event alone ends it. A failure leaves one line.
func TestScheduledGrace(t *testing.T) {
	w := handlerstest.New()
	var key lobby.Key
	var ends time.Time
	var fails error
	w.Config.ExpireAt = func(_ context.Context, k lobby.Key, at time.Time) error {
		key, ends = k, at
		return fails
	}
	w.Restart()
	openFox(t, w)
	w.Drop("guest")
	if want := w.Clock.Now().Add(time.Minute); !ends.Equal(want) {
		t.Fatalf("the grace is to end at %v, want %v", ends, want)
	}
	w.Heard()
	for _, want := range []string{"[]", "[peer_left]"} { // a second too early, and at the end
		w.Clock.Move(59 * time.Second)
		if status := w.Invoke("", handlers.ExpireRoute, string(key), "", nil); status != 200 {
			t.Errorf("status %d", status)
		}
		if heard := fmt.Sprint(brief(w.Heard())["host"]); heard != want {
			t.Errorf("the host hears %s, want %s", heard, want)
		}
	}
	if w.Invoke("", handlers.ExpireRoute, "default#none", "", nil) != 200 {
		t.Error("a lobby that is gone is a failure")
	}
	fails = errors.New("not now")
	w.Drop("host")
	if lines := w.Logged(); len(lines) != 1 || !strings.Contains(lines[0], "grace not scheduled") {
		t.Errorf("the log says %q", lines)
	}
}
