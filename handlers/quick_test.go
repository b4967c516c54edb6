package handlers_test

import (
	"context"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"

	"bellhop/handlers"
	"bellhop/handlers/handlerstest"
	"bellhop/lobby"
	"bellhop/store"
	"bellhop/store/dynamodbtest"
	"bellhop/store/storetest"
)

var (
	quickRounds   = flag.Int("quick.rounds", 20, "how often players quick_join at once")
	quickDynamoDB = flag.Int("quick.dynamodb", 5, "how often they do on DynamoDB")
)

// Numbers of players who look for a game together, and how many each lobby
// takes.
const (
	quickPlayers = 64
	quickPlaces  = 4
)

// counted returns a Store that counts the calls of s, and its conflicts.
func counted(s store.Store, calls, conflicts *atomic.Int64) store.Store {
	return storetest.Intercept(s, func(c storetest.Call) error {
		err := c.Do()
		if calls.Add(1); err == store.ErrConflict {
			conflicts.Add(1)
		}
		return err
	})
}

// TestQuickJoinAtOnce checks 64 players who look for a game at the same moment,
// when there is none. Each gets one answer and is in one lobby. No lobby has
// too many players, there are hardly more lobbies than needed, and nobody is
// alone while another lobby has room. It prints the number of lobbies and the
// cost.
func TestQuickJoinAtOnce(t *testing.T) {
	t.Run("memory", func(t *testing.T) {
		quickly(t, *quickRounds, func(w *handlerstest.World) store.Store { return w.Store })
	})
	t.Run("dynamodb", func(t *testing.T) {
		endpoint, config := dynamodbtest.Start(t), dynamodbtest.Config()
		config.HTTPClient = awshttp.NewBuildableClient().WithTimeout(time.Minute) // an emulator serves 64 players slowly
		quickly(t, *quickDynamoDB, func(w *handlerstest.World) store.Store {
			return dynamodbtest.OpenTable(t, config, endpoint, dynamodbtest.Table(), w.Clock.Now)
		})
	})
}

// TestQuickJoinAlreadyIn checks that a client that has joined a lobby through
// another process gets already_in_lobby, even if there is no lobby to find.
func TestQuickJoinAlreadyIn(t *testing.T) {
	w := handlerstest.New()
	w.Connect("ann", nil)
	w.Say("ann", `{"action":"quick_join"}`) // so this process has no lobby for ann
	here := w.Handler
	w.Restart()
	w.Say("ann", `{"action":"start_lobby"}`)
	w.Handler = here
	w.Heard()
	w.Say("ann", `{"action":"quick_join","request_id":"q"}`)
	if answers := answersTo(w.Heard()["ann"], "q"); len(answers) != 1 || !strings.Contains(answers[0], "already_in_lobby") {
		t.Errorf("ann, who is in a lobby, hears %q", answers)
	}
}

func quickly(t *testing.T, rounds int, open func(w *handlerstest.World) store.Store) {
	lobbies, alone := map[int]int{}, map[int]int{} // rounds with that many
	var calls, conflicts atomic.Int64
	for round := range rounds {
		w := handlerstest.New()
		w.Config.Store = counted(open(w), &calls, &conflicts)
		clock := &crowdClock{now: w.Clock.Now(), awake: quickPlayers}
		w.Config.Now, w.Config.After = clock.Now, clock.After
		w.Restart()
		sizes := quickRound(t, w, clock, []time.Duration{1, 100 * time.Millisecond}[round%2])
		ones, free := 0, 0
		for _, n := range sizes {
			if n == 1 {
				ones++
			}
			free += quickPlaces - n
		}
		lobbies[len(sizes)]++
		alone[ones]++
		if len(sizes) > 24 {
			t.Errorf("%d lobbies for %d players", len(sizes), quickPlayers)
		}
		if ones > 0 && free > (quickPlaces-1) {
			t.Errorf("%d players are alone, with %d places free in %d lobbies: %v", ones, free, len(sizes), sizes)
		}
	}
	for what, rounds := range map[string]map[int]int{"lobbies": lobbies, "alone": alone} {
		for _, n := range slices.Sorted(maps.Keys(rounds)) {
			t.Logf("%2d %-7s in %d rounds", n, what, rounds[n])
		}
	}
	n := float64(max(rounds, 1) * quickPlayers)
	t.Logf("of each player %.1f calls of the store, %.1f conflicts", float64(calls.Load())/n, float64(conflicts.Load())/n)
}

// A crowdClock is the clock of players who act at the same time. It moves on
// when all of them wait for it or are done, so a slow store takes no time.
type crowdClock struct {
	mu    sync.Mutex
	now   time.Time
	awake int // players who neither wait nor are done
	waits []crowdWait
}

type crowdWait struct {
	until time.Time
	over  chan time.Time
}

// Now returns a time that is later with each call.
func (c *crowdClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(time.Microsecond)
	return c.now
}

// After has the player who calls it wait for d.
func (c *crowdClock) After(d time.Duration) <-chan time.Time {
	c.mu.Lock()
	wait := crowdWait{c.now.Add(d), make(chan time.Time, 1)}
	c.waits = append(c.waits, wait)
	c.mu.Unlock()
	c.rest()
	return wait.over
}

// rest notes that a player waits or is done. If all do, the players with the
// earliest time to wait for go on, and those of the next millisecond.
func (c *crowdClock) rest() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.awake--; c.awake > 0 || len(c.waits) == 0 {
		return
	}
	earliest := slices.MinFunc(c.waits, func(a, b crowdWait) int { return a.until.Compare(b.until) })
	c.now = earliest.until.Add(time.Millisecond)
	c.waits = slices.DeleteFunc(c.waits, func(w crowdWait) bool {
		if w.until.After(c.now) {
			return false
		}
		w.over <- c.now
		c.awake++
		return true
	})
}

// quickRound has all look for a game within spread, and returns how many
// players each lobby has then.
func quickRound(t *testing.T, w *handlerstest.World, clock *crowdClock, spread time.Duration) (sizes map[lobby.Key]int) {
	var all sync.WaitGroup
	for i := range quickPlayers {
		conn := fmt.Sprint("p", i)
		w.Connect(conn, nil)
		all.Go(func() {
			defer clock.rest()
			<-clock.After(rand.N(spread))
			w.Say(conn, `{"action":"quick_join","content":{"or_start":{"public":true,"auto_accept":true,"max_players":4}},"request_id":"q"}`)
		})
	}
	all.Wait()
	sizes = map[lobby.Key]int{}
	heard := w.Heard()
	for i := range quickPlayers {
		conn := fmt.Sprint("p", i)
		if answers := answersTo(heard[conn], "q"); len(answers) != 1 {
			t.Errorf("%s hears %q", conn, answers)
		}
		c, err := w.Store.Connection(context.Background(), conn)
		if err != nil || c.Claim.LobbyID == "" {
			t.Errorf("%s is nowhere (%v), and was answered %q", conn, err, answersTo(heard[conn], "q"))
			continue
		}
		l, err := w.Store.Lobby(context.Background(), c.Key())
		if err != nil || !l.Has(conn) || len(l.Members) > quickPlaces {
			t.Errorf("%s is not in its lobby (%v), and was answered %q", conn, err, answersTo(heard[conn], "q"))
			continue
		}
		sizes[c.Key()] = len(l.Members)
	}
	in := 0
	for _, n := range sizes {
		in += n
	}
	if in != quickPlayers {
		t.Errorf("%d places are taken by %d players", in, quickPlayers)
	}
	return sizes
}

// TestQuickJoinMeanwhile checks what happens while a player who has started a
// lobby by quick_join looks whether there is a better one.
func TestQuickJoinMeanwhile(t *testing.T) {
	const quick = `{"action":"quick_join","content":{"or_start":{"public":true,"auto_accept":true,"max_players":4}},"request_id":"q"}`
	for _, test := range []struct {
		name   string
		before func(w *handlerstest.World)
		during func(w *handlerstest.World)
		answer string // what it has
		paid   int    // at most
	}{
		{"left", nil, func(w *handlerstest.World) { w.Say("p", `{"action":"leave_lobby"}`) }, `"not_in_lobby"`, handlers.GuessCost + 1},
		{"joined", nil, func(w *handlerstest.World) { w.Connect("q", nil); w.Say("q", quick) }, `"players":2`, handlers.GuessCost},
		{"banned", func(w *handlerstest.World) {
			w.Connect("h", nil)
			w.Say("h", `{"action":"start_lobby","content":{"lobby_id":"hh","public":true,"auto_accept":true}}`)
			w.Say("p", `{"action":"join_lobby","content":{"lobby_id":"hh"}}`)
			w.Say("h", `{"action":"remove_player","content":{"connection_id":"p","ban":true}}`)
		}, nil, `"lobby_started"`, 2*handlers.GuessCost + 2},
		{"crowded", nil, func(w *handlerstest.World) {
			for i := range 100 {
				conn := fmt.Sprint("o", i)
				w.Connect(conn, nil)
				w.Say(conn, `{"action":"start_lobby","content":{"public":true,"auto_accept":true,"max_players":2}}`)
			}
		}, `"request_accepted"`, handlers.GuessCost},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := handlerstest.New()
			during := test.during
			w.Config.After = func(time.Duration) <-chan time.Time {
				if do := during; do != nil {
					during = nil
					do(w)
				}
				over := make(chan time.Time, 1)
				over <- time.Time{}
				return over
			}
			w.Config.Burst = 1000
			w.Restart()
			w.Connect("p", nil)
			if test.before != nil {
				test.before(w)
			}
			before := w.Paid("p")
			w.Say("p", quick)
			if answers := answersTo(w.Heard()["p"], "q"); len(answers) != 1 || !strings.Contains(answers[0], test.answer) {
				t.Errorf("answered %q, want one with %s", answers, test.answer)
			}
			if paid := w.Paid("p") - before; paid > float64(test.paid) {
				t.Errorf("paid %.0f actions, want at most %d", paid, test.paid)
			}
		})
	}
}
