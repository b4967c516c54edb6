package simulation

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// The vocabulary of the rules.

// An ask is an action with all its possible fields.
type ask struct {
	name, lobby, conn, token, requestID string
	peer, max                           int
	auto, locked, public                *bool
	password, metadata                  *string // "" in update_lobby removes the password
	player                              string
	mesh, migrates, roster, ban         bool
	data                                string
	filter                              int // index in filters
	limit                               int
	cursor                              string
	orStart                             *ask
}

// said is an event with the compared fields.
type said struct {
	Event, Code, Lobby, Conn, New, Host, Reason, Until, Peers, RequestID string
	Roster                                                               string
	Peer, Term                                                           int
	Player, Data                                                         object
	Cards                                                                []card // ids of its lobbies
	More                                                                 bool   // it has a cursor
}

func toJoin(w wait) said {
	return said{Event: "request_to_join", Conn: w.conn, Peer: w.peer, Player: orEmpty(w.player)}
}

// at returns the lobby that conn is in, or waits for.
func (m *rules) at(conn string) *room {
	for _, r := range m.rooms {
		if r.sits(conn) != nil || r.waits(conn) >= 0 {
			return r
		}
	}
	return nil
}

// own is at, after lapse.
func (m *rules) own(conn string) *room {
	m.lapse(m.at(conn))
	return m.at(conn)
}

// busy answers a client that is in a lobby, and cannot go to another.
func (m *rules) busy(conn string, a ask) bool {
	in := m.own(conn) != nil || m.claimed == conn
	if in {
		m.fail(conn, a, "already_in_lobby")
	} else {
		m.settle()
	}
	return in
}

// ruled returns the lobby whose host is conn, or answers that there is none.
func (m *rules) ruled(conn string, a ask) *room {
	r := m.own(conn)
	switch {
	case r == nil:
		m.fail(conn, a, "not_in_lobby")
		return nil
	case r.seat(r.host).conn != conn:
		m.fail(conn, a, "not_host")
		return nil
	}
	return r
}

func (r *room) seat(peer int) *spot {
	for i := range r.seats {
		if r.seats[i].peer == peer {
			return &r.seats[i]
		}
	}
	return nil
}

// sits returns the slot whose connection is conn.
func (r *room) sits(conn string) *spot {
	for i := range r.seats {
		if r.seats[i].conn == conn {
			return &r.seats[i]
		}
	}
	return nil
}

// address is sits, or the slot with the previous connection conn.
func (r *room) address(conn string) *spot {
	s := r.sits(conn)
	for i := range r.seats {
		if s == nil && slices.Contains(strings.Fields(r.seats[i].former), conn) {
			s = &r.seats[i]
		}
	}
	return s
}

func (r *room) waits(conn string) int {
	return slices.IndexFunc(r.waiting, func(w wait) bool { return w.conn == conn })
}

// linked reports whether two are linked: in a star the host and each member, in
// a mesh all.
func (r *room) linked(a, b *spot) bool {
	return a != nil && b != nil && a.peer != b.peer && (r.mesh || a.peer == r.host || b.peer == r.host)
}

// peers are the members linked with one, the host first.
func (r *room) peers(of int) (all string) {
	for _, s := range r.seats {
		switch p := fmt.Sprint(s.peer, "=", s.conn, " ", orEmpty(s.player), " ", !s.away.IsZero(), ";"); {
		case !r.linked(r.seat(of), &s):
		case s.peer == r.host:
			all = p + all
		default:
			all += p
		}
	}
	return all
}

// originalHears are the events of the original dialect.
var originalHears = map[string]bool{
	"lobby_started": true, "request_to_join": true, "request_accepted": true, "request_rejected": true, "error": true,
	"received_session_description": true, "received_ice_candidate": true,
}

// tell sends e to conn, and reports whether that worked.
func (m *rules) tell(conn string, e said) bool {
	if m.original[conn] {
		if !originalHears[e.Event] {
			return true
		}
		e = said{Event: e.Event, RequestID: e.RequestID}
	}
	if m.lost[conn] {
		m.gone = append(m.gone, conn)
		return false
	}
	m.heard[conn] = append(m.heard[conn], e)
	return true
}

func (m *rules) tellSeat(s *spot, e said) {
	if s.away.IsZero() {
		m.tell(s.conn, e)
	}
}

// around are the members linked with one, and those that only a roster tells of
// it.
func (r *room) around(peer int) (linked, others []spot) {
	for _, s := range r.seats {
		switch {
		case r.linked(r.seat(peer), &s):
			linked = append(linked, s)
		case r.roster && s.peer != peer:
			others = append(others, s)
		}
	}
	return linked, others
}

// tellOthers sends e to the members linked with peer, and toOthers, if there is
// one, to those that only a roster tells of it.
func (m *rules) tellOthers(r *room, peer int, e, toOthers said) {
	linked, others := r.around(peer)
	m.tellBoth(linked, others, e, toOthers)
}

func (m *rules) tellBoth(linked, others []spot, e, toOthers said) {
	for _, s := range linked {
		m.tellSeat(&s, e)
	}
	for _, s := range others {
		if toOthers.Event != "" {
			m.tellSeat(&s, toOthers)
		}
	}
}

// reply answers an action, after all its other effects.
func (m *rules) reply(conn string, a ask, e said) {
	m.settle()
	e.RequestID = a.requestID
	m.tell(conn, e)
}

func (m *rules) fail(conn string, a ask, code string) {
	e := said{Event: "error", Code: code}
	if code == "peer_not_found" {
		e.Conn = a.conn
	}
	m.reply(conn, a, e)
}

func (m *rules) done(conn string, a ask, e said) {
	if m.settle(); a.requestID != "" {
		e.Event = "done"
		m.reply(conn, a, e)
	}
}

// settle drops the clients that could not be notified, and those that cannot be
// notified of that, until all are connected or known to be away.
func (m *rules) settle() {
	m.commit()
	for len(m.gone) > 0 {
		conn := m.gone[0]
		m.gone = m.gone[1:]
		m.drop(conn)
	}
}

// commit marks a state in which a crash can leave everything.
func (m *rules) commit() { m.states = append(m.states, m.clone()) }

func (m *rules) clone() *rules {
	c := *m
	c.rooms, c.known, c.gone = map[string]*room{}, maps.Clone(m.known), slices.Clone(m.gone)
	c.heard, c.hungUp, c.states, c.claimed = map[string][]said{}, nil, nil, ""
	for key, r := range m.rooms {
		d := *r
		d.seats, d.waiting, d.banned, d.used = slices.Clone(r.seats), slices.Clone(r.waiting), slices.Clone(r.banned), maps.Clone(r.used)
		c.rooms[key] = &d
	}
	return &c
}

// outcomes calls yield with each state in which a crash can leave m: every
// state that m passes through, and every state between two drops, whose order
// is random. It ends when yield returns true.
func (m *rules) outcomes(yield func(*rules) bool) bool {
	for _, s := range append(slices.Clone(m.states), m) {
		if s.dropSome(yield) {
			return true
		}
	}
	return false
}

func (m *rules) dropSome(yield func(*rules) bool) bool {
	if c := m.clone(); yield(c) {
		return true
	}
	for i, conn := range m.gone {
		c := m.clone()
		c.gone = slices.Delete(c.gone, i, i+1)
		if c.drop(conn); c.dropSome(yield) {
			return true
		}
	}
	return false
}
