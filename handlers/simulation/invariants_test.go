package simulation

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"bellhop/lobby"
)

// A view is the state of a lobby that the rules and the store must agree on.
type view struct {
	ID                       string
	Host, Term, Max, Promise int
	Auto, Locked, Public     bool
	Mesh, Migrates, Roster   bool
	Password, Metadata       string
	Created                  int64
	Members, Waiting, Banned []string
	Used                     []int
}

// views returns the lobbies of m, by id in lower case.
func (l *simulation) views(m *rules) map[string]view {
	all := map[string]view{}
	for key, r := range m.rooms {
		v := view{ID: r.id, Host: r.host, Term: r.term, Max: r.max, Promise: r.promised, Auto: r.auto, Locked: r.locked, Public: r.public,
			Mesh: r.mesh, Migrates: r.migrates, Roster: r.roster, Password: r.password, Metadata: r.metadata, Created: r.created.UnixMicro()}
		for _, s := range r.seats {
			v.Members = append(v.Members, fmt.Sprintf("%d %s %s was %v until %v", s.peer, s.conn, s.player, strings.Fields(s.former), s.away.UTC()))
		}
		for _, w := range r.waiting {
			v.Waiting = append(v.Waiting, fmt.Sprint(w))
		}
		v.Banned = slices.Sorted(slices.Values(r.banned))
		for id := range r.used {
			v.Used = append(v.Used, id)
		}
		slices.Sort(v.Used)
		all[key] = v
	}
	return all
}

// kept returns the lobbies in the store.
func (l *simulation) kept() map[string]view {
	all := map[string]view{}
	for key, k := range l.found {
		v := view{ID: k.ID, Host: k.HostPeerID, Term: k.Term, Max: k.MaxPlayers, Promise: k.LastPeerID, Auto: k.AutoAccept, Locked: k.Locked, Public: k.Public,
			Mesh: k.Mesh, Migrates: k.Migrates, Roster: k.Roster, Password: l.plain[k.Password], Metadata: k.Metadata, Created: k.CreatedAt}
		for _, m := range k.Members {
			former := append([]string{}, m.PreviousConns...)
			v.Members = append(v.Members, fmt.Sprintf("%d %s %s was %v until %v", m.PeerID, m.Conn, m.Player, former, m.AwayUntil.UTC()))
		}
		for _, r := range k.Waiting {
			v.Waiting = append(v.Waiting, fmt.Sprint(wait{r.Conn, r.RequestID, r.PeerID, r.Player}))
		}
		v.Banned = slices.Sorted(slices.Values(k.Banned))
		for _, ids := range k.UsedPeerIDs {
			for id := ids[0]; id <= ids[1]; id++ {
				v.Used = append(v.Used, id)
			}
		}
		all[key] = v
	}
	return all
}

// check compares the store with the rules, and checks the invariants of both.
func (l *simulation) check(t rapid.TB) {
	t.Helper()
	late := l.rules.clone()
	l.catchUp(late) // nobody has noticed yet that time has passed, but an expired lobby is gone
	is, kept := l.views(late), l.kept()
	if !reflect.DeepEqual(is, kept) { // cmp is slow
		l.fatal(t, "(-rules +store):\n%s", cmp.Diff(is, kept))
	}
	l.rules = late.clone()
	at := map[string]string{}
	for id, kept := range l.found {
		k := kept.Clone()
		if k.ExpireAway(l.Clock.Now()); !k.Closed {
			l.checkLobby(t, id, &k, at)
		}
	}
	l.checkAnswers(t)
}

// checkLobby checks one lobby as its next reader sees it. at is the place of
// each connection so far.
func (l *simulation) checkLobby(t rapid.TB, id string, k *lobby.Lobby, at map[string]string) {
	t.Helper()
	peers, hosts := map[int]bool{}, 0
	list := func(conn string) {
		if at[conn] != "" {
			l.fatal(t, "%s is in %s and in %s", conn, at[conn], id)
		}
		at[conn] = id
	}
	for _, m := range k.Members {
		if list(m.Conn); peers[m.PeerID] {
			l.fatal(t, "two in %s are peer %d", id, m.PeerID)
		}
		if peers[m.PeerID] = true; m.PeerID == k.HostPeerID {
			hosts++
		}
		if m.Away() && m.AwayUntil.Sub(l.Clock.Now()) > time.Minute {
			l.fatal(t, "%s is away until %v, which is more than its grace", m.Conn, m.AwayUntil)
		}
	}
	for _, r := range k.Waiting {
		list(r.Conn)
	}
	if len(k.Members) > k.MaxPlayers {
		l.fatal(t, "%s has %d members, and room for %d", id, len(k.Members), k.MaxPlayers)
	}
	if hosts != 1 {
		l.fatal(t, "%s has %d hosts", id, hosts)
	}
	l.checkReuse(t, id, peers)
}

// checkReuse checks that no peer id is used twice.
func (l *simulation) checkReuse(t rapid.TB, id string, peers map[int]bool) {
	t.Helper()
	r := l.rules.rooms[id]
	ever := l.peerIDs[r.number]
	if ever == nil {
		ever = map[int]bool{}
		l.peerIDs[r.number] = ever
	}
	for peer := range ever {
		ever[peer] = ever[peer] && peers[peer]
	}
	for peer := range peers {
		if still, was := ever[peer]; was && !still {
			l.fatal(t, "somebody in %s is peer %d, as somebody was before", id, peer)
		}
		ever[peer] = true
	}
}

// checkAnswers checks that each client has its answer, or waits.
func (l *simulation) checkAnswers(t rapid.TB) {
	t.Helper()
	waits := l.rules.awaited()
	for key, open := range l.owed {
		conn, _, _ := strings.Cut(key, " ")
		switch {
		case open == 0, !l.Connected(conn):
			delete(l.owed, key)
		case !waits[key] && !l.rules.original[conn]:
			l.fatal(t, "%s is still to be answered", key)
		}
	}
}

// checkSecrets checks that no client receives a password, right or wrong.
func (l *simulation) checkSecrets(t rapid.TB, conn, data string) {
	t.Helper()
	for _, p := range passwords {
		if strings.Contains(data, p) {
			l.fatal(t, "%s hears a password: %s", conn, data)
		}
	}
}

// checkQuick checks that a client that looked for a lobby, and would open one,
// is in one then, or waits for one, or was told why not.
func (l *simulation) checkQuick(t rapid.TB, after *rules, e event, h []heardEvent) {
	t.Helper()
	isError := func(e heardEvent) bool { return e.Event == "error" }
	if e.name == "quick_join" && strings.Contains(e.text, "or_start") && after.at(e.conn) == nil && !slices.ContainsFunc(h, isError) {
		l.fatal(t, "%s is nowhere after %s", e.conn, e.text)
	}
}

// finish lets all clients leave, and then vanish. Every connected client can
// open a lobby, and then every id is free.
func (l *simulation) finish(t rapid.TB) {
	open := slices.DeleteFunc(slices.Clone(l.conns), func(conn string) bool { return !l.Connected(conn) })
	for _, conn := range open {
		l.say(t, &player{conn: conn}, step{What: "leave_lobby"})
	}
	l.pass(t, onItsWay)
	for _, conn := range open {
		l.mustStart(t, conn, "own-"+conn)
	}
	for _, conn := range open {
		l.Lose(conn)
	}
	l.pass(t, connected)
	for i, id := range slices.Sorted(slices.Values(l.named())) {
		l.connects(t, step{By: i % clients, N: 1})
		l.mustStart(t, l.conns[len(l.conns)-1], id)
	}
}

func (l *simulation) named() (ids []string) {
	for id := range l.ids {
		ids = append(ids, id)
	}
	return ids
}

func (l *simulation) mustStart(t rapid.TB, conn, id string) {
	t.Helper()
	before := l.seen["lobby_started"]
	a := ask{name: "start_lobby", lobby: id, requestID: "last"}
	l.name(a)
	l.happen(t, step{}, event{conn: conn, route: "$default", text: l.text(a), requestID: a.requestID, by: func(m *rules) { m.start(conn, a) }})
	if l.seen["lobby_started"] == before {
		l.fatal(t, "%s cannot start %s", conn, id)
	}
}
