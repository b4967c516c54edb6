package simulation

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// An event is an event of API Gateway, with the rules' result for it.
type event struct {
	conn, route, text, requestID string
	name                         string // of the action, if it is one
	by                           func(*rules)
}

// happen lets a process handle e, which can crash it, and compares the results
// with the rules.
func (l *simulation) happen(t rapid.TB, s step, e event) {
	t.Helper()
	l.past = append(l.past, fmt.Sprintf("%s %s %s, process %d dies at %d (done %v)", e.conn, e.route, e.text, s.Process, s.Dies, s.DoneWhenItDies))
	l.seen["steps"]++
	before := l.rules
	before.lost = l.sockets()
	m := l.mortals[s.Process]
	m.calls, m.left, m.done, m.tried = 0, s.Dies, s.DoneWhenItDies, nil
	l.Handler = l.processes[s.Process]
	if e.requestID != "" {
		l.owed[e.conn+" "+e.requestID]++
	}
	status := l.Invoke(e.conn, e.route, e.text, "reference", nil)
	l.look(t)
	h := l.listen(t)
	after := l.expect(before, e, h, m.tried)
	l.seen.outcome(e, h[e.conn])
	switch log := l.Logged(); {
	case m.dead:
		l.begin(s.Process)
		after = l.adopt(t, before, after, h)
	case status != 200 || len(log) > 0:
		l.fatal(t, "status %d, and the log says %q", status, log)
	default:
		l.compare(t, after, h)
		l.checkQuick(t, after, e, h[e.conn])
	}
	l.learn(after, h)
	l.rules = after.clone()
	if m.dead { // what it has not sent is lost
		clear(l.met)
	} else {
		l.meet(t, h)
	}
	l.check(t)
}

// sockets returns the connections whose socket is gone.
func (l *simulation) sockets() map[string]bool {
	lost := map[string]bool{}
	for _, conn := range l.conns {
		lost[conn] = !l.Connected(conn)
	}
	return lost
}

// expect returns the rules' result for e. It leaves out a client that counts as
// in a lobby only because of a crash. If the choice of a lobby is random, it
// follows the Handler's choice.
func (l *simulation) expect(before *rules, e event, h map[string][]heardEvent, tried []string) *rules {
	after := before.clone()
	after.chance = tried
	inLobby := slices.ContainsFunc(h[e.conn], func(e heardEvent) bool { return e.inLobby })
	if inLobby && l.Clock.Now().Before(l.claims[e.conn]) {
		after.claimed = e.conn
	}
	e.by(after)
	after.settle()
	return after
}

// compare compares the received events, and the closed connections, with the
// rules.
func (l *simulation) compare(t rapid.TB, after *rules, h map[string][]heardEvent) {
	t.Helper()
	l.catchUp(after)
	if would, did := lines(after.heard), lines(bare(h)); !slices.Equal(would, did) {
		l.fatal(t, "heard (-rules +heard):\n%s", cmp.Diff(would, did))
	}
	for _, conn := range after.hungUp {
		if l.Connected(conn) {
			l.fatal(t, "%s was replaced, and its socket is open", conn)
		}
	}
}

// bare removes from h the fields that the rules do not know.
func bare(h map[string][]heardEvent) map[string][]said {
	all := map[string][]said{}
	for conn, events := range h {
		for _, e := range events {
			all[conn] = append(all[conn], e.said)
		}
	}
	return all
}

// lines returns the events of a step, sorted: those that two drops cause come
// in no order.
func lines(heard map[string][]said) (all []string) {
	for conn, events := range heard {
		for _, e := range events {
			all = append(all, fmt.Sprintf("%s < %+v", conn, e))
		}
	}
	slices.Sort(all)
	return all
}

// catchUp frees the slots in m whose grace has ended and that the store has
// freed already: any reader can do that.
func (l *simulation) catchUp(m *rules) {
	for id, r := range maps.Clone(m.rooms) {
		late := slices.ContainsFunc(r.seats, func(s spot) bool { return !s.away.IsZero() && !m.now.Before(s.away) })
		if late && (l.found[id] == nil || !l.found[id].Due(m.now)) {
			m.lapse(r)
		}
	}
	m.settle()
}

// adopt returns the state, among those that a crashed process might have left,
// that it has left. The received events are a part of those without the crash.
func (l *simulation) adopt(t rapid.TB, before, after *rules, h map[string][]heardEvent) (is *rules) {
	t.Helper()
	what := "deaths that left all as it was"
	try := func(m *rules) bool {
		m.gone = nil
		l.catchUp(m)
		return m.outcomes(func(m *rules) bool {
			if m.gone = nil; cmp.Equal(l.views(m), l.kept()) {
				is = m
			}
			return is != nil
		})
	}
	if !try(before.clone()) {
		if what = "deaths after a write"; !after.outcomes(try) {
			l.fatal(t, "a process that died has left (-before +store):\n%s\n(-after +store):\n%s",
				cmp.Diff(l.views(before), l.kept()), cmp.Diff(l.views(after), l.kept()))
		}
	}
	l.seen[what]++
	l.catchUp(after)
	would := lines(after.heard)
	for _, line := range lines(bare(h)) {
		i := slices.Index(would, line)
		if i < 0 {
			l.fatal(t, "of a process that died was heard %s\nwhich is none of\n%s", line, strings.Join(would, "\n"))
		}
		would = slices.Delete(would, i, i+1)
	}
	l.excuse(t, is)
	return is
}

// excuse records the answers that a crashed process owes no more, and what it
// might have left half done.
func (l *simulation) excuse(t rapid.TB, is *rules) {
	waits := is.awaited()
	maps.DeleteFunc(l.owed, func(key string, _ int) bool { return !waits[key] })
	for _, conn := range l.conns {
		_, err := l.store.Connection(context.Background(), conn)
		is.known[conn] = err == nil
		if l.Connected(conn) {
			l.claims[conn] = l.Clock.Now().Add(onItsWay)
		}
	}
}

// awaited returns the connections that wait with a request_id, and that
// request_id.
func (m *rules) awaited() map[string]bool {
	all := map[string]bool{}
	for _, r := range m.rooms {
		for _, w := range r.waiting {
			all[w.conn+" "+w.requestID] = true
		}
	}
	return all
}
