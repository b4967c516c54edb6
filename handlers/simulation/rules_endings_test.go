package simulation

import (
	"slices"
	"strings"
	"time"
)

// How the rules end a slot, and a lobby.

// disconnect handles a $disconnect; a second one changes nothing.
func (m *rules) disconnect(conn string) {
	if m.known[conn] {
		m.known[conn] = false
		m.drop(conn)
	}
	m.settle()
}

// drop handles the end of conn's socket.
func (m *rules) drop(conn string) {
	r := m.own(conn)
	if r == nil {
		return
	}
	s := r.sits(conn)
	switch {
	case s == nil || m.original[conn]: // it has no grace
		m.quit(r, conn)
	case s.away.IsZero():
		s.away = m.now.Add(time.Minute)
		until := s.away.Format(time.RFC3339)
		m.tellOthers(r, s.peer, said{Event: "peer_disconnected", Conn: conn, Peer: s.peer, Until: until},
			said{Event: "player_away", Peer: s.peer, Until: until})
		if s.peer == r.host { // nobody waits for it then
			m.turnAway(r, "host_unavailable")
		}
	}
}

// turnAway ends all requests for r.
func (m *rules) turnAway(r *room, code string) {
	for _, w := range r.waiting {
		m.tell(w.conn, said{Event: "request_rejected", Code: code, Lobby: r.id, RequestID: w.requestID})
	}
	r.waiting = nil
}

// quit gives up conn's slot in r, or its request.
func (m *rules) quit(r *room, conn string) {
	if i := r.waits(conn); i >= 0 {
		r.waiting = slices.Delete(r.waiting, i, i+1)
		m.tellSeat(r.seat(r.host), said{Event: "request_cancelled", Conn: conn})
		return
	}
	m.vacate(r, r.sits(conn).peer, "left")
}

// vacate frees a slot. If the host leaves, a lobby ends, or goes to the
// connected member with the lowest peer id.
func (m *rules) vacate(r *room, peer int, reason string) {
	left := said{Event: "peer_left", Conn: r.seat(peer).conn, Peer: peer, Reason: reason}
	linked, others := r.around(peer)
	r.seats = slices.DeleteFunc(r.seats, func(s spot) bool { return s.peer == peer })
	heir := 0
	for _, s := range r.seats {
		if s.away.IsZero() && (heir == 0 || s.peer < heir) {
			heir = s.peer
		}
	}
	switch {
	case peer != r.host:
		m.tellBoth(linked, others, left, said{Event: "player_left", Peer: peer, Reason: reason})
	case r.migrates && heir != 0:
		for _, s := range r.seats {
			m.tellSeat(&s, left)
		}
		m.crown(r, heir, "", "")
	case reason == "left":
		m.end(r, "host_left", "", "")
	default:
		m.end(r, reason, "", "")
	}
}

func (m *rules) end(r *room, reason, by, requestID string) {
	delete(m.rooms, strings.ToLower(r.id))
	for _, s := range r.seats {
		e := said{Event: "lobby_closed", Lobby: r.id, Reason: reason}
		if s.conn == by {
			e.RequestID = requestID
		}
		m.tellSeat(&s, e)
	}
	m.turnAway(r, "lobby_closed")
}

// lapse frees the slots in r whose grace has ended, in the order of the ends.
func (m *rules) lapse(r *room) {
	if r == nil {
		return
	}
	late := slices.DeleteFunc(slices.Clone(r.seats), func(s spot) bool { return s.away.IsZero() || m.now.Before(s.away) })
	slices.SortStableFunc(late, func(a, b spot) int { return a.away.Compare(b.away) })
	for _, s := range late {
		if m.rooms[strings.ToLower(r.id)] == r {
			m.vacate(r, s.peer, "timed_out")
		}
	}
}
