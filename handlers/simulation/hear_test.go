package simulation

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strings"

	"pgregory.net/rapid"
)

// A heardEvent is an event that a client has received.
type heardEvent struct {
	said
	token   string
	cursor  string
	inLobby bool // its receiver is in a lobby already
}

// listen returns the received events of all clients, and counts the answers.
func (l *simulation) listen(t rapid.TB) map[string][]heardEvent {
	all := map[string][]heardEvent{}
	for conn, inbox := range l.Heard() {
		for _, data := range inbox {
			l.checkSecrets(t, conn, data)
			e := l.decode(t, conn, data)
			all[conn] = append(all[conn], e)
			l.seen[strings.TrimSpace(e.Event+" "+e.Code)]++
			if e.RequestID == "" {
				continue
			}
			if l.owed[conn+" "+e.RequestID]--; l.owed[conn+" "+e.RequestID] < 0 {
				l.fatal(t, "%s hears %s, and one answer too many", conn, data)
			}
		}
	}
	for _, events := range all {
		l.seen.newHost(events)
	}
	return all
}

// inBellhop maps the event names of the original dialect to Bellhop's own.
var inBellhop = map[string]string{
	"received_join_request": "request_to_join", "join_request_accepted": "request_accepted",
	"join_request_rejected": "request_rejected", "lobby_creation_failed": "error",
}

func (l *simulation) decode(t rapid.TB, conn, data string) heardEvent {
	var e struct {
		Event     string
		RequestID string `json:"request_id"`
		Content   json.RawMessage
	}
	var c content
	err := json.Unmarshal([]byte(data), &e)
	if err = cmp.Or(err, json.Unmarshal(e.Content, &c)); err != nil {
		l.fatal(t, "%s hears %s: %v", conn, data, err)
	}
	inLobby := strings.Contains(data, "Leave the lobby you are in")
	if l.rules.original[conn] {
		return heardEvent{said: said{Event: cmp.Or(inBellhop[e.Event], e.Event), RequestID: e.RequestID}, inLobby: inLobby}
	}
	if e.Event != "lobby_closed" && e.Event != "peer_left" && e.Event != "player_left" {
		c.Reason = "" // for people
	}
	cards, peers, roster := c.Lobbies, "", ""
	if c.Lobby != nil {
		cards = append(cards, *c.Lobby)
	}
	for _, p := range c.Peers {
		peers += fmt.Sprint(p.Peer, "=", p.Conn, " ", p.Player, " ", p.Away, ";")
	}
	for _, p := range c.Roster {
		roster += fmt.Sprint(p.Peer, " ", p.Player, " ", p.Host, " ", p.Away, ";")
	}
	return heardEvent{said: said{
		Event: e.Event, Code: c.Code, Lobby: c.LobbyID, Conn: c.Conn, New: c.New, Host: c.Host, Reason: c.Reason, Until: c.Until,
		Peers: peers, Roster: roster, RequestID: e.RequestID, Peer: c.Peer, Term: c.Term, Player: c.Player, Data: c.Data,
		Cards: cards, More: c.Cursor != "",
	}, token: c.Token, cursor: c.Cursor, inLobby: inLobby}
}

// content has the fields by which contents of events are compared.
type content struct {
	Code, Reason string
	LobbyID      string `json:"lobby_id"`
	Conn         string `json:"connection_id"`
	New          string `json:"new_connection_id"`
	Host         string `json:"host_connection_id"`
	Until        string `json:"resume_until"`
	Peer         int    `json:"peer_id"`
	Token        string `json:"resume_token"`
	Term         int
	Player, Data object
	Lobby        *card
	Lobbies      []card
	Cursor       string
	Peers        []struct {
		Conn   string `json:"connection_id"`
		Peer   int    `json:"peer_id"`
		Player object
		Away   bool
	}
	Roster []struct {
		Peer       int `json:"peer_id"`
		Player     object
		Host, Away bool
	}
}

// learn records the slot of each received token, and the position of each
// cursor.
func (l *simulation) learn(m *rules, h map[string][]heardEvent) {
	for conn, events := range h {
		for _, e := range events {
			if e.cursor != "" {
				last := e.Cards[len(e.Cards)-1]
				if m.cursors[e.cursor] = last.CreatedAt; m.rooms[strings.ToLower(last.ID)] != nil {
					m.cursors[e.cursor] = m.rooms[strings.ToLower(last.ID)].created // events have whole seconds
				}
				l.cursors = append(l.cursors, e.cursor)
			}
			r := m.rooms[strings.ToLower(e.Lobby)]
			if e.token == "" || r == nil {
				continue
			}
			m.tokens[e.token] = ticket{r.number, e.Peer}
			for i := range l.players {
				if p := &l.players[i]; p.conn == conn || p.other == conn {
					p.tokens = append(p.tokens, e.token)
				}
			}
		}
	}
}
