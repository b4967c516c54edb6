package e2e

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"bellhop/store/dynamodbtest"
)

// TestKilledFunction checks that a function that is killed, between two
// messages or during one, costs nobody the lobby. A new process answers the
// next message, and the conversation goes on.
func TestKilledFunction(t *testing.T) {
	h := openBuilt(t, newWorld()).(*builtHome)
	if processes(t) == nil {
		t.Skip("SKIPPED: processes can be found by their file on Linux alone")
	}
	h.connect("host", "")
	h.connect("guest", "")
	say := func(name, text string, want map[string][]string) {
		t.Helper()
		h.send(name, text)
		got := map[string][]string{}
		for _, client := range []string{"host", "guest"} {
			for _, e := range h.heard(client) {
				got[client] = append(got[client], eventName(e))
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("%s (-want +got):\n%s", text, diff)
		}
	}
	say("host", `{"action":"start_lobby","content":{"lobby_id":"fox"}}`, map[string][]string{"host": {"lobby_started"}})
	kill(t)
	say("guest", `{"action":"join_lobby","content":{"lobby_id":"fox"}}`, map[string][]string{"host": {"request_to_join"}})

	// The host's answer is killed once before it is written, and once after.
	for _, write := range []bool{false, true} {
		h.proxy.Set(dynamodbtest.Times(1, "UpdateItem", func(operation string, w http.ResponseWriter, r *http.Request, forward http.Handler) {
			if write {
				dynamodbtest.Keep(operation, w, r, forward)
			}
			kill(t)
		}))
		say("host", `{"action":"accept_request","request_id":"a"}`, map[string][]string{"host": {"Internal server error"}})
	}
	// The change is stored, although the guest got no event: a later event might
	// bring it.
	say("host", `{"action":"set_session_description","content":{"connection_id":"guest","type":"offer","sdp":"v=0"}}`,
		map[string][]string{"guest": {"received_session_description"}})
	kill(t)
	say("guest", `{"action":"leave_lobby"}`, map[string][]string{"guest": {"lobby_left"}, "host": {"peer_left"}})
	say("guest", `{"action":"join_lobby","content":{"lobby_id":"fox"}}`, map[string][]string{"host": {"request_to_join"}})
}

// eventName is an event's name, or the message of API Gateway's own frame.
func eventName(event string) string {
	for _, before := range []string{`{"event":"`, `{"message": "`} {
		if after, ok := strings.CutPrefix(event, before); ok {
			name, _, _ := strings.Cut(after, `"`)
			return name
		}
	}
	return event
}

// processes returns the ids of all processes that run the built function.
func processes(t *testing.T) (ids []int) {
	file, err := buildFunction()
	if err != nil {
		t.Fatal(err)
	}
	links, _ := filepath.Glob("/proc/[0-9]*/exe")
	for _, link := range links {
		var id int
		if target, err := os.Readlink(link); err == nil && target == file {
			fmt.Sscanf(link, "/proc/%d/exe", &id)
			ids = append(ids, id)
		}
	}
	return ids
}

// kill sends kill -9 to the function, and returns when it has ended.
func kill(t *testing.T) {
	for _, id := range processes(t) {
		if p, err := os.FindProcess(id); err == nil {
			p.Kill()
		}
	}
	for deadline := time.Now().Add(20 * time.Second); len(processes(t)) > 0; {
		if time.Now().After(deadline) {
			t.Error("the function does not end")
			return
		}
	}
}
