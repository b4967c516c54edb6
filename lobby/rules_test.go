package lobby_test

import (
	"slices"
	"time"

	"bellhop/lobby"
)

// lobbyTests are the rules: the effect of each, and its errors.
var lobbyTests = map[string]lobbyTest{
	"request: waits, and is promised the next number": {rule: request("yan"), want: func(l *lobby.Lobby) {
		l.LastPeerID = 7
		l.Waiting = append(l.Waiting, lobby.JoinRequest{Conn: "yan", PeerID: 7, ClaimedAt: 70, RequestID: "r7"})
	}},
	"request: a member":                   {rule: request("ann"), err: lobby.ErrAlreadyIn},
	"request: the host":                   {rule: request("host"), err: lobby.ErrAlreadyIn},
	"request: who waits":                  {rule: request("wes"), err: lobby.ErrAlreadyIn},
	"request: the host is away":           {was: hostAway, rule: request("yan"), err: lobby.ErrHostAway},
	"request: a member, the host is away": {was: hostAway, rule: request("ann"), err: lobby.ErrAlreadyIn},
	"request: full":                       {was: full, rule: request("yan"), err: lobby.ErrFull},
	"request: too many wait":              {was: queueFull, rule: request("yan"), err: lobby.ErrFull},
	"request: a place held for somebody": {
		was:  func(l *lobby.Lobby) { full(l); annAway(l) },
		rule: request("yan"), err: lobby.ErrFull,
	},
	"request: who was rejected may again": {
		was:  func(l *lobby.Lobby) { l.Reject("host", "wes") },
		rule: request("wes"), want: func(l *lobby.Lobby) {
			l.LastPeerID = 7
			l.Waiting = append(l.Waiting, lobby.JoinRequest{Conn: "wes", PeerID: 7, ClaimedAt: 70, RequestID: "r7"})
		},
	},
	"request: who left may again": {
		was:  func(l *lobby.Lobby) { l.Leave("ann"); l.Events = nil },
		rule: request("ann"), want: func(l *lobby.Lobby) {
			l.LastPeerID = 7
			l.Waiting = append(l.Waiting, lobby.JoinRequest{Conn: "ann", PeerID: 7, ClaimedAt: 70, RequestID: "r7"})
		},
	},

	"accept: the promised number": {
		rule: accept("host", "wes", 0),
		want: func(l *lobby.Lobby) { admitted(l, 0, 5, [2]int{1, 5}) },
	},
	"accept: not the first": {
		rule: accept("host", "xia", 0),
		want: func(l *lobby.Lobby) { admitted(l, 1, 6, [2]int{1, 4}, [2]int{6, 6}) },
	},
	"accept: the number wanted": {
		rule: accept("host", "wes", 40),
		want: func(l *lobby.Lobby) { admitted(l, 0, 40, [2]int{1, 4}, [2]int{40, 40}) },
	},
	"accept: one promised to another": {
		rule: accept("host", "wes", 6),
		want: func(l *lobby.Lobby) { admitted(l, 0, 6, [2]int{1, 4}, [2]int{6, 6}) },
	},
	"accept: the only one": {
		was:  onlyWes,
		rule: accept("host", "", 0), want: func(l *lobby.Lobby) { admitted(l, 0, 5, [2]int{1, 5}) },
	},
	"accept: whom, of several":             {rule: accept("host", "", 0), err: lobby.ErrSeveralWaiting},
	"accept: whom, of nobody":              {was: nobodyWaits, rule: accept("host", "", 0), err: lobby.ErrNotWaiting},
	"accept: a stranger":                   {rule: accept("host", "yan", 0), err: lobby.ErrNotWaiting},
	"accept: a stranger, though one waits": {was: onlyWes, rule: accept("host", "yan", 0), err: lobby.ErrNotWaiting},
	"accept: a member":                     {rule: accept("host", "ann", 0), err: lobby.ErrNotWaiting},
	"accept: oneself":                      {rule: accept("wes", "wes", 0), err: lobby.ErrNotHost},
	"accept: by a member":                  {rule: accept("ann", "wes", 0), err: lobby.ErrNotHost},
	"accept: by a stranger":                {rule: accept("yan", "wes", 0), err: lobby.ErrNotHost},
	"accept: by a stranger, of anybody":    {rule: accept("yan", "", 0), err: lobby.ErrNotHost},
	"accept: full":                         {was: full, rule: accept("host", "wes", 0), err: lobby.ErrFull},
	"accept: a member's number":            {rule: accept("host", "wes", 3), err: lobby.ErrPeerIDTaken},
	"accept: the host's number":            {rule: accept("host", "wes", 1), err: lobby.ErrPeerIDTaken},
	"accept: the number of one who left": {
		was:  func(l *lobby.Lobby) { l.Members = l.Members[:3] },
		rule: accept("host", "wes", 4), err: lobby.ErrPeerIDTaken,
	},
	"accept: promised, and given to another": {
		was:  func(l *lobby.Lobby) { l.UsedPeerIDs = [][2]int{{1, 5}} }, // and that member has left
		rule: accept("host", "wes", 0), want: func(l *lobby.Lobby) { admitted(l, 0, 7, [2]int{1, 5}, [2]int{7, 7}) },
	},

	"reject: waits no longer": {
		rule: reject("host", "wes"),
		want: func(l *lobby.Lobby) { l.Waiting = l.Waiting[1:] },
	},
	"reject: when full": {
		was:  full,
		rule: reject("host", "xia"), want: func(l *lobby.Lobby) { l.Waiting = l.Waiting[:1] },
	},
	"reject: a stranger":           {rule: reject("host", "yan"), err: lobby.ErrNotWaiting},
	"reject: a member":             {rule: reject("host", "ann"), err: lobby.ErrNotWaiting},
	"reject: nobody":               {was: onlyWes, rule: reject("host", ""), err: lobby.ErrNotWaiting},
	"reject: by a member":          {rule: reject("ann", "wes"), err: lobby.ErrNotHost},
	"reject: by who waits":         {rule: reject("wes", "xia"), err: lobby.ErrNotHost},
	"withdraw: nobody hears of it": {rule: withdraw("xia"), want: func(l *lobby.Lobby) { l.Waiting = l.Waiting[:1] }},
	"withdraw: a member":           {rule: withdraw("ann"), err: lobby.ErrNotWaiting},
	"withdraw: a stranger":         {rule: withdraw("yan"), err: lobby.ErrNotWaiting},
	"readmit: waits again": {
		rule: always(func(l *lobby.Lobby) { l.Requeue("host", lobby.JoinRequest{Conn: "yan", PeerID: 4}) }),
		want: func(l *lobby.Lobby) { l.Waiting = append(l.Waiting, lobby.JoinRequest{Conn: "yan", PeerID: 4}) },
	},
	"readmit: the host is away": {
		was:  hostAway,
		rule: always(func(l *lobby.Lobby) { l.Requeue("host", wes) }),
		want: func(l *lobby.Lobby) {
			l.Events = []lobby.Event{{Kind: lobby.HostAway, Requests: []lobby.JoinRequest{wes}}}
		},
	},
	"readmit: who waits already": {rule: always(func(l *lobby.Lobby) { l.Requeue("host", wes) })},
	"readmit: a member":          {rule: always(func(l *lobby.Lobby) { l.Requeue("host", lobby.JoinRequest{Conn: "ann"}) })},
	"undo accept: nobody hears of it": {
		rule: undoAccept("bob"),
		want: func(l *lobby.Lobby) { l.Members = []lobby.Member{host, ann, old} },
	},
	"undo accept: the peer id stays used": {
		was: func(l *lobby.Lobby) {
			l.Members[2].PeerID, l.LastPeerID, l.UsedPeerIDs = 40, 40, [][2]int{{1, 4}, {40, 40}}
		},
		rule: undoAccept("bob"),
		want: func(l *lobby.Lobby) { l.Members = []lobby.Member{host, ann, old} },
	},
	"undo accept: who was told": {
		rule: undoAccept("bob", "host", "ann"),
		want: func(l *lobby.Lobby) {
			l.Members = []lobby.Member{host, ann, old}
			l.Events = []lobby.Event{{Kind: lobby.Left, Conn: "bob", PeerID: 3, Reason: lobby.ReasonLeft, To: []lobby.Member{host}}}
		},
	},
	"undo accept: who came since": {
		rule: always(func(l *lobby.Lobby) {
			as := l.Clone()
			as.Members = as.Members[1:]
			l.UndoAccept(&as, "bob")
		}),
		want: func(l *lobby.Lobby) {
			l.Members = []lobby.Member{host, ann, old}
			l.Events = []lobby.Event{{Kind: lobby.Left, Conn: "bob", PeerID: 3, Reason: lobby.ReasonLeft, To: []lobby.Member{host}}}
		},
	},
	"undo accept: never the host":        {rule: undoAccept("host")},
	"undo accept: who waits stays there": {rule: undoAccept("wes")},
	"undo accept: of a lobby before": {
		rule: always(func(l *lobby.Lobby) {
			as := l.Clone()
			as.CreatedAt--
			l.UndoAccept(&as, "bob")
		}),
	},

	"leave: a member": {
		rule: leave("bob"),
		want: func(l *lobby.Lobby) { without(l, 2, lobby.ReasonLeft) },
	},
	"leave: who is away": {
		was:  annAway,
		rule: leave("ann"), want: func(l *lobby.Lobby) { without(l, 1, lobby.ReasonLeft) },
	},
	"leave: the host is away": {
		was:  hostAway,
		rule: leave("ann"), want: func(l *lobby.Lobby) { without(l, 1, lobby.ReasonLeft) },
	},
	"leave: who waits": {rule: leave("wes"), want: func(l *lobby.Lobby) { cancelled(l, 0) }},
	"leave: the host": {
		rule: leave("host"),
		want: func(l *lobby.Lobby) { ended(l, lobby.ReasonHostLeft, ann, bob, old) },
	},
	"leave: a stranger": {rule: leave("yan"), err: lobby.ErrNotIn},
	"drop: who waits":   {rule: drop("xia"), want: func(l *lobby.Lobby) { cancelled(l, 1) }},
	"drop: one who cannot resume": {
		rule: drop("old"),
		want: func(l *lobby.Lobby) { without(l, 3, lobby.ReasonLeft) },
	},
	"drop: a stranger": {rule: drop("yan"), err: lobby.ErrNotIn},
	"drop: who is away, till later": {
		was:  annAway,
		rule: func(l *lobby.Lobby) error { return l.Disconnect("ann", later.Add(time.Hour)) },
	},
	"drop: a member": {rule: drop("ann"), want: func(l *lobby.Lobby) {
		l.Members[1] = away(ann)
		l.Events = []lobby.Event{{Kind: lobby.Disconnected, Conn: "ann", PeerID: 2, Until: later, To: []lobby.Member{host}}}
	}},
	"drop: the host": {rule: drop("host"), want: func(l *lobby.Lobby) {
		hostAway(l)
		l.Events = []lobby.Event{
			{Kind: lobby.Disconnected, Conn: "host", PeerID: 1, Until: later, To: []lobby.Member{ann, bob, old}},
			{Kind: lobby.HostAway, Requests: []lobby.JoinRequest{wes, xia}},
		}
	}},
	"drop: the host, for whom nobody waits": {was: nobodyWaits, rule: drop("host"), want: func(l *lobby.Lobby) {
		hostAway(l)
		l.Events = []lobby.Event{{Kind: lobby.Disconnected, Conn: "host", PeerID: 1, Until: later, To: []lobby.Member{ann, bob, old}}}
	}},
	"drop: the host, in a lobby that migrates": {
		was:  func(l *lobby.Lobby) { l.Migrates = true },
		rule: drop("host"), want: func(l *lobby.Lobby) {
			hostAway(l)
			l.Events = []lobby.Event{
				{Kind: lobby.Disconnected, Conn: "host", PeerID: 1, Until: later, To: []lobby.Member{ann, bob, old}},
				{Kind: lobby.HostAway, Requests: []lobby.JoinRequest{wes, xia}},
			}
		},
	},
	"drop: a host who cannot resume": {
		was:  func(l *lobby.Lobby) { l.Members[0].Original = true },
		rule: drop("host"), want: func(l *lobby.Lobby) { ended(l, lobby.ReasonHostLeft, ann, bob, old) },
	},
	"close: the host and all others hear": {
		rule: shut("host"),
		want: func(l *lobby.Lobby) { ended(l, lobby.ReasonClosed, host, ann, bob, old); l.Events[0].By = "host" },
	},
	"close: a member":   {rule: shut("ann"), err: lobby.ErrNotHost},
	"close: who waits":  {rule: shut("wes"), err: lobby.ErrNotHost},
	"close: a stranger": {rule: shut("yan"), err: lobby.ErrNotHost},

	"player: a member, and its peers hear": {
		rule: setPlayer("bob", "{}"), want: func(l *lobby.Lobby) { described(l, 2, []lobby.Member{host}, nil) },
	},
	"player: a member, and all hear by the roster": {
		was: func(l *lobby.Lobby) { l.Roster = true }, rule: setPlayer("bob", "{}"),
		want: func(l *lobby.Lobby) { described(l, 2, []lobby.Member{host}, []lobby.Member{ann, old}) },
	},
	"player: in a mesh": {
		was: func(l *lobby.Lobby) { l.Mesh, l.Roster = true, true }, rule: setPlayer("bob", "{}"),
		want: func(l *lobby.Lobby) { described(l, 2, []lobby.Member{host, ann, old}, nil) },
	},
	"player: the host": {
		rule: setPlayer("host", "{}"), want: func(l *lobby.Lobby) { described(l, 0, []lobby.Member{ann, bob, old}, nil) },
	},
	"player: a waiting player": {rule: setPlayer("wes", "{}"), err: lobby.ErrNotIn},
	"player: a stranger":       {rule: setPlayer("yan", "{}"), err: lobby.ErrNotIn},

	"settings: changed": {rule: settings("host", 1, 0), want: func(l *lobby.Lobby) { set(l, 200*time.Millisecond) }},
	"settings: as often as they may": {
		rule: settings("host", 5, 200*time.Millisecond), want: func(l *lobby.Lobby) { set(l, 1200*time.Millisecond) },
	},
	"settings: by a member": {rule: settings("ann", 1, 0), err: lobby.ErrNotHost},
	"settings: too often": {
		was: func(l *lobby.Lobby) { set(l, time.Second); l.Events = nil }, rule: settings("host", 1, 0), err: lobby.ErrTooOften,
	},

	"set host: a member": {was: newer, rule: setHost("host", "bob"), want: func(l *lobby.Lobby) { crowned(l, 2) }},
	"set host: in a mesh": {
		was: func(l *lobby.Lobby) { newer(l); l.Mesh = true }, rule: setHost("host", "bob"),
		want: func(l *lobby.Lobby) { crowned(l, 2); l.Events[0].Peers = nil },
	},
	"set host: a member by its previous address": {
		was:  func(l *lobby.Lobby) { newer(l); l.Members[2].PreviousConns = []string{"bob1"} },
		rule: setHost("host", "bob1"), want: func(l *lobby.Lobby) { crowned(l, 2) },
	},
	"set host: oneself":             {was: newer, rule: setHost("host", "host"), err: lobby.ErrHostAlready},
	"set host: a stranger":          {was: newer, rule: setHost("host", "yan"), err: lobby.ErrNotLinked},
	"set host: a waiting player":    {was: newer, rule: setHost("host", "wes"), err: lobby.ErrNotLinked},
	"set host: who is away":         {was: func(l *lobby.Lobby) { newer(l); annAway(l) }, rule: setHost("host", "ann"), err: lobby.ErrAway},
	"set host: who cannot follow":   {rule: setHost("host", "old"), err: lobby.ErrCannotFollow},
	"set host: where one could not": {rule: setHost("host", "ann"), err: lobby.ErrCannotFollow},
	"set host: by a member":         {was: newer, rule: setHost("ann", "ann"), err: lobby.ErrNotHost},
	"set host: by a waiting player": {was: newer, rule: setHost("wes", "ann"), err: lobby.ErrNotHost},
	"undo accept: the host since": {
		was: newer,
		rule: always(func(l *lobby.Lobby) {
			as := l.Clone()
			l.SetHost("host", "ann")
			l.Events = nil
			l.UndoAccept(&as, "bob")
		}),
		want: func(l *lobby.Lobby) {
			l.HostPeerID, l.Term, l.Members = 2, 1, slices.Delete(l.Members, 2, 3)
			l.Events = []lobby.Event{{Kind: lobby.Left, Conn: "bob", PeerID: 3, Reason: lobby.ReasonLeft, To: []lobby.Member{ann}}}
		},
	},

	"lapse: nobody is away":  {rule: lapse(later.Add(time.Hour))},
	"lapse: before its time": {was: annAway, rule: lapse(later.Add(-time.Nanosecond))},
	"lapse: just on time": {
		was:  annAway,
		rule: lapse(later), want: func(l *lobby.Lobby) { without(l, 1, lobby.ReasonTimedOut) },
	},
	"lapse: the host": {
		was:  hostAway,
		rule: lapse(later), want: func(l *lobby.Lobby) { ended(l, lobby.ReasonTimedOut, ann, bob, old) },
	},
	"lapse: the host, and a member": {
		was:  func(l *lobby.Lobby) { hostAway(l); annAway(l) },
		rule: lapse(later), want: func(l *lobby.Lobby) { ended(l, lobby.ReasonTimedOut, away(ann), bob, old) },
	},
	"lapse: two members, and one later": {
		was: func(l *lobby.Lobby) {
			annAway(l)
			l.Members[2], l.Members[3] = away(bob), away(old)
			l.Members[2].AwayUntil = later.Add(time.Nanosecond)
		},
		rule: lapse(later), want: func(l *lobby.Lobby) { without(l, 1, lobby.ReasonTimedOut); without(l, 2, lobby.ReasonTimedOut) },
	},

	"peer: host to member":         {rule: peer("host", "ann")},
	"peer: member to host":         {rule: peer("ann", "host")},
	"peer: to one who is away":     {was: annAway, rule: peer("host", "ann")},
	"peer: member to member":       {rule: peer("ann", "bob"), err: lobby.ErrNotLinked},
	"peer: host to itself":         {rule: peer("host", "host"), err: lobby.ErrNotLinked},
	"peer: member to itself":       {rule: peer("ann", "ann"), err: lobby.ErrNotLinked},
	"peer: host to a stranger":     {rule: peer("host", "yan"), err: lobby.ErrNotLinked},
	"peer: stranger to host":       {rule: peer("yan", "host"), err: lobby.ErrNotLinked},
	"peer: host to one who waits":  {rule: peer("host", "wes"), err: lobby.ErrNotLinked},
	"peer: one who waits to host":  {rule: peer("wes", "host"), err: lobby.ErrNotLinked},
	"peer: to one who has no name": {rule: peer("host", ""), err: lobby.ErrNotLinked},
	"peer: in a lobby that is closed": {
		was:  func(l *lobby.Lobby) { l.Close("host") },
		rule: peer("host", "ann"), err: lobby.ErrNotLinked,
	},
}

func lapse(now time.Time) func(*lobby.Lobby) error {
	return always(func(l *lobby.Lobby) { l.ExpireAway(now) })
}

// set locks the lobby by its host. Its changes are paid for at epoch plus paid.
func set(l *lobby.Lobby, paid time.Duration) {
	l.Locked, l.SettingsAt = true, epoch.Add(paid).UnixMilli()
	l.Events = []lobby.Event{{Kind: lobby.Updated, By: "host", To: slices.Clone(l.Members)}}
}

// described changes what the member i says of itself.
func described(l *lobby.Lobby, i int, to, others []lobby.Member) {
	m := &l.Members[i]
	m.Player = "{}"
	l.Events = []lobby.Event{{Kind: lobby.PlayerUpdated, Conn: m.Conn, PeerID: m.PeerID, Player: "{}", To: to, Others: others}}
}

// crowned makes the member i of a star the host, by the old host's action.
func crowned(l *lobby.Lobby, i int) {
	m := l.Members[i]
	l.HostPeerID, l.Term = m.PeerID, 1
	l.Events = []lobby.Event{{
		Kind: lobby.HostChanged, Conn: m.Conn, PeerID: m.PeerID, Term: 1, By: "host",
		To: slices.Clone(l.Members), Requests: l.Waiting, Peers: slices.Delete(slices.Clone(l.Members), i, i+1),
	}}
}

func undoAccept(conn string, told ...string) func(*lobby.Lobby) error {
	return always(func(l *lobby.Lobby) {
		as := l.Clone()
		l.UndoAccept(&as, conn, told...)
	})
}
