package simulation

import (
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
	joined, left map[int]bool
	asked        map[string]bool // connections with a known request: as the host, it knows whom it admits
	heir         bool            // it has become the host: in a star the others are its peers
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
			a.asked[w.conn] = true
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
		is := func(names []string) bool {
			return slices.ContainsFunc(events, func(e heardEvent) bool { return slices.Contains(names, e.Event) })
		}
		switch entered, left := is(enters), is(exits); {
		case entered && !left:
			l.met[conn] = &acquaintance{joined: map[int]bool{}, left: map[int]bool{}, asked: map[string]bool{}}
		case entered, left:
			delete(l.met, conn) // it is unknown which lobby the other events belong to
		}
		if a := l.met[conn]; a != nil {
			for _, e := range events {
				a.hear(conn, e)
			}
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

// hear records an event that conn has received.
func (a *acquaintance) hear(conn string, e heardEvent) {
	switch e.Event {
	case "request_accepted", "resumed":
		for _, p := range strings.Split(e.Peers, ";") {
			if peer, err := strconv.Atoi(strings.SplitN(p, "=", 2)[0]); err == nil {
				a.joined[peer] = true
			}
		}
	case "peer_joined":
		a.joined[e.Peer] = true
	case "request_to_join":
		a.asked[e.Conn] = true
	case "peer_resumed":
		a.asked[e.New] = a.asked[e.Conn]
	case "host_changed":
		if a.heir = e.Host == conn; !a.heir {
			a.joined[e.Peer] = true
		}
	case "peer_left":
		a.left[e.Peer] = true
	}
}

// checkLeft checks that conn was notified of every client before that client's
// end.
func (l *simulation) checkLeft(t rapid.TB, conn string, a *acquaintance, events []heardEvent) {
	t.Helper()
	for _, e := range events {
		if e.Event == "peer_left" && !a.joined[e.Peer] && !a.asked[e.Conn] && !a.heir {
			l.fatal(t, "%s hears that %s, peer %d, has left, and never heard of it", conn, e.Conn, e.Peer)
		}
	}
}

// checkAcquaintance checks that m was notified of exactly the members linked
// with it.
func (l *simulation) checkAcquaintance(t rapid.TB, k *lobby.Lobby, m lobby.Member, a *acquaintance) {
	t.Helper()
	l.seen["acquaintances"]++
	there := map[int]bool{}
	for _, p := range k.Peers(m) {
		there[p.PeerID] = true
		knows := a.joined[p.PeerID] && !a.left[p.PeerID] || a.heir || a.asked[p.Conn]
		for _, former := range p.PreviousConns {
			knows = knows || a.asked[former]
		}
		if !knows {
			l.fatal(t, "%s was never told of %s, peer %d, which is linked with it", m.Conn, p.Conn, p.PeerID)
		}
	}
	for peer := range a.joined {
		if !a.left[peer] && !there[peer] {
			l.fatal(t, "%s was never told that peer %d of %s is there no longer", m.Conn, peer, k.ID)
		}
	}
}
