package handlers

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// An event is one of API Gateway's, and what the rules say of it.
type event struct {
	conn, route, text, requestID string
	by                           func(*rules)
}

// happen has e handled, by a process that may die of it, and holds what comes of it to the rules.
func (l *lives) happen(t rapid.TB, s step, e event) {
	t.Helper()
	l.past = append(l.past, fmt.Sprintf("%s %s %s, process %d dies at %d (done %v)", e.conn, e.route, e.text, s.Process, s.Dies, s.DoneWhenItDies))
	l.seen["steps"]++
	before := l.rules
	before.lost = l.sockets()
	m := l.mortals[s.Process]
	m.calls, m.left, m.done = 0, s.Dies, s.DoneWhenItDies
	l.Handler = l.processes[s.Process]
	if e.requestID != "" {
		l.owed[e.conn+" "+e.requestID]++
	}
	status := l.invoke(e.conn, e.route, e.text, "reference", nil)
	l.look(t)
	h := l.listen(t)
	after := l.expect(before, e, h)
	switch log := l.logged(); {
	case m.dead:
		l.begin(s.Process)
		after = l.adopt(t, before, after, h)
	case status != 200 || len(log) > 0:
		l.fatal(t, "status %d, and the log says %q", status, log)
	default:
		l.compare(t, after, h)
	}
	l.learn(after, h)
	l.rules = after.clone()
	l.check(t)
}

// sockets returns the connections whose socket is gone.
func (l *lives) sockets() map[string]bool {
	lost := map[string]bool{}
	for _, conn := range l.conns {
		lost[conn] = !l.connected(conn)
	}
	return lost
}

// expect returns what the rules make of e. Who may count as in a lobby, because a process died, and does, is not.
func (l *lives) expect(before *rules, e event, h map[string][]heardEvent) *rules {
	after := before.clone()
	inLobby := slices.ContainsFunc(h[e.conn], func(e heardEvent) bool { return e.inLobby })
	if inLobby && l.clock().Before(l.claims[e.conn]) {
		after.claimed = e.conn
	}
	e.by(after)
	after.settle()
	return after
}

// A heardEvent is one that somebody has heard.
type heardEvent struct {
	said
	token   string
	inLobby bool // says that its receiver is in a lobby already
}

// listen returns what everybody has heard, and counts the answers.
func (l *lives) listen(t rapid.TB) map[string][]heardEvent {
	all := map[string][]heardEvent{}
	for conn, inbox := range l.heard() {
		for _, data := range inbox {
			e := l.decode(t, conn, data)
			all[conn] = append(all[conn], e)
			l.seen[strings.TrimSpace(e.Event+" "+e.Code)]++
			if e.RequestID == "" {
				continue
			}
			if l.owed[conn+" "+e.RequestID]--; l.owed[conn+" "+e.RequestID] < 0 {
				l.fatal(t, "%s hears %s, and one answer too many", conn, data)
			}
		}
	}
	return all
}

// inBellhop is what the events of the original dialect are called in Bellhop's own.
var inBellhop = map[string]string{
	"received_join_request": "request_to_join", "join_request_accepted": "request_accepted",
	"join_request_rejected": "request_rejected", "lobby_creation_failed": "error",
}

func (l *lives) decode(t rapid.TB, conn, data string) heardEvent {
	var e struct {
		Event     string
		RequestID string `json:"request_id"`
		Content   struct {
			Code, Reason string
			Lobby        string `json:"lobby_id"`
			Conn         string `json:"connection_id"`
			New          string `json:"new_connection_id"`
			Host         string `json:"host_connection_id"`
			Until        string `json:"resume_until"`
			Peer         int    `json:"peer_id"`
			Token        string `json:"resume_token"`
			Term         int
			Peers        []peerHeard
		}
	}
	if err := json.Unmarshal([]byte(data), &e); err != nil {
		l.fatal(t, "%s hears %s: %v", conn, data, err)
	}
	c, inLobby := e.Content, strings.Contains(data, "Leave the lobby you are in")
	if l.rules.original[conn] {
		event := e.Event
		if name, ok := inBellhop[event]; ok {
			event = name
		}
		return heardEvent{said: said{Event: event, RequestID: e.RequestID}, inLobby: inLobby}
	}
	if e.Event != "lobby_closed" && e.Event != "peer_left" {
		c.Reason = "" // is for people
	}
	peers := ""
	for _, p := range c.Peers {
		peers += fmt.Sprint(p.Peer, "=", p.Conn, " ", p.Away, ";")
	}
	return heardEvent{said{e.Event, c.Code, c.Lobby, c.Conn, c.New, c.Host, c.Reason, c.Until, peers, e.RequestID, c.Peer, c.Term}, c.Token, inLobby}
}

type peerHeard struct {
	Conn string `json:"connection_id"`
	Peer int    `json:"peer_id"`
	Away bool
}

// compare holds what everybody has heard, and who was hung up on, to the rules.
func (l *lives) compare(t rapid.TB, after *rules, h map[string][]heardEvent) {
	t.Helper()
	l.catchUp(after)
	if diff := cmp.Diff(lines(after.heard), lines(bare(h))); diff != "" {
		l.fatal(t, "heard (-rules +heard):\n%s", diff)
	}
	for _, conn := range after.hungUp {
		if l.connected(conn) {
			l.fatal(t, "%s was replaced, and its socket is open", conn)
		}
	}
}

// bare leaves out of h what the rules do not know.
func bare(h map[string][]heardEvent) map[string][]said {
	all := map[string][]said{}
	for conn, events := range h {
		for _, e := range events {
			all[conn] = append(all[conn], e.said)
		}
	}
	return all
}

// lines is what everybody hears in a step, without its order: what two drops cause comes in none.
func lines(heard map[string][]said) (all []string) {
	for conn, events := range heard {
		for _, e := range events {
			all = append(all, fmt.Sprintf("%s < %+v", conn, e))
		}
	}
	slices.Sort(all)
	return all
}

// catchUp has the places lapse in m that are late and have lapsed in the store: whoever comes by may see to it.
func (l *lives) catchUp(m *rules) {
	for id, r := range maps.Clone(m.rooms) {
		late := slices.ContainsFunc(r.seats, func(s spot) bool { return !s.away.IsZero() && !m.now.Before(s.away) })
		if late && (l.found[id] == nil || !l.found[id].Due(m.now)) {
			m.lapse(r)
		}
	}
	m.settle()
}

// adopt returns which of the states that a dead process may have left it has left. What anybody heard of it is some of
// what they would have heard.
func (l *lives) adopt(t rapid.TB, before, after *rules, h map[string][]heardEvent) (is *rules) {
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

// excuse notes what a dead process owes nobody any more, and what it may have left half done.
func (l *lives) excuse(t rapid.TB, is *rules) {
	waits := is.awaited()
	maps.DeleteFunc(l.owed, func(key string, _ int) bool { return !waits[key] })
	for _, conn := range l.conns {
		_, err := l.store.Connection(context.Background(), conn)
		is.known[conn] = err == nil
		if l.connected(conn) {
			l.claims[conn] = l.clock().Add(onItsWay)
		}
	}
}

// awaited returns the connections that wait with a request_id, and that.
func (m *rules) awaited() map[string]bool {
	all := map[string]bool{}
	for _, r := range m.rooms {
		for _, w := range r.waiting {
			all[w.conn+" "+w.requestID] = true
		}
	}
	return all
}

// learn notes which place each token is for that somebody has heard.
func (l *lives) learn(m *rules, h map[string][]heardEvent) {
	for conn, events := range h {
		for _, e := range events {
			r := m.rooms[strings.ToLower(e.Lobby)]
			if e.token == "" || r == nil {
				continue
			}
			m.tokens[e.token] = ticket{r.number, e.Peer}
			for i := range l.players {
				if p := &l.players[i]; p.conn == conn || p.other == conn {
					p.tokens = append(p.tokens, e.token)
				}
			}
		}
	}
}

// A tally counts what has come up.
type tally map[string]int

// mustCome are events without which a run has tried too little.
var mustCome = strings.Fields("lobby_started request_to_join request_accepted request_cancelled peer_joined peer_left peer_disconnected " +
	"peer_resumed resumed replaced host_changed lobby_closed lobby_left lobby_updated removed done pong received_ice_candidate")

// report prints what has come up, and with all wants everything.
func (n tally) report(t *testing.T, all bool) {
	t.Helper()
	var lines []string
	for what, times := range n {
		lines = append(lines, fmt.Sprint(what, " ", times))
	}
	slices.Sort(lines)
	t.Logf("%s", strings.Join(lines, ", "))
	for _, what := range mustCome {
		if all && n[what] == 0 {
			t.Errorf("nobody ever heard %s", what)
		}
	}
}
