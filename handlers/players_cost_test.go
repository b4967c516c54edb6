package handlers_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"bellhop/handlers"
	"bellhop/handlers/handlerstest"
)

// TestPlayersCost checks how much actions cost that many are notified of: one
// for each receiver, and one at least. A refused action costs one, and a guess
// twenty. The lobby has the host, the guests b, c and d, and e, which is away.
func TestPlayersCost(t *testing.T) {
	const look, join = `{"action":"get_lobby","content":{"lobby_id":%q}}`, `{"action":"join_lobby","content":{"lobby_id":%q,"or_start":{%s}}}`
	for name, tt := range map[string]struct {
		roster   bool
		by, says string
		want     float64
	}{
		"a look at a lobby":                      {false, "ann", fmt.Sprintf(look, "fox"), 1},
		"a look at no lobby":                     {false, "ann", fmt.Sprintf(look, "hen"), handlers.GuessCost},
		"a look at no lobby, by a member":        {false, "b", fmt.Sprintf(look, "hen"), handlers.GuessCost},
		"or_start that starts":                   {false, "ann", fmt.Sprintf(join, "hen", ""), handlers.GuessCost},
		"or_start that joins":                    {false, "ann", fmt.Sprintf(join, "fox", `"password":"p"`), 1},
		"or_start that is not valid":             {false, "ann", fmt.Sprintf(join, "hen", `"max_players":1`), 1},
		"a guest's update_player":                {false, "b", `{"action":"update_player","content":{"player":{}}}`, 1},
		"the host's update_player":               {false, "host", `{"action":"update_player","content":{"player":{}}}`, 3},
		"a guest's update_player, with a roster": {true, "b", `{"action":"update_player","content":{"player":{}}}`, 3},
		"update_lobby":                           {false, "host", `{"action":"update_lobby","content":{"public":true}}`, 3},
		"set_host":                               {false, "host", `{"action":"set_host","content":{"connection_id":"b"}}`, 3},
		"set_host to oneself":                    {false, "host", `{"action":"set_host","content":{"connection_id":"host"}}`, 1},
		"set_host to one who is away":            {false, "host", `{"action":"set_host","content":{"connection_id":"e"}}`, 1},
		"a message to all":                       {false, "b", `{"action":"send_message","content":{"data":1}}`, 3},
		"a message to one":                       {false, "b", `{"action":"send_message","content":{"data":1,"connection_id":"host"}}`, 1},
		"a message to one who is not linked":     {true, "b", `{"action":"send_message","content":{"data":1,"connection_id":"c"}}`, 1},
		"a message from nowhere":                 {false, "ann", `{"action":"send_message","content":{"data":1}}`, 1},
	} {
		t.Run(name, func(t *testing.T) {
			w := costlyLobby(tt.roster)
			before := w.Paid(tt.by)
			w.Say(tt.by, tt.says)
			if got := w.Paid(tt.by) - before; got != tt.want {
				t.Errorf("%s costs %v actions, want %v", tt.says, got, tt.want)
			}
		})
	}
}

func costlyLobby(roster bool) *handlerstest.World {
	w := handlerstest.New()
	for _, conn := range []string{"host", "b", "c", "d", "e", "ann"} {
		if w.Connect(conn, nil); conn == "host" {
			w.Say(conn, fmt.Sprintf(`{"action":"start_lobby","content":{"lobby_id":"fox","auto_accept":true,"roster":%v}}`, roster))
		} else if conn != "ann" {
			w.Say(conn, `{"action":"join_lobby","content":{"lobby_id":"fox"}}`)
		}
	}
	w.Drop("e")
	w.Heard()
	return w
}

// TestMessageBucket checks that messages have a bucket of their own beside the
// general one: 30 at once, 10 a second. The operator can change that, or turn
// them off.
func TestMessageBucket(t *testing.T) {
	for name, tt := range map[string]struct {
		rate  float64
		now   int // how many pass at once
		later int // and a second later
	}{
		"by default": {0, 30, 10}, "at most 2 a second": {2, 6, 2}, "off": {handlers.NoMessages, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			w := costlyLobby(false)
			w.Config.Messages = tt.rate
			w.Restart()
			sendMany(t, w, 0, tt.now, tt.rate)
			sendMany(t, w, time.Second, tt.later, tt.rate)
			w.Say("b", `{"action":"ping"}`) // the general bucket is not empty
			if heard := brief(w.Heard())["b"]; len(heard) != 1 || heard[0] != "pong" {
				t.Errorf("after all messages, ping is answered with %q", heard)
			}
		})
	}
}

// sendMany lets b wait, and then send 40 messages to the host, of which so many
// must pass.
func sendMany(t *testing.T, w *handlerstest.World, wait time.Duration, want int, rate float64) {
	t.Helper()
	w.Clock.Move(wait)
	before := w.Paid("b")
	for range 40 {
		w.Say("b", `{"action":"send_message","content":{"data":1,"connection_id":"host"}}`)
	}
	heard := w.Heard()
	if got := len(heard["host"]); got != want || w.Paid("b")-before != 40 {
		t.Errorf("%d messages arrive, want %d; they cost %v", got, want, w.Paid("b")-before)
	}
	code := map[bool]string{true: "not_available", false: "rate_limited"}[rate == handlers.NoMessages]
	if len(heard["b"]) != 40-want || !strings.Contains(heard["b"][0], `"code":"`+code+`"`) {
		t.Errorf("heard %d errors, the first is %.200s; want %d of %s", len(heard["b"]), heard["b"][0], 40-want, code)
	}
}
