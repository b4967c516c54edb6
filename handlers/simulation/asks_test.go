package simulation

import (
	"fmt"
	"slices"
	"strings"

	"pgregory.net/rapid"
)

// sensible turns s into a step that is likely to succeed: by another client,
// or, if no client could do it, a further lobby or a further player who wants
// to join one.
func (l *simulation) sensible(s step) step {
	for i := range clients {
		if by := (s.By + i) % clients; l.fits(s, &l.players[by]) {
			s.By = by
			return s
		}
	}
	switch {
	case (len(l.rules.rooms) == 0 || s.What == "list_lobbies") && s.What != "start_lobby":
		s.What = "start_lobby"
		return l.sensible(s)
	case s.What != "join_lobby" && s.What != "start_lobby":
		s.What = "join_lobby"
		return l.sensible(s)
	}
	return s
}

// fits reports whether p is in the right place for such a step. One in three
// resumes uses a token of any age.
func (l *simulation) fits(s step, p *player) bool {
	r := l.rules.at(p.conn)
	in := r != nil && l.Connected(p.conn)
	host := in && r.seat(r.host).conn == p.conn
	switch s.What {
	case "start_lobby", "quick_join":
		return r == nil
	case "join_lobby":
		return r == nil && len(l.rules.rooms) > 0
	case "list_lobbies":
		return l.Connected(p.conn) && (len(l.rules.listed(0)) > 1 || s.N%4 == 0)
	case "resume":
		return r == nil && len(p.tokens) > 0 && (s.N%3 == 0 || l.rules.held(p.tokens[len(p.tokens)-1]))
	case "leave_lobby", "ping":
		return in
	case "set_session_description", "send_ice_candidate", "send_message", "update_player":
		return in && len(r.seats) > 1 && r.waits(p.conn) < 0
	case "get_lobby":
		return len(l.rules.rooms) > 0
	case "accept_request", "reject_join_request":
		return host && len(r.waiting) > 0
	case "remove_player", "set_host":
		return host && len(r.seats) > 1
	}
	return host
}

// say sends a client's message.
func (l *simulation) say(t rapid.TB, p *player, s step) {
	a := l.ask(p, s)
	if !s.WithoutAnswerID {
		a.requestID = fmt.Sprint("r", len(l.past))
	}
	if a.name == "accept_request" {
		l.knows(p.conn, a.conn)
	}
	by := func(m *rules) { asks[a.name](m, p.conn, a) }
	l.happen(t, s, event{conn: p.conn, route: "$default", name: a.name, text: l.text(a), by: by, requestID: a.requestID})
}

// mayStart reports whether a step can open a lobby.
func (s step) mayStart() bool {
	return s.What == "start_lobby" || s.What == "quick_join" || s.What == "join_lobby" && s.N/8%3 == 0
}

// held reports whether a token belongs to an existing slot.
func (m *rules) held(token string) bool {
	t := m.tokens[token]
	for _, r := range m.rooms {
		if r.number == t.number && r.seat(t.peer) != nil {
			return true
		}
	}
	return false
}

// ask returns a client's message in step s.
func (l *simulation) ask(p *player, s step) ask {
	a := ask{name: s.What}
	switch s.What {
	case "start_lobby":
		a = l.opening(s)
	case "list_lobbies":
		a.filter, a.limit, a.cursor = filterIn(s), []int{0, 0, 1, 1, 1, 2, 3, 101}[s.N%8], l.cursor(s)
	case "quick_join":
		a.filter, a.player = filterIn(s), players[s.More%len(players)]
		if own := l.opening(s); s.N%3 > 0 {
			a.orStart = &own
		}
	case "join_lobby":
		if a.lobby = lobbyIDs[s.Whom%len(lobbyIDs)]; a.lobby == "" {
			a.lobby = "Made-0"
		}
		if open := l.open(); s.Sensible && len(open) > 0 {
			a.lobby = open[s.N%len(open)]
		}
		if a.player, a.password = players[s.More%len(players)], l.shows(a.lobby, s); s.mayStart() {
			own := l.opening(s)
			own.lobby, a.orStart = "", &own
		}
	case "get_lobby":
		a.lobby = lobbyIDs[s.Whom%3]
		if open := l.open(); s.Sensible && len(open) > 0 {
			a.lobby = open[s.N%len(open)]
		}
	case "update_player":
		a.player = players[1+s.N%(len(players)-1)]
	case "send_message":
		if a.data = data[s.N%len(data)]; s.N/4%4 == 0 {
			a.conn = l.whom(p, s)
		}
	case "accept_request":
		if a.conn = l.whom(p, s); s.N%4 == 0 {
			a.conn = ""
		}
		if s.N%5 == 0 {
			a.peer = []int{2, 3, 4, 5, 7, 12}[s.Whom%6]
		}
	case "update_lobby":
		l.change(&a, s)
	case "resume":
		a.token = l.token(p, s)
	case "reject_join_request", "remove_player", "set_host", "set_session_description", "send_ice_candidate":
		a.conn = l.whom(p, s)
		a.ban = s.What == "remove_player" && s.N%2 == 0
	}
	l.name(a)
	if a.orStart != nil {
		l.name(*a.orStart)
	}
	return a
}

var lobbyIDs = []string{"fox", "Fox", "FOX", "hen", "hen", "", ""}

// name remembers the lobby ids in a, so the store is checked under them, and
// the password.
func (l *simulation) name(a ask) {
	if a.password != nil {
		l.password = *a.password
	}
	for _, id := range []string{a.lobby, a.token[strings.LastIndex(a.token, ".")+1:]} {
		if id != "" {
			l.ids[strings.ToLower(id)] = true
		}
	}
}

// open returns the ids of the open lobbies, in order.
func (l *simulation) open() (ids []string) {
	for _, r := range l.rules.rooms {
		ids = append(ids, r.id)
	}
	slices.Sort(ids)
	return ids
}

// whom returns the connection that a step of p's names: one of p's lobby, if
// that is sensible, even one that a member has left by resuming.
func (l *simulation) whom(p *player, s step) string {
	var fits []string
	if r := l.rules.at(p.conn); r != nil && s.Sensible {
		for _, w := range r.waiting {
			if s.What == "accept_request" || s.What == "reject_join_request" {
				fits = append(fits, w.conn)
			}
		}
		for _, seat := range r.seats {
			if s.What != "accept_request" && s.What != "reject_join_request" && seat.conn != p.conn {
				fits = append(append(fits, seat.conn, seat.conn), strings.Fields(seat.former)...)
			}
		}
	}
	if len(fits) > 0 {
		return fits[s.Whom%len(fits)]
	}
	if s.Whom < clients && l.players[s.Whom].conn != "" {
		return l.players[s.Whom].conn
	}
	return "nobody"
}

// token returns a token for p to show: its last, an older one, another
// client's, or one that no client ever had.
func (l *simulation) token(p *player, s step) string {
	of := p
	if s.N%8 == 7 {
		of = &l.players[s.Whom%clients]
	}
	if len(of.tokens) == 0 {
		return "s1x.1.fox"
	}
	last := of.tokens[len(of.tokens)-1]
	switch s.N % 8 {
	case 5:
		return of.tokens[s.Whom%len(of.tokens)]
	case 6:
		return edited(last, s.Whom)
	}
	return last
}

// edited returns a token with another secret, number or lobby in it.
func edited(token string, n int) string {
	part := strings.SplitN(token, ".", 3)
	switch n % 3 {
	case 0:
		part[0] += "x"
	case 1:
		part[1] = map[bool]string{true: "1", false: "2"}[part[1] != "1"]
	case 2:
		part[2] += "x"
	}
	return strings.Join(part, ".")
}
