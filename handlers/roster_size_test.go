package handlers_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"bellhop/events"
	"bellhop/handlers"
	"bellhop/handlers/handlerstest"
	"bellhop/store"
)

// TestLongestEvents checks that no event is longer than 32 KiB in a full lobby
// with a roster: 64 members with long ids, numbers and players, long metadata,
// and as many STUN and TURN servers as an operator can name.
func TestLongestEvents(t *testing.T) {
	longest := map[string]int{}
	for _, topology := range []string{"star", "mesh"} {
		for _, player := range []int{2, 125, 128, 256} { // up to 125 bytes, peers have them too
			for _, account := range []string{"", strings.Repeat("a", 128), strings.Repeat("<", 128), strings.Repeat("\x01", 70), strings.Repeat("\x01", 128)} {
				longLobby(t, topology, player, account, longest)
			}
		}
	}
	for event, size := range longest {
		if t.Logf("%s: %d bytes", event, size); size > events.MaxEvent {
			t.Errorf("%s of %d bytes, want at most %d", event, size, events.MaxEvent)
		}
	}
	for _, event := range []string{"request_accepted", "resumed", "host_changed", "lobby_started"} {
		if longest[event] == 0 {
			t.Errorf("nobody heard %s", event)
		}
	}
}

// accounts is a store in which all players have long ids of their own.
type accounts struct {
	store.Store
	id string
}

func (a accounts) PutConnection(ctx context.Context, c store.Connection) error {
	c.PlayerID = a.id
	return a.Store.PutConnection(ctx, c)
}

// full is the most players that a lobby can have.
const full = 64

// longLobby notes the longest of each event that members of a full lobby hear.
func longLobby(t *testing.T, topology string, player int, account string, longest map[string]int) {
	w := handlerstest.NewOver(func(s store.Store) store.Store { return accounts{s, account} })
	var err error
	if w.ICE, err = handlers.ReadICEServers(manyServers(), iceSecret); err != nil {
		t.Fatal(err)
	}
	w.Burst, w.Rate = 1e9, 1e9
	w.NewSecret = func() string { return strings.Repeat("s", 22) }
	w.Restart()
	object := func(size int) string { return `{"x":"` + strings.Repeat("x", size-8) + `"}` }
	describe := fmt.Sprintf(`"player":%s`, strings.Replace(object(max(player, 8)), object(8), `{}`, 1))
	id := strings.Repeat("i", 64)
	conn := func(n int) string { return fmt.Sprintf("L0SM9cOFvHcCI%03d", n) } // as API Gateway's
	for n := range full {
		if w.Connect(conn(n), nil); n == full-1 { // the others are away by then, which their entries say
			for n := 2; n < full-1; n++ {
				w.Drop(conn(n))
			}
		}
		if n == 0 {
			w.Say(conn(n), fmt.Sprintf(`{"action":"start_lobby","content":{"lobby_id":%q,"topology":%q,"roster":true,"max_players":64,`+
				`"metadata":%s,"on_host_leave":"migrate",%s}}`, id, topology, object(1<<10), describe))
			continue
		}
		w.Say(conn(n), fmt.Sprintf(`{"action":"join_lobby","content":{"lobby_id":%q,%s}}`, id, describe))
		w.Say(conn(0), fmt.Sprintf(`{"action":"accept_request","content":{"peer_id":%d}}`, 1<<31-1-n))
	}
	w.Say(conn(0), fmt.Sprintf(`{"action":"set_host","content":{"connection_id":%q}}`, conn(1)))
	w.Connect("resumes-as-long0", nil)
	w.Say("resumes-as-long0", fmt.Sprintf(`{"action":"resume","content":{"resume_token":"%s.%d.%s"}}`, strings.Repeat("s", 22), 1<<31-1-9, id))
	for _, inbox := range w.Heard() {
		for _, e := range inbox {
			name := member(e, "event")
			longest[name] = max(longest[name], len(e))
		}
	}
}

// manyServers returns the longest list of TURN servers that is allowed: of each
// list that grows by a server, the last one.
func manyServers() (list string) {
	for n := 1; ; n++ {
		longer := `[` + strings.Repeat(`{"urls":"turn:a.b"},`, n) + `{"urls":"turn:a.b"}]`
		if _, err := handlers.ReadICEServers(longer, iceSecret); err != nil || len(longer) > 3000 {
			return list
		}
		list = longer
	}
}
