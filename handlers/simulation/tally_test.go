package simulation

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// A tally counts events of a run.
type tally map[string]int

// mustCome are the events and results without which a run has tried too little.
var mustCome = append(strings.Fields("lobby_started request_to_join request_accepted request_cancelled peer_joined peer_left peer_disconnected "+
	"peer_resumed resumed replaced host_changed lobby_closed lobby_left lobby_updated removed done pong received_ice_candidate "+
	"player_joined player_left player_away player_back player_updated received_message"),
	"join_lobby: request_rejected wrong_password", "update_lobby: lobby_updated", "update_lobby: error invalid_field",
	"list_lobbies: lobby_list", "list_lobbies: error invalid_field", "lists of 2", "pages with a cursor", "pages behind a cursor",
	"quick_join: request_accepted", "quick_join: silence", "quick_join: lobby_started", "quick_join: request_rejected no_match",
	"quick_join: error already_in_lobby", "quick_join: error lobby_exists", "in a mesh of 3",
	"join_lobby: lobby_started", "joins with or_start: request_accepted", "joins with or_start: silence",
	"update_player: done", "send_message: done", "send_message: error not_available", "send_message: error peer_unreachable",
	"set_host: host_changed", "set_host: error peer_unreachable", "set_host: error peer_not_found", "set_host: error invalid_field",
	"get_lobby: lobby_info", "get_lobby: error lobby_not_found", "lobbies shown without their host",
	"new hosts of a star with two peers", "new hosts with a waiting player",
	"rosters of a star", "rosters of a star, behind a new host",
)

// outcome counts the result of e for its sender.
func (n tally) outcome(e event, h []heardEvent) {
	if e.name == "" || e.requestID == "" {
		return
	}
	n[e.name+" in all"]++
	what := "silence"
	for _, heard := range h {
		if heard.RequestID == e.requestID {
			what = strings.TrimSpace(heard.Event + " " + heard.Code)
			n.details(e, heard)
		}
	}
	n[e.name+": "+what]++
	if e.name == "join_lobby" && strings.Contains(e.text, "or_start") {
		n["joins with or_start: "+what]++
	}
}

// newHost counts what a client hears that becomes the host.
func (n tally) newHost(h []heardEvent) {
	for i, heard := range h {
		if heard.Event == "host_changed" && strings.Count(heard.Peers, ";") > 1 {
			n["new hosts of a star with two peers"]++
		}
		if heard.Event == "request_to_join" && i > 0 && h[0].Event == "host_changed" {
			n["new hosts with a waiting player"]++
		}
	}
}

func (n tally) details(e event, h heardEvent) {
	switch {
	case h.Event == "request_accepted" && h.Cards != nil && h.Cards[0].HasPassword:
		n["in by a password"]++
	case h.Event == "request_accepted" && strings.Count(h.Peers, ";") > 1:
		n["in a mesh of 3"]++
	case h.Event == "lobby_info" && h.Cards[0].HostAway:
		n["lobbies shown without their host"]++
	case h.Event == "lobby_list":
		n[fmt.Sprint("lists of ", len(h.Cards))]++
		if h.More {
			n["pages with a cursor"]++
		}
		if strings.Contains(e.text, "cursor") {
			n["pages behind a cursor"]++
		}
	}
}

// report prints the tally; with all, it fails for anything missing.
func (n tally) report(t *testing.T, all bool) {
	t.Helper()
	var lines []string
	for what, times := range n {
		lines = append(lines, fmt.Sprint(what, " ", times))
	}
	slices.Sort(lines)
	t.Logf("%s", strings.Join(lines, ", "))
	for _, what := range mustCome {
		if all && n[what] == 0 {
			t.Errorf("nothing ever came to this: %s", what)
		}
	}
}
