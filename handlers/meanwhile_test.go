package handlers_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"bellhop/handlers/handlerstest"
	"bellhop/lobby"
	"bellhop/store"
)

// errLost is the error of a post on AWS that can arrive all the same.
var errLost = errors.New("no answer")

// TestMeanwhile checks the clients' events if something else happens while an
// event is on its way. Each request_id is answered once, and nobody is in two
// lobbies. A client that was notified that a member came or dropped is also
// notified that it left.
func TestMeanwhile(t *testing.T) {
	for name, tt := range meanwhiles {
		t.Run(name, func(t *testing.T) {
			w := handlerstest.New()
			w.Connect("host", map[string]string{"protocol": map[string]string{"": "bellhop"}[tt.dialect] + tt.dialect})
			w.Connect("ann", nil)
			onLeave := map[bool]string{false: "close", true: "migrate"}[tt.migrates]
			topology := map[bool]string{false: "star", true: "mesh"}[tt.mesh]
			w.Say("host", fmt.Sprintf(`{"action":"start_lobby","content":{"lobby_id":"hen","auto_accept":%v,"on_host_leave":%q,"topology":%q,"roster":%v}}`, tt.auto, onLeave, topology, tt.roster))
			if tt.bob {
				w.Connect("bob", nil)
				w.Say("bob", join)
				if !tt.auto {
					w.Say("host", accept)
				}
			}
			if tt.by == "host" {
				w.Say("ann", join)
			}
			w.Heard()
			var met atomic.Bool // posts go out at the same time
			w.Meanwhile = func(conn, event string) error {
				if conn != tt.to || !strings.Contains(event, `"event":"`+tt.event+`"`) || met.Swap(true) {
					return nil
				}
				return tt.then(w)
			}
			w.Say(tt.by, tt.says)
			if !met.Load() {
				t.Fatal("it did not come to that")
			}
			if diff := cmp.Diff(tt.want, brief(w.Heard())); diff != "" {
				t.Errorf("heard (-want +got):\n%s", diff)
			}
			wantListed(t, w, tt.in, tt.elsewhere)
		})
	}
}

// resumeHost gives the slot of the lobby hen's host to a new connection, again.
func resumeHost(w *handlerstest.World) {
	w.Connect("again", nil)
	w.Say("again", `{"action":"resume","content":{"resume_token":"s1.1.hen"}}`)
}

// TestRelayToOneWhoResumes checks that a relay on its way to a member that
// changes its connection arrives on the new one.
func TestRelayToOneWhoResumes(t *testing.T) {
	w := handlerstest.New()
	openFox(t, w)
	met := false
	w.Meanwhile = func(conn, event string) error {
		if met || conn != "guest" || member(event, "event") != "received_ice_candidate" {
			return nil
		}
		met = true
		w.Say("stranger", `{"action":"resume","content":{"resume_token":"s3.2.fox"}}`)
		return nil
	}
	w.Say("host", `{"action":"send_ice_candidate","content":{"connection_id":"guest","candidate":""},"request_id":"R"}`)
	want := map[string][]string{
		"guest": {"replaced"}, "stranger": {"resumed", "received_ice_candidate"}, "host": {"peer_resumed", "done R"},
	}
	if diff := cmp.Diff(want, brief(w.Heard())); diff != "" {
		t.Errorf("heard (-want +got):\n%s", diff)
	}
}

// wantListed checks the members of the lobby hen and the waiting players. Only
// these, and ann if she is elsewhere, must be unable to start another lobby.
func wantListed(t *testing.T, w *handlerstest.World, want []string, elsewhere bool) {
	t.Helper()
	l, err := w.Store.Lobby(context.Background(), lobby.KeyOf("default", "hen"))
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		t.Fatal(err)
	}
	for _, conn := range []string{"host", "ann"} {
		listed := err == nil && l.Has(conn)
		if listed != slices.Contains(want, conn) {
			t.Errorf("%s is listed: %v, want %v", conn, listed, !listed)
		}
		if !w.Connected(conn) {
			continue // it no longer exists
		}
		w.Say(conn, fmt.Sprintf(`{"action":"start_lobby","content":{"lobby_id":"%s-next"}}`, conn))
		heard := brief(w.Heard())[conn]
		busy := listed || elsewhere && conn == "ann"
		if refused := len(heard) == 1 && heard[0] == "error already_in_lobby"; refused != busy {
			t.Errorf("%s, in a lobby %v, starts another and hears %v", conn, busy, heard)
		}
	}
}

// brief reduces events to their names, codes and request ids.
func brief(heard map[string][]string) map[string][]string {
	all := map[string][]string{}
	for conn, events := range heard {
		for _, e := range events {
			words := []string{member(e, "event")}
			for _, name := range []string{"code", "request_id"} {
				if value := member(e, name); value != "" {
					words = append(words, value)
				}
			}
			all[conn] = append(all[conn], strings.Join(words, " "))
		}
	}
	return all
}

// member returns the value of a name anywhere in a message, if the value is a
// string.
func member(message, name string) string {
	_, after, _ := strings.Cut(message, `"`+name+`":"`)
	value, _, _ := strings.Cut(after, `"`)
	return value
}

// TestWhoDoesNotRead checks that a client that sends and does not read leaves
// one line in the log and cannot fill it. Actions that were done must not look
// as if they had failed.
func TestWhoDoesNotRead(t *testing.T) {
	w := handlerstest.New()
	openFox(t, w)
	w.Busy = "stranger"
	for _, text := range []string{`{}`, `{"action":"ping"}`, `{"action":"leave_lobby"}`, `{"action":"start_lobby","content":{"lobby_id":"hen"}}`} {
		w.Say("stranger", text)
	}
	if lines := w.Logged(); len(lines) != 1 || !strings.Contains(lines[0], `"event not delivered" connection_id=stranger`) {
		t.Errorf("the log says %q, want one line of who does not read", lines)
	}
	w.Busy = ""
	w.Say("stranger", `{"action":"close_lobby"}`)
	if diff := cmp.Diff(map[string][]string{"stranger": {"lobby_closed"}}, brief(w.Heard())); diff != "" {
		t.Errorf("heard (-want +got):\n%s", diff)
	}
}

// TestRetryAfter checks that a client that waits for retry_after_ms can go on.
func TestRetryAfter(t *testing.T) {
	w := handlerstest.New()
	w.Rate, w.Burst = 300, 1
	w.Connect("ann", nil)
	w.Say("ann", `{"action":"ping"}`)
	w.Heard()
	w.Say("ann", `{"action":"ping"}`)
	if heard := w.Heard()["ann"]; len(heard) != 1 || !strings.Contains(heard[0], `"retry_after_ms":4`) {
		t.Fatalf("heard %q, want to wait 4 ms: a 300th of a second is more than 3", heard)
	}
	w.Clock.Move(4e6)
	w.Say("ann", `{"action":"ping"}`)
	if diff := cmp.Diff(map[string][]string{"ann": {"pong"}}, brief(w.Heard())); diff != "" {
		t.Errorf("heard (-want +got):\n%s", diff)
	}
}

// TestStartAfterLostHost checks that an id is not kept by a host whose end was
// only half noticed: its connection is deleted, but the lobby does not know.
func TestStartAfterLostHost(t *testing.T) {
	for dialect, freed := range map[string]time.Duration{"bellhop": 61 * time.Second, "original": 0} {
		t.Run(dialect, func(t *testing.T) {
			w := handlerstest.New()
			w.Connect("host", map[string]string{"protocol": dialect})
			w.Connect("ann", nil)
			w.Say("host", `{"action":"start_lobby","content":{"lobby_id":"hen"}}`)
			if _, err := w.Store.DeleteConnection(context.Background(), "host"); err != nil {
				t.Fatal(err)
			}
			w.Lose("host")
			if freed > 0 {
				w.Say("ann", `{"action":"start_lobby","content":{"lobby_id":"hen"}}`)
				w.Clock.Move(freed)
			}
			w.Say("ann", `{"action":"start_lobby","content":{"lobby_id":"hen"}}`)
			heard := brief(w.Heard())["ann"]
			if len(heard) == 0 || heard[len(heard)-1] != "lobby_started" {
				t.Errorf("heard %v", heard)
			}
		})
	}
}

// TestFreeBeforeToldSo checks that a client that is notified of the end of its
// membership or request can start another lobby immediately: it is free before
// the notification.
func TestFreeBeforeToldSo(t *testing.T) {
	for name, tt := range map[string]struct{ by, says, to, event string }{
		"a member whose lobby closes":   {"host", `{"action":"close_lobby"}`, "guest", "lobby_closed"},
		"a member whose host leaves":    {"host", `{"action":"leave_lobby"}`, "guest", "lobby_closed"},
		"a member who is removed":       {"host", `{"action":"remove_player","content":{"connection_id":"guest"}}`, "guest", "removed"},
		"one who waits and is rejected": {"host", `{"action":"reject_join_request","content":{"connection_id":"waiter"}}`, "waiter", "request_rejected"},
		"one whose lobby closes":        {"host", `{"action":"close_lobby"}`, "waiter", "request_rejected"},
		"one who asks for no lobby":     {"stranger", `{"action":"join_lobby","content":{"lobby_id":"hen"}}`, "stranger", "request_rejected"},
		"one whose host is gone":        {"stranger", `{"action":"join_lobby","content":{"lobby_id":"fox"}}`, "stranger", "request_rejected"},
	} {
		t.Run(name, func(t *testing.T) {
			w := handlerstest.New()
			openFox(t, w)
			if tt.by != "host" {
				w.Lose("host")
			}
			w.Meanwhile = func(conn, event string) error {
				if conn == tt.to && member(event, "event") == tt.event {
					w.Say(conn, `{"action":"start_lobby","content":{"lobby_id":"own"}}`)
				}
				return nil
			}
			w.Say(tt.by, tt.says)
			var events []string
			for _, e := range w.Heard()[tt.to] {
				events = append(events, member(e, "event"))
			}
			if diff := cmp.Diff([]string{"lobby_started", tt.event}, events); diff != "" {
				t.Errorf("%s heard (-want +got):\n%s", tt.to, diff)
			}
		})
	}
}

// TestEditedTokens checks that a token is valid only in its original form.
func TestEditedTokens(t *testing.T) {
	w := handlerstest.New()
	openFox(t, w)
	for _, token := range []string{"s3.2.FOX", "s3.02.fox", "s3.+2.fox", "s3.3.fox", "s3.2.fox.", "s3.2.fox ", "s3.2", "s3", "S3.2.fox", "s1.2.fox", "s3.1.fox", ".2.fox", "s3.2.hen"} {
		w.Say("stranger", `{"action":"resume","content":{"resume_token":"`+token+`"}}`)
		if diff := cmp.Diff(map[string][]string{"stranger": {"error resume_failed"}}, brief(w.Heard())); diff != "" {
			t.Errorf("%s (-want +got):\n%s", token, diff)
		}
	}
}

// TestHostFoundGone checks that the slot of a host that a joiner finds gone is
// free when its grace is over, even if nobody reads the lobby: its $disconnect
// comes when it is away already.
func TestHostFoundGone(t *testing.T) {
	for _, auto := range []bool{false, true} {
		var later []func()
		w := handlerstest.New()
		w.Config.Later = func(_ time.Duration, f func()) { later = append(later, f) }
		w.Restart()
		w.Connect("host", nil)
		w.Connect("ann", nil)
		w.Say("host", fmt.Sprintf(`{"action":"start_lobby","content":{"lobby_id":"hen","auto_accept":%v}}`, auto))
		w.Connect("bob", nil)
		w.Say("bob", join)
		w.Say("host", accept)
		w.Lose("host")
		w.Say("ann", join)
		w.Drop("host")
		w.Heard()
		w.Clock.Move(time.Minute + time.Second)
		for _, f := range later {
			f()
		}
		if diff := cmp.Diff(map[string][]string{"bob": {"lobby_closed"}}, brief(w.Heard())); diff != "" {
			t.Errorf("auto_accept %v: heard (-want +got):\n%s", auto, diff)
		}
	}
}
