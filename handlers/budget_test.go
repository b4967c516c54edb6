package handlers

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

	"bellhop/store"
	"bellhop/store/dynamodbtest"
)

// A meter counts what is asked of DynamoDB. It lets no call from number from on go before all of them are under way: those
// that are to be made at the same time, and would wait for ever if they were not.
type meter struct {
	mu    sync.Mutex
	calls []string
	from  int
	all   int
	whole chan bool // closed when there are as many
}

func (m *meter) ID() string { return "meter" }

// HandleInitialize implements middleware.InitializeMiddleware.
func (m *meter) HandleInitialize(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (
	out middleware.InitializeOutput, meta middleware.Metadata, err error) {
	m.mu.Lock()
	m.calls = append(m.calls, awsmiddleware.GetOperationName(ctx))
	wait := len(m.calls) > m.from
	if len(m.calls) == m.all {
		close(m.whole)
	}
	m.mu.Unlock()
	if wait {
		select {
		case <-m.whole:
		case <-time.After(20 * time.Second):
			return out, meta, errors.New("the others wait for this call")
		}
	}
	return next.HandleInitialize(ctx, in)
}

// begin counts anew, and expects the calls after the first from to be n, at the same time.
func (m *meter) begin(from, n int) {
	m.calls, m.from, m.all, m.whole = nil, from, from+n, make(chan bool)
}

// metered returns a world over DynamoDB.
func metered(t *testing.T, endpoint string) (*world, *meter) {
	m, c := &meter{from: 1e9, all: -1}, dynamodbtest.Config()
	table := dynamodbtest.Table()
	dynamodbtest.OpenTable(t, c, endpoint, table, time.Now)
	c.APIOptions = append(c.APIOptions, func(s *middleware.Stack) error { return s.Initialize.Add(m, middleware.After) })
	w := newWorld(unwrapped)
	w.Config.Store = store.NewDynamoDB(c, endpoint, table, w.clock)
	w.Handler = New(w.Config)
	return w, m
}

// budgets are what each action may cost. Who is out of a lobby within 15 seconds of coming costs one more, to be free to go
// elsewhere at once.
var budgets = []struct {
	what        string
	conn, route string
	text        string
	known, cold int // round trips
	together    int // calls in the last of them, if not 1
}{
	{"connect", "new", "$connect", "", 1, 1, 0},
	{"start_lobby", "stranger", "", `{"action":"start_lobby","content":{"lobby_id":"hen"}}`, 2, 2, 0},
	{"join_lobby", "stranger", "", `{"action":"join_lobby","content":{"lobby_id":"fox"}}`, 3, 3, 0},
	{"accept_request", "host", "", `{"action":"accept_request"}`, 2, 3, 0},
	{"reject_join_request", "host", "", `{"action":"reject_join_request","content":{"connection_id":"waiter"}}`, 2, 3, 0},
	{"reject_join_request, within 15 s", "host", "", `{"action":"reject_join_request","content":{"connection_id":"waiter"}}`, 3, 4, 0},
	{"set_session_description", "host", "", `{"action":"set_session_description","content":{"connection_id":"guest","type":"offer","sdp":"v=0"}}`, 1, 2, 0},
	{"send_ice_candidate", "guest", "", `{"action":"send_ice_candidate","content":{"connection_id":"host","candidate":""}}`, 1, 2, 0},
	{"leave_lobby, a guest", "guest", "", `{"action":"leave_lobby"}`, 2, 3, 0},
	{"leave_lobby, a guest, within 15 s", "guest", "", `{"action":"leave_lobby"}`, 3, 4, 0},
	{"leave_lobby, one who waits", "waiter", "", `{"action":"leave_lobby"}`, 2, 3, 0},
	{"leave_lobby, one who waits, within 15 s", "waiter", "", `{"action":"leave_lobby"}`, 3, 4, 0},
	{"close_lobby", "host", "", `{"action":"close_lobby"}`, 2, 3, 0},
	{"close_lobby, within 15 s", "host", "", `{"action":"close_lobby"}`, 3, 4, 3},
	{"remove_player", "host", "", `{"action":"remove_player","content":{"connection_id":"guest"}}`, 2, 3, 0},
	{"remove_player, within 15 s", "host", "", `{"action":"remove_player","content":{"connection_id":"guest"}}`, 3, 4, 0},
	{"update_lobby", "host", "", `{"action":"update_lobby","content":{"locked":true}}`, 2, 3, 0},
	{"resume", "stranger", "", `{"action":"resume","content":{"resume_token":"s3.2.fox"}}`, 3, 3, 0},
	{"list_lobbies", "stranger", "", `{"action":"list_lobbies"}`, 1, 2, 4},
	{"quick_join, into a lobby", "stranger", "", `{"action":"quick_join"}`, 4, 5, 0},
	{"quick_join, starts one", "stranger", "", `{"action":"quick_join","content":{"filter":{"players":9},"or_start":{"public":true,"auto_accept":true}}}`, 4, 5, 0},
	{"disconnect, a guest", "guest", "$disconnect", "", 3, 3, 0},
	{"disconnect, one who waits", "waiter", "$disconnect", "", 3, 3, 0},
	{"disconnect, the host", "host", "$disconnect", "", 3, 3, 0},
	{"disconnect, a stranger", "stranger", "$disconnect", "", 1, 1, 0},
	{"ping", "guest", "", `{"action":"ping"}`, 0, 1, 0},
}

// TestBudget holds each action to the number of DynamoDB's answers that it waits for, one after the other, in a process
// that knows where the connection is and in one that does not; and prints the table. Nothing is asked of DynamoDB that the
// function's role does not allow.
func TestBudget(t *testing.T) {
	endpoint, called := dynamodbtest.Start(t), map[string]bool{}
	for _, tt := range budgets {
		for kind, budget := range map[string]int{"known": tt.known, "cold": tt.cold} {
			t.Run(tt.what+"/"+kind, func(t *testing.T) {
				w, m := metered(t, endpoint)
				w.openFox(t)
				if tt.what == "quick_join, into a lobby" {
					w.invoke("host", "$default", `{"action":"update_lobby","content":{"public":true}}`, "", nil)
				}
				if !strings.HasSuffix(tt.what, "within 15 s") {
					w.wait(claimSettles)
				}
				w.invoke(tt.conn, "$default", `{"action":"ping"}`, "", nil)
				if kind == "cold" {
					w.Handler = New(w.Config)
				}
				together := max(1, tt.together)
				m.begin(max(0, budget-1), together)
				w.invoke(tt.conn, orMessage(tt.route), tt.text, "reference", nil)
				t.Logf("%-40s %-5s  %d round trips: %s", tt.what, kind, budget, strings.Join(m.calls, ", "))
				queries := len(slices.DeleteFunc(slices.Clone(m.calls), func(call string) bool { return call != "Query" }))
				extra := together - 1
				if tt.together == 0 {
					extra = queries / 4 * 3 // a list is asked for by four at once; that they do go out together list_lobbies shows
				}
				if want := budget + extra; len(m.calls) != want {
					t.Errorf("%d calls, want %d", len(m.calls), want)
				}
				for _, call := range m.calls {
					called[call] = true
					if !slices.Contains(dynamodbtest.ItemCalls(), call) {
						t.Errorf("%s is not among those that the function may make, %v", call, dynamodbtest.ItemCalls())
					}
				}
				for conn, events := range w.heard() {
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

// TestPostsGoOutTogether guards that telling many takes no longer than telling one: each post waits until all others are
// under way too.
func TestPostsGoOutTogether(t *testing.T) {
	w := newWorld(unwrapped)
	const guests = 7
	w.connect("host", nil)
	w.say("host", `{"action":"start_lobby","content":{"lobby_id":"fox"}}`)
	for i := range guests {
		conn := fmt.Sprint("guest", i)
		w.connect(conn, nil)
		w.say(conn, `{"action":"join_lobby","content":{"lobby_id":"fox"}}`)
		w.say("host", `{"action":"accept_request"}`)
	}
	var together sync.WaitGroup
	together.Add(guests + 1)
	w.meanwhile = func(string, string) error {
		together.Done()
		together.Wait()
		return nil
	}
	done := make(chan bool)
	go func() {
		defer close(done)
		w.say("host", `{"action":"close_lobby"}`)
	}()
	select {
	case <-done:
	case <-time.After(20 * time.Second):
		t.Fatal("some wait for others")
	}
}
