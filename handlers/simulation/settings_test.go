package simulation

import (
	"encoding/json"
	"fmt"
	"strings"
)

// The random values of the clients' messages: settings, filters, and passwords
// and tokens.

var (
	players   = []string{"", `{"name":"Ann"}`, `{"name":"Bo","colour":"#f00"}`, `{"name":"Ann","ready":true}`}
	data      = []string{`"hello"`, `{"move":[1,2]}`, `null`}
	metadatas = []string{"", duel, race}
	passwords = []string{"open sesame", "shibboleth"}
)

// opening returns the settings of a new lobby. Few have a password: hashing one
// takes as long as all the rest of a sequence.
func (l *simulation) opening(s step) ask {
	a := ask{name: "start_lobby", lobby: lobbyIDs[s.Whom%len(lobbyIDs)]}
	if a.lobby == "" {
		a.lobby = l.made()
	}
	auto, public := s.N%3 == 0, s.More%4 > 0
	a.max, a.migrates, a.mesh = []int{0, 0, 2, 3, 4}[s.N%5], s.N%2 == 0, s.More/4%3 == 0
	a.auto, a.public, a.roster = &auto, &public, s.More/64%4 > 0
	a.metadata, a.player = &metadatas[s.More/12%3], players[s.N/3%len(players)]
	if s.More%32 == 31 {
		a.password = &passwords[s.N%2]
	}
	return a
}

// made returns a free lobby id, which is generated next.
func (l *simulation) made() string {
	for n := 0; ; n++ {
		l.making = fmt.Sprint("Made-", n)
		if l.rules.rooms[strings.ToLower(l.making)] == nil {
			return l.making
		}
	}
}

// newID generates lobby ids: the one that the rules expect, or any while steps
// overlap.
func (l *simulation) newID() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.meanwhiles == 0 {
		return l.making
	}
	l.meanwhiles++
	id := fmt.Sprint("Meanwhile-", l.meanwhiles)
	l.ids[strings.ToLower(id)] = true
	return id
}

// change changes a setting or two.
func (l *simulation) change(a *ask, s step) {
	a.max = []int{0, 0, 2, 2, 8}[s.N%5]
	seldom, mostly := s.More/6%3 == 0, s.More/6%3 != 0
	switch s.More % 6 {
	case 0:
		a.locked = &seldom
	case 1:
		a.auto = &mostly
	case 2:
		a.public = &mostly
	case 3:
		a.metadata = &metadatas[1+s.N%2]
	case 4:
		a.locked, a.public = &seldom, &mostly
	case 5:
		switch s.N % 8 {
		case 0:
			a.password = &passwords[s.Whom%2]
		case 1, 2, 3:
			a.password = new(string)
		}
	}
}

// shows returns a password for a lobby: a right one, a wrong one, or none.
func (l *simulation) shows(lobby string, s step) *string {
	r := l.rules.rooms[strings.ToLower(lobby)]
	switch {
	case r == nil || r.password == "":
		if s.More%16 == 0 {
			return &passwords[0]
		}
	case s.More%8 < 3:
		return &r.password
	case s.More%8 == 3:
		for i := range passwords {
			if passwords[i] != r.password {
				return &passwords[i]
			}
		}
	}
	return nil
}

// filterIn returns the index of a filter: mostly the first, which is none.
func filterIn(s step) int {
	if s.More/8%2 == 0 {
		return 0
	}
	return s.More / 16 % len(filters)
}

// cursor returns one of the last received cursors, or an invented one.
func (l *simulation) cursor(s step) string {
	switch n := len(l.cursors); {
	case n == 0 || s.N/8%4 == 0:
		return ""
	case s.N/16%8 == 0:
		return l.cursors[n-1] + "x"
	default:
		return l.cursors[n-1-s.More%min(n, 3)]
	}
}

// text returns the message for a.
func (l *simulation) text(a ask) string {
	content := l.content(a)
	if a.orStart != nil {
		content["or_start"] = l.content(*a.orStart)
	}
	text, _ := json.Marshal(map[string]any{"action": a.name, "content": content, "request_id": a.requestID})
	return strings.Replace(string(text), `,"request_id":""`, "", 1)
}

func (l *simulation) content(a ask) map[string]any {
	content := map[string]any{}
	put := func(name string, value any, present bool) {
		if present {
			content[name] = value
		}
	}
	put("lobby_id", a.lobby, a.lobby != "" && !(a.name == "start_lobby" && a.lobby == l.making))
	put("connection_id", a.conn, a.conn != "")
	put("resume_token", a.token, a.token != "")
	put("peer_id", a.peer, a.peer != 0)
	put("max_players", a.max, a.max != 0)
	put("auto_accept", a.auto, a.auto != nil)
	put("locked", a.locked, a.locked != nil)
	put("public", a.public, a.public != nil)
	put("password", a.password, a.password != nil)
	if a.password != nil && *a.password == "" {
		content["password"] = nil
	}
	put("topology", "mesh", a.mesh)
	put("on_host_leave", "migrate", a.migrates)
	put("roster", true, a.roster)
	put("data", json.RawMessage(a.data), a.data != "")
	put("ban", true, a.ban)
	put("filter", json.RawMessage(filters[a.filter].text), a.filter != 0)
	put("limit", a.limit, a.limit != 0)
	put("cursor", a.cursor, a.cursor != "")
	put("player", json.RawMessage(a.player), a.player != "")
	if a.metadata != nil && *a.metadata != "" {
		content["metadata"] = json.RawMessage(*a.metadata)
	}
	put("sdp", "v=0", a.name == "set_session_description")
	put("type", "offer", a.name == "set_session_description")
	put("candidate", "", a.name == "send_ice_candidate")
	return content
}
