package handlers_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"bellhop/handlers"
	"bellhop/handlers/handlerstest"
	"bellhop/lobby"
	"bellhop/store"
	"bellhop/store/storetest"
)

// TestJoinOrStartAtOnce lets many clients send join_lobby with or_start for one
// id at the same moment, in two processes. One starts the lobby, and all others
// join it, or wait for it. If a lobby with the id closes at that moment, the
// clients that were in time for it are notified of its end. No other is lost.
func TestJoinOrStartAtOnce(t *testing.T) {
	for name, s := range bothStores(t) {
		for _, auto := range []bool{true, false} {
			for _, closing := range []bool{true, false} {
				t.Run(fmt.Sprintf("%s, auto_accept %v, closing %v", name, auto, closing), func(t *testing.T) {
					for round := range map[string]int{"memory": 12, "dynamodb": 2}[name] {
						joinOrStartAtOnce(t, s, fmt.Sprintf("%s-%v-%v-%d", name, auto, closing, round), auto, closing)
					}
				})
			}
		}
	}
}

// many clients start one lobby at once. One more closes it, in some tests.
const many = 24

func connOf(game string, i int) string { return fmt.Sprintf("%s-%d", game, i) }

func joinOrStartAtOnce(t *testing.T, s store.Store, game string, auto, closing bool) {
	t.Helper()
	w := handlerstest.New()
	w.Burst, w.Rate = 1e9, 1e9
	var read atomic.Int32
	var together sync.WaitGroup // nobody creates the lobby before all have read that there is none
	together.Add(many)
	w.Use(storetest.Intercept(s, func(c storetest.Call) error {
		err := c.Do()
		if c.Method == "Lobby" && read.Add(1) <= many && !closing {
			together.Done()
			together.Wait()
		}
		return err
	}))
	processes := [2]*handlers.Handler{w.Handler, handlers.New(w.Config)}
	start := fmt.Sprintf(`{"max_players":64,"roster":true,"auto_accept":%v}`, auto)
	for i := range many + 1 {
		w.Connect(connOf(game, i), map[string]string{"game": game})
	}
	if closing {
		w.Say(connOf(game, many), fmt.Sprintf(`{"action":"join_lobby","content":{"lobby_id":"fox","or_start":%s}}`, start))
	}
	w.Heard()
	storetest.AtOnce(many+1, func(i int) error {
		text := fmt.Sprintf(`{"action":"join_lobby","content":{"lobby_id":"fox","or_start":%s},"request_id":"J"}`, start)
		if i == many {
			text = `{"action":"close_lobby"}`
		}
		w.InvokeBy(processes[i%2], connOf(game, i), "$default", text)
		return nil
	})
	checkAtOnce(t, w, s, game, auto, closing)
	if lines := w.Logged(); len(lines) > 0 {
		t.Errorf("the log says %q", lines)
	}
}

// checkAtOnce checks that one client has started the lobby, and that all others
// are in or wait, unless the lobby has closed.
func checkAtOnce(t *testing.T, w *handlerstest.World, s store.Store, game string, auto, closing bool) {
	t.Helper()
	heard := brief(w.Heard())
	l, err := s.Lobby(context.Background(), lobby.KeyOf(game, "fox"))
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		t.Fatal(err)
	}
	started := 0
	for i := range many {
		all := strings.Join(heard[connOf(game, i)], ", ")
		started += strings.Count(all, "lobby_started J")
		in, answers := err == nil && l.Has(connOf(game, i)), strings.Count(all, " J")
		ended := strings.Contains(all, "lobby_closed")
		waits := in && !strings.Contains(all, "lobby_started") && !auto
		if answers > 1 || (answers == 0) != waits || in == ended || ended && !closing {
			t.Errorf("%s is in %v, and heard %q", connOf(game, i), in, all)
		}
	}
	if want := 1; started > want || !closing && started != want {
		t.Errorf("%d have started the lobby", started)
	}
	if in := 0; err == nil {
		if in = len(l.Members); !auto {
			in = len(l.Waiting) + 1
		}
		asked := strings.Count(strings.Join(heard[l.Host().Conn], ","), "request_to_join") + strings.Count(strings.Join(heard[l.Host().Conn], ","), "peer_joined")
		if !closing && in != many || asked != in-1 {
			t.Errorf("%d are in, and the host was notified of %d", in, asked)
		}
	}
}
