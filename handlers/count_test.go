package handlers_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"bellhop/handlers"
	"bellhop/handlers/handlerstest"
	"bellhop/handlers/metrics"
)

// countsOf returns all that s has counted, but known actions, which are in the
// other lines too.
func countsOf(s *metrics.Set) (lines []string) {
	for c, f := range metrics.Families {
		s.Each(metrics.Counter(c), func(n uint64, labels []string) {
			if n > 0 && (metrics.Counter(c) != metrics.Actions || labels[0] == "") {
				lines = append(lines, strings.TrimSpace(fmt.Sprint(strings.TrimPrefix(f.Name, "bellhop_"), " ", strings.Join(labels, " ")))+fmt.Sprint(" ", n))
			}
		})
	}
	for t, f := range metrics.TimeFamilies {
		if _, sum := s.Times(metrics.Timing(t)); sum > 0 {
			lines = append(lines, fmt.Sprint(strings.TrimPrefix(f.Name, "bellhop_"), " ", sum))
		}
	}
	slices.Sort(lines)
	return lines
}

// countCases are what is counted of a session, of its mistakes, and of posts
// that fail.
var countCases = []struct {
	what string
	does func(w *handlerstest.World)
	want []string
}{
	{"a join", func(w *handlerstest.World) {
		w.Say("stranger", `{"action":"join_lobby","content":{"lobby_id":"fox"}}`)
		w.Clock.Move(1500 * time.Millisecond)
		w.Say("host", `{"action":"accept_request","content":{"connection_id":"stranger"}}`)
		w.Say("stranger", `{"action":"set_session_description","content":{"connection_id":"host","type":"offer","sdp":"v=0"}}`)
		w.Say("host", `{"action":"set_session_description","content":{"connection_id":"stranger","type":"answer","sdp":"v=0"}}`)
		w.Say("stranger", `{"action":"send_ice_candidate","content":{"connection_id":"host","candidate":""}}`)
		w.Say("stranger", `{"action":"report_link","content":{"connection_id":"host","outcome":"direct","ms":412}}`)
		w.Say("stranger", `{"action":"report_link","content":{"connection_id":"host","outcome":"failed","ms":9}}`)
		w.Say("stranger", `{"action":"send_message","content":{"data":1}}`)
	}, []string{"join_answer_ms 1500", "joins_accepted_total 1", "joins_asked_total 1", "link_ms 412", "links_total direct 1",
		"relays_total answer 1", "relays_total candidate 1", "relays_total message 1", "relays_total offer 1"}},
	{"joins that fail", func(w *handlerstest.World) {
		w.Say("stranger", `{"action":"join_lobby","content":{"lobby_id":"none"}}`)
		w.Say("stranger", `{"action":"quick_join"}`)
		w.Say("guest", `{"action":"join_lobby","content":{"lobby_id":"fox"}}`) // is in it
		w.Say("stranger", `{"action":"resume","content":{"resume_token":"wrong.2.fox"}}`)
		w.Clock.Move(700 * time.Millisecond)
		w.Say("host", `{"action":"reject_join_request","content":{"connection_id":"waiter"}}`)
	}, []string{"guesses_total 2", "join_answer_ms 700", "joins_asked_total 2",
		"joins_rejected_total lobby_not_found 1", "joins_rejected_total no_match 1", "joins_rejected_total rejected_by_host 1"}},
	{"a lobby that opens and closes", func(w *handlerstest.World) {
		w.Connect("new", nil)
		w.Connect("odd", map[string]string{"game": "#"})
		w.Say("new", `{"action":"start_lobby"}`)
		w.Say("new", `{"action":"close_lobby"}`)
		w.Drop("new")
	}, []string{"connects_total 200 1", "connects_total 400 1", "disconnects_total 1", "lobbies_closed_total 1", "lobbies_opened_total 1"}},
	{"posts that fail", func(w *handlerstest.World) {
		for _, err := range []error{handlers.ErrBusy, errors.New("no route to host")} {
			w.Meanwhile = func(conn, _ string) error { return map[string]error{"guest": err}[conn] }
			w.Say("host", `{"action":"send_ice_candidate","content":{"connection_id":"guest","candidate":""}}`)
		}
		w.Meanwhile = nil
		w.Lose("guest")
		w.Say("host", `{"action":"send_ice_candidate","content":{"connection_id":"guest","candidate":""}}`)
	}, []string{"faults_total 1", "throttled_total receiver 1", "undelivered_total busy 1", "undelivered_total failed 1", "undelivered_total gone 1"}},
	{"a lobby that changes too often", func(w *handlerstest.World) {
		for range 7 {
			w.Say("host", `{"action":"update_lobby","content":{"locked":true}}`)
		}
	}, []string{"throttled_total lobby 2"}},
	{"a flood", func(w *handlerstest.World) {
		for range 502 {
			w.Say("stranger", `{"action":"unheard_of"}`)
		}
	}, []string{"actions_total  rate_limited 2", "actions_total  unknown_action 500", "throttled_total client 2"}},
}

// TestCounts checks what is counted.
func TestCounts(t *testing.T) {
	for _, test := range countCases {
		w := handlerstest.New()
		openFox(t, w)
		w.Config.Metrics = metrics.New()
		w.Restart()
		test.does(w)
		if diff := cmp.Diff(test.want, countsOf(w.Metrics)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.what, diff)
		}
	}
}
