package handlers_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"bellhop/events"
	"bellhop/handlers"
	"bellhop/handlers/handlerstest"
	"bellhop/lobby"
	"bellhop/store"
	"bellhop/store/dynamodbtest"
	"bellhop/store/storetest"
)

// contenders are the clients of a history. All want to be in one lobby.
const contenders = 6

// A scene is a lobby in a history: its host, the host's term, and what each
// member has last said of itself; "" is no member. The zero scene is no lobby.
type scene struct {
	host, term int
	says       [contenders]string
}

func (s scene) in(who int) bool { return s.says[who] != "" }

// A request is an action of one client in a history, and its answer the event
// that answers it. A look reads the store.
type (
	request struct {
		what      string
		by, other int
		player    string
	}
	response struct {
		event string // with its code
		term  int
		seen  scene
	}
)

// play is what the rules make of a request: the only possible answer, and the
// scene behind it.
func (s scene) play(r request) (response, scene) {
	failed := func(code events.Code) (response, scene) { return response{event: "error " + string(code)}, s }
	was := s
	switch isHost := s.in(r.by) && s.host == r.by; {
	case r.what == "look":
		return response{seen: s}, s
	case r.what == "enter" && s.in(r.by):
		return failed(events.AlreadyInLobby)
	case r.what == "enter" && s == (scene{}):
		s.host, s.term, s.says[r.by] = r.by, 1, r.player
		return response{event: "lobby_started"}, s
	case r.what == "enter":
		s.says[r.by] = r.player
		return response{event: "request_accepted", term: s.term}, s
	case !s.in(r.by):
		return failed(events.NotInLobby)
	case r.what == "update":
		s.says[r.by] = r.player
		return response{event: "done"}, s
	case r.what == "leave" && isHost:
		return response{event: "lobby_left"}, scene{}
	case r.what == "leave":
		s.says[r.by] = ""
		return response{event: "lobby_left"}, s
	case !isHost:
		return failed(events.NotHost)
	case !s.in(r.other):
		return failed(events.PeerNotFound)
	case r.other == r.by:
		return failed(events.InvalidField)
	}
	s.host, s.term = r.other, was.term+1
	return response{event: "host_changed", term: s.term}, s
}

var lobbyModel = porcupine.Model{
	Init: func() any { return scene{} },
	Step: func(state, in, out any) (bool, any) {
		is, got := state.(scene), out.(response)
		if got.event == "busy" { // nothing has happened, and the client tries again later
			return in.(request).what == "enter", is
		}
		want, next := is.play(in.(request))
		return got == want, next
	},
	DescribeOperation: func(in, out any) string { return fmt.Sprintf("%+v: %+v", in, out) },
}

// answers is a Poster that keeps the events that answer a request_id.
type answers struct{ events sync.Map }

func (a *answers) Post(_ context.Context, _ string, data []byte) error {
	var e struct {
		RequestID string `json:"request_id"`
	}
	if err := json.Unmarshal(data, &e); err != nil {
		return err
	}
	if e.RequestID != "" {
		a.events.Store(e.RequestID, string(data))
	}
	return nil
}

func (*answers) Hangup(context.Context, string) error { return nil }

// TestLobbyIsLinearizable lets clients enter one lobby with or_start, describe
// themselves, hand the host on, and leave, in two processes at the same time.
// There must be an order of all actions, within the times that the clients
// measured, that explains each answer.
func TestLobbyIsLinearizable(t *testing.T) {
	for name, s := range bothStores(t) {
		t.Run(name, func(t *testing.T) {
			for range map[string]int{"memory": 8, "dynamodb": 1}[name] {
				history := contend(t, s, 30)
				if verdict := porcupine.CheckOperationsTimeout(lobbyModel, history, time.Minute); verdict != porcupine.Ok {
					t.Fatalf("%s: no order explains these %d actions: %v", verdict, len(history), history)
				}
			}
		})
	}
}

func bothStores(t *testing.T) map[string]store.Store {
	return map[string]store.Store{
		"memory": store.NewMemory(time.Now), "dynamodb": dynamodbtest.Open(t, dynamodbtest.Start(t), time.Now),
	}
}

// contend lets each client do that many actions, and returns the history.
func contend(t *testing.T, s store.Store, actions int) (history []porcupine.Operation) {
	t.Helper()
	w, a := handlerstest.New(), new(answers)
	w.Poster, w.Burst, w.Rate, w.Now = a, 1e9, 1e9, time.Now
	w.Use(s)
	processes := [2]*handlers.Handler{w.Handler, handlers.New(w.Config)}
	game, began := fmt.Sprint("game", rand.Int64()), time.Now()
	conn := func(n int) string { return fmt.Sprintf("%s-%d", game, n) }
	for n := range contenders {
		handlerstest.Invoke(t.Context(), w.Handler, conn(n), "$connect", "", "", map[string]string{"game": game})
	}
	var mu sync.Mutex
	for _, err := range storetest.AtOnce(contenders, func(n int) error {
		for i := range actions {
			r := request{by: n, other: rand.IntN(contenders), player: fmt.Sprintf(`{"n":%d,"i":%d}`, n, i)}
			r.what = []string{"enter", "enter", "update", "update", "set_host", "set_host", "leave", "look"}[rand.IntN(8)]
			from := time.Since(began).Nanoseconds()
			out, err := a.ask(t.Context(), processes[rand.IntN(2)], s, game, r, conn)
			if err != nil {
				return err
			}
			mu.Lock()
			history = append(history, porcupine.Operation{ClientId: n, Input: r, Call: from, Output: out, Return: time.Since(began).Nanoseconds()})
			mu.Unlock()
		}
		return nil
	}) {
		if err != nil {
			t.Fatal(err)
		}
	}
	return history
}

// ask sends one action and returns its answer.
func (a *answers) ask(
	ctx context.Context, h *handlers.Handler, s store.Store, game string, r request, conn func(int) string,
) (response, error) {
	if r.what == "look" {
		seen, err := look(ctx, s, game)
		return response{seen: seen}, err
	}
	id := fmt.Sprint(rand.Int64())
	text := map[string]string{
		"enter":    `{"action":"join_lobby","content":{"lobby_id":"fox","player":%s,"or_start":{"auto_accept":true,"roster":true}},"request_id":%q}`,
		"update":   `{"action":"update_player","content":{"player":%s},"request_id":%q}`,
		"set_host": `{"action":"set_host","content":{"connection_id":%q},"request_id":%q}`,
		"leave":    `{"action":"leave_lobby","content":%s,"request_id":%q}`,
	}[r.what]
	about := r.player
	if r.what == "set_host" {
		about = conn(r.other)
	}
	handlerstest.Invoke(ctx, h, conn(r.by), "$default", fmt.Sprintf(text, about, id), "", nil)
	data, _ := a.events.Load(id)
	var e struct {
		Event   string
		Content struct {
			Code  string
			Term  int
			Retry int `json:"retry_after_ms"`
		}
	}
	if data == nil {
		return response{}, fmt.Errorf("%+v has no answer", r)
	}
	if err := json.Unmarshal([]byte(data.(string)), &e); err != nil {
		return response{}, err
	}
	out := response{event: strings.TrimSpace(e.Event + " " + e.Content.Code), term: e.Content.Term}
	if e.Content.Retry > 0 {
		out.event = "busy"
	}
	return out, nil
}

// look returns the lobby as it is in the store.
func look(ctx context.Context, s store.Store, game string) (is scene, err error) {
	l, err := s.Lobby(ctx, lobby.KeyOf(game, "fox"))
	if errors.Is(err, store.ErrNotFound) {
		return is, nil
	} else if err != nil {
		return is, err
	}
	number := func(conn string) (n int) {
		fmt.Sscan(conn[strings.LastIndex(conn, "-")+1:], &n)
		return n
	}
	for _, m := range l.Members {
		is.says[number(m.Conn)] = m.Player
	}
	is.host, is.term = number(l.Host().Conn), l.Term
	return is, nil
}
