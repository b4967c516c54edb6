package handlers_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"bellhop/handlers"
	"bellhop/handlers/handlerstest"
	"bellhop/store"
	"bellhop/store/dynamodbtest"
)

// pacedLobby returns a lobby of the host, n guests and one who waits, with a
// pace of 10 notices a second, and what its store counts.
func pacedLobby(n int) (*handlerstest.World, *dynamodbtest.Meter) {
	var m *dynamodbtest.Meter
	w := handlerstest.NewOver(func(s store.Store) store.Store {
		m = dynamodbtest.NewMeter(s)
		return m
	})
	w.Connect("host", nil)
	w.Say("host", `{"action":"start_lobby","content":{"lobby_id":"fox","auto_accept":true,"roster":true,"max_players":64}}`)
	for i := range n {
		w.Connect(fmt.Sprint("guest", i), nil)
		w.Say(fmt.Sprint("guest", i), `{"action":"join_lobby","content":{"lobby_id":"fox"}}`)
	}
	w.Say("host", `{"action":"update_lobby","content":{"auto_accept":false}}`)
	w.Connect("waiter", nil)
	w.Say("waiter", `{"action":"join_lobby","content":{"lobby_id":"fox"}}`)
	w.Connect("ann", nil)
	w.Config.LobbyPace = 10
	w.Restart()
	w.Clock.Move(handlers.ClaimTTL)
	w.Heard()
	m.Take()
	return w, m
}

// TestLobbyPace checks which actions a lobby refuses that is in debt, in which
// words, and that the same action passes after retry_after_ms. What ends
// something always passes.
func TestLobbyPace(t *testing.T) {
	for _, tt := range []struct {
		conn, action, content string
		refused               bool
	}{
		{"guest0", "update_player", `"player":{}`, true},
		{"host", "update_lobby", `"locked":true`, true},
		{"host", "set_host", `"connection_id":"guest0"`, true},
		{"host", "accept_request", ``, true},
		{"ann", "join_lobby", `"lobby_id":"fox"`, true},
		{"guest0", "send_message", `"data":1`, true},
		{"guest0", "send_message", `"data":1,"connection_id":"host"`, false},
		{"ann", "resume", `"resume_token":"s2.2.fox"`, false}, // the others hear of it, which is allowed
		{"host", "reject_join_request", `"connection_id":"waiter"`, false},
		{"host", "remove_player", `"connection_id":"guest0"`, false},
		{"guest0", "leave_lobby", ``, false},
		{"waiter", "leave_lobby", ``, false},
		{"host", "close_lobby", ``, false},
	} {
		t.Run(tt.action, func(t *testing.T) {
			w, _ := pacedLobby(5)
			for i := 0; !strings.Contains(fmt.Sprint(w.Heard()["guest1"]), "rate_limited"); i++ {
				if i == 100 {
					t.Fatal("the lobby has no pace")
				}
				w.Say("guest1", `{"action":"update_player","content":{"player":{}}}`)
			}
			message := fmt.Sprintf(`{"action":%q,"content":{%s},"request_id":"r"}`, tt.action, tt.content)
			w.Say(tt.conn, message)
			answer := answerTo(w, tt.conn)
			if refused := strings.Contains(answer, `"rate_limited"`); refused != tt.refused {
				t.Fatalf("the answer is %s", answer)
			}
			if !tt.refused {
				return
			}
			if !strings.Contains(answer, "Too much happens in this lobby") {
				t.Errorf("the answer is %s", answer)
			}
			var wait int
			_, after, _ := strings.Cut(answer, `"retry_after_ms":`)
			fmt.Sscanf(after, "%d", &wait)
			w.Clock.Move(time.Duration(wait) * time.Millisecond)
			w.Say(tt.conn, message)
			if again := answerTo(w, tt.conn); wait == 0 || strings.Contains(again, "rate_limited") {
				t.Errorf("after %d ms, the answer is %s", wait, again)
			}
		})
	}
}

// answerTo returns what answers the request r of conn.
func answerTo(w *handlerstest.World, conn string) string {
	for _, e := range w.Heard()[conn] {
		if strings.Contains(e, `"request_id":"r"`) {
			return e
		}
	}
	return ""
}

// TestMessagesToMany checks that the lobby is written for a message to more
// than three others, and only then: not for one of a client that is refused.
func TestMessagesToMany(t *testing.T) {
	for guests, writes := range map[int]float64{3: 0, 4: 2} {
		w, m := pacedLobby(guests)
		w.Say("guest0", `{"action":"send_message","content":{"data":1}}`)
		u := m.Take()
		if got := dynamodbtest.Total(u.Writes); got != writes || dynamodbtest.Total(u.Reads) > 2 {
			t.Errorf("a message to %d others costs %v", guests, u)
		}
		if got := len(w.Heard()); got != guests {
			t.Errorf("%d receive a message to %d others", got, guests)
		}
		w.Say("waiter", `{"action":"send_message","content":{"data":1}}`)
		if u := m.Take(); dynamodbtest.Total(u.Writes) > 0 {
			t.Errorf("a message of a client that waits costs %v", u)
		}
	}
}

// TestEveryoneComesBack checks that all members of a large lobby can lose their
// connections together, and resume, before their graces end.
func TestEveryoneComesBack(t *testing.T) {
	w, _ := pacedLobby(31)
	w.Say("host", `{"action":"reject_join_request","content":{"connection_id":"waiter"}}`)
	for i := range 31 {
		w.Drop(fmt.Sprint("guest", i))
	}
	w.Drop("host")
	w.Heard()
	for i := range 32 {
		conn := fmt.Sprint("again", i)
		w.Connect(conn, nil)
		w.Say(conn, fmt.Sprintf(`{"action":"resume","request_id":"r","content":{"resume_token":"s%d.%d.fox"}}`, i+1, i+1))
		if answer := answerTo(w, conn); !strings.Contains(answer, `"resumed"`) {
			t.Fatalf("member %d is answered %s", i+1, answer)
		}
	}
}
