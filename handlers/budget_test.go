package handlers_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/smithy-go/middleware"

	"bellhop/handlers"
	"bellhop/handlers/handlerstest"
	"bellhop/store/dynamodb"
	"bellhop/store/dynamodbtest"
)

// A meter counts the requests to DynamoDB. It holds a request until all
// requests of its trip have begun, and would wait forever if they did not.
type meter struct {
	mu    sync.Mutex
	calls []string
	trips trips
	whole []chan bool // closed when all requests of a trip have begun
}

// trips are the numbers of simultaneous requests, a digit for each time that
// the handler waits for DynamoDB.
type trips string

// of returns the trip of call n, from 1 on, and whether n is the last call of
// that trip.
func (t trips) of(n int) (trip int, last bool) {
	for i, digit := range t {
		if n -= int(digit - '0'); n <= 0 {
			return i, n == 0
		}
	}
	return -1, false
}

func (t trips) calls() (n int) {
	for _, digit := range t {
		n += int(digit - '0')
	}
	return n
}

func (m *meter) ID() string { return "meter" }

// HandleInitialize implements middleware.InitializeMiddleware.
func (m *meter) HandleInitialize(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (
	out middleware.InitializeOutput, meta middleware.Metadata, err error) {
	m.mu.Lock()
	m.calls = append(m.calls, awsmiddleware.GetOperationName(ctx))
	trip, last := m.trips.of(len(m.calls))
	if last {
		close(m.whole[trip])
	}
	m.mu.Unlock()
	if trip >= 0 {
		select {
		case <-m.whole[trip]:
		case <-time.After(20 * time.Second):
			return out, meta, errors.New("the others wait for this call")
		}
	}
	return next.HandleInitialize(ctx, in)
}

// expect resets the count.
func (m *meter) expect(t trips) {
	m.calls, m.trips, m.whole = nil, t, nil
	for range t {
		m.whole = append(m.whole, make(chan bool))
	}
}

// metered returns a world over DynamoDB.
func metered(t *testing.T, endpoint string) (*handlerstest.World, *meter) {
	m, c := new(meter), dynamodbtest.Config()
	table := dynamodbtest.Table()
	dynamodbtest.OpenTable(t, c, endpoint, table, time.Now)
	c.APIOptions = append(c.APIOptions, func(s *middleware.Stack) error { return s.Initialize.Add(m, middleware.After) })
	w := handlerstest.New()
	w.Use(dynamodb.New(c, endpoint, table, w.Clock.Now))
	return w, m
}

// budgets are the limits of each action, in a process that knows where the
// connection is and in one that does not.
var budgets = []struct {
	what        string
	conn, route string
	text        string
	known, cold trips
}{
	{"connect", "new", "$connect", "", "1", "1"},
	{"start_lobby", "stranger", "", `{"action":"start_lobby","content":{"lobby_id":"hen"}}`, "11", "11"},
	{"join_lobby", "stranger", "", `{"action":"join_lobby","content":{"lobby_id":"fox"}}`, "21", "111"},
	{"join_lobby, after another", "leaver", "", `{"action":"join_lobby","content":{"lobby_id":"fox"}}`, "211", "1211"},
	{"join_lobby, after another, within 15 s", "leaver", "", `{"action":"join_lobby","content":{"lobby_id":"fox"}}`, "211", "1211"},
	{"accept_request", "host", "", `{"action":"accept_request"}`, "11", "111"},
	{"reject_join_request", "host", "", `{"action":"reject_join_request","content":{"connection_id":"waiter"}}`, "11", "111"},
	{"reject_join_request, within 15 s", "host", "", `{"action":"reject_join_request","content":{"connection_id":"waiter"}}`, "12", "112"},
	{"set_session_description", "host", "", `{"action":"set_session_description","content":{"connection_id":"guest","type":"offer","sdp":"v=0"}}`, "1", "11"},
	{"send_ice_candidate", "guest", "", `{"action":"send_ice_candidate","content":{"connection_id":"host","candidate":""}}`, "1", "11"},
	{"leave_lobby, a guest", "guest", "", `{"action":"leave_lobby"}`, "11", "111"},
	{"leave_lobby, a guest, within 15 s", "guest", "", `{"action":"leave_lobby"}`, "12", "112"},
	{"leave_lobby, one who waits", "waiter", "", `{"action":"leave_lobby"}`, "11", "111"},
	{"leave_lobby, one who waits, within 15 s", "waiter", "", `{"action":"leave_lobby"}`, "12", "112"},
	{"close_lobby", "host", "", `{"action":"close_lobby"}`, "11", "111"},
	{"close_lobby, within 15 s", "host", "", `{"action":"close_lobby"}`, "14", "114"},
	{"remove_player", "host", "", `{"action":"remove_player","content":{"connection_id":"guest"}}`, "11", "111"},
	{"remove_player, within 15 s", "host", "", `{"action":"remove_player","content":{"connection_id":"guest"}}`, "12", "112"},
	{"update_lobby", "host", "", `{"action":"update_lobby","content":{"locked":true}}`, "11", "111"},
	{"join_lobby, starts one", "stranger", "", `{"action":"join_lobby","content":{"lobby_id":"hen","or_start":{}}}`, "21", "111"},
	{"join_lobby, need not start one", "stranger", "", `{"action":"join_lobby","content":{"lobby_id":"fox","or_start":{}}}`, "21", "111"},
	{"update_player", "guest", "", `{"action":"update_player","content":{"player":{}}}`, "11", "111"},
	{"set_host", "host", "", `{"action":"set_host","content":{"connection_id":"guest"}}`, "11", "111"},
	{"send_message", "guest", "", `{"action":"send_message","content":{"data":1}}`, "1", "11"},
	{"get_lobby", "stranger", "", `{"action":"get_lobby","content":{"lobby_id":"fox"}}`, "1", "11"},
	{"resume", "stranger", "", `{"action":"resume","content":{"resume_token":"s3.2.fox"}}`, "21", "111"},
	{"list_lobbies", "stranger", "", `{"action":"list_lobbies"}`, "4", "14"},
	{"quick_join, into a lobby", "stranger", "", `{"action":"quick_join"}`, "1421", "1421"},
	{"quick_join, starts one", "stranger", "", `{"action":"quick_join","content":{"filter":{"metadata.a":1},"or_start":{"public":true,"auto_accept":true,"metadata":{"a":1}}}}`, "1414", "1414"},
	{"quick_join, starts one of its own", "stranger", "", `{"action":"quick_join","content":{"filter":{"players":9},"or_start":{"public":true,"auto_accept":true}}}`, "141", "141"},
	{"quick_join, finds none", "stranger", "", `{"action":"quick_join","content":{"filter":{"players":9}}}`, "141", "141"},
	{"disconnect, a guest", "guest", "$disconnect", "", "111", "111"},
	{"disconnect, one who waits", "waiter", "$disconnect", "", "111", "111"},
	{"disconnect, the host", "host", "$disconnect", "", "111", "111"},
	{"disconnect, the host, within 15 s", "host", "$disconnect", "", "112", "112"},
	{"join_lobby, whose host is gone", "stranger", "", `{"action":"join_lobby","content":{"lobby_id":"fox"}}`, "2112", "11112"},
	{"disconnect, a stranger", "stranger", "$disconnect", "", "1", "1"},
	{"report_link", "guest", "", `{"action":"report_link","content":{"connection_id":"host","outcome":"direct"}}`, "", ""},
	{"ping", "guest", "", `{"action":"ping"}`, "", "1"},
	{"get_ice_servers", "guest", "", `{"action":"get_ice_servers"}`, "", "1"},
}

// TestBudget limits how many answers of DynamoDB each action waits for in turn,
// in a process that knows where the connection is and in one that does not. It
// prints the table. The function's role allows every request.
func TestBudget(t *testing.T) {
	endpoint, called := dynamodbtest.Start(t), map[string]bool{}
	for _, tt := range budgets {
		for kind, budget := range map[string]trips{"known": tt.known, "cold": tt.cold} {
			t.Run(tt.what+"/"+kind, func(t *testing.T) {
				w, m := metered(t, endpoint)
				openFox(t, w)
				if tt.what == "quick_join, into a lobby" {
					w.Invoke("host", "$default", `{"action":"update_lobby","content":{"public":true}}`, "", nil)
				}
				if strings.HasSuffix(tt.what, "host is gone") {
					w.Lose("host")
				}
				if tt.conn == "leaver" {
					w.Connect("leaver", nil)
					w.Say("leaver", `{"action":"start_lobby","content":{"lobby_id":"owl"}}`)
					if !strings.HasSuffix(tt.what, "within 15 s") {
						w.Clock.Move(handlers.ClaimTTL)
					}
					w.Say("leaver", `{"action":"leave_lobby"}`)
				}
				if !strings.HasSuffix(tt.what, "within 15 s") {
					w.Clock.Move(handlers.ClaimTTL)
				}
				w.Invoke(tt.conn, "$default", `{"action":"ping"}`, "", nil)
				if kind == "cold" {
					w.Restart()
				}
				m.expect(budget)
				w.Invoke(tt.conn, orMessage(tt.route), tt.text, "reference", nil)
				t.Logf("%-40s %-5s  %d round trips: %s", tt.what, kind, len(budget), strings.Join(m.calls, ", "))
				if len(m.calls) != budget.calls() {
					t.Errorf("%d calls, want %d", len(m.calls), budget.calls())
				}
				for _, call := range m.calls {
					called[call] = true
					if !slices.Contains(dynamodbtest.ItemCalls(), call) {
						t.Errorf("%s is not among those that the function may make, %v", call, dynamodbtest.ItemCalls())
					}
				}
				for conn, events := range w.Heard() {
					if strings.Contains(fmt.Sprint(events), `"internal"`) {
						t.Errorf("%s hears %v", conn, events)
					}
				}
			})
		}
	}
	for _, call := range dynamodbtest.ItemCalls() {
		if !called[call] {
			t.Errorf("nothing calls %s, which the function's role allows", call)
		}
	}
}

func orMessage(route string) string {
	if route == "" {
		return "$default"
	}
	return route
}

// TestPostsGoOutTogether checks that notifying many clients takes no longer
// than notifying one: each post waits until all others have begun.
func TestPostsGoOutTogether(t *testing.T) {
	w := handlerstest.New()
	const guests = 7
	w.Connect("host", nil)
	w.Say("host", `{"action":"start_lobby","content":{"lobby_id":"fox"}}`)
	for i := range guests {
		conn := fmt.Sprint("guest", i)
		w.Connect(conn, nil)
		w.Say(conn, `{"action":"join_lobby","content":{"lobby_id":"fox"}}`)
		w.Say("host", `{"action":"accept_request"}`)
	}
	var together sync.WaitGroup
	together.Add(guests + 1)
	w.Meanwhile = func(string, string) error {
		together.Done()
		together.Wait()
		return nil
	}
	done := make(chan bool)
	go func() {
		defer close(done)
		w.Say("host", `{"action":"close_lobby"}`)
	}()
	select {
	case <-done:
	case <-time.After(20 * time.Second):
		t.Fatal("some wait for others")
	}
}
