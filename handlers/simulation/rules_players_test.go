package simulation

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// How the rules let members see each other, write to each other, and hand the
// host on.

// everybody is the roster, in the order of the peer ids, or "" if r has none.
func (r *room) everybody() (all string) {
	if !r.roster {
		return ""
	}
	seats := slices.SortedFunc(slices.Values(r.seats), func(a, b spot) int { return cmp.Compare(a.peer, b.peer) })
	for _, s := range seats {
		all += fmt.Sprint(s.peer, " ", orEmpty(s.player), " ", s.peer == r.host, " ", !s.away.IsZero(), ";")
	}
	return all
}

// member returns conn's slot and lobby, or answers that it has none.
func (m *rules) member(conn string, a ask) (*room, *spot) {
	if r := m.own(conn); r != nil && r.sits(conn) != nil {
		return r, r.sits(conn)
	}
	m.fail(conn, a, "not_in_lobby")
	return nil, nil
}

// describe replaces what conn says of itself.
func (m *rules) describe(conn string, a ask) {
	r, s := m.member(conn, a)
	if s == nil {
		return
	}
	s.player = a.player
	e := said{Event: "player_updated", Peer: s.peer, Player: object(a.player)}
	m.tellOthers(r, s.peer, e, e)
	m.done(conn, a, said{})
}

// handOver makes another member the host, which no member of the original
// dialect could follow.
func (m *rules) handOver(conn string, a ask) {
	r := m.ruled(conn, a)
	if r == nil {
		return
	}
	s := r.address(a.conn)
	switch original := func(s spot) bool { return m.original[s.conn] }; {
	case s == nil:
		m.fail(conn, a, "peer_not_found")
	case s.peer == r.host, slices.ContainsFunc(r.seats, original):
		m.fail(conn, a, "invalid_field")
	case !s.away.IsZero():
		m.unreachable(s, conn, a)
	default:
		m.crown(r, s.peer, conn, a.requestID)
		m.settle()
	}
}

// crown makes heir the host of r, by an action of the connection by or none.
func (m *rules) crown(r *room, heir int, by, requestID string) {
	r.host, r.term = heir, r.term+1
	conn := r.seat(heir).conn
	for _, s := range r.seats {
		e := said{Event: "host_changed", Host: conn, Peer: heir, Term: r.term}
		if s.conn == by {
			e.RequestID = requestID
		}
		if s.peer == heir && !r.mesh {
			e.Peers = r.peers(heir)
		}
		m.tellSeat(&s, e)
	}
	for _, w := range r.waiting {
		m.tell(conn, toJoin(w))
	}
}

// message sends data to the peer that a names, or to all other members.
func (m *rules) message(conn string, a ask) {
	e := said{Event: "received_message", Data: object(a.data)}
	if a.conn != "" {
		m.pass(conn, a, e)
		return
	}
	r, from := m.member(conn, a)
	if from == nil {
		return
	}
	for _, s := range r.seats {
		if e.Conn, e.Peer = "", from.peer; r.linked(from, &s) {
			e.Conn = conn
		}
		if s.peer != from.peer {
			m.tellSeat(&s, e)
		}
	}
	m.done(conn, a, said{})
}

// show shows a lobby to anybody who knows its id.
func (m *rules) show(conn string, a ask) {
	key := strings.ToLower(a.lobby)
	m.lapse(m.rooms[key])
	r := m.rooms[key]
	if r == nil {
		m.fail(conn, a, "lobby_not_found")
		return
	}
	e := said{Event: "lobby_info", Cards: r.cards()}
	e.Cards[0].HostAway = !r.seat(r.host).away.IsZero()
	m.reply(conn, a, e)
}
