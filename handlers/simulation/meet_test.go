package simulation

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"pgregory.net/rapid"

	"bellhop/lobby"
)

// An acquaintance is what a connection knows of the others in its lobby. Events
// of different actions come in any order, but no peer id is used twice in a
// lobby. So a client is there if it was announced and its end was not.
type acquaintance struct {
	mesh, roster bool
	me           int
	host, term   int // the peer id of the host with the highest term so far
	joined, left map[int]bool
	asked        map[string]object // the players of known requests: as the host, it knows whom it admits
	said         map[int]object    // what each has said of itself
	updated      map[int]bool      // by player_updated, which is newer than any peer_joined
	away         map[int]int       // 1 if it is away; -1 if its return overtook the news that it is away
	resumed      map[string]bool   // connections that a peer has left by resuming
	former       map[int]bool      // peers of a host that is the host no longer
	late         map[int]bool      // joined such a host, which might not hear of their end
}

// enters are the events by which a connection enters a lobby, and exits those
// by which it leaves.
var (
	enters = []string{"lobby_started", "request_accepted", "resumed"}
	exits  = []string{"lobby_left", "lobby_closed", "removed", "replaced", "request_rejected"}
)

// knows records that a host that accepts a request knows the waiting player,
// even if a crash lost the request's event. The player is guest, or all waiting
// players if guest is empty.
func (l *simulation) knows(host, guest string) {
	a, r := l.met[host], l.rules.at(host)
	if a == nil || r == nil {
		return
	}
	for _, w := range r.waiting {
		if guest == "" || guest == w.conn {
			a.asked[w.conn] = orEmpty(w.player)
		}
	}
}

// meet records what each client learned of the others in a step, and compares
// it with the store.
func (l *simulation) meet(t rapid.TB, h map[string][]heardEvent) {
	t.Helper()
	for conn, events := range h {
		if l.rules.original[conn] {
			continue
		}
		is := func(names []string) func(heardEvent) bool {
			return func(e heardEvent) bool { return slices.Contains(names, e.Event) }
		}
		entered, left := slices.IndexFunc(events, is(enters)), slices.ContainsFunc(events, is(exits))
		if entered >= 0 || left {
			delete(l.met, conn) // with both it is unknown which lobby the other events belong to
		}
		if entered >= 0 && !left {
			l.met[conn] = enter(conn, events[entered])
		}
		if a := l.met[conn]; a != nil { // what overtook the event by which it entered is newer
			for _, e := range events {
				a.hear(conn, e)
			}
			a.forgetUnsure(events)
			l.checkLeft(t, conn, a, events)
		}
	}
	for _, k := range l.found {
		for _, m := range k.Members {
			if a := l.met[m.Conn]; a != nil && !m.Away() && l.Connected(m.Conn) && !m.Original {
				l.checkAcquaintance(t, k, m, a)
			}
		}
	}
}

// enter returns what conn knows by the event by which it enters a lobby.
func enter(conn string, e heardEvent) *acquaintance {
	a := &acquaintance{
		mesh: e.Cards[0].Topology == "mesh", roster: e.Cards[0].Roster, me: e.Peer, term: max(e.Term, 1), host: 1,
		joined: map[int]bool{}, left: map[int]bool{}, asked: map[string]object{}, said: map[int]object{}, updated: map[int]bool{},
		away: map[int]int{}, resumed: map[string]bool{}, former: map[int]bool{}, late: map[int]bool{},
	}
	for _, p := range people(e.Peers) {
		if a.joined[p.peer] = true; p.conn == e.Host {
			a.host = p.peer
		}
	}
	if e.Host == conn {
		a.host = e.Peer
	}
	for _, p := range people(e.Roster) {
		if a.said[p.peer], a.away[p.peer] = p.player, p.away; p.peer != e.Peer {
			a.joined[p.peer] = true
		}
	}
	return a
}

// A person is a part of said.Peers or said.Roster.
type person struct {
	peer, away int
	conn       string
	player     object
}

func people(all string) (list []person) {
	for _, text := range strings.Split(all, ";") {
		id, rest, _ := strings.Cut(text, " ")
		number, conn, _ := strings.Cut(id, "=")
		peer, err := strconv.Atoi(number)
		if err != nil {
			continue
		}
		player, _, _ := strings.Cut(rest, " ")
		p := person{peer: peer, conn: conn, player: object(player)}
		if strings.HasSuffix(rest, " true") {
			p.away = 1
		}
		list = append(list, p)
	}
	return list
}

// hear records an event that conn has received in its lobby.
func (a *acquaintance) hear(conn string, e heardEvent) {
	switch e.Event {
	case "peer_joined", "player_joined":
		if a.joined[e.Peer] = true; !a.updated[e.Peer] {
			a.said[e.Peer] = e.Player
		}
		a.late[e.Peer] = !a.mesh && !a.roster && a.me != a.host
	case "player_updated":
		a.said[e.Peer], a.updated[e.Peer] = e.Player, true
	case "request_to_join":
		a.asked[e.Conn] = e.Player
	case "peer_disconnected":
		if !a.resumed[e.Conn] {
			a.away[e.Peer]++
		}
	case "player_away":
		a.away[e.Peer]++
	case "peer_resumed":
		if player, asked := a.asked[e.Conn]; asked {
			a.asked[e.New] = player
		}
		a.resumed[e.Conn], a.away[e.Peer] = true, min(a.away[e.Peer], 0)
	case "player_back":
		a.away[e.Peer]--
	case "host_changed":
		a.follow(conn, e)
	case "peer_left", "player_left":
		a.left[e.Peer] = true
	}
}

// follow records a new host. In a star conn is linked with that one alone from
// then on or, if it is the host itself, with all in peers.
func (a *acquaintance) follow(conn string, e heardEvent) {
	if e.Term <= a.term {
		return
	}
	a.term, a.host = e.Term, e.Peer
	if a.mesh {
		return
	}
	if e.Host != conn {
		if !a.roster {
			maps.Copy(a.former, a.joined)
			clear(a.joined)
		}
		a.joined[e.Peer] = true
		return
	}
	for _, p := range people(e.Peers) {
		a.joined[p.peer], a.late[p.peer] = true, false
	}
}

// forgetUnsure forgets what the events of overlapping steps left open: two
// player_updated of a client that has not waited for its answer, and ends or
// returns before and after the links have changed.
func (a *acquaintance) forgetUnsure(events []heardEvent) {
	updates, kinds := map[int]int{}, map[int]string{}
	for _, e := range events {
		switch e.Event {
		case "player_updated":
			updates[e.Peer]++
		case "peer_disconnected", "peer_resumed", "player_away", "player_back":
			kind, _, _ := strings.Cut(e.Event, "_")
			if was := kinds[e.Peer]; was != "" && was != kind {
				a.away[e.Peer] = unsure
			}
			kinds[e.Peer] = kind
		}
	}
	for peer, n := range updates {
		if n > 1 {
			a.said[peer] = ""
		}
	}
}

const unsure = -1000

// checkLeft checks that conn was notified of every client before that client's
// end.
func (l *simulation) checkLeft(t rapid.TB, conn string, a *acquaintance, events []heardEvent) {
	t.Helper()
	for _, e := range events {
		_, asked := a.asked[e.Conn]
		asked = asked || e.Event == "player_left" && len(a.asked) > 0 // it names no connection
		if (e.Event == "peer_left" || e.Event == "player_left") && !a.joined[e.Peer] && !a.former[e.Peer] && !asked {
			l.fatal(t, "%s hears that %s, peer %d, has left, and never heard of it", conn, e.Conn, e.Peer)
		}
	}
}

// checkAcquaintance checks that m was notified of exactly the members linked
// with it or, in a lobby with a roster, of exactly all members.
func (l *simulation) checkAcquaintance(t rapid.TB, k *lobby.Lobby, m lobby.Member, a *acquaintance) {
	t.Helper()
	l.seen["acquaintances"]++
	if a.host != k.HostPeerID || a.term != k.Term {
		l.fatal(t, "%s believes that peer %d is the host by term %d, but peer %d is by %d", m.Conn, a.host, a.term, k.HostPeerID, k.Term)
	}
	there := map[int]bool{m.PeerID: true}
	for _, p := range append(k.Peers(m), k.Others(m)...) {
		there[p.PeerID] = true
		player, asked := a.request(p)
		if !asked && (!a.joined[p.PeerID] || a.left[p.PeerID]) {
			l.fatal(t, "%s was never told of %s, peer %d, which is linked with it, or in the roster", m.Conn, p.Conn, p.PeerID)
		}
		if a.roster {
			l.checkRoster(t, m, p, a, player)
		}
	}
	for peer := range a.joined {
		if !a.left[peer] && !there[peer] && !a.late[peer] {
			l.fatal(t, "%s was never told that peer %d of %s is there no longer", m.Conn, peer, k.ID)
		}
	}
	for _, r := range k.Waiting {
		if _, asked := a.asked[r.Conn]; m.PeerID == a.host && !asked {
			l.fatal(t, "%s is the host, and was never told that %s waits", m.Conn, r.Conn)
		}
	}
	if a.roster && !a.mesh && len(k.Members) > 2 {
		l.seen["rosters of a star"]++
		if a.term > 1 {
			l.seen["rosters of a star, behind a new host"]++
		}
	}
}

// request returns the player of p's request, if a knows that request.
func (a *acquaintance) request(p lobby.Member) (player object, asked bool) {
	for _, conn := range append(slices.Clone(p.PreviousConns), p.Conn) {
		if of, ok := a.asked[conn]; ok {
			player, asked = of, true
		}
	}
	return player, asked
}

// checkRoster checks that m knows what p last said of itself, and whether it is
// away. player is that of p's request, if m was asked.
func (l *simulation) checkRoster(t rapid.TB, m, p lobby.Member, a *acquaintance, player object) {
	t.Helper()
	if said, ok := a.said[p.PeerID]; ok {
		player = said
	}
	if player != "" && player != orEmpty(p.Player) { // else it was forgotten
		l.fatal(t, "%s believes that peer %d is %s, but it is %s", m.Conn, p.PeerID, player, orEmpty(p.Player))
	}
	if away := a.away[p.PeerID]; away > unsure/2 && away > 0 != p.Away() {
		l.fatal(t, "%s believes that peer %d is away: %v, but that is %v", m.Conn, p.PeerID, away > 0, p.Away())
	}
}
