package handlers_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	awsevents "github.com/aws/aws-lambda-go/events"

	"bellhop/handlers"
	"bellhop/store"
	"bellhop/store/dynamodbtest"
)

// TestLinearizable has clients start, join, accept, leave and remove at once, through two processes, and looks for an
// order of all that they did, one after the other and within the times they saw, in which each got the answer that it
// got: codes, and peer ids too.
func TestLinearizable(t *testing.T) {
	for name, tt := range map[string]struct {
		open             func(*testing.T) store.Store
		histories, deeds int
	}{
		"memory":   {func(*testing.T) store.Store { return store.NewMemory(time.Now) }, 200, 25},
		"dynamodb": {func(t *testing.T) store.Store { return dynamodbtest.Open(t, dynamodbtest.Start(t), time.Now) }, 10, 25},
	} {
		t.Run(name, func(t *testing.T) {
			answers, s := map[string]int{}, tt.open(t)
			for n := range tt.histories {
				history := newTable(s, fmt.Sprint("game", n)).record(tt.deeds)
				if got := porcupine.CheckOperationsTimeout(tableModel, history, time.Minute); got != porcupine.Ok {
					t.Fatalf("%s: no order explains these %d operations: %v", got, len(history), history)
				}
				for _, o := range history {
					answers[o.Input.(operation).what+" "+o.Output.(outcome).code]++
				}
			}
			t.Logf("%d histories: %v", tt.histories, answers)
		})
	}
}

// A deed is what a client asks for. One that is "freed" is what a leave_lobby or remove_player does for each whom it may
// have taken out, after it has: they may go elsewhere from then on.
type operation struct {
	what   string
	by, to int
	number int // of the deed, or of the earlier one
}

// An outcome is the answer, its code empty if it is yes, or if there is none yet because the host is asked.
type outcome struct {
	code string
	peer int // with accept_request
}

const (
	sitters   = 5
	tableSize = 3 // places
)

// A tableState is what there is to know of one lobby and five clients.
type tableState struct {
	open     bool
	host     int
	role     [sitters]int // 0: none
	promised [sitters]int // peer ids
	highest  int          // of the promised
	held     [sitters]int // who may go nowhere else: isIn, or the number of the deed that has taken them out and frees them yet
	done     [4]uint64    // deeds, a bit each
}

const (
	isWaiting = 1
	isMember  = 2
	isIn      = -1
)

var tableModel = porcupine.Model{
	Init: func() any { return tableState{} },
	Step: func(state, input, output any) (bool, any) {
		s, d, out := state.(tableState), input.(operation), output.(outcome)
		if d.what == "freed" {
			return s.free(d.to, d.number), s
		}
		is := s.do(d)
		return is == out, s
	},
	DescribeOperation: func(input, output any) string { return fmt.Sprintf("%+v: %+v", input, output) },
}

// free frees who was taken out by a deed, and reports whether that has been done.
func (s *tableState) free(to, number int) bool {
	if s.held[to] == number {
		s.held[to] = 0
	}
	return s.done[number/64]&(1<<(number%64)) != 0
}

// do is what a deed does, and is answered.
func (s *tableState) do(d operation) outcome {
	if code := s.refuses(d); code != "" {
		return outcome{code: code}
	}
	s.done[d.number/64] |= 1 << (d.number % 64)
	switch d.what {
	case "start_lobby":
		*s = tableState{open: true, host: d.by, highest: 1, held: s.held, done: s.done}
		s.role[d.by], s.held[d.by] = isMember, isIn
	case "join_lobby":
		s.highest++
		s.role[d.by], s.held[d.by], s.promised[d.by] = isWaiting, isIn, s.highest
	case "accept_request":
		s.role[d.to] = isMember
		return outcome{peer: s.promised[d.to]}
	case "remove_player":
		s.takeOut(d.to, d.number)
	case "leave_lobby":
		for i := range sitters {
			if i == d.by || d.by == s.host && s.role[i] != 0 {
				defer s.takeOut(i, d.number)
			}
		}
		s.open = s.open && d.by != s.host
	}
	return outcome{}
}

func (s *tableState) takeOut(i, number int) { s.role[i], s.held[i], s.promised[i] = 0, number, 0 }

// refuses says why d cannot be done.
func (s *tableState) refuses(d operation) string {
	entering := d.what == "start_lobby" || d.what == "join_lobby"
	members := 0
	for _, role := range s.role {
		if role == isMember {
			members++
		}
	}
	switch {
	case entering && s.held[d.by] != 0:
		return "already_in_lobby"
	case d.what == "start_lobby" && s.open:
		return "lobby_exists"
	case d.what == "join_lobby" && !s.open:
		return "lobby_not_found"
	case !entering && s.role[d.by] == 0:
		return "not_in_lobby"
	case d.what != "accept_request" && d.what != "remove_player" && d.what != "join_lobby":
		return ""
	case d.what != "join_lobby" && s.host != d.by:
		return "not_host"
	case d.what == "remove_player" && d.to == d.by:
		return "invalid_field"
	case d.what == "remove_player" && s.role[d.to] != isMember:
		return "peer_not_found"
	case d.what == "accept_request" && s.role[d.to] != isWaiting:
		return "request_not_found"
	case d.what != "remove_player" && members >= tableSize:
		return "lobby_full"
	}
	return ""
}

// A table is where clients meet in one game, and writes down who did what when.
type table struct {
	game      string
	processes [2]*handlers.Handler
	deeds     atomic.Int64
	hosts     [sitters]bool        // each its client's own
	asked     [sitters]atomic.Bool // who has joined, and neither left nor come in since
	mu        sync.Mutex
	answers   map[string]answerHeard // by request_id
	history   []porcupine.Operation
}

type answerHeard struct {
	Event     string
	RequestID string `json:"request_id"`
	Content   struct {
		Code   string
		PeerID int `json:"peer_id"`
	}
}

func newTable(s store.Store, game string) *table {
	t := &table{game: game, answers: map[string]answerHeard{}}
	for i := range t.processes {
		t.processes[i] = handlers.New(handlers.Config{Store: s, Poster: t, Rate: 1e12, Burst: 1e12, Log: slog.New(slog.NewTextHandler(io.Discard, nil))})
	}
	return t
}

// Post implements Poster.
func (t *table) Post(_ context.Context, _ string, data []byte) error {
	var a answerHeard
	if err := json.Unmarshal(data, &a); err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.answers[a.RequestID] = a
	return nil
}

// Hangup implements Poster.
func (t *table) Hangup(context.Context, string) error { return nil }

// handle has an event handled by one of the processes.
func (t *table) handle(by int, route, text string) {
	e := awsevents.APIGatewayWebsocketProxyRequest{Body: text, QueryStringParameters: map[string]string{"game": t.game}}
	e.RequestContext.ConnectionID, e.RequestContext.RouteKey = t.conn(by), route
	t.processes[rand.IntN(2)].Handle(context.Background(), e)
}

func (t *table) conn(i int) string { return fmt.Sprintf("%s-%d", t.game, i) }

// record has each client do so many deeds, all clients at once, and returns what they did.
func (t *table) record(deeds int) []porcupine.Operation {
	for i := range sitters {
		t.handle(i, "$connect", "")
	}
	var all sync.WaitGroup
	for i := range sitters {
		all.Go(func() {
			for range deeds {
				t.do(t.draw(i))
			}
		})
	}
	all.Wait()
	return t.history
}

// draw returns something that client i may do: as a host mostly to let somebody in, else mostly to get in.
func (t *table) draw(i int) operation {
	what := slices.Concat(slices.Repeat([]string{"join_lobby"}, 12), []string{
		"start_lobby", "start_lobby", "start_lobby", "leave_lobby", "accept_request", "remove_player",
	})
	if t.hosts[i] {
		what = append(slices.Repeat([]string{"accept_request"}, 16), "remove_player", "remove_player", "remove_player", "join_lobby", "leave_lobby")
	}
	to := rand.IntN(sitters)
	for range sitters { // one who has asked, if any has
		if !t.asked[to].Load() {
			to = (to + 1) % sitters
		}
	}
	return operation{what[rand.IntN(len(what))], i, to, int(t.deeds.Add(1))}
}

// began is what times are relative to.
var began = time.Now()

func (t *table) do(d operation) {
	content := map[string]string{"start_lobby": `"lobby_id":"fox","max_players":3`, "join_lobby": `"lobby_id":"fox"`}[d.what]
	if content == "" {
		content = fmt.Sprintf(`"connection_id":%q`, t.conn(d.to))
	}
	from := time.Since(began).Nanoseconds()
	t.handle(d.by, "$default", fmt.Sprintf(`{"action":%q,"content":{%s},"request_id":"%d"}`, d.what, content, d.number))
	to := time.Since(began).Nanoseconds()
	t.mu.Lock()
	defer t.mu.Unlock()
	out, answered := t.outcome(d)
	if !answered {
		out.code = "no answer" // which nothing explains
	}
	t.history = append(t.history, porcupine.Operation{ClientId: d.by, Input: d, Call: from, Output: out, Return: to})
	for _, i := range t.takenOut(d, out) {
		freed := operation{"freed", d.by, i, d.number}
		t.history = append(t.history, porcupine.Operation{ClientId: d.by, Input: freed, Call: from, Output: out, Return: to})
	}
}

// takenOut returns who may be out of the lobby because of d, and notes who is a host: nobody but itself can end that.
func (t *table) takenOut(d operation, out outcome) []int {
	if d.what == "leave_lobby" {
		t.asked[d.by].Store(false)
	}
	switch {
	case out.code != "":
	case d.what == "join_lobby":
		t.asked[d.by].Store(true)
	case d.what == "accept_request":
		t.asked[d.to].Store(false)
	case d.what == "start_lobby":
		t.hosts[d.by] = true
	case d.what == "remove_player":
		return []int{d.to}
	case d.what == "leave_lobby" && t.hosts[d.by]:
		t.hosts[d.by] = false
		return []int{0, 1, 2, 3, 4}
	case d.what == "leave_lobby":
		return []int{d.by}
	}
	return nil
}

// outcome returns the answer to d. A join_lobby that the host has answered, or that was overtaken by the lobby's end, had
// been let wait.
func (t *table) outcome(d operation) (out outcome, answered bool) {
	a, answered := t.answers[fmt.Sprint(d.number)]
	switch {
	case d.what == "join_lobby" && (!answered || a.Event == "request_accepted" || a.Content.Code == "lobby_closed"):
		return outcome{}, true
	case d.what == "accept_request":
		return outcome{a.Content.Code, a.Content.PeerID}, answered
	}
	return outcome{code: a.Content.Code}, answered
}
