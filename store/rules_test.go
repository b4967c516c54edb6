package store_test

import (
	"time"

	"bellhop/store"
)

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
	"readmit: the host is away": {
		was:  hostAway,
		rule: always(func(l *store.Lobby) { l.Readmit("host", wes) }),
		want: func(l *store.Lobby) {
			l.Changes = []store.Change{{Kind: store.HostAway, Requests: []store.Request{wes}}}
		},
	},
	"readmit: who waits already": {rule: always(func(l *store.Lobby) { l.Readmit("host", wes) })},
	"readmit: a member":          {rule: always(func(l *store.Lobby) { l.Readmit("host", store.Request{Conn: "ann"}) })},
	"undo accept: nobody hears of it": {
		rule: undoAccept("bob"),
		want: func(l *store.Lobby) { l.Members = []store.Member{host, ann, old} },
	},
	"undo accept: who was told": {
		rule: undoAccept("bob", "host", "ann"),
		want: func(l *store.Lobby) {
			l.Members = []store.Member{host, ann, old}
			l.Changes = []store.Change{{Kind: store.Left, Conn: "bob", PeerID: 3, Reason: store.ReasonLeft, To: []store.Member{host}}}
		},
	},
	"undo accept: who came since": {
		rule: always(func(l *store.Lobby) {
			as := l.Clone()
			as.Members = as.Members[1:]
			l.UndoAccept(&as, "bob")
		}),
		want: func(l *store.Lobby) {
			l.Members = []store.Member{host, ann, old}
			l.Changes = []store.Change{{Kind: store.Left, Conn: "bob", PeerID: 3, Reason: store.ReasonLeft, To: []store.Member{host}}}
		},
	},
	"undo accept: never the host":        {rule: undoAccept("host")},
	"undo accept: who waits stays there": {rule: undoAccept("wes")},
	"undo accept: of a lobby before": {
		rule: always(func(l *store.Lobby) {
			as := l.Clone()
			as.CreatedAt--
			l.UndoAccept(&as, "bob")
		}),
	},

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
		hostAway(l)
		l.Changes = []store.Change{
			{Kind: store.Disconnected, Conn: "host", PeerID: 1, Until: later, To: []store.Member{ann, bob, old}},
			{Kind: store.HostAway, Requests: []store.Request{wes, xia}},
		}
	}},
	"drop: the host, for whom nobody waits": {was: nobodyWaits, rule: drop("host"), want: func(l *store.Lobby) {
		hostAway(l)
		l.Changes = []store.Change{{Kind: store.Disconnected, Conn: "host", PeerID: 1, Until: later, To: []store.Member{ann, bob, old}}}
	}},
	"drop: the host, in a lobby that migrates": {
		was:  func(l *store.Lobby) { l.Migrates = true },
		rule: drop("host"), want: func(l *store.Lobby) {
			hostAway(l)
			l.Changes = []store.Change{
				{Kind: store.Disconnected, Conn: "host", PeerID: 1, Until: later, To: []store.Member{ann, bob, old}},
				{Kind: store.HostAway, Requests: []store.Request{wes, xia}},
			}
		},
	},
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

func undoAccept(conn string, told ...string) func(*store.Lobby) error {
	return always(func(l *store.Lobby) {
		as := l.Clone()
		l.UndoAccept(&as, conn, told...)
	})
}
