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
		_, err := l.Peer(from, to)
		return err
	}
}

// Lobbies before a rule.

func full(l *store.Lobby)        { l.MaxPlayers = len(l.Members) }
func hostAway(l *store.Lobby)    { l.Members[0] = away(host) }
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

// lobbyTests are the rules: what each does, to all there is, and what it refuses.
var lobbyTests = map[string]lobbyTest{
	"request: waits, and is promised the next number": {rule: request("yan"), want: func(l *store.Lobby) {
		l.Promised = 7
		l.Waiting = append(l.Waiting, store.Request{Conn: "yan", PeerID: 7, Since: 70, RequestID: "r7"})
	}},
	"request: a member":                   {rule: request("ann"), err: store.ErrAlreadyIn},
	"request: the host":                   {rule: request("host"), err: store.ErrAlreadyIn},
	"request: who waits":                  {rule: request("wes"), err: store.ErrAlreadyIn},
	"request: the host is away":           {was: hostAway, rule: request("yan"), err: store.ErrHostAway},
	"request: a member, the host is away": {was: hostAway, rule: request("ann"), err: store.ErrAlreadyIn},
	"request: full":                       {was: full, rule: request("yan"), err: store.ErrFull},
	"request: too many wait":              {was: queueFull, rule: request("yan"), err: store.ErrFull},
	"request: a place held for somebody": {
		was:  func(l *store.Lobby) { full(l); annAway(l) },
		rule: request("yan"), err: store.ErrFull,
	},
	"request: who was rejected may again": {
		was:  func(l *store.Lobby) { l.Reject("host", "wes") },
		rule: request("wes"), want: func(l *store.Lobby) {
			l.Promised = 7
			l.Waiting = append(l.Waiting, store.Request{Conn: "wes", PeerID: 7, Since: 70, RequestID: "r7"})
		},
	},
	"request: who left may again": {
		was:  func(l *store.Lobby) { l.Leave("ann"); l.Changes = nil },
		rule: request("ann"), want: func(l *store.Lobby) {
			l.Promised = 7
			l.Waiting = append(l.Waiting, store.Request{Conn: "ann", PeerID: 7, Since: 70, RequestID: "r7"})
		},
	},

	"accept: the promised number": {
		rule: accept("host", "wes", 0),
		want: func(l *store.Lobby) { admitted(l, 0, 5, [2]int{1, 5}) },
	},
	"accept: not the first": {
		rule: accept("host", "xia", 0),
		want: func(l *store.Lobby) { admitted(l, 1, 6, [2]int{1, 4}, [2]int{6, 6}) },
	},
	"accept: the number wanted": {
		rule: accept("host", "wes", 40),
		want: func(l *store.Lobby) { admitted(l, 0, 40, [2]int{1, 4}, [2]int{40, 40}) },
	},
	"accept: one promised to another": {
		rule: accept("host", "wes", 6),
		want: func(l *store.Lobby) { admitted(l, 0, 6, [2]int{1, 4}, [2]int{6, 6}) },
	},
	"accept: the only one": {
		was:  onlyWes,
		rule: accept("host", "", 0), want: func(l *store.Lobby) { admitted(l, 0, 5, [2]int{1, 5}) },
	},
	"accept: whom, of several":             {rule: accept("host", "", 0), err: store.ErrSeveralWaiting},
	"accept: whom, of nobody":              {was: nobodyWaits, rule: accept("host", "", 0), err: store.ErrNotWaiting},
	"accept: a stranger":                   {rule: accept("host", "yan", 0), err: store.ErrNotWaiting},
	"accept: a stranger, though one waits": {was: onlyWes, rule: accept("host", "yan", 0), err: store.ErrNotWaiting},
	"accept: a member":                     {rule: accept("host", "ann", 0), err: store.ErrNotWaiting},
	"accept: oneself":                      {rule: accept("wes", "wes", 0), err: store.ErrNotHost},
	"accept: by a member":                  {rule: accept("ann", "wes", 0), err: store.ErrNotHost},
	"accept: by a stranger":                {rule: accept("yan", "wes", 0), err: store.ErrNotHost},
	"accept: by a stranger, whoever it is": {rule: accept("yan", "", 0), err: store.ErrNotHost},
	"accept: full":                         {was: full, rule: accept("host", "wes", 0), err: store.ErrFull},
	"accept: a member's number":            {rule: accept("host", "wes", 3), err: store.ErrPeerIDTaken},
	"accept: the host's number":            {rule: accept("host", "wes", 1), err: store.ErrPeerIDTaken},
	"accept: the number of one who left": {
		was:  func(l *store.Lobby) { l.Members = l.Members[:3] },
		rule: accept("host", "wes", 4), err: store.ErrPeerIDTaken,
	},
	"accept: promised, and given to another": {
		was:  func(l *store.Lobby) { l.Used = [][2]int{{1, 5}} }, // and that one has left
		rule: accept("host", "wes", 0), want: func(l *store.Lobby) { admitted(l, 0, 7, [2]int{1, 5}, [2]int{7, 7}) },
	},

	"reject: waits no longer": {
		rule: reject("host", "wes"),
		want: func(l *store.Lobby) { l.Waiting = l.Waiting[1:] },
	},
	"reject: when full": {
		was:  full,
		rule: reject("host", "xia"), want: func(l *store.Lobby) { l.Waiting = l.Waiting[:1] },
	},
	"reject: a stranger":           {rule: reject("host", "yan"), err: store.ErrNotWaiting},
	"reject: a member":             {rule: reject("host", "ann"), err: store.ErrNotWaiting},
	"reject: nobody":               {was: onlyWes, rule: reject("host", ""), err: store.ErrNotWaiting},
	"reject: by a member":          {rule: reject("ann", "wes"), err: store.ErrNotHost},
	"reject: by who waits":         {rule: reject("wes", "xia"), err: store.ErrNotHost},
	"withdraw: nobody hears of it": {rule: withdraw("xia"), want: func(l *store.Lobby) { l.Waiting = l.Waiting[:1] }},
	"withdraw: a member":           {rule: withdraw("ann"), err: store.ErrNotWaiting},
	"withdraw: a stranger":         {rule: withdraw("yan"), err: store.ErrNotWaiting},
	"readmit: waits again": {
		rule: always(func(l *store.Lobby) { l.Readmit("host", store.Request{Conn: "yan", PeerID: 4}) }),
		want: func(l *store.Lobby) { l.Waiting = append(l.Waiting, store.Request{Conn: "yan", PeerID: 4}) },
	},
	"readmit: who waits already": {rule: always(func(l *store.Lobby) { l.Readmit("host", wes) })},
	"readmit: a member":          {rule: always(func(l *store.Lobby) { l.Readmit("host", store.Request{Conn: "ann"}) })},
	"forget: a member": {
		rule: always(func(l *store.Lobby) { l.Forget("host", "bob") }),
		want: func(l *store.Lobby) { l.Members = []store.Member{host, ann, old} },
	},
	"forget: never the host":        {rule: always(func(l *store.Lobby) { l.Forget("host", "host") })},
	"forget: who waits stays there": {rule: always(func(l *store.Lobby) { l.Forget("host", "wes") })},

	"leave: a member": {
		rule: leave("bob"),
		want: func(l *store.Lobby) { without(l, 2, store.ReasonLeft) },
	},
	"leave: who is away": {
		was:  annAway,
		rule: leave("ann"), want: func(l *store.Lobby) { without(l, 1, store.ReasonLeft) },
	},
	"leave: the host is away": {
		was:  hostAway,
		rule: leave("ann"), want: func(l *store.Lobby) { without(l, 1, store.ReasonLeft) },
	},
	"leave: who waits": {rule: leave("wes"), want: func(l *store.Lobby) { cancelled(l, 0) }},
	"leave: the host": {
		rule: leave("host"),
		want: func(l *store.Lobby) { ended(l, store.ReasonHostLeft, ann, bob, old) },
	},
	"leave: a stranger": {rule: leave("yan"), err: store.ErrNotIn},
	"drop: who waits":   {rule: drop("xia"), want: func(l *store.Lobby) { cancelled(l, 1) }},
	"drop: one who cannot resume": {
		rule: drop("old"),
		want: func(l *store.Lobby) { without(l, 3, store.ReasonLeft) },
	},
	"drop: a stranger": {rule: drop("yan"), err: store.ErrNotIn},
	"drop: who is away, till later": {
		was:  annAway,
		rule: func(l *store.Lobby) error { return l.Drop("ann", later.Add(time.Hour)) },
	},
	"drop: a member": {rule: drop("ann"), want: func(l *store.Lobby) {
		l.Members[1] = away(ann)
		l.Changes = []store.Change{{Kind: store.Disconnected, Conn: "ann", PeerID: 2, Until: later, To: []store.Member{host}}}
	}},
	"drop: the host": {rule: drop("host"), want: func(l *store.Lobby) {
		l.Members[0] = away(host)
		l.Changes = []store.Change{{Kind: store.Disconnected, Conn: "host", PeerID: 1, Until: later, To: []store.Member{ann, bob, old}}}
	}},
	"drop: a host who cannot resume": {
		was:  func(l *store.Lobby) { l.Members[0].Original = true },
		rule: drop("host"), want: func(l *store.Lobby) { ended(l, store.ReasonHostLeft, ann, bob, old) },
	},
	"close: the host and all others hear": {
		rule: shut("host"),
		want: func(l *store.Lobby) { ended(l, store.ReasonClosed, host, ann, bob, old) },
	},
	"close: a member":   {rule: shut("ann"), err: store.ErrNotHost},
	"close: who waits":  {rule: shut("wes"), err: store.ErrNotHost},
	"close: a stranger": {rule: shut("yan"), err: store.ErrNotHost},

	"lapse: nobody is away":  {rule: lapse(later.Add(time.Hour))},
	"lapse: before its time": {was: annAway, rule: lapse(later.Add(-time.Nanosecond))},
	"lapse: just on time": {
		was:  annAway,
		rule: lapse(later), want: func(l *store.Lobby) { without(l, 1, store.ReasonTimedOut) },
	},
	"lapse: the host": {
		was:  hostAway,
		rule: lapse(later), want: func(l *store.Lobby) { ended(l, store.ReasonTimedOut, ann, bob, old) },
	},
	"lapse: the host, and a member": {
		was:  func(l *store.Lobby) { hostAway(l); annAway(l) },
		rule: lapse(later), want: func(l *store.Lobby) { ended(l, store.ReasonTimedOut, away(ann), bob, old) },
	},
	"lapse: two members, and one later": {
		was: func(l *store.Lobby) {
			annAway(l)
			l.Members[2], l.Members[3] = away(bob), away(old)
			l.Members[2].AwayUntil = later.Add(time.Nanosecond)
		},
		rule: lapse(later), want: func(l *store.Lobby) { without(l, 1, store.ReasonTimedOut); without(l, 2, store.ReasonTimedOut) },
	},

	"peer: host to member":         {rule: peer("host", "ann")},
	"peer: member to host":         {rule: peer("ann", "host")},
	"peer: to one who is away":     {was: annAway, rule: peer("host", "ann")},
	"peer: member to member":       {rule: peer("ann", "bob"), err: store.ErrNotLinked},
	"peer: host to itself":         {rule: peer("host", "host"), err: store.ErrNotLinked},
	"peer: member to itself":       {rule: peer("ann", "ann"), err: store.ErrNotLinked},
	"peer: host to a stranger":     {rule: peer("host", "yan"), err: store.ErrNotLinked},
	"peer: stranger to host":       {rule: peer("yan", "host"), err: store.ErrNotLinked},
	"peer: host to one who waits":  {rule: peer("host", "wes"), err: store.ErrNotLinked},
	"peer: one who waits to host":  {rule: peer("wes", "host"), err: store.ErrNotLinked},
	"peer: to one who has no name": {rule: peer("host", ""), err: store.ErrNotLinked},
	"peer: in a lobby that is closed": {
		was:  func(l *store.Lobby) { l.Close("host") },
		rule: peer("host", "ann"), err: store.ErrNotLinked,
	},
}

func lapse(now time.Time) func(*store.Lobby) error {
	return always(func(l *store.Lobby) { l.Lapse(now) })
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
	if m, err := l.Peer("host", "xia"); !reflect.DeepEqual(m, want) || err != nil {
		t.Errorf("Peer = %v, %v, want %v", m, err, want)
	}
	if m, err := l.Peer("xia", "host"); !reflect.DeepEqual(m, host) || err != nil {
		t.Errorf("Peer = %v, %v, want %v", m, err, host)
	}
}

// TestRefusalsReturnNobody guards that a rule which says no hands out no member and no request.
func TestRefusalsReturnNobody(t *testing.T) {
	l := party()
	for _, conn := range []string{"", "yan", "ann"} {
		m, r, _ := l.Accept("host", conn, 0, "")
		rejected, _ := l.Reject("host", conn)
		withdrawn, _ := l.Withdraw(conn)
		p, _ := l.Peer("wes", conn)
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
	}
	for name, tt := range map[string]struct {
		was  func(*store.Lobby)
		want time.Time
	}{
		"all are there":             {func(*store.Lobby) {}, now.Add(store.LobbyTTL)},
		"one is away":               {annAway, now.Add(store.LobbyTTL)},
		"all are away, one waits":   {all, now.Add(store.LobbyTTL)},
		"all are away, nobody else": {func(l *store.Lobby) { all(l); l.Waiting = nil }, later},
		"closed":                    {func(l *store.Lobby) { l.Close("host") }, time.Time{}},
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
