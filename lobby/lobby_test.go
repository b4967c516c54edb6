package lobby_test

import (
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"bellhop/lobby"
	"bellhop/store"
)

// exactly compares all visible fields of a lobby, and its Events.
var exactly = cmp.Options{cmpopts.IgnoreUnexported(lobby.Lobby{}), cmpopts.EquateEmpty()}

// The connections in party's lobby. Old cannot resume, and wes and xia wait.
var (
	host = lobby.Member{Conn: "host", PeerID: 1, ClaimedAt: 10}
	ann  = lobby.Member{Conn: "ann", PeerID: 2, ClaimID: 2, ClaimedAt: 20}
	bob  = lobby.Member{Conn: "bob", PeerID: 3, ClaimedAt: 30}
	old  = lobby.Member{Conn: "old", PeerID: 4, ClaimedAt: 40, Original: true}
	wes  = lobby.JoinRequest{Conn: "wes", PeerID: 5, ClaimID: 5, ClaimedAt: 50, RequestID: "r5"}
	xia  = lobby.JoinRequest{Conn: "xia", PeerID: 6, ClaimedAt: 60, Original: true}
)

// party returns a lobby with a host, three members and two waiting players.
func party() lobby.Lobby {
	return lobby.Lobby{
		Game: "tanks", ID: "Blue-Fox", Members: []lobby.Member{host, ann, bob, old}, Waiting: []lobby.JoinRequest{wes, xia},
		MaxPlayers: 5, HostPeerID: 1, UsedPeerIDs: [][2]int{{1, 4}}, LastPeerID: 6, Version: 9, ExpiresAt: epoch.Add(time.Hour),
	}
}

var later = epoch.Add(30 * time.Second)

func away(m lobby.Member) lobby.Member {
	m.AwayUntil = later
	return m
}

// A lobbyTest applies a rule to party, after was has changed it. want makes the
// expected changes to a copy. Without want the lobby must not change, and so it
// is with every err.
type lobbyTest struct {
	was  func(l *lobby.Lobby)
	rule func(l *lobby.Lobby) error
	err  error
	want func(l *lobby.Lobby)
}

func (tt lobbyTest) run(t *testing.T) {
	got := party()
	if tt.was != nil {
		tt.was(&got)
	}
	want := got.Clone()
	want.Events = slices.Clone(got.Events)
	if tt.want != nil {
		tt.want(&want)
	}
	wantErr(t, "rule", tt.rule(&got), tt.err)
	if diff := cmp.Diff(want, got, exactly); diff != "" {
		t.Errorf("lobby (-want +got):\n%s", diff)
	}
}

// Rules as functions of a lobby, for the table.

func request(conn string) func(*lobby.Lobby) error {
	return func(l *lobby.Lobby) error {
		return l.Request(lobby.JoinRequest{Conn: conn, ClaimedAt: 70, RequestID: "r7"})
	}
}

func accept(by, conn string, want int) func(*lobby.Lobby) error {
	return func(l *lobby.Lobby) error {
		_, _, err := l.Accept(by, conn, want, "")
		return err
	}
}

func reject(by, conn string) func(*lobby.Lobby) error {
	return func(l *lobby.Lobby) error {
		_, err := l.Reject(by, conn)
		return err
	}
}

func withdraw(conn string) func(*lobby.Lobby) error {
	return func(l *lobby.Lobby) error {
		_, err := l.CancelRequest(conn)
		return err
	}
}

func leave(conn string) func(*lobby.Lobby) error {
	return func(l *lobby.Lobby) error { return l.Leave(conn) }
}

func drop(conn string) func(*lobby.Lobby) error {
	return func(l *lobby.Lobby) error { return l.Disconnect(conn, later) }
}

func shut(by string) func(*lobby.Lobby) error {
	return func(l *lobby.Lobby) error { return l.Close(by) }
}

// always turns a function that cannot fail into a rule.
func always(f func(*lobby.Lobby)) func(*lobby.Lobby) error {
	return func(l *lobby.Lobby) error {
		f(l)
		return nil
	}
}

func setPlayer(conn, player string) func(*lobby.Lobby) error {
	return func(l *lobby.Lobby) error { return l.SetPlayer(conn, player) }
}

func setHost(by, conn string) func(*lobby.Lobby) error {
	return func(l *lobby.Lobby) error {
		_, err := l.SetHost(by, conn)
		return err
	}
}

// settings changes a lobby's settings n times at once, and again after a while.
func settings(by string, n int, again time.Duration) func(*lobby.Lobby) error {
	return func(l *lobby.Lobby) (err error) {
		locked := true
		for range n {
			l.Events = l.Events[:0:0]
			err = l.Set(by, lobby.Settings{Locked: &locked}, epoch)
		}
		if again > 0 {
			l.Events = nil
			err = l.Set(by, lobby.Settings{Locked: &locked}, epoch.Add(again))
		}
		return err
	}
}

func peer(from, to string) func(*lobby.Lobby) error {
	return func(l *lobby.Lobby) error {
		_, _, err := l.Peer(from, to)
		return err
	}
}

// Lobbies before a rule.

func full(l *lobby.Lobby)        { l.MaxPlayers = len(l.Members) }
func hostAway(l *lobby.Lobby)    { l.Members[0], l.Waiting = away(host), nil }
func annAway(l *lobby.Lobby)     { l.Members[1] = away(ann) }
func nobodyWaits(l *lobby.Lobby) { l.Waiting = nil }
func onlyWes(l *lobby.Lobby)     { l.Waiting = l.Waiting[:1] }

// newer replaces the member that cannot follow a new host.
func newer(l *lobby.Lobby) { l.Members[3].Original = false }

func queueFull(l *lobby.Lobby) {
	for i := len(l.Waiting); i < lobby.MaxWaiting; i++ {
		l.LastPeerID++
		l.Waiting = append(l.Waiting, lobby.JoinRequest{Conn: fmt.Sprint("guest", i), PeerID: l.LastPeerID})
	}
}

// ended closes a lobby.
func ended(l *lobby.Lobby, reason string, hear ...lobby.Member) {
	l.Events = append(l.Events, lobby.Event{Kind: lobby.Closed, Reason: reason, To: hear, Requests: l.Waiting})
	l.Closed, l.Members, l.Waiting = true, nil, nil
}

// without removes the i-th member of l, and notifies the host.
func without(l *lobby.Lobby, i int, reason string) {
	m := l.Members[i]
	l.Events = append(l.Events, lobby.Event{
		Kind: lobby.Left, Conn: m.Conn, PeerID: m.PeerID, Reason: reason, To: []lobby.Member{l.Members[0]},
	})
	l.Members = append(l.Members[:i:i], l.Members[i+1:]...)
}

// cancelled removes the i-th request of l, and notifies the host.
func cancelled(l *lobby.Lobby, i int) {
	r := l.Waiting[i]
	l.Events = append(l.Events, lobby.Event{
		Kind: lobby.Cancelled, Conn: r.Conn, To: []lobby.Member{l.Members[0]}, Requests: []lobby.JoinRequest{r},
	})
	l.Waiting = append(l.Waiting[:i:i], l.Waiting[i+1:]...)
}

// admitted accepts the i-th request of l as peer id.
func admitted(l *lobby.Lobby, i, id int, used ...[2]int) {
	r := l.Waiting[i]
	l.Members = append(l.Members, lobby.Member{Conn: r.Conn, PeerID: id, Original: r.Original, ClaimID: r.ClaimID, ClaimedAt: r.ClaimedAt})
	l.Waiting = append(l.Waiting[:i:i], l.Waiting[i+1:]...)
	l.UsedPeerIDs, l.LastPeerID = used, max(l.LastPeerID, id)
}

// TestRules checks what each rule changes in the whole lobby and whom it
// notifies, and that a rule that fails changes nothing.
func TestRules(t *testing.T) {
	for name, tt := range lobbyTests {
		t.Run(name, tt.run)
	}
}

// TestAnswers checks the results of rules that return more than an error.
func TestAnswers(t *testing.T) {
	l := party()
	m, r, err := l.Accept("host", "xia", 40, "")
	want := lobby.Member{Conn: "xia", PeerID: 40, Original: true, ClaimedAt: 60}
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

// TestRefusalsReturnNobody checks that a rule that fails returns no member and
// no request.
func TestRefusalsReturnNobody(t *testing.T) {
	l := party()
	for _, conn := range []string{"", "yan", "ann"} {
		m, r, _ := l.Accept("host", conn, 0, "")
		rejected, _ := l.Reject("host", conn)
		withdrawn, _ := l.CancelRequest(conn)
		_, p, _ := l.Peer("wes", conn)
		if none := (lobby.JoinRequest{}); m.Conn != "" || p.Conn != "" || r != none || rejected != none || withdrawn != none {
			t.Errorf("%q: %v %v %v %v %v, want nobody", conn, m, r, rejected, withdrawn, p)
		}
	}
}

// TestNewLobby checks that a new lobby has only its host, as peer 1.
func TestNewLobby(t *testing.T) {
	got := lobby.New("tanks", "Blue-Fox", lobby.Member{Conn: "host", PeerID: 12, ClaimedAt: 10, Original: true})
	want := lobby.Lobby{
		Game: "tanks", ID: "Blue-Fox", Members: []lobby.Member{{Conn: "host", PeerID: 1, ClaimedAt: 10, Original: true}},
		MaxPlayers: 8, HostPeerID: 1, Term: 1, UsedPeerIDs: [][2]int{{1, 1}}, LastPeerID: 1,
	}
	if diff := cmp.Diff(want, got, exactly); diff != "" {
		t.Errorf("New (-want +got):\n%s", diff)
	}
}

// TestKeys checks that ids that differ only in case share a key, and that games
// that do have different keys.
func TestKeys(t *testing.T) {
	l, c := party(), store.Connection{Game: "tanks", Claim: lobby.Claim{LobbyID: "blue-fox"}}
	if l.Key() != "tanks#blue-fox" || c.Key() != l.Key() || lobby.KeyOf("Tanks", "blue-fox") == l.Key() {
		t.Errorf("keys are %q, %q and %q", l.Key(), c.Key(), lobby.KeyOf("Tanks", "blue-fox"))
	}
}

// TestWhoIsIn checks the look-ups by connection.
func TestWhoIsIn(t *testing.T) {
	l := party()
	for conn, want := range map[string]struct{ member, lists bool }{
		"host": {true, true}, "ann": {true, true}, "wes": {false, true}, "yan": {}, "": {}, "Ann": {},
	} {
		m, member := l.Member(conn)
		if member != want.member || l.Has(conn) != want.lists || member && m.Conn != conn {
			t.Errorf("%q: member %v (%v), listed %v, want %v", conn, member, m, l.Has(conn), want)
		}
	}
	if !reflect.DeepEqual(l.Host(), host) {
		t.Errorf("Host is %v", l.Host())
	}
	wantErr(t, "Close", l.Close("host"), nil)
	if l.Host().Conn != "" || l.Has("host") || l.Has("wes") {
		t.Errorf("somebody is in a lobby that is closed: %+v", l)
	}
}

// TestGone checks who may go elsewhere after a change: all connections that are
// out of the lobby by it, except one that dropped.
func TestGone(t *testing.T) {
	annClaim := lobby.Claimant{Conn: "ann", Claim: lobby.Claim{LobbyID: "blue-fox", ID: ann.ClaimID, At: ann.ClaimedAt}}
	wesClaim := lobby.Claimant{Conn: "wes", Claim: lobby.Claim{LobbyID: "blue-fox", ID: wes.ClaimID, At: wes.ClaimedAt}}
	for name, tt := range map[string]struct {
		rule func(*lobby.Lobby) error
		want []lobby.Claimant
	}{
		"nobody leaves":            {request("yan"), nil},
		"a request is accepted":    {accept("host", "wes", 0), nil},
		"a member leaves":          {leave("ann"), []lobby.Claimant{annClaim}},
		"a request is rejected":    {reject("host", "wes"), []lobby.Claimant{wesClaim}},
		"a slot is held":           {drop("ann"), nil},
		"a request's client drops": {drop("wes"), nil},
		"a member resumes": {func(l *lobby.Lobby) error {
			l.Members[1].Token = "hash"
			_, err := l.Resume(2, "hash", lobby.JoinRequest{Conn: "yan", ClaimID: 8, ClaimedAt: 80})
			return err
		}, nil},
	} {
		before := party()
		after := before.Clone()
		wantErr(t, name, tt.rule(&after), nil)
		if diff := cmp.Diff(tt.want, lobby.Gone(&before, &after)); diff != "" {
			t.Errorf("%s: gone (-want +got):\n%s", name, diff)
		}
	}
	before := party()
	after := before.Clone()
	wantErr(t, "Close", after.Close("host"), nil)
	if gone := lobby.Gone(&before, &after); len(gone) != len(before.Members)+len(before.Waiting) {
		t.Errorf("of a closed lobby %v are gone, want everybody", gone)
	}
}

// TestDue checks when Due reports a member whose grace has ended.
func TestDue(t *testing.T) {
	for name, tt := range map[string]struct {
		was func(*lobby.Lobby)
		now time.Time
		due bool
	}{
		"nobody is away": {func(*lobby.Lobby) {}, later.Add(time.Hour), false},
		"too early":      {annAway, later.Add(-time.Nanosecond), false},
		"just on time":   {annAway, later, true},
		"the host":       {hostAway, later.Add(time.Hour), true},
		"one of two":     {func(l *lobby.Lobby) { annAway(l); l.Members[0] = away(host); l.Members[0].AwayUntil = later.Add(1) }, later, true},
	} {
		l := party()
		if tt.was(&l); l.Due(tt.now) != tt.due {
			t.Errorf("%s: due %v, want %v", name, l.Due(tt.now), tt.due)
		}
	}
}

// TestLasts checks that a lobby is kept for three hours, up to the next half an
// hour, and without a connected member no longer than its last grace.
func TestLasts(t *testing.T) {
	now := later.Add(-time.Minute)
	all := func(l *lobby.Lobby) {
		for i := range l.Members {
			l.Members[i].AwayUntil = later.Add(-time.Duration(i) * time.Second)
		}
		l.Waiting = nil
	}
	for name, tt := range map[string]struct {
		was  func(*lobby.Lobby)
		want time.Time
	}{
		"all are there": {func(*lobby.Lobby) {}, time.Date(2030, 1, 2, 6, 30, 0, 0, time.UTC)},
		"one is away":   {annAway, time.Date(2030, 1, 2, 6, 30, 0, 0, time.UTC)},
		"all are away":  {all, later},
		"closed":        {func(l *lobby.Lobby) { l.Close("host") }, time.Time{}},
	} {
		l := party()
		if tt.was(&l); !l.Lasts(now).Equal(tt.want) {
			t.Errorf("%s: lasts until %v, want %v", name, l.Lasts(now), tt.want)
		}
	}
}

// TestClone checks that a copy shares no memory with its original, in either
// direction, and starts without events.
func TestClone(t *testing.T) {
	l := party()
	l.Events = []lobby.Event{{Kind: lobby.Left}}
	want := l.Clone()
	if want.Events != nil {
		t.Error("a copy has Events")
	}
	c := l.Clone()
	scribble(&c)
	if diff := cmp.Diff(want, l, exactly, cmpopts.IgnoreFields(lobby.Lobby{}, "Events")); diff != "" {
		t.Errorf("writing to the copy has changed the original (-want +got):\n%s", diff)
	}
	c = l.Clone()
	scribble(&l)
	if diff := cmp.Diff(want, c, exactly); diff != "" {
		t.Errorf("writing to the original has changed the copy (-want +got):\n%s", diff)
	}
}
