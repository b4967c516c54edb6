package simulation

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// rules is docs/protocol.md in plain maps: which client is where, and which
// events it gets. It knows no store, no versions, no claims and no processes.
// It was written from that page, not from the code that it is compared with.
type rules struct {
	now      time.Time
	rooms    map[string]*room  // by id in lower case
	original map[string]bool   // connections of the original dialect
	lost     map[string]bool   // connections whose socket is gone
	known    map[string]bool   // connections whose $disconnect has not been handled
	tokens   map[string]ticket // the slot of each resume token
	opened   int               // lobbies so far
	heard    map[string][]said
	hungUp   []string
	gone     []string             // clients that could not be notified, and must be dropped
	states   []*rules             // states that this passed through: a crash can leave it there
	claimed  string               // a connection that counts as in a lobby because of its own crash
	cursors  map[string]time.Time // start of the last lobby before each cursor
	chance   []string             // the lobbies that quick_join tried, in order
}

type room struct {
	id                   string
	number               int    // distinguishes it from earlier lobbies with the id
	seats                []spot // in order of arrival
	waiting              []wait
	host, term, max      int
	auto, locked, public bool
	mesh, migrates       bool
	roster               bool
	password, metadata   string // "": none
	created              time.Time
	banned               []string
	used                 map[int]bool // peer ids
	promised             int          // the highest peer id used or promised
}

type (
	spot struct {
		peer   int
		conn   string
		player string    // its own description; "": none
		former string    // previous connections, each followed by a space
		away   time.Time // end of the grace; zero: its owner is connected
	}
	wait struct {
		conn, requestID string
		peer            int
		player          string
	}
	ticket struct{ number, peer int }
)

var asks = map[string]func(*rules, string, ask){
	"start_lobby": (*rules).start, "join_lobby": (*rules).join, "accept_request": (*rules).accept,
	"reject_join_request": (*rules).reject, "leave_lobby": (*rules).leave, "close_lobby": (*rules).close,
	"remove_player": (*rules).remove, "update_lobby": (*rules).update, "resume": (*rules).resume,
	"set_session_description": (*rules).relay, "send_ice_candidate": (*rules).relay,
	"list_lobbies": (*rules).list, "quick_join": (*rules).quick, "get_lobby": (*rules).show,
	"update_player": (*rules).describe, "set_host": (*rules).handOver, "send_message": (*rules).message,
	"ping": func(m *rules, conn string, a ask) { m.reply(conn, a, said{Event: "pong"}) },
}

func (m *rules) accept(conn string, a ask) {
	r := m.ruled(conn, a)
	if r == nil {
		return
	}
	if a.conn == "" && len(r.waiting) == 1 {
		a.conn = r.waiting[0].conn
	}
	i := r.waits(a.conn)
	switch {
	case a.conn == "" && len(r.waiting) > 1:
		m.fail(conn, a, "missing_field")
	case i < 0:
		m.fail(conn, a, "request_not_found")
	case len(r.seats) >= r.max:
		m.fail(conn, a, "lobby_full")
	case a.peer != 0 && r.used[a.peer]:
		m.fail(conn, a, "invalid_field")
	default:
		w := r.waiting[i]
		r.waiting = slices.Delete(r.waiting, i, i+1)
		peer := cmp.Or(a.peer, w.peer)
		if r.used[peer] { // the host gave it to another player since
			peer = r.promised + 1
		}
		if !m.enter(r, w, peer) { // nobody was notified of them yet, and nobody will be
			r.seats = r.seats[:len(r.seats)-1]
			m.fail(conn, a, "request_not_found")
			return
		}
		m.introduce(r, peer)
		m.done(conn, a, said{Conn: w.conn, Peer: peer})
	}
}

// enter makes w a member, and reports whether it could be notified.
func (m *rules) enter(r *room, w wait, peer int) bool {
	m.sit(r, w, peer)
	return m.tell(w.conn, r.accepted(w, peer))
}

func (m *rules) sit(r *room, w wait, peer int) {
	r.seats = append(r.seats, spot{peer: peer, conn: w.conn, player: w.player})
	r.used[peer], r.promised = true, max(r.promised, peer)
	m.commit()
}

func (r *room) accepted(w wait, peer int) said {
	return said{
		Event: "request_accepted", Host: r.seat(r.host).conn, Conn: w.conn, Peer: peer, Lobby: r.id, Term: r.term,
		RequestID: w.requestID, Peers: r.peers(peer), Roster: r.everybody(), Cards: r.cards(),
	}
}

func (m *rules) reject(conn string, a ask) {
	r := m.ruled(conn, a)
	if r == nil {
		return
	}
	i := r.waits(a.conn)
	if i < 0 {
		m.fail(conn, a, "request_not_found")
		return
	}
	m.tell(a.conn, said{Event: "request_rejected", Code: "rejected_by_host", Lobby: r.id, RequestID: r.waiting[i].requestID})
	r.waiting = slices.Delete(r.waiting, i, i+1)
	m.done(conn, a, said{})
}

func (m *rules) leave(conn string, a ask) {
	r := m.own(conn)
	if r == nil {
		m.fail(conn, a, "not_in_lobby")
		return
	}
	if i := r.waits(conn); i >= 0 && r.waiting[i].requestID != "" {
		m.tell(conn, said{Event: "error", Code: "not_in_lobby", RequestID: r.waiting[i].requestID})
	}
	m.quit(r, conn)
	m.reply(conn, a, said{Event: "lobby_left", Lobby: r.id})
}

func (m *rules) close(conn string, a ask) {
	r := m.own(conn)
	switch {
	case m.original[conn] && (r == nil || r.seat(r.host).conn != conn): // sent by its guests when they leave
		if r != nil {
			m.leave(conn, ask{})
		}
	case m.ruled(conn, a) != nil:
		m.end(r, "closed", conn, a.requestID)
	}
	m.settle()
}

func (m *rules) remove(conn string, a ask) {
	r := m.ruled(conn, a)
	if r == nil {
		return
	}
	s := r.address(a.conn)
	switch {
	case s == nil:
		m.fail(conn, a, "peer_not_found")
	case s.peer == r.host:
		m.fail(conn, a, "invalid_field")
	default:
		if a.ban {
			r.banned = append(append(r.banned, s.conn), strings.Fields(s.former)...)
		}
		m.tellSeat(s, said{Event: "removed", Lobby: r.id})
		m.vacate(r, s.peer, "removed")
		m.done(conn, a, said{})
	}
}

func (m *rules) update(conn string, a ask) {
	r := m.ruled(conn, a)
	switch {
	case r == nil:
		return
	case a.max != 0 && a.max < len(r.seats):
		m.fail(conn, a, "invalid_field")
		return
	}
	r.max = cmp.Or(a.max, r.max)
	set(&r.auto, a.auto)
	set(&r.locked, a.locked)
	set(&r.public, a.public)
	set(&r.password, a.password)
	set(&r.metadata, a.metadata)
	for _, s := range r.seats {
		e := said{Event: "lobby_updated", Cards: r.cards()}
		if s.conn == conn {
			e.RequestID = a.requestID
		}
		m.tellSeat(&s, e)
	}
	m.settle()
}

func set[T any](setting, to *T) {
	if to != nil {
		*setting = *to
	}
}

func (m *rules) relay(conn string, a ask) {
	event := map[bool]string{true: "received_ice_candidate", false: "received_session_description"}[a.name == "send_ice_candidate"]
	m.pass(conn, a, said{Event: event})
}

// pass sends e of conn to the peer that a names.
func (m *rules) pass(conn string, a ask, e said) {
	r := m.own(conn)
	if r == nil || r.waits(conn) >= 0 || !r.linked(r.sits(conn), r.address(a.conn)) {
		m.fail(conn, a, "peer_not_found")
		return
	}
	peer := r.address(a.conn).peer
	e.Conn, e.Peer = conn, r.sits(conn).peer
	switch to := r.seat(peer); {
	case m.original[to.conn] && !originalHears[e.Event]:
		m.fail(conn, a, "not_available")
	case to.away.IsZero() && m.tell(to.conn, e):
		m.done(conn, a, said{})
	default:
		m.settle()
		m.unreachable(r.seat(peer), conn, a)
	}
}

// unreachable answers that s is away, or gone if it is nil.
func (m *rules) unreachable(s *spot, conn string, a ask) {
	e := said{Event: "error", Code: "peer_unreachable", Conn: a.conn}
	if s != nil && !s.away.IsZero() {
		e.Until = s.away.Format(time.RFC3339)
	}
	m.reply(conn, a, e)
}

func (m *rules) resume(conn string, a ask) {
	if m.busy(conn, a) {
		return
	}
	key := strings.ToLower(a.token[strings.LastIndex(a.token, ".")+1:])
	m.lapse(m.rooms[key])
	r, t := m.rooms[key], m.tokens[a.token]
	if r == nil || r.number != t.number || r.seat(t.peer) == nil || m.original[conn] {
		m.fail(conn, a, "resume_failed")
		return
	}
	s := r.seat(t.peer)
	was := *s
	s.conn, s.former, s.away = conn, was.former+was.conn+" ", time.Time{}
	back := said{Event: "player_back", Peer: s.peer}
	if was.away.IsZero() {
		back = said{}
	}
	m.tellOthers(r, s.peer, said{Event: "peer_resumed", Conn: was.conn, New: conn, Peer: s.peer}, back)
	if m.tellSeat(&was, said{Event: "replaced"}); was.away.IsZero() {
		m.hungUp = append(m.hungUp, was.conn)
	}
	m.reply(conn, a, said{
		Event: "resumed", Lobby: r.id, Conn: conn, Peer: t.peer, Host: r.seat(r.host).conn, Term: r.term, Peers: r.peers(t.peer),
		Roster: r.everybody(), Cards: r.cards(),
	})
	for _, w := range r.waiting {
		if t.peer == r.host {
			m.tell(conn, toJoin(w))
		}
	}
}
