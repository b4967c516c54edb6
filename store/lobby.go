package store

import (
	"errors"
	"slices"
	"time"
)

// Limits of a lobby, docs/protocol.md, "Limits".
const (
	DefaultMaxPlayers = 8 // the host counts
	MaxWaiting        = 64
	HostPeerID        = 1
	maxFormer         = 8   // addresses of a member by which it is still reached
	maxBanned         = 256 // the last of them
)

// What a rule may say no with. A rule that returns an error has changed nothing.
var (
	ErrAlreadyIn      = errors.New("connection is in the lobby, or waits for it")
	ErrNotIn          = errors.New("connection is not in the lobby")
	ErrNotHost        = errors.New("connection is not the host")
	ErrHostAway       = errors.New("host's connection is gone")
	ErrFull           = errors.New("lobby is full")
	ErrNotWaiting     = errors.New("connection does not wait")
	ErrSeveralWaiting = errors.New("several connections wait")
	ErrPeerIDTaken    = errors.New("peer id was used before")
	ErrNotLinked      = errors.New("connections are not linked")
	ErrLocked         = errors.New("lobby is locked")
	ErrBanned         = errors.New("connection was banned")
	ErrNeedsNewer     = errors.New("the original dialect lacks what the lobby does")
	ErrTooFew         = errors.New("more places are taken than there would be")
	ErrOneself        = errors.New("the host cannot be removed")
	ErrNoSuchSeat     = errors.New("token is of no seat")
	ErrWrongPassword  = errors.New("password is not the lobby's")
)

// A Lobby is where players meet: one host, members, and who waits to be let in. It is a plain value. Its methods are
// the rules, all of them: they know no clock and no storage, and what they change others hear of through Changes.
//
// A Lobby that a Store has returned is shared and must not be changed, but in the function given to UpdateLobby.
type Lobby struct {
	Game       string    `dynamodbav:"game"`
	ID         string    `dynamodbav:"lobby_id"` // as the host spelled it
	Members    []Member  `dynamodbav:"members"`  // the host too, in the order they came
	Waiting    []Request `dynamodbav:"waiting"`  // in the order they came
	MaxPlayers int       `dynamodbav:"max_players"`
	AutoAccept bool      `dynamodbav:"auto_accept"` // who asks is let in at once
	Public     bool      `dynamodbav:"public"`      // lists show it
	Locked     bool      `dynamodbav:"locked"`      // nobody is let in
	Password   string    `dynamodbav:"password"`    // a hash, which a Request has to prove; empty: none
	Metadata   string    `dynamodbav:"metadata"`    // a JSON object, or empty
	Mesh       bool      `dynamodbav:"mesh"`        // every member is linked with every other
	Migrates   bool      `dynamodbav:"migrates"`    // when the host leaves another member becomes it; else the lobby closes
	HostID     int       `dynamodbav:"host_id"`     // the host's peer id
	Term       int       `dynamodbav:"term"`        // grows with each host
	Banned     []string  `dynamodbav:"banned"`      // connections
	CreatedAt  int64     `dynamodbav:"created_at"`  // in microseconds since 1970
	Used       peerIDs   `dynamodbav:"used"`        // every peer id that a member ever had
	Promised   int       `dynamodbav:"promised"`    // the highest peer id that was ever used, or promised to who waits
	Closed     bool      `dynamodbav:"closed"`      // nobody is in it: its id is free
	Version    int64     `dynamodbav:"version"`     // grows with every write; the store's
	ExpiresAt  time.Time `dynamodbav:"expires_at,unixtime"`

	Changes []Change `dynamodbav:"-"` // what happened since it was read; never stored
	before  *Lobby   // as it was read
	dropped string   // whose connection is gone
	kept    item     // what DynamoDB had of it when it was read
}

// A Member has a place in a lobby.
type Member struct {
	Conn      string    `dynamodbav:"conn"`
	PeerID    int       `dynamodbav:"peer_id"`
	Player    string    `dynamodbav:"player"`              // what it says of itself: a JSON object, or empty
	Original  bool      `dynamodbav:"original"`            // speaks the original dialect: hears its names, and cannot resume
	Since     int64     `dynamodbav:"since"`               // when its connection was pointed at this lobby: Pointer.Since
	Token     string    `dynamodbav:"token"`               // hash of what its owner comes back with; empty: nothing does
	Former    []string  `dynamodbav:"former"`              // connections that it had before: what is sent to them still arrives
	AwayUntil time.Time `dynamodbav:"away_until,unixtime"` // its connection dropped, and the place is held until then; zero if it is there
}

// Away reports whether m's connection is gone.
func (m Member) Away() bool { return !m.AwayUntil.IsZero() }

// A Request is somebody who waits to be let in. They are nobody's peer yet.
type Request struct {
	Conn      string `dynamodbav:"conn"`
	PeerID    int    `dynamodbav:"peer_id"` // promised
	Player    string `dynamodbav:"player"`
	Original  bool   `dynamodbav:"original"`
	Since     int64  `dynamodbav:"since"`
	RequestID string `dynamodbav:"request_id"` // of the join_lobby that is to be answered
	Proved    string `dynamodbav:"-"`          // the hash of a password that its sender knows
}

// NewLobby returns a lobby in which only its host is.
func NewLobby(game, id string, host Member) Lobby {
	host.PeerID = HostPeerID
	return Lobby{
		Game: game, ID: id, Members: []Member{host}, MaxPlayers: DefaultMaxPlayers, HostID: HostPeerID, Term: 1,
		Used: peerIDs{{HostPeerID, HostPeerID}}, Promised: HostPeerID,
	}
}

// Key is where the lobby is kept.
func (l *Lobby) Key() Key { return LobbyKey(l.Game, l.ID) }

// Host returns the host.
func (l *Lobby) Host() Member {
	for _, m := range l.Members {
		if m.PeerID == l.HostID {
			return m
		}
	}
	return Member{} // of a lobby that is closed
}

// Member returns the member whose connection is conn.
func (l *Lobby) Member(conn string) (Member, bool) {
	if i := l.member(conn); i >= 0 {
		return l.Members[i], true
	}
	return Member{}, false
}

// Lists reports whether conn is in the lobby or waits for it.
func (l *Lobby) Lists(conn string) bool { return l.member(conn) >= 0 || l.waiting(conn) >= 0 }

func (l *Lobby) member(conn string) int {
	for i := range l.Members {
		if l.Members[i].Conn == conn {
			return i
		}
	}
	return -1
}

func (l *Lobby) waiting(conn string) int {
	return slices.IndexFunc(l.Waiting, func(r Request) bool { return r.Conn == conn })
}

// Request lets r wait for the host's word, and promises it a peer id. It returns ErrAlreadyIn, ErrBanned, ErrNeedsNewer,
// ErrLocked, ErrHostAway, ErrFull or, if there is nothing else, ErrWrongPassword.
func (l *Lobby) Request(r Request) error {
	switch {
	case l.Lists(r.Conn):
		return ErrAlreadyIn
	case slices.Contains(l.Banned, r.Conn):
		return ErrBanned
	case r.Original && (l.Mesh || l.Migrates || l.Password != ""):
		return ErrNeedsNewer
	case l.Locked:
		return ErrLocked
	case l.Host().Away():
		return ErrHostAway
	case len(l.Members) >= l.MaxPlayers, len(l.Waiting) >= MaxWaiting && !l.AutoAccept:
		return ErrFull
	case r.Proved != l.Password && l.Password != "":
		return ErrWrongPassword
	}
	r.PeerID, r.Proved = l.nextPeerID(), ""
	l.Promised = max(l.Promised, r.PeerID)
	l.Waiting = append(l.Waiting, r)
	return nil
}

// Join is Request, and in a lobby that lets everybody in Accept as well: then it returns the member too, whose place has
// token.
func (l *Lobby) Join(r Request, token string) (m Member, in bool, err error) {
	if err := l.Request(r); err != nil || !l.AutoAccept {
		return m, false, err
	}
	if m, _, err = l.Accept(l.Host().Conn, r.Conn, 0, token); err != nil {
		return m, false, err
	}
	return m, true, nil
}

// Accept makes conn, who waits, a member; if conn is empty, the only one who waits. Its peer id is want, if that is not
// zero, else the one it was promised; its place has token, a hash. It returns the member and the request it was, or
// ErrNotHost, ErrNotWaiting, ErrSeveralWaiting, ErrFull or ErrPeerIDTaken.
func (l *Lobby) Accept(host, conn string, want int, token string) (Member, Request, error) {
	if conn == "" && len(l.Waiting) == 1 {
		conn = l.Waiting[0].Conn
	}
	i := l.waiting(conn)
	switch {
	case l.Host().Conn != host:
		return Member{}, Request{}, ErrNotHost
	case conn == "" && len(l.Waiting) > 1:
		return Member{}, Request{}, ErrSeveralWaiting
	case i < 0:
		return Member{}, Request{}, ErrNotWaiting
	case len(l.Members) >= l.MaxPlayers:
		return Member{}, Request{}, ErrFull
	case want != 0 && l.Used.has(want):
		return Member{}, Request{}, ErrPeerIDTaken
	}
	r := l.Waiting[i]
	if want == 0 {
		if want = r.PeerID; l.Used.has(want) { // the host gave it to somebody else meanwhile
			want = l.nextPeerID()
		}
	}
	m := Member{Conn: r.Conn, PeerID: want, Player: r.Player, Original: r.Original, Since: r.Since}
	if !r.Original {
		m.Token = token
	}
	l.Waiting = slices.Delete(l.Waiting, i, i+1)
	l.Members = append(l.Members, m)
	l.Used, l.Promised = l.Used.add(want), max(l.Promised, want)
	return m, r, nil
}

// Reject sends conn away. It returns ErrNotHost or ErrNotWaiting.
func (l *Lobby) Reject(host, conn string) (Request, error) {
	if l.Host().Conn != host {
		return Request{}, ErrNotHost
	}
	return l.Withdraw(conn)
}

// Withdraw takes back conn's request, and nobody hears of it. It returns ErrNotWaiting.
func (l *Lobby) Withdraw(conn string) (Request, error) {
	i := l.waiting(conn)
	if i < 0 {
		return Request{}, ErrNotWaiting
	}
	r := l.Waiting[i]
	l.Waiting = slices.Delete(l.Waiting, i, i+1)
	return r, nil
}

// UndoAccept takes conn out again. as is the lobby as it was written with conn let in a moment ago, and told are the
// connections that were told of conn since. It reports whether conn was still a member, and not the host by now.
//
// Only members who know of conn hear that it has left: those in told, those who came or resumed since and so found conn
// among their peers, and, if conn dropped meanwhile, the host that let it in. A member who was never told of conn must
// not hear that it left.
func (l *Lobby) UndoAccept(as *Lobby, conn string, told ...string) bool {
	m, ok := l.Member(conn)
	if !ok || m.PeerID == l.HostID || l.CreatedAt != as.CreatedAt {
		return false
	}
	reason := ReasonLeft
	if m.Away() {
		reason, told = ReasonTimedOut, append(slices.Clone(told), as.Host().Conn)
	}
	left := Change{Kind: Left, Conn: m.Conn, PeerID: m.PeerID, Reason: reason}
	for _, peer := range l.Peers(m) {
		if as.member(peer.Conn) < 0 || slices.Contains(told, peer.Conn) {
			left.To = append(left.To, peer)
		}
	}
	if l.Members = slices.DeleteFunc(l.Members, func(o Member) bool { return o.PeerID == m.PeerID }); len(left.To) > 0 {
		l.Changes = append(l.Changes, left)
	}
	return true
}

// Readmit lets r wait again, whose sender could not be told the host's word. If the host is away by now, r comes to nothing.
// If another than host, which has decided, is the host by now, that one hears of r.
func (l *Lobby) Readmit(host string, r Request) {
	switch {
	case l.Lists(r.Conn):
		return
	case l.Host().Away():
		l.turnAway([]Request{r})
		return
	}
	l.Waiting = append(l.Waiting, r)
	if l.Host().Conn != host {
		l.Changes = append(l.Changes, Change{Kind: Asked, Conn: r.Conn, PeerID: r.PeerID, To: []Member{l.Host()}, Requests: []Request{r}})
	}
}

// Peer returns from's peer id and the member to, by its connection or one that it had before, if from may talk to it: whether
// those two are linked is decided here alone. In a star the host is linked with each member, in a mesh each with each. It
// returns ErrNotLinked.
func (l *Lobby) Peer(from, to string) (peerID int, m Member, err error) {
	i, j := l.member(from), l.address(to)
	if i < 0 || j < 0 || !l.linked(&l.Members[i], &l.Members[j]) {
		return 0, Member{}, ErrNotLinked
	}
	return l.Members[i].PeerID, l.Members[j], nil
}

func (l *Lobby) linked(a, b *Member) bool {
	return a.PeerID != b.PeerID && (l.Mesh || a.PeerID == l.HostID || b.PeerID == l.HostID)
}

// address is member, also by a connection that the member had before.
func (l *Lobby) address(conn string) int {
	if i := l.member(conn); i >= 0 {
		return i
	}
	return slices.IndexFunc(l.Members, func(m Member) bool { return slices.Contains(m.Former, conn) })
}

// Peers returns those that m is linked to, the host first.
func (l *Lobby) Peers(m Member) (peers []Member) {
	for _, other := range l.Members {
		switch {
		case !l.linked(&m, &other):
		case other.PeerID == l.HostID:
			peers = slices.Insert(peers, 0, other)
		default:
			peers = append(peers, other)
		}
	}
	return peers
}

// Clone returns a copy of l that shares no memory with it and has no Changes.
func (l *Lobby) Clone() Lobby {
	c := *l
	c.Members, c.Waiting, c.Used = slices.Clone(l.Members), slices.Clone(l.Waiting), slices.Clone(l.Used)
	c.Banned = slices.Clone(l.Banned)
	for i := range c.Members {
		c.Members[i].Former = slices.Clone(c.Members[i].Former)
	}
	c.Changes, c.before, c.dropped = nil, nil, ""
	return c
}
