package handlers_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"bellhop/handlers/handlerstest"
	"bellhop/lobby"
	"bellhop/store"
	"bellhop/store/dynamodbtest"
	"bellhop/store/storetest"
)

// BenchmarkRoster measures a lobby of 64 with a roster, in which each member
// updates its player once a second, at a moment of its own. An operation is
// such a second. A minute of it:
//
//	go test -run '^$' -bench Roster -benchtime 60x ./handlers
//
// It reports how long an update_player takes, how many writes fail because
// another was faster, for each that succeeds, and how many updates are refused.
// In the end every member must have heard the last player of every other.
func BenchmarkRoster(b *testing.B) {
	for name, open := range map[string]func() store.Store{
		"memory":   func() store.Store { return store.NewMemory(time.Now) },
		"dynamodb": func() store.Store { return dynamodbtest.Open(b, dynamodbtest.Start(b), time.Now) },
	} {
		b.Run(name, func(b *testing.B) { benchmarkRoster(b, open()) })
	}
}

// A rosterPoster keeps what each connection has heard last of each peer id.
type rosterPoster struct {
	mu      sync.Mutex
	last    map[string]map[int]string
	refused []string // answers that are errors
}

func (p *rosterPoster) Post(_ context.Context, conn string, data []byte) error {
	var e struct {
		Event   string
		Content struct {
			PeerID int `json:"peer_id"`
			Player json.RawMessage
		}
	}
	if err := json.Unmarshal(data, &e); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case e.Event == "error":
		p.refused = append(p.refused, string(data))
	case e.Event == "player_updated" && p.last[conn] == nil:
		p.last[conn] = map[int]string{}
		fallthrough
	case e.Event == "player_updated":
		p.last[conn][e.Content.PeerID] = string(e.Content.Player)
	}
	return nil
}

func (*rosterPoster) Hangup(context.Context, string) error { return nil }

func benchmarkRoster(b *testing.B, s store.Store) {
	var conflicts, writes atomic.Int64
	p := &rosterPoster{last: map[string]map[int]string{}}
	w := handlerstest.New()
	w.Poster, w.Now = p, time.Now
	w.Use(storetest.Intercept(s, func(c storetest.Call) error {
		err := c.Do()
		if c.Method == "SwapLobby" && errors.Is(err, store.ErrConflict) {
			conflicts.Add(1)
		} else if c.Method == "SwapLobby" && err == nil {
			writes.Add(1)
		}
		return err
	}))
	conn := func(n int) string { return fmt.Sprint("player", n) }
	for n := range full {
		w.Connect(conn(n), nil)
		w.Say(conn(n), `{"action":"join_lobby","content":{"lobby_id":"fox","or_start":{"max_players":64,"auto_accept":true,"roster":true}}}`)
	}
	if len(p.refused) > 0 {
		b.Fatalf("not everybody is in: %s", p.refused[0])
	}
	conflicts.Store(0)
	writes.Store(0)
	var took []time.Duration
	for b.Loop() {
		took = append(took, second(w, conn)...)
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
	b.ReportMetric(float64(took[len(took)-1].Microseconds())/1000, "longest-ms")
	b.ReportMetric(float64(conflicts.Load())/float64(writes.Load()), "conflicts/write")
	b.ReportMetric(float64(len(p.refused)), "refused")
	l, err := s.Lobby(b.Context(), lobby.KeyOf("default", "fox"))
	if err != nil || len(l.Members) != full {
		b.Fatalf("the lobby is %+v, %v", l, err)
	}
	for _, m := range l.Members {
		for n := range full {
			if got := p.last[conn(n)][m.PeerID]; conn(n) != m.Conn && got != m.Player {
				b.Errorf("%s has heard last of peer %d that it is %s, but it is %s; %d updates were refused", conn(n), m.PeerID, got, m.Player, len(p.refused))
			}
		}
	}
}

// second lets each member update its player once, within a second, and returns
// how long each waited for its answer.
func second(w *handlerstest.World, conn func(int) string) []time.Duration {
	took, over := make([]time.Duration, full), time.After(time.Second)
	storetest.AtOnce(full, func(n int) error {
		time.Sleep(rand.N(time.Second))
		began := time.Now()
		w.Say(conn(n), fmt.Sprintf(`{"action":"update_player","content":{"player":{"name":"player %d","at":%d}},"request_id":"r"}`, n, rand.Int32()))
		took[n] = time.Since(began)
		return nil
	})
	<-over
	return took
}
