// Package lobby holds the rules of lobbies: admission, links between members,
// the effects of leaving, and the events that others receive.
//
// A Lobby is a plain value, and its methods are the rules. They know no clock,
// no storage and no network. Start with New, then Join, Accept and Leave; read
// Events for the notifications to send.
package lobby

import (
	"errors"
	"slices"
	"time"
)

// TTL is how long a lobby is kept that nobody touches. API Gateway ends every
// connection after 2 hours (developer guide, "Quotas for configuring and
// running a WebSocket API"), so after 3 hours nobody can be connected.
const TTL = 3 * time.Hour

// Limits of a lobby, docs/protocol.md, "Limits".
const (
	DefaultMaxPlayers = 8 // including the host
	MaxWaiting        = 64
	FirstPeerID       = 1
	maxFormer         = 8   // previous connections of a member that still reach it
	maxBanned         = 256 // newest bans that are kept
)

// Errors of the rules. A rule that returns an error has changed nothing.
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
	ErrNoSuchSlot     = errors.New("token owns no slot")
	ErrWrongPassword  = errors.New("password is not the lobby's")
	ErrHostAlready    = errors.New("connection is the host already")
	ErrTooOften       = errors.New("settings change too often")
	ErrAway           = errors.New("member's connection is gone")
	ErrCannotFollow   = errors.New("a member's dialect has no word for a new host")
)

// A Lobby is where players meet: one host, other members, and connections that
// wait to be let in. It is a plain value, and its methods are all the rules. A
// rule that changes something others must know adds to Events.
//
// A Lobby that a store has returned is shared. Change only the copy that
// store.Update passes to a rule.
type Lobby struct {
	Game        string        `dynamodbav:"game"`
	ID          string        `dynamodbav:"lobby_id"` // as the host spelled it
	Members     []Member      `dynamodbav:"members"`  // with the host, in order of arrival
	Waiting     []JoinRequest `dynamodbav:"waiting"`  // in order of arrival
	MaxPlayers  int           `dynamodbav:"max_players"`
	AutoAccept  bool          `dynamodbav:"auto_accept"` // requests are accepted immediately
	Public      bool          `dynamodbav:"public"`      // lists show it
	Locked      bool          `dynamodbav:"locked"`      // nobody is admitted
	Password    string        `dynamodbav:"password"`    // hash that a JoinRequest must match; empty: none
	Metadata    string        `dynamodbav:"metadata"`    // a JSON object, or empty
	Mesh        bool          `dynamodbav:"mesh"`        // all members are linked with each other
	Migrates    bool          `dynamodbav:"migrates"`    // if the host leaves, another member takes over; else the lobby closes
	Roster      bool          `dynamodbav:"roster"`      // every member is notified of every other, linked or not
	HostPeerID  int           `dynamodbav:"host_id"`     // the host's peer id
	Term        int           `dynamodbav:"term"`        // grows with each new host
	Banned      []string      `dynamodbav:"banned"`      // connections; player ids and addresses with their prefix
	AddressKey  string        `dynamodbav:"address_key"` // random, for hashes of addresses
	SettingsAt  int64         `dynamodbav:"settings_at"` // when all changes of settings are paid for, in milliseconds since 1970
	PaidAt      int64         `dynamodbav:"paid_at"`     // when all notices are paid for, in milliseconds since 1970; 0: see paid
	CreatedAt   int64         `dynamodbav:"created_at"`  // in microseconds since 1970
	UsedPeerIDs peerIDs       `dynamodbav:"used"`        // every peer id that a member ever had
	LastPeerID  int           `dynamodbav:"promised"`    // the highest peer id used so far or promised to a waiting player
	Closed      bool          `dynamodbav:"closed"`      // it is empty, and its id is free
	Version     int64         `dynamodbav:"version"`     // grows with every write; set by the store
	ExpiresAt   time.Time     `dynamodbav:"expires_at,unixtime"`

	Events  []Event `dynamodbav:"-" json:"-"` // events since it was read; never stored
	Stored  any     `dynamodbav:"-" json:"-"` // the store's own data about the lobby; only the store reads it
	dropped string  // the lost connection
	notices int     // about new members and requests, which are not among Events
}

// A Member has a slot in a lobby.
type Member struct {
	Conn          string    `dynamodbav:"conn"`
	PeerID        int       `dynamodbav:"peer_id"`
	Player        string    `dynamodbav:"player"`              // its own description: a JSON object, or empty
	PlayerID      string    `dynamodbav:"player_id,omitempty"` // its account, from its token; empty: none
	Address       string    `dynamodbav:"address,omitempty"`   // AddressHash of its connection's address
	Original      bool      `dynamodbav:"original"`            // uses the original dialect, and cannot resume
	ClaimID       uint32    `dynamodbav:"-"`                   // of its connection's claim of this lobby: Claim.ID
	ClaimedAt     int64     `dynamodbav:"since"`               // and Claim.At
	Token         string    `dynamodbav:"token"`               // hash of its resume token; empty: it cannot resume
	PreviousConns []string  `dynamodbav:"former"`              // previous connections; messages to them still arrive
	AwayUntil     time.Time `dynamodbav:"away_until,unixtime"` // end of its grace if its connection dropped; zero if it is connected
}

// Away reports whether m's connection has dropped.
func (m Member) Away() bool { return !m.AwayUntil.IsZero() }

// A JoinRequest is a connection that waits for admission. It has no peers yet.
type JoinRequest struct {
	Conn      string `dynamodbav:"conn"`
	PeerID    int    `dynamodbav:"peer_id"` // promised
	Player    string `dynamodbav:"player"`
	PlayerID  string `dynamodbav:"player_id,omitempty"`
	Address   string `dynamodbav:"address,omitempty"`
	Original  bool   `dynamodbav:"original"`
	ClaimID   uint32 `dynamodbav:"-"`
	ClaimedAt int64  `dynamodbav:"since"`
	RequestID string `dynamodbav:"request_id"` // request_id of the join_lobby to answer
	Proved    string `dynamodbav:"-"`          // hash of the password that its sender gave
}

// New returns a lobby with its host alone in it.
func New(game, id string, host Member) Lobby {
	host.PeerID = FirstPeerID
	return Lobby{
		Game: game, ID: id, Members: []Member{host}, MaxPlayers: DefaultMaxPlayers, HostPeerID: FirstPeerID, Term: 1,
		UsedPeerIDs: peerIDs{{FirstPeerID, FirstPeerID}}, LastPeerID: FirstPeerID,
	}
}

// Key returns the key of the lobby.
func (l *Lobby) Key() Key { return KeyOf(l.Game, l.ID) }

// Host returns the host, or the zero Member if the lobby is closed.
func (l *Lobby) Host() Member {
	for _, m := range l.Members {
		if m.PeerID == l.HostPeerID {
			return m
		}
	}
	return Member{} // if the lobby is closed
}

// Member returns the member whose connection is conn.
func (l *Lobby) Member(conn string) (Member, bool) {
	if i := l.member(conn); i >= 0 {
		return l.Members[i], true
	}
	return Member{}, false
}

// Has reports whether conn is in the lobby or waits for it.
func (l *Lobby) Has(conn string) bool { return l.member(conn) >= 0 || l.waiting(conn) >= 0 }

func (l *Lobby) member(conn string) int {
	for i := range l.Members {
		if l.Members[i].Conn == conn {
			return i
		}
	}
	return -1
}

func (l *Lobby) waiting(conn string) int {
	return slices.IndexFunc(l.Waiting, func(r JoinRequest) bool { return r.Conn == conn })
}

// Request adds r to the waiting players, and promises it a peer id. It returns
// ErrAlreadyIn, ErrBanned, ErrNeedsNewer, ErrLocked, ErrHostAway, ErrFull or,
// if nothing else is wrong, ErrWrongPassword.
func (l *Lobby) Request(r JoinRequest) error {
	switch {
	case l.Has(r.Conn):
		return ErrAlreadyIn
	case slices.ContainsFunc(l.Banned, r.is):
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
	l.LastPeerID = max(l.LastPeerID, r.PeerID)
	l.Waiting = append(l.Waiting, r)
	l.notices++
	return nil
}

// Join requests a slot. If the lobby accepts everybody, it also accepts the
// request, gives the slot the token, and returns the new member. It returns the
// errors of Request.
func (l *Lobby) Join(r JoinRequest, token string) (m Member, in bool, err error) {
	if err := l.Request(r); err != nil || !l.AutoAccept {
		return m, false, err
	}
	if m, _, err = l.Accept(l.Host().Conn, r.Conn, 0, token); err != nil {
		return m, false, err
	}
	return m, true, nil
}

// Accept makes the waiting connection conn a member. If conn is empty and one
// connection waits, it accepts that one.
//
// The member's peer id is want or, if want is 0, the promised one. Its slot
// gets token, a hash. Accept returns the member and its request. It returns
// ErrNotHost, ErrNotWaiting, ErrSeveralWaiting, ErrFull or ErrPeerIDTaken.
func (l *Lobby) Accept(host, conn string, want int, token string) (Member, JoinRequest, error) {
	if conn == "" && len(l.Waiting) == 1 {
		conn = l.Waiting[0].Conn
	}
	i := l.waiting(conn)
	switch {
	case l.Host().Conn != host:
		return Member{}, JoinRequest{}, ErrNotHost
	case conn == "" && len(l.Waiting) > 1:
		return Member{}, JoinRequest{}, ErrSeveralWaiting
	case i < 0:
		return Member{}, JoinRequest{}, ErrNotWaiting
	case len(l.Members) >= l.MaxPlayers:
		return Member{}, JoinRequest{}, ErrFull
	case want != 0 && l.UsedPeerIDs.has(want):
		return Member{}, JoinRequest{}, ErrPeerIDTaken
	}
	r := l.Waiting[i]
	if want == 0 {
		if want = r.PeerID; l.UsedPeerIDs.has(want) { // the host gave it to another player since
			want = l.nextPeerID()
		}
	}
	m := Member{
		Conn: r.Conn, PeerID: want, Player: r.Player, PlayerID: r.PlayerID, Address: r.Address,
		Original: r.Original, ClaimID: r.ClaimID, ClaimedAt: r.ClaimedAt,
	}
	if !r.Original {
		m.Token = token
	}
	l.Waiting = slices.Delete(l.Waiting, i, i+1)
	l.Members = append(l.Members, m)
	l.notices += len(l.Peers(m)) + len(l.Others(m))
	l.UsedPeerIDs, l.LastPeerID = l.UsedPeerIDs.add(want), max(l.LastPeerID, want)
	return m, r, nil
}

// Reject removes the waiting connection conn. It returns ErrNotHost or
// ErrNotWaiting.
func (l *Lobby) Reject(host, conn string) (JoinRequest, error) {
	if l.Host().Conn != host {
		return JoinRequest{}, ErrNotHost
	}
	return l.CancelRequest(conn)
}

// CancelRequest removes the request of conn and notifies nobody. It returns
// ErrNotWaiting.
func (l *Lobby) CancelRequest(conn string) (JoinRequest, error) {
	i := l.waiting(conn)
	if i < 0 {
		return JoinRequest{}, ErrNotWaiting
	}
	r := l.Waiting[i]
	l.Waiting = slices.Delete(l.Waiting, i, i+1)
	return r, nil
}

// UndoAccept removes conn again. as is the lobby as it was written with conn
// accepted a moment ago. told are the connections that have been notified of
// conn since. It reports whether conn was still a member and not the host.
//
// Only members who know of conn are notified that it left: those in told; those
// who came, resumed or became the host since, and so found conn among their
// peers; and, if conn has dropped, the host that accepted it. A member that was
// never notified of conn must not be notified that it left.
func (l *Lobby) UndoAccept(as *Lobby, conn string, told ...string) bool {
	m, ok := l.Member(conn)
	if !ok || m.PeerID == l.HostPeerID || l.CreatedAt != as.CreatedAt {
		return false
	}
	reason := ReasonLeft
	if m.Away() {
		reason, told = ReasonTimedOut, append(slices.Clone(told), as.Host().Conn)
	}
	if l.Term != as.Term { // the new host found conn among its peers
		told = append(slices.Clone(told), l.Host().Conn)
	}
	unaware := func(o Member) bool { return as.member(o.Conn) >= 0 && !slices.Contains(told, o.Conn) }
	left := Event{
		Kind: Left, Conn: m.Conn, PeerID: m.PeerID, Reason: reason,
		To: slices.DeleteFunc(l.Peers(m), unaware), Others: slices.DeleteFunc(l.Others(m), unaware),
	}
	l.Members = slices.DeleteFunc(l.Members, func(o Member) bool { return o.PeerID == m.PeerID })
	if len(left.To)+len(left.Others) > 0 {
		l.Events = append(l.Events, left)
	}
	return true
}

// Requeue lets r wait again after the host's decision could not be delivered.
// If the host is away by now, r is turned away. If the host has changed since,
// the new host is notified of r.
func (l *Lobby) Requeue(host string, r JoinRequest) {
	switch {
	case l.Has(r.Conn):
		return
	case l.Host().Away():
		l.turnAway([]JoinRequest{r})
		return
	}
	l.Waiting = append(l.Waiting, r)
	if l.Host().Conn != host {
		l.Events = append(l.Events, Event{Kind: Asked, Conn: r.Conn, PeerID: r.PeerID, To: []Member{l.Host()}, Requests: []JoinRequest{r}})
	}
}

// Peer returns the member to and the peer id of from, if from can talk to it.
// to can be the member's current or a previous connection. Peer alone decides
// whether two members are linked: in a star the host with each member, in a
// mesh each with each other. It returns ErrNotLinked.
func (l *Lobby) Peer(from, to string) (peerID int, m Member, err error) {
	i, j := l.member(from), l.address(to)
	if i < 0 || j < 0 || !l.linked(&l.Members[i], &l.Members[j]) {
		return 0, Member{}, ErrNotLinked
	}
	return l.Members[i].PeerID, l.Members[j], nil
}

func (l *Lobby) linked(a, b *Member) bool {
	return a.PeerID != b.PeerID && (l.Mesh || a.PeerID == l.HostPeerID || b.PeerID == l.HostPeerID)
}

// address returns the index of the member with conn as its current or a
// previous connection, or -1.
func (l *Lobby) address(conn string) int {
	if i := l.member(conn); i >= 0 {
		return i
	}
	return slices.IndexFunc(l.Members, func(m Member) bool { return slices.Contains(m.PreviousConns, conn) })
}

// Peers returns the members that m is linked with, the host first.
func (l *Lobby) Peers(m Member) (peers []Member) {
	for _, other := range l.Members {
		switch {
		case !l.linked(&m, &other):
		case other.PeerID == l.HostPeerID:
			peers = slices.Insert(peers, 0, other)
		default:
			peers = append(peers, other)
		}
	}
	return peers
}

// Others returns the members that only a roster notifies of m: those that are
// not linked with it. A lobby without a roster has none.
func (l *Lobby) Others(m Member) (others []Member) {
	if !l.Roster {
		return nil
	}
	for _, other := range l.Members {
		if other.PeerID != m.PeerID && !l.linked(&m, &other) {
			others = append(others, other)
		}
	}
	return others
}

// Clone returns a copy of l that shares only strings with it and has no Events.
func (l *Lobby) Clone() Lobby {
	c := *l
	c.Members, c.Waiting, c.UsedPeerIDs = slices.Clone(l.Members), slices.Clone(l.Waiting), slices.Clone(l.UsedPeerIDs)
	c.Banned = slices.Clone(l.Banned)
	for i := range c.Members {
		c.Members[i].PreviousConns = slices.Clone(c.Members[i].PreviousConns)
	}
	c.Events, c.dropped, c.notices = nil, "", 0
	return c
}
