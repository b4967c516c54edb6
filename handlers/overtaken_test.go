package handlers_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"bellhop/handlers/handlerstest"

	"github.com/google/go-cmp/cmp"
)

// TestOvertaken checks a client that is notified of its lobby's end, or of
// another host, before it is notified of its own admission. It can tell which
// event is current: each event that names a host has a term.
func TestOvertaken(t *testing.T) {
	for name, tt := range map[string]struct {
		onLeave, by, says string
		to, event         string // the host leaves while this event is on its way
		want              []string
	}{
		"accepted, and then there is another host": {"migrate", "host", accept, "ann", "request_accepted",
			[]string{"peer_left 0", "host_changed 2", "request_accepted 1"}},
		"accepted, and then the lobby closes": {"close", "host", accept, "ann", "request_accepted",
			[]string{"lobby_closed 0", "request_accepted 1"}},
		"resumed, and then there is another host": {"migrate", "ann", `{"action":"resume","content":{"resume_token":"s3.2.hen"}}`, "host", "peer_resumed",
			[]string{"peer_left 0", "host_changed 2", "resumed 1"}},
		"resumed, and then the lobby closes": {"close", "ann", `{"action":"resume","content":{"resume_token":"s3.2.hen"}}`, "host", "peer_resumed",
			[]string{"lobby_closed 0", "resumed 1"}},
	} {
		t.Run(name, func(t *testing.T) {
			w := handlerstest.New()
			w.Connect("host", nil)
			w.Connect("bob", nil)
			w.Say("host", fmt.Sprintf(`{"action":"start_lobby","content":{"lobby_id":"hen","on_host_leave":%q}}`, tt.onLeave))
			if w.Say("bob", join); tt.by == "ann" {
				w.Say("host", accept)
				w.Drop("bob")
			} else {
				w.Say("bob", leave)
			}
			w.Connect("ann", nil)
			if tt.by == "host" {
				w.Say("ann", join)
			}
			w.Heard()
			met := false
			w.Meanwhile = func(conn, event string) error {
				if !met && conn == tt.to && strings.Contains(event, `"event":"`+tt.event+`"`) {
					met = true
					w.Say("host", leave)
				}
				return nil
			}
			w.Say(tt.by, tt.says)
			if diff := cmp.Diff(tt.want, terms(t, w.Heard()["ann"])); !met || diff != "" {
				t.Errorf("ann hears (-want +got):\n%s", diff)
			}
		})
	}
}

// terms returns the names of events, each with its term or 0.
func terms(t *testing.T, events []string) (all []string) {
	t.Helper()
	for _, event := range events {
		var e struct {
			Event   string
			Content struct{ Term int }
		}
		if err := json.Unmarshal([]byte(event), &e); err != nil {
			t.Fatal(err)
		}
		all = append(all, fmt.Sprint(e.Event, " ", e.Content.Term))
	}
	return all
}
