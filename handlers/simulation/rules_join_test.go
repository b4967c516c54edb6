package simulation

import (
	"cmp"
	"slices"
	"strings"
)

// How the rules open lobbies, and admit players.

func (m *rules) start(conn string, a ask) {
	if !m.busy(conn, a) {
		m.open(conn, a)
	}
}

// open opens a lobby for conn, which is in none.
func (m *rules) open(conn string, a ask) {
	key := strings.ToLower(a.lobby)
	m.lapse(m.rooms[key])
	if r := m.rooms[key]; r != nil && !m.known[r.seat(r.host).conn] { // its end was only half noticed
		m.drop(r.seat(r.host).conn)
		m.commit()
	}
	if m.rooms[key] != nil {
		m.fail(conn, a, "lobby_exists")
		return
	}
	m.settle()
	if m.opened++; m.original[conn] { // the original dialect has only the lobby id
		a = ask{lobby: a.lobby, requestID: a.requestID}
	}
	r := &room{
		id: a.lobby, number: m.opened, created: m.now, seats: []spot{{peer: 1, conn: conn, player: a.player}}, host: 1, term: 1,
		max: cmp.Or(a.max, 8), mesh: a.mesh, migrates: a.migrates, roster: a.roster,
		used: map[int]bool{1: true}, promised: 1,
	}
	set(&r.auto, a.auto)
	set(&r.public, a.public)
	set(&r.password, a.password)
	set(&r.metadata, a.metadata)
	m.rooms[key] = r
	m.reply(conn, a, said{Event: "lobby_started", Lobby: a.lobby, Conn: conn, Peer: 1, Roster: r.everybody(), Cards: r.cards()})
}

func (m *rules) join(conn string, a ask) {
	if m.busy(conn, a) {
		return
	}
	m.lapse(m.rooms[strings.ToLower(a.lobby)])
	r := m.rooms[strings.ToLower(a.lobby)]
	if r == nil && a.orStart != nil {
		m.openInstead(conn, a, a.lobby)
		return
	}
	if code := m.come(r, conn, a); code != "" {
		if r != nil {
			a.lobby = r.id
		}
		m.reply(conn, a, said{Event: "request_rejected", Code: code, Lobby: a.lobby})
	}
}

// come sends a request of conn, which is in no lobby, to join r. It returns why
// conn is turned away, if it is.
func (m *rules) come(r *room, conn string, a ask) (code string) {
	if code := m.shuts(r, conn, a); code != "" {
		return code
	}
	r.promised++
	w := wait{conn, a.requestID, r.promised, a.player}
	if r.auto {
		return m.admit(r, w)
	}
	r.waiting = append(r.waiting, w)
	m.commit()
	if host := r.seat(r.host); host != nil && !m.tell(host.conn, toJoin(w)) { // it is away from then on
		r.waiting = r.waiting[:len(r.waiting)-1]
		return "host_unavailable"
	}
	m.settle()
	return ""
}

// shuts returns why conn cannot ask to join r.
func (m *rules) shuts(r *room, conn string, a ask) string {
	switch {
	case r == nil:
		return "lobby_not_found"
	case slices.Contains(r.banned, conn):
		return "banned"
	case r.locked, m.original[conn] && (r.migrates || r.mesh || r.password != ""):
		return "lobby_locked"
	case !r.seat(r.host).away.IsZero():
		return "host_unavailable"
	case len(r.seats) >= r.max:
		return "lobby_full"
	case r.password != "" && (a.password == nil || *a.password != r.password):
		return "wrong_password"
	}
	return ""
}

// admit admits w without the host's decision.
func (m *rules) admit(r *room, w wait) (code string) {
	m.sit(r, w, w.peer)
	if host := r.seat(r.host); host != nil && !m.tell(host.conn, r.joined(w.peer)) {
		r.seats = r.seats[:len(r.seats)-1] // the host is away from then on
		return "host_unavailable"
	}
	m.tell(w.conn, r.accepted(w, w.peer))
	m.introduce(r, w.peer)
	m.settle()
	return ""
}

// introduce notifies the others that peer has come, except for the host, which
// knows.
func (m *rules) introduce(r *room, peer int) {
	linked, others := r.around(peer)
	linked = slices.DeleteFunc(linked, func(s spot) bool { return s.peer == r.host })
	m.tellBoth(linked, others, r.joined(peer), said{Event: "player_joined", Peer: peer, Player: orEmpty(r.seat(peer).player)})
}

func (r *room) joined(peer int) said {
	s := r.seat(peer)
	return said{Event: "peer_joined", Conn: s.conn, Peer: peer, Player: orEmpty(s.player)}
}

func (m *rules) quick(conn string, a ask) {
	if filters[a.filter].picks == nil {
		m.fail(conn, a, "invalid_field")
		return
	}
	if m.busy(conn, a) {
		return
	}
	for _, r := range m.matches(a.filter) {
		m.lapse(r)
		if m.come(r, conn, a) == "" {
			return
		}
		m.settle()
	}
	if a.orStart == nil {
		m.reply(conn, a, said{Event: "request_rejected", Code: "no_match"})
		return
	}
	m.openInstead(conn, a, a.orStart.lobby)
}

// openInstead opens the lobby in or_start with an id.
func (m *rules) openInstead(conn string, a ask, id string) {
	own := *a.orStart
	own.lobby, own.requestID, own.player = id, a.requestID, cmp.Or(own.player, a.player)
	m.open(conn, own)
}

// matches returns the lobbies that quick_join can join: first the one with the
// fewest free slots, of several the oldest. If that one turns conn away, the
// choice among the others is random.
func (m *rules) matches(filter int) []*room {
	open := slices.DeleteFunc(m.listed(filter), func(r *room) bool { return r.password != "" })
	slices.SortFunc(open, func(a, b *room) int {
		return cmp.Or(cmp.Compare(a.max-len(a.seats), b.max-len(b.seats)), a.created.Compare(b.created))
	})
	if len(open) > 1 {
		after := m.chance[slices.Index(m.chance, strings.ToLower(open[0].id))+1:]
		tried := func(r *room) int {
			if i := slices.Index(after, strings.ToLower(r.id)); i >= 0 {
				return i
			}
			return len(after)
		}
		slices.SortStableFunc(open[1:], func(a, b *room) int { return cmp.Compare(tried(a), tried(b)) })
	}
	return open
}
