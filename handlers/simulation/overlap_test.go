package simulation

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"pgregory.net/rapid"

	"bellhop/lobby"
)

// In half of the sequences processes crash. In the others steps overlap: while
// one step is handled, between any two of its calls, the other process handles
// others whole. No order of the steps explains the result, since an overtaken
// step might undo its effect. So the rules start again from the store, and the
// invariants are checked: each request_id is answered exactly once, no client
// is in two lobbies, and each knows exactly the members linked with it
// (checkAcquaintance).

// overlaps reports whether steps overlap in a sequence that begins with these
// numbers.
func overlaps(script []step) bool { return len(script) > 0 && script[0].N%2 == 0 }

// A moment is a step that happens while another is handled, before one of its
// calls.
type moment struct {
	at   int
	what func()
}

// playOverlapping plays a sequence without crashes.
func (l *simulation) playOverlapping(t rapid.TB, script []step) {
	for len(script) > 0 {
		n := min(script[0].Meanwhile, len(script)-1)
		for i := range n + 1 {
			script[i].Dies = 0
		}
		if n > 0 && script[1].N%4 == 0 {
			l.takeOver(t, &script[0], &script[1])
		}
		if !l.prepare(t, &script[0]) || n == 0 {
			l.do(t, script[0])
			script = script[1:]
			continue
		}
		l.overlap(t, script[0], script[1:n+1])
		script = script[n+1:]
	}
}

// takeOver turns two steps into a client that joins a lobby, and the lobby's
// host that resumes on another socket meanwhile. This needs so many
// coincidences that it would hardly come up by itself.
func (l *simulation) takeOver(t rapid.TB, first, second *step) {
	open := l.open()
	if len(open) == 0 {
		return
	}
	r := l.rules.rooms[strings.ToLower(open[first.N%len(open)])]
	for i := range l.players {
		if p := &l.players[i]; p.conn == r.seat(r.host).conn && len(p.tokens) > 0 {
			l.connects(t, step{By: i, N: 1, Process: second.Process})
			first.What, first.Sensible = "join_lobby", true
			second.What, second.By, second.N, second.Sensible = "resume", i, 0, false
			return
		}
	}
}

// prepare does what a step needs before it can begin, and reports whether other
// steps can happen while it is handled.
func (l *simulation) prepare(t rapid.TB, s *step) bool {
	if asks[s.What] == nil {
		return s.What == "is said to be gone"
	}
	if s.Sensible {
		*s = l.sensible(*s)
	}
	if !l.Connected(l.players[s.By].conn) {
		l.connects(t, *s)
	}
	if s.Sensible = false; s.mayStart() {
		l.pass(t, time.Second)
	}
	return true
}

// overlap handles the first step, and the others meanwhile.
func (l *simulation) overlap(t rapid.TB, first step, others []step) {
	t.Helper()
	sensible := make([]bool, len(others))
	for i := range others { // a prepared step can make others less likely to succeed, but not wrong
		sensible[i] = others[i].Sensible
		l.prepare(t, &others[i])
	}
	first.Process %= 2
	what := l.moment(first, first.Process, true, len(l.past))
	if what == nil {
		return
	}
	var moments []moment
	for i, s := range others {
		if what := l.moment(s, 1-first.Process, sensible[i], len(l.past)+i); what != nil {
			moments = append(moments, moment{1 + s.At, what})
		}
	}
	l.seen["overlaps"]++
	m := l.mortals[first.Process]
	m.calls, m.left, m.tried, m.moments = 0, 0, nil, moments
	l.overlapping(true)
	what()
	for _, late := range m.rest() {
		late.what()
	}
	l.overlapping(false)
	l.Clock.Move(time.Second) // overlapping ends here
	l.adoptStore(t)
}

// overlapping sets whether steps overlap now.
func (l *simulation) overlapping(now bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.meanwhiles = 0; now {
		l.meanwhiles = len(l.past) * 100
	}
}

// ticking is the clock. While steps overlap, it moves a little each time, so
// that of two lobbies one is older.
func (l *simulation) ticking() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.meanwhiles == 0 {
		return l.Clock.Now()
	}
	l.meanwhiles++
	return l.Clock.Now().Add(time.Duration(l.meanwhiles) * time.Microsecond)
}

// moment records step s and returns a function that does it, or nil.
func (l *simulation) moment(s step, process int, sensible bool, number int) func() {
	p := &l.players[s.By]
	conn, route, text := p.conn, "$default", ""
	switch {
	case s.What == "loses its socket":
		l.past = append(l.past, "meanwhile: "+conn+" loses its socket")
		return func() { l.Lose(conn) }
	case s.What == "is said to be gone":
		route = "$disconnect"
	case asks[s.What] != nil:
		s.Sensible = sensible
		a := l.ask(p, s)
		if a.password = nil; a.name == "join_lobby" {
			a.password = l.shows(a.lobby, s)
		}
		if a.orStart != nil {
			a.orStart.password = nil
		}
		if !s.WithoutAnswerID {
			a.requestID = fmt.Sprint("r", number)
			l.owed[conn+" "+a.requestID]++
		}
		text = l.text(a)
	}
	if conn == "" || text == "" && route == "$default" {
		return nil
	}
	l.past = append(l.past, fmt.Sprintf("meanwhile, before call %d: %s %s %s, process %d", 1+s.At, conn, route, text, process))
	h := l.processes[process]
	return func() {
		if route == "$disconnect" {
			l.Lose(conn)
		}
		l.InvokeBy(h, conn, route, text)
	}
}

// adoptStore restarts the rules from the state of the store, and checks the
// invariants.
func (l *simulation) adoptStore(t rapid.TB) {
	t.Helper()
	l.look(t)
	h := l.listen(t)
	for _, line := range l.Logged() {
		if !strings.Contains(line, "message of an unknown connection") { // of a lobby whose end was faster
			l.fatal(t, "the log says %q", line)
		}
	}
	is := l.rules.clone()
	is.now = l.Clock.Now()
	is.rooms = map[string]*room{}
	for id, k := range l.found {
		is.rooms[id] = l.roomOf(is, l.rules.rooms[id], k)
	}
	for _, conn := range l.conns {
		_, err := l.store.Connection(context.Background(), conn)
		if is.known[conn] = err == nil; l.Connected(conn) {
			l.claims[conn] = l.Clock.Now().Add(onItsWay)
		}
	}
	l.learnSeats(is, h)
	l.rules = is
	l.meet(t, h)
	l.check(t)
}

// roomOf returns the rules' form of a lobby in the store. was had its id
// before.
func (l *simulation) roomOf(m *rules, was *room, k *lobby.Lobby) *room {
	r := &room{
		id: k.ID, created: time.UnixMicro(k.CreatedAt).UTC(), host: k.HostPeerID, term: k.Term, max: k.MaxPlayers, auto: k.AutoAccept,
		locked: k.Locked, public: k.Public, mesh: k.Mesh, migrates: k.Migrates, roster: k.Roster, password: l.plain[k.Password], metadata: k.Metadata,
		banned: slices.Clone(k.Banned), used: map[int]bool{}, promised: k.LastPeerID,
	}
	if was != nil && was.created.Equal(r.created) {
		r.number = was.number
	} else {
		m.opened++
		r.number = m.opened
	}
	for _, s := range k.Members {
		former := strings.Join(append(slices.Clone(s.PreviousConns), ""), " ")
		spot := spot{peer: s.PeerID, conn: s.Conn, player: s.Player, former: former}
		if s.Away() {
			spot.away = s.AwayUntil.UTC()
		}
		r.seats = append(r.seats, spot)
	}
	for _, w := range k.Waiting {
		r.waiting = append(r.waiting, wait{w.Conn, w.RequestID, w.PeerID, w.Player})
	}
	for _, ids := range k.UsedPeerIDs {
		for id := ids[0]; id <= ids[1]; id++ {
			r.used[id] = true
		}
	}
	return r
}

// learnSeats is learn for tokens that are valid for a slot in the store: a
// lobby might have closed since a token was received.
func (l *simulation) learnSeats(m *rules, h map[string][]heardEvent) {
	good := maps.Clone(h)
	for conn, events := range h {
		good[conn] = slices.DeleteFunc(slices.Clone(events), func(e heardEvent) bool {
			part := strings.SplitN(e.token, ".", 3)
			if len(part) < 3 {
				return false
			}
			k, stored := l.found[strings.ToLower(part[2])], sha256.Sum256([]byte(part[0]))
			return k == nil || !slices.ContainsFunc(k.Members, func(m lobby.Member) bool {
				return strconv.Itoa(m.PeerID) == part[1] && m.Token == base64.RawURLEncoding.EncodeToString(stored[:])
			})
		})
	}
	l.learn(m, good)
}
