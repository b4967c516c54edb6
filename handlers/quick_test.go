package handlers

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"bellhop/store"
)

// TestQuickJoinAtOnce guards that 64 players who look for a game at the same moment, when there is none, all get into one, in
// hardly more lobbies than hold them; and prints in how many.
func TestQuickJoinAtOnce(t *testing.T) {
	const players, places = 64, 4
	sizes := map[int]int{}
	for range 20 {
		w := newWorld(unwrapped)
		var all sync.WaitGroup
		for i := range players {
			conn := fmt.Sprint("p", i)
			w.connect(conn, nil)
			all.Go(func() {
				w.invoke(conn, "$default", `{"action":"quick_join","content":{"or_start":{"public":true,"auto_accept":true,"max_players":4}},"request_id":"q"}`, "", nil)
			})
		}
		all.Wait()
		lobbies, heard := map[store.Key]int{}, w.heard()
		for i := range players {
			conn := fmt.Sprint("p", i)
			if answers := answersTo(heard[conn], "q"); len(answers) != 1 {
				t.Errorf("%s hears %q", conn, answers)
			}
			c, err := w.Store.Connection(context.Background(), conn)
			if err != nil || c.Pointer.LobbyID == "" {
				t.Errorf("%s is nowhere (%v)", conn, err)
				continue
			}
			if l, err := w.Store.Lobby(context.Background(), c.Key()); err != nil || !l.Lists(conn) || len(l.Members) > places {
				t.Errorf("%s is not in its lobby (%v)", conn, err)
			}
			lobbies[c.Key()]++
		}
		alone, free := 0, 0
		for _, n := range lobbies {
			if n == 1 {
				alone++
			}
			free += places - n
		}
		sizes[len(lobbies)]++
		t.Logf("%d lobbies, %d alone, %d free", len(lobbies), alone, free)
		if len(lobbies) > 32 {
			t.Errorf("%d lobbies for %d players", len(lobbies), players)
		}
	}
	t.Logf("rounds by number of lobbies: %v", sizes)
}
