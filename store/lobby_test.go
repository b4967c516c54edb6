package store_test

import (
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"bellhop/store"
)

// exactly compares all of a lobby that can be seen, its Changes too.
var exactly = cmp.Options{cmpopts.IgnoreUnexported(store.Lobby{}), cmpopts.EquateEmpty()}

// Those in party's lobby. Old cannot resume, and wes and xia wait.
var (
	host = store.Member{Conn: "host", PeerID: 1, Since: 10}
	ann  = store.Member{Conn: "ann", PeerID: 2, Since: 20}
	bob  = store.Member{Conn: "bob", PeerID: 3, Since: 30}
	old  = store.Member{Conn: "old", PeerID: 4, Since: 40, Original: true}
	wes  = store.Request{Conn: "wes", PeerID: 5, Since: 50, RequestID: "r5"}
	xia  = store.Request{Conn: "xia", PeerID: 6, Since: 60, Original: true}
)

// party returns a lobby with a host, three members and two who wait.
func party() store.Lobby {
	return store.Lobby{
		Game: "tanks", ID: "Blue-Fox", Members: []store.Member{host, ann, bob, old}, Waiting: []store.Request{wes, xia},
		MaxPlayers: 5, HostID: 1, Used: [][2]int{{1, 4}}, Promised: 6, Version: 9, ExpiresAt: epoch.Add(time.Hour),
	}
}

var later = epoch.Add(30 * time.Second)

func away(m store.Member) store.Member {
	m.AwayUntil = later
	return m
}

// A lobbyTest applies a rule to party, as was has made it. What changes is what want does to a copy: without want it is
// nothing, and so it is with every err.
type lobbyTest struct {
	was  func(l *store.Lobby)
	rule func(l *store.Lobby) error
	err  error
	want func(l *store.Lobby)
}

func (tt lobbyTest) run(t *testing.T) {
	got := party()
	if tt.was != nil {
		tt.was(&got)
	}
	want := got.Clone()
	want.Changes = slices.Clone(got.Changes)
	if tt.want != nil {
		tt.want(&want)
	}
	wantErr(t, "rule", tt.rule(&got), tt.err)
	if diff := cmp.Diff(want, got, exactly); diff != "" {
		t.Errorf("lobby (-want +got):\n%s", diff)
	}
	if tt.err == nil {
		checkInvariants(t, &got)
	}
}

// Rules as functions of a lobby, for the table.

func request(conn string) func(*store.Lobby) error {
	return func(l *store.Lobby) error { return l.Request(store.Request{Conn: conn, Since: 70, RequestID: "r7"}) }
}

func accept(by, conn string, want int) func(*store.Lobby) error {
	return func(l *store.Lobby) error {
		_, _, err := l.Accept(by, conn, want, "")
		return err
	}
}

func reject(by, conn string) func(*store.Lobby) error {
	return func(l *store.Lobby) error {
		_, err := l.Reject(by, conn)
		return err
	}
}

func withdraw(conn string) func(*store.Lobby) error {
	return func(l *store.Lobby) error {
		_, err := l.Withdraw(conn)
		return err
	}
}

func leave(conn string) func(*store.Lobby) error {
	return func(l *store.Lobby) error { return l.Leave(conn) }
}

func drop(conn string) func(*store.Lobby) error {
	return func(l *store.Lobby) error { return l.Drop(conn, later) }
}

func shut(by string) func(*store.Lobby) error {
	return func(l *store.Lobby) error { return l.Close(by) }
}

// always makes a rule of a function that cannot fail.
func always(f func(*store.Lobby)) func(*store.Lobby) error {
	return func(l *store.Lobby) error {
		f(l)
		return nil
	}
}

func peer(from, to string) func(*store.Lobby) error {
	return func(l *store.Lobby) error {
		_, _, err := l.Peer(from, to)
		return err
	}
}

// Lobbies before a rule.

func full(l *store.Lobby)        { l.MaxPlayers = len(l.Members) }
func hostAway(l *store.Lobby)    { l.Members[0], l.Waiting = away(host), nil }
func annAway(l *store.Lobby)     { l.Members[1] = away(ann) }
func nobodyWaits(l *store.Lobby) { l.Waiting = nil }
func onlyWes(l *store.Lobby)     { l.Waiting = l.Waiting[:1] }

func queueFull(l *store.Lobby) {
	for i := len(l.Waiting); i < store.MaxWaiting; i++ {
		l.Promised++
		l.Waiting = append(l.Waiting, store.Request{Conn: fmt.Sprint("guest", i), PeerID: l.Promised})
	}
}

// ended is what a lobby is when it has closed.
func ended(l *store.Lobby, reason string, hear ...store.Member) {
	l.Changes = append(l.Changes, store.Change{Kind: store.Closed, Reason: reason, To: hear, Requests: l.Waiting})
	l.Closed, l.Members, l.Waiting = true, nil, nil
}

// without says that l has lost its i-th member, of which the host hears.
func without(l *store.Lobby, i int, reason string) {
	m := l.Members[i]
	l.Changes = append(l.Changes, store.Change{
		Kind: store.Left, Conn: m.Conn, PeerID: m.PeerID, Reason: reason, To: []store.Member{l.Members[0]},
	})
	l.Members = append(l.Members[:i:i], l.Members[i+1:]...)
}

// cancelled says that l's i-th request is no more, of which the host hears.
func cancelled(l *store.Lobby, i int) {
	r := l.Waiting[i]
	l.Changes = append(l.Changes, store.Change{
		Kind: store.Cancelled, Conn: r.Conn, To: []store.Member{l.Members[0]}, Requests: []store.Request{r},
	})
	l.Waiting = append(l.Waiting[:i:i], l.Waiting[i+1:]...)
}

// admitted says that l's i-th request has been accepted as peer id.
func admitted(l *store.Lobby, i, id int, used ...[2]int) {
	r := l.Waiting[i]
	l.Members = append(l.Members, store.Member{Conn: r.Conn, PeerID: id, Original: r.Original, Since: r.Since})
	l.Waiting = append(l.Waiting[:i:i], l.Waiting[i+1:]...)
	l.Used, l.Promised = used, max(l.Promised, id)
}

// TestRules guards what each rule does to the whole lobby, who hears of it, and that a rule which says no changes nothing.
func TestRules(t *testing.T) {
	for name, tt := range lobbyTests {
		t.Run(name, tt.run)
	}
}

// TestAnswers guards what the rules that return more than an error return.
func TestAnswers(t *testing.T) {
	l := party()
	m, r, err := l.Accept("host", "xia", 40, "")
	want := store.Member{Conn: "xia", PeerID: 40, Original: true, Since: 60}
	if !reflect.DeepEqual(m, want) || r != xia || err != nil {
		t.Errorf("Accept = %v, %v, %v, want %v, %v", m, r, err, want, xia)
	}
	if r, err := l.Reject("host", "wes"); r != wes || err != nil {
		t.Errorf("Reject = %v, %v, want %v", r, err, wes)
	}
	if from, m, err := l.Peer("host", "xia"); from != 1 || !reflect.DeepEqual(m, want) || err != nil {
		t.Errorf("Peer = %v, %v, %v, want 1, %v", from, m, err, want)
	}
	if from, m, err := l.Peer("xia", "host"); from != 40 || !reflect.DeepEqual(m, host) || err != nil {
		t.Errorf("Peer = %v, %v, %v, want 40, %v", from, m, err, host)
	}
}

// TestRefusalsReturnNobody guards that a rule which says no hands out no member and no request.
func TestRefusalsReturnNobody(t *testing.T) {
	l := party()
	for _, conn := range []string{"", "yan", "ann"} {
		m, r, _ := l.Accept("host", conn, 0, "")
		rejected, _ := l.Reject("host", conn)
		withdrawn, _ := l.Withdraw(conn)
		_, p, _ := l.Peer("wes", conn)
		if none := (store.Request{}); m.Conn != "" || p.Conn != "" || r != none || rejected != none || withdrawn != none {
			t.Errorf("%q: %v %v %v %v %v, want nobody", conn, m, r, rejected, withdrawn, p)
		}
	}
}

// TestNewLobby guards that a new lobby has its host in it, as peer 1, and nobody else.
func TestNewLobby(t *testing.T) {
	got := store.NewLobby("tanks", "Blue-Fox", store.Member{Conn: "host", PeerID: 12, Since: 10, Original: true})
	want := store.Lobby{
		Game: "tanks", ID: "Blue-Fox", Members: []store.Member{{Conn: "host", PeerID: 1, Since: 10, Original: true}},
		MaxPlayers: 8, HostID: 1, Term: 1, Used: [][2]int{{1, 1}}, Promised: 1,
	}
	if diff := cmp.Diff(want, got, exactly); diff != "" {
		t.Errorf("NewLobby (-want +got):\n%s", diff)
	}
}

// TestKeys guards that ids which differ in case share a key, and games which do have their own.
func TestKeys(t *testing.T) {
	l, c := party(), store.Connection{Game: "tanks", Pointer: store.Pointer{LobbyID: "blue-fox"}}
	if l.Key() != "tanks#blue-fox" || c.Key() != l.Key() || store.LobbyKey("Tanks", "blue-fox") == l.Key() {
		t.Errorf("keys are %q, %q and %q", l.Key(), c.Key(), store.LobbyKey("Tanks", "blue-fox"))
	}
}

// TestWhoIsIn guards the look-ups: by connection, and in the list where it is.
func TestWhoIsIn(t *testing.T) {
	l := party()
	for conn, want := range map[string]struct{ member, lists bool }{
		"host": {true, true}, "ann": {true, true}, "wes": {false, true}, "yan": {}, "": {}, "Ann": {},
	} {
		m, member := l.Member(conn)
		if member != want.member || l.Lists(conn) != want.lists || member && m.Conn != conn {
			t.Errorf("%q: member %v (%v), listed %v, want %v", conn, member, m, l.Lists(conn), want)
		}
	}
	if !reflect.DeepEqual(l.Host(), host) {
		t.Errorf("Host is %v", l.Host())
	}
	wantErr(t, "Close", l.Close("host"), nil)
	if l.Host().Conn != "" || l.Lists("host") || l.Lists("wes") {
		t.Errorf("somebody is in a lobby that is closed: %+v", l)
	}
}

// TestDue guards when a lobby has to be looked at because somebody was away for too long.
func TestDue(t *testing.T) {
	for name, tt := range map[string]struct {
		was func(*store.Lobby)
		now time.Time
		due bool
	}{
		"nobody is away": {func(*store.Lobby) {}, later.Add(time.Hour), false},
		"too early":      {annAway, later.Add(-time.Nanosecond), false},
		"just on time":   {annAway, later, true},
		"the host":       {hostAway, later.Add(time.Hour), true},
		"one of two":     {func(l *store.Lobby) { annAway(l); l.Members[0] = away(host); l.Members[0].AwayUntil = later.Add(1) }, later, true},
	} {
		l := party()
		if tt.was(&l); l.Due(tt.now) != tt.due {
			t.Errorf("%s: due %v, want %v", name, l.Due(tt.now), tt.due)
		}
	}
}

// TestLasts guards that a lobby in which nobody is left to be told anything is kept no longer than a place in it.
func TestLasts(t *testing.T) {
	now := later.Add(-time.Minute)
	all := func(l *store.Lobby) {
		for i := range l.Members {
			l.Members[i].AwayUntil = later.Add(-time.Duration(i) * time.Second)
		}
		l.Waiting = nil
	}
	for name, tt := range map[string]struct {
		was  func(*store.Lobby)
		want time.Time
	}{
		"all are there": {func(*store.Lobby) {}, now.Add(store.LobbyTTL)},
		"one is away":   {annAway, now.Add(store.LobbyTTL)},
		"all are away":  {all, later},
		"closed":        {func(l *store.Lobby) { l.Close("host") }, time.Time{}},
	} {
		l := party()
		if tt.was(&l); !l.Lasts(now).Equal(tt.want) {
			t.Errorf("%s: lasts until %v, want %v", name, l.Lasts(now), tt.want)
		}
	}
}

// TestClone guards that a copy shares no memory with what it was made of, in either direction, and starts without
// changes.
func TestClone(t *testing.T) {
	l := party()
	l.Changes = []store.Change{{Kind: store.Left}}
	want := l.Clone()
	if want.Changes != nil {
		t.Error("a copy has Changes")
	}
	c := l.Clone()
	scribble(&c)
	if diff := cmp.Diff(want, l, same); diff != "" {
		t.Errorf("writing to the copy has changed the original (-want +got):\n%s", diff)
	}
	c = l.Clone()
	scribble(&l)
	if diff := cmp.Diff(want, c, exactly); diff != "" {
		t.Errorf("writing to the original has changed the copy (-want +got):\n%s", diff)
	}
}
