package store_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync/atomic"
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
		"forget":   always(func(l *store.Lobby) { l.Forget("host", conn) }),
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
		l.Forget(by, r.Conn)
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

// games counts, so that each run of a model has a game, and connections, that none had before.
var games atomic.Int64

// A kept is what the stores are compared with: maps, one caller at a time.
type kept struct {
	now         func() time.Time
	game        string
	lobbies     map[store.Key]store.Lobby
	connections map[string]store.Connection
}

func (k *kept) lobby(key store.Key) (store.Lobby, error) {
	l, ok := k.lobbies[key]
	if !ok || !k.now().Before(l.ExpiresAt) {
		return store.Lobby{}, store.ErrNotFound
	}
	return l.Clone(), nil
}

func (k *kept) connection(id string) (store.Connection, error) {
	c, ok := k.connections[id]
	if !ok || !k.now().Before(c.ExpiresAt) {
		return store.Connection{}, store.ErrNotFound
	}
	return c, nil
}

func (k *kept) create(l store.Lobby) error {
	if _, err := k.lobby(l.Key()); err == nil {
		return store.ErrExists
	}
	k.lobbies[l.Key()] = l.Clone()
	return nil
}

func (k *kept) update(key store.Key, rule func(*store.Lobby) error) (store.Lobby, error) {
	l, err := k.lobby(key)
	if err != nil {
		return l, err
	}
	if err := rule(&l); err != nil {
		return store.Lobby{}, err
	}
	if k.lobbies[key] = l.Clone(); l.Closed {
		delete(k.lobbies, key)
	}
	return l, nil
}

// point also reports whether the connection pointed there already: then a store may have taken the call for its own,
// repeated because an answer was lost.
func (k *kept) point(id string, from, to store.Pointer) (c store.Connection, err error, already bool) {
	if c, err = k.connection(id); err != nil {
		return c, err, false
	}
	if c.Pointer != from {
		return c, store.ErrConflict, c.Pointer == to
	}
	c.Pointer = to
	k.connections[id] = c
	return c, nil, false
}

// TestModelOfStores does random things to each backend and to maps, and wants the same answers. So all backends
// answer alike.
func TestModelOfStores(t *testing.T) {
	eachBackend(t, func(t *testing.T, open func(*testing.T) (store.Store, *clock)) {
		s, c := open(t)
		rapid.Check(t, func(t *rapid.T) {
			k := &kept{
				now: c.Now, game: fmt.Sprint("game", games.Add(1)),
				lobbies: map[store.Key]store.Lobby{}, connections: map[string]store.Connection{},
			}
			t.Repeat(map[string]func(*rapid.T){
				"create":     func(t *rapid.T) { modelCreate(t, s, k) },
				"update":     func(t *rapid.T) { modelUpdate(t, s, k) },
				"update2":    func(t *rapid.T) { modelUpdate(t, s, k) }, // more often than the others
				"stale":      func(t *rapid.T) { modelStale(t, s, k) },
				"read":       func(t *rapid.T) { modelRead(t, s, k) },
				"put":        func(t *rapid.T) { modelPut(t, s, k) },
				"point":      func(t *rapid.T) { modelPoint(t, s, k) },
				"disconnect": func(t *rapid.T) { modelDelete(t, s, k) },
				"time":       func(t *rapid.T) { c.Move(time.Duration(rapid.IntRange(1, 10).Draw(t, "seconds")) * time.Second) },
			})
		})
	})
}

func drawID(t *rapid.T) string {
	return rapid.SampledFrom([]string{"Blue", "bLUE", "red"}).Draw(t, "lobby")
}

func (k *kept) drawKey(t *rapid.T) store.Key { return store.LobbyKey(k.game, drawID(t)) }

func (k *kept) drawConn(t *rapid.T) string {
	return k.game + "-" + rapid.SampledFrom([]string{"a", "A", "b"}).Draw(t, "connection")
}

func (k *kept) drawExpiry(t *rapid.T) time.Time {
	return k.now().Add(time.Duration(rapid.IntRange(1, 60).Draw(t, "lives")) * time.Second)
}

func drawPointer(t *rapid.T, name string) store.Pointer {
	id := rapid.SampledFrom([]string{"", "blue", "red"}).Draw(t, name)
	return store.Pointer{LobbyID: id, Since: rapid.Int64Range(0, 1).Draw(t, "since")}
}

// wantAlike compares what a store and the model have answered.
func wantAlike(t *rapid.T, got, want any, gotErr, wantErr error) {
	t.Helper()
	if !errors.Is(gotErr, wantErr) {
		t.Fatalf("store: %v, model: %v", gotErr, wantErr)
	}
	if diff := cmp.Diff(want, got, same); diff != "" {
		t.Fatalf("(-model +store):\n%s", diff)
	}
}

func modelCreate(t *rapid.T, s store.Store, k *kept) {
	l := store.NewLobby(k.game, drawID(t), store.Member{Conn: "host", Original: rapid.Bool().Draw(t, "original")})
	l.ExpiresAt = k.drawExpiry(t)
	wantAlike(t, nil, nil, s.CreateLobby(context.Background(), l), k.create(l))
}

func modelUpdate(t *rapid.T, s store.Store, k *kept) {
	key, c, expires := k.drawKey(t), commands.Draw(t, "command"), k.drawExpiry(t)
	rule := func(l *store.Lobby) error {
		l.ExpiresAt = expires
		return c.rule(l)
	}
	before, _ := k.lobby(key)
	got, err := store.UpdateLobby(context.Background(), s, key, nil, rule)
	want, wantErr := k.update(key, rule)
	if got == nil {
		got = &store.Lobby{}
	}
	wantAlike(t, *got, want, err, wantErr)
	if err == nil {
		checkInvariants(t, got)
		wantAlike(t, got.Gone(), gone(&before, got, c.drops), nil, nil)
		wantAlike(t, got.Changes, want.Changes, nil, nil)
	}
}

// gone returns whom before lists and after does not, but for one that dropped.
func gone(before, after *store.Lobby, dropped string) (places []store.Place) {
	for _, m := range before.Members {
		if !after.Lists(m.Conn) && m.Conn != dropped {
			places = append(places, store.Place{Conn: m.Conn, Since: m.Since})
		}
	}
	for _, r := range before.Waiting {
		if !after.Lists(r.Conn) && r.Conn != dropped {
			places = append(places, store.Place{Conn: r.Conn, Since: r.Since})
		}
	}
	return places
}

// modelStale lets a second writer win between the first one's read and write.
func modelStale(t *rapid.T, s store.Store, k *kept) {
	key, c := k.drawKey(t), commands.Draw(t, "command")
	read, err := s.Lobby(context.Background(), key)
	_, wantErr := k.lobby(key)
	wantAlike(t, nil, nil, err, wantErr)
	if err != nil {
		return
	}
	_, err = store.UpdateLobby(context.Background(), s, key, nil, c.rule)
	_, wantErr = k.update(key, c.rule)
	wantAlike(t, nil, nil, err, wantErr)
	if err == nil {
		late := read.Clone()
		late.Closed = rapid.Bool().Draw(t, "closed")
		wantAlike(t, nil, nil, s.SwapLobby(context.Background(), late), store.ErrConflict)
	}
}

func modelRead(t *rapid.T, s store.Store, k *kept) {
	key, id := k.drawKey(t), k.drawConn(t)
	l, err := s.Lobby(context.Background(), key)
	want, wantErr := k.lobby(key)
	if l == nil {
		l = &store.Lobby{}
	}
	wantAlike(t, *l, want, err, wantErr)
	c, err := s.Connection(context.Background(), id)
	wantC, wantErr := k.connection(id)
	wantAlike(t, c, wantC, err, wantErr)
}

func modelPut(t *rapid.T, s store.Store, k *kept) {
	c := store.Connection{ID: k.drawConn(t), Game: k.game, Pointer: drawPointer(t, "at"), ExpiresAt: k.drawExpiry(t)}
	k.connections[c.ID] = c
	wantAlike(t, nil, nil, s.PutConnection(context.Background(), c), nil)
}

func modelPoint(t *rapid.T, s store.Store, k *kept) {
	id, from, to := k.drawConn(t), drawPointer(t, "from"), drawPointer(t, "to")
	if c, err := k.connection(id); err == nil && rapid.Bool().Draw(t, "right") {
		from = c.Pointer
	}
	got, err := s.Point(context.Background(), id, from, to)
	want, wantErr, already := k.point(id, from, to)
	if already && err == nil {
		wantErr = nil
	}
	wantAlike(t, got, want, err, wantErr)
}

func modelDelete(t *rapid.T, s store.Store, k *kept) {
	id := k.drawConn(t)
	got, err := s.DeleteConnection(context.Background(), id)
	want, wantErr := k.connection(id)
	delete(k.connections, id)
	wantAlike(t, got, want, err, wantErr)
}
