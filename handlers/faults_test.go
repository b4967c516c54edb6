package handlers_test

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"bellhop/handlers"
	"bellhop/handlers/handlerstest"
	"bellhop/store"
	"bellhop/store/storetest"
)

// validActions has one of each action that succeeds for a client in the lobby
// of openFox.
var validActions = map[string]struct{ by, text, answer string }{
	"start_lobby":              {"stranger", `{"lobby_id":"hen"}`, "lobby_started"},
	"join_lobby":               {"stranger", `{"lobby_id":"fox"}`, ""},
	"accept_request":           {"host", `{"connection_id":"waiter"}`, "done"},
	"accept_join_request":      {"host", `{"player_connection_id":"waiter"}`, "done"},
	"reject_join_request":      {"host", `{"connection_id":"waiter"}`, "done"},
	"set_session_description":  {"host", `{"connection_id":"guest","type":"offer","sdp":"v=0"}`, "done"},
	"send_session_description": {"guest", `{"connection_id":"host","type":"answer","sdp":"v=0"}`, "done"},
	"send_ice_candidate":       {"guest", `{"connection_id":"host","candidate":""}`, "done"},
	"leave_lobby":              {"guest", `{}`, "lobby_left"},
	"close_lobby":              {"host", `{}`, "lobby_closed"},
	"remove_player":            {"host", `{"connection_id":"guest"}`, "done"},
	"list_lobbies":             {"stranger", `{"filter":{"players":1}}`, "lobby_list"},
	"quick_join":               {"stranger", `{"or_start":{"public":true,"auto_accept":true}}`, "lobby_started"},
	"update_lobby":             {"host", `{"locked":true}`, "lobby_updated"},
	"update_player":            {"guest", `{"player":{"ready":true}}`, "done"},
	"set_host":                 {"host", `{"connection_id":"guest"}`, "host_changed"},
	"send_message":             {"guest", `{"data":1}`, "done"},
	"get_lobby":                {"stranger", `{"lobby_id":"fox"}`, "lobby_info"},
	"resume":                   {"stranger", `{"resume_token":"s3.2.fox"}`, "resumed"}, // guest's slot
	"get_ice_servers":          {"guest", `{}`, "ice_servers"},
	"report_link":              {"guest", `{"connection_id":"host","outcome":"direct"}`, "done"},
	"ping":                     {"guest", `{}`, "pong"},
}

// storeless are the actions that do not need the store.
var storeless = map[string]bool{"get_ice_servers": true, "ping": true, "report_link": true}

// TestFaults checks that a store that fails or panics at any one call costs the
// sender one answer, with a reference that is in exactly one line of the log.
// The same action works once the store does, in this process or another.
func TestFaults(t *testing.T) {
	if diff := cmp.Diff(handlers.ActionNames(), slices.Sorted(maps.Keys(validActions))); diff != "" {
		t.Fatalf("the actions that are tried (-all +tried):\n%s", diff)
	}
	for _, method := range []string{"CreateLobby", "Lobby", "SwapLobby", "Connection", "Claim", "List", "all"} {
		for _, kind := range []string{"fails", "panics"} {
			for action := range validActions {
				t.Run(method+" "+kind+"/"+action, func(t *testing.T) { testFault(t, method, kind, action) })
			}
		}
	}
}

func testFault(t *testing.T, method, kind, action string) {
	faulty := false
	w := handlerstest.NewOver(func(s store.Store) store.Store {
		return storetest.Failing(s, func(m string) error {
			switch {
			case !faulty || method != m && method != "all":
				return nil
			case kind == "panics":
				panic("no store")
			}
			return errors.New("no store")
		})
	})
	openFox(t, w)
	w.Restart() // another process, which knows no client
	wish := validActions[action]
	body := fmt.Sprintf(`{"action":%q,"content":%s,"request_id":"r1"}`, action, wish.text)

	faulty = true
	w.Invoke(wish.by, "$default", body, "reference-1", nil)
	faulty = false
	answers := answersTo(w.Heard()[wish.by], "r1")
	lines := slices.DeleteFunc(w.Logged(), func(line string) bool { return !strings.Contains(line, "reference=reference-1") })
	switch told := len(answers) == 1 && strings.Contains(answers[0], `"code":"internal"`); {
	case told && !strings.Contains(answers[0], `"reference":"reference-1"`), told != (len(lines) == 1), len(lines) > 1:
		t.Errorf("the sender hears %q, and the log says %.120q", answers, lines)
	case !told && !isAnswer(answers, wish.answer):
		t.Errorf("the sender hears %q, want %s or internal", answers, wish.answer)
	case !told:
		return // this action does not call that method
	}

	w.Clock.Move(handlers.ClaimTTL) // by then a start or join that got halfway no longer counts
	w.Invoke(wish.by, "$default", strings.Replace(body, "r1", "r2", 1), "reference-2", nil)
	if again := answersTo(w.Heard()[wish.by], "r2"); !isAnswer(again, wish.answer) {
		t.Errorf("once the store works, the sender hears %q, want %s", again, wish.answer)
	}
	if lines := w.Logged(); len(lines) > 0 {
		t.Errorf("once the store works, the log says %q", lines)
	}
}

func answersTo(heard []string, requestID string) []string {
	return slices.DeleteFunc(heard, func(event string) bool { return !strings.HasSuffix(event, `,"request_id":"`+requestID+`"}`) })
}

// isAnswer reports whether the only answer is called name, or whether there is
// none if name is empty.
func isAnswer(answers []string, name string) bool {
	return name == "" && len(answers) == 0 || len(answers) == 1 && name != "" && strings.HasPrefix(answers[0], `{"event":"`+name+`",`)
}

// TestReferenceInTheOriginalDialect checks that a client of the original
// dialect gets the reference to pass on, although its lobby_creation_failed has
// no key for it.
func TestReferenceInTheOriginalDialect(t *testing.T) {
	w := handlerstest.NewOver(func(s store.Store) store.Store {
		return storetest.Failing(s, func(method string) error { return map[string]error{"CreateLobby": errors.New("no store")}[method] })
	})
	w.Connect("ann", map[string]string{"protocol": "original"})
	w.Invoke("ann", "$default", `{"action":"start_lobby"}`, "reference-1", nil)
	if heard := w.Heard()["ann"]; len(heard) != 1 || !strings.Contains(heard[0], "reference-1") {
		t.Errorf("the sender hears %q, want the reference", heard)
	}
}

// TestFaultyHandshakes checks that a store that fails or panics refuses a
// connection with 500, and leaves one log line.
func TestFaultyHandshakes(t *testing.T) {
	for route, method := range map[string]string{"$connect": "PutConnection", "$disconnect": "DeleteConnection"} {
		for kind, fault := range map[string]func() error{
			"fails": func() error { return errors.New("no store") }, "panics": func() error { panic("no store") },
		} {
			t.Run(method+" "+kind, func(t *testing.T) {
				w := handlerstest.NewOver(func(s store.Store) store.Store {
					return storetest.Failing(s, func(m string) error {
						if m == method {
							return fault()
						}
						return nil
					})
				})
				if status := w.Invoke("ann", route, "", "reference-1", nil); status != 500 {
					t.Errorf("status %d, want 500", status)
				}
				if lines := w.Logged(); len(lines) != 1 || !strings.Contains(lines[0], "no store") {
					t.Errorf("the log says %q, want one line", lines)
				}
			})
		}
	}
}

// TestBusyReceivers checks that a sender is rate_limited, with a time to wait,
// if the receiver of its action reads too slowly. The action then counts as not
// done, and works when it is repeated.
func TestBusyReceivers(t *testing.T) {
	for action, busy := range map[string]string{
		"join_lobby": "host", "accept_request": "waiter", "reject_join_request": "waiter",
		"set_session_description": "guest", "send_ice_candidate": "host",
	} {
		t.Run(action, func(t *testing.T) {
			w, wish := handlerstest.New(), validActions[action]
			openFox(t, w)
			for i, id := range []string{"r1", "r2"} {
				w.Busy = map[int]string{0: busy}[i]
				w.Invoke(wish.by, "$default", fmt.Sprintf(`{"action":%q,"content":%s,"request_id":%q}`, action, wish.text, id), "reference", nil)
				heard := w.Heard()
				answers := answersTo(heard[wish.by], id)
				switch tooFast := regexp.MustCompile(`"code":"rate_limited".*"retry_after_ms":1000\b`); {
				case i == 0 && (len(answers) != 1 || !tooFast.MatchString(answers[0]) || len(heard[busy]) > 0):
					t.Errorf("while %s is busy, they hear %q", busy, heard)
				case i == 1 && (!isAnswer(answers, wish.answer) || len(heard[busy]) != 1):
					t.Errorf("when %s is busy no longer, they hear %q", busy, heard)
				}
			}
			if lines := w.Logged(); len(lines) > 0 {
				t.Errorf("the log says %q", lines)
			}
		})
	}
}
