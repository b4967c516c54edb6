package store_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"bellhop/store"
)

// invariants returns what is wrong with l: what must be so of every lobby, whatever happens in whichever order.
func invariants(l *store.Lobby) error {
	if l.Closed {
		if len(l.Members) > 0 || len(l.Waiting) > 0 {
			return errors.New("somebody is in a lobby that is closed")
		}
		return nil
	}
	if host := l.Host(); l.HostID != store.HostPeerID || host.PeerID != store.HostPeerID || host.Conn == "" {
		return fmt.Errorf("host is %+v", host)
	}
	if len(l.Members) > l.MaxPlayers {
		return fmt.Errorf("%d members, more than %d", len(l.Members), l.MaxPlayers)
	}
	if l.Host().Away() && len(l.Waiting) > 0 {
		return fmt.Errorf("%d wait for a host that is away", len(l.Waiting))
	}
	conns, ids := map[string]bool{}, map[int]bool{}
	for _, m := range l.Members {
		switch {
		case conns[m.Conn]:
			return fmt.Errorf("%s is in it twice", m.Conn)
		case ids[m.PeerID]:
			return fmt.Errorf("two are peer %d", m.PeerID)
		case !used(l, m.PeerID):
			return fmt.Errorf("%+v has a peer id that is not used", m)
		case m.Away() && m.Original:
			return fmt.Errorf("a place is held for %s, who cannot resume", m.Conn)
		}
		conns[m.Conn], ids[m.PeerID] = true, true
	}
	promised := map[int]bool{}
	for _, r := range l.Waiting {
		switch {
		case conns[r.Conn]:
			return fmt.Errorf("%s is in it twice", r.Conn)
		case promised[r.PeerID]:
			return fmt.Errorf("peer id %d is promised to two", r.PeerID)
		case r.PeerID <= store.HostPeerID || r.PeerID > l.Promised:
			return fmt.Errorf("%s was promised %d, and the highest promised is %d", r.Conn, r.PeerID, l.Promised)
		}
		conns[r.Conn], promised[r.PeerID] = true, true
	}
	return rangesInOrder(l)
}

// rangesInOrder checks that l remembers peer ids in ranges, in order and not touching, and not too many.
func rangesInOrder(l *store.Lobby) error {
	if len(l.Used) > 256 || len(l.Used) == 0 || l.Used[0][0] != store.HostPeerID {
		return fmt.Errorf("%d ranges of used peer ids: %v", len(l.Used), l.Used)
	}
	for i, r := range l.Used {
		if r[0] > r[1] || i > 0 && l.Used[i-1][1]+1 >= r[0] || r[1] > l.Promised {
			return fmt.Errorf("range %d of used peer ids is wrong: %v", i, l.Used)
		}
	}
	return nil
}

// used reports whether a member of l has, or had, peer id.
func used(l *store.Lobby, id int) bool {
	return slices.ContainsFunc(l.Used, func(r [2]int) bool { return r[0] <= id && id <= r[1] })
}

func checkInvariants(t rapid.TB, l *store.Lobby) {
	t.Helper()
	if err := invariants(l); err != nil {
		t.Fatalf("%v: %+v", err, l)
	}
}

// A command is a rule with its arguments, and how to say it.
type command struct {
	say   string
	rule  func(l *store.Lobby) error
	drops string // whose connection the rule says is gone
}

var commands = rapid.Custom(drawCommand)

// conns are few, so that commands meet. The first is the host.
var conns = []string{"host", "ann", "bob", "cat", "dan", "eve", "fay", "gus"}

// drawCommand draws any rule with any arguments, sensible or not.
func drawCommand(t *rapid.T) command {
	conn := rapid.SampledFrom(conns).Draw(t, "conn")
	by := rapid.SampledFrom([]string{"host", "host", "host", "ann"}).Draw(t, "by")
	want := rapid.SampledFrom([]int{0, 0, 0, 2, 3, 5, 8, 1 << 20, 1<<31 - 2, 1<<31 - 1}).Draw(t, "want")
	at := epoch.Add(time.Duration(rapid.IntRange(0, 20).Draw(t, "at")) * time.Second)
	original := rapid.IntRange(0, 3).Draw(t, "original") == 0
	all := map[string]func(l *store.Lobby) error{
		"request": func(l *store.Lobby) error {
			return l.Request(store.Request{Conn: conn, Original: original, Since: at.Unix()})
		},
		"accept":   accept(by, conn, want),
		"only one": accept(by, "", want),
		"reject":   reject(by, conn),
		"withdraw": withdraw(conn),
		"leave":    leave(conn),
		"drop":     func(l *store.Lobby) error { return l.Drop(conn, at) },
		"lapse":    lapse(at),
		"close":    shut(by),
		"forget":   always(func(l *store.Lobby) { as := l.Clone(); l.UndoAccept(&as, conn) }),
		"takeback": takeBack(by, conn, want),
	}
	likely := []string{"request", "request", "request", "accept", "accept", "only one"}
	name := rapid.SampledFrom(append(likely, slices.Sorted(maps.Keys(all))...)).Draw(t, "name")
	c := command{say: fmt.Sprintf("%s by %s: %s as %d at %s", name, by, conn, want, at.Format(time.TimeOnly)), rule: all[name]}
	if name == "drop" {
		c.drops = conn
	}
	return c
}

// takeBack accepts and then undoes it: the one accepted waits again.
func takeBack(by, conn string, want int) func(l *store.Lobby) error {
	return func(l *store.Lobby) error {
		_, r, err := l.Accept(by, conn, want, "")
		if err != nil {
			return err
		}
		as := l.Clone()
		l.UndoAccept(&as, r.Conn)
		l.Readmit(by, r)
		return nil
	}
}

// ruleErrors are all that a rule may say no with.
var ruleErrors = []error{
	store.ErrAlreadyIn, store.ErrNotIn, store.ErrNotHost, store.ErrHostAway, store.ErrFull, store.ErrNotWaiting,
	store.ErrSeveralWaiting, store.ErrPeerIDTaken,
}

// TestModelOfRules applies random rules to a lobby. Whatever they are, the invariants hold; a rule that says no has
// changed nothing and says so with an error that has a name; nobody gets a peer id that somebody had; and nobody becomes
// a member who did not wait.
func TestModelOfRules(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var l store.Lobby
		open := func(t *rapid.T) {
			l = lobbyOf("blue-fox")
			l.MaxPlayers = rapid.IntRange(1, 6).Draw(t, "max")
		}
		open(t)
		t.Repeat(map[string]func(*rapid.T){
			"": func(t *rapid.T) { checkInvariants(t, &l) },
			"rule": func(t *rapid.T) {
				if l.Closed {
					open(t)
				}
				obey(t, &l, commands.Draw(t, "command"))
			},
		})
	})
}

// obey applies c to l and checks what became of it.
func obey(t *rapid.T, l *store.Lobby, c command) {
	t.Helper()
	l.Changes = nil
	before := l.Clone()
	err := c.rule(l)
	if err == nil {
		checkStep(t, &before, l)
		checkAudience(t, &before, l)
		return
	}
	if !slices.Contains(ruleErrors, err) {
		t.Fatalf("%s: %v, which has no name", c.say, err)
	}
	if diff := cmp.Diff(before, *l, exactly); diff != "" {
		t.Fatalf("%s: %v, and yet (-before +after):\n%s", c.say, err, diff)
	}
}

// checkStep compares a lobby before and after a rule that was obeyed.
func checkStep(t *rapid.T, before, after *store.Lobby) {
	t.Helper()
	for _, m := range after.Members {
		was, in := before.Member(m.Conn)
		switch {
		case in && was.PeerID != m.PeerID:
			t.Fatalf("%s was peer %d and is %d", m.Conn, was.PeerID, m.PeerID)
		case !in && !before.Lists(m.Conn):
			t.Fatalf("%s is in it and did not wait", m.Conn)
		case !in && used(before, m.PeerID):
			t.Fatalf("%s is peer %d, as somebody was before", m.Conn, m.PeerID)
		}
	}
	heard := map[string]bool{}
	for _, c := range after.Changes {
		for _, r := range c.Requests {
			heard[r.Conn] = true
		}
	}
	for _, r := range before.Waiting {
		if after.Host().Away() && !after.Lists(r.Conn) && !heard[r.Conn] && !before.Host().Away() {
			t.Fatalf("the host is away, and %s does not hear of it", r.Conn)
		}
	}
	for _, r := range before.Used {
		if !after.Closed && (!used(after, r[0]) || !used(after, r[1])) {
			t.Fatalf("of the peer ids %v some are forgotten: %v", r, after.Used)
		}
	}
}

// checkAudience checks who hears of a change: members, of which none is who it happened to, and of a member the host
// alone unless it is the host.
func checkAudience(t *rapid.T, before, after *store.Lobby) {
	t.Helper()
	for _, c := range after.Changes {
		for _, m := range c.To {
			if _, ok := before.Member(m.Conn); !ok {
				t.Fatalf("%s hears of %+v and was no member", m.Conn, c)
			}
			if m.Conn == c.Conn {
				t.Fatalf("%s hears of its own %+v", m.Conn, c)
			}
			if c.Kind != store.Closed && c.PeerID != store.HostPeerID && m.PeerID != store.HostPeerID {
				t.Fatalf("%s hears of %+v, which is for the host", m.Conn, c)
			}
		}
	}
	ended := slices.IndexFunc(after.Changes, func(c store.Change) bool { return c.Kind == store.Closed })
	if after.Closed != (ended >= 0) || after.Closed && ended != len(after.Changes)-1 { // who lapsed before the host has left first
		t.Fatalf("closed is %v after %+v", after.Closed, after.Changes)
	}
}
