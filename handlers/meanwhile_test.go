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

// errLost is what a post may end with on AWS though the event has arrived.
var errLost = errors.New("no answer")

// TestMeanwhile guards what clients hear when something else happens while an event is on its way: each request_id is
// answered once, nobody is in two lobbies, and whoever heard that somebody came or dropped hears that they left.
func TestMeanwhile(t *testing.T) {
	for name, tt := range meanwhiles {
		t.Run(name, func(t *testing.T) {
			w := handlerstest.New()
			w.Connect("host", map[string]string{"protocol": map[string]string{"": "bellhop"}[tt.dialect] + tt.dialect})
			w.Connect("ann", nil)
			onLeave := map[bool]string{false: "close", true: "migrate"}[tt.migrates]
			topology := map[bool]string{false: "star", true: "mesh"}[tt.mesh]
			w.Say("host", fmt.Sprintf(`{"action":"start_lobby","content":{"lobby_id":"hen","auto_accept":%v,"on_host_leave":%q,"topology":%q}}`, tt.auto, onLeave, topology))
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
			var met atomic.Bool // letters go out at the same time
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

// resumeHost gives the place of the lobby hen's host to a new connection, again.
func resumeHost(w *handlerstest.World) {
	w.Connect("again", nil)
	w.Say("again", `{"action":"resume","content":{"resume_token":"s1.1.hen"}}`)
}

// TestRelayToOneWhoResumes guards that what is under way to somebody who takes another connection arrives there.
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

// wantListed checks who is in the lobby hen, or waits for it; and that just those may not start another, nor ann if she is
// elsewhere.
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
			continue // is not there any more
		}
		w.Say(conn, fmt.Sprintf(`{"action":"start_lobby","content":{"lobby_id":"%s-next"}}`, conn))
		heard := brief(w.Heard())[conn]
		busy := listed || elsewhere && conn == "ann"
		if refused := len(heard) == 1 && heard[0] == "error already_in_lobby"; refused != busy {
			t.Errorf("%s, in a lobby %v, starts another and hears %v", conn, busy, heard)
		}
	}
}

// brief makes of events their names, codes and request ids.
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

// member returns what a name stands for somewhere in a message, if that is a string.
func member(message, name string) string {
	_, after, _ := strings.Cut(message, `"`+name+`":"`)
	value, _, _ := strings.Cut(after, `"`)
	return value
}

// TestWhoDoesNotRead guards that a client which sends and does not read leaves one line in the log, can not fill it, and can
// not make an action that was done look as if it were not.
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

// TestRetryAfter guards that who waits for as long as it was told may go on.
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

// TestStartAfterLostHost guards that an id is not kept by a host whose end was noticed by half: its connection is
// forgotten, and the lobby was never told.
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

// TestFreeBeforeToldSo guards that who hears that they are in a lobby no longer, or do not wait for one, may start another
// at once: they are free before they are told.
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

// TestEditedTokens guards that a token is good as it was given and in no other form.
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

// TestHostFoundGone guards that the place of a host whom a joiner finds gone is given up when its time is over, though nobody
// looks at the lobby: its $disconnect comes when it is away already.
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
