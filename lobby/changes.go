package lobby

import (
	"crypto/subtle"
	"slices"
	"time"
)

// An Event is a change that others are notified of.
type Event struct {
	Kind   EventKind
	Conn   string    // whose event it is; with HostChanged the new host, with Resumed the member before
	New    string    // with Resumed: the new connection
	PeerID int       // the member's
	Term   int       // with HostChanged: the new host's term, which need not be the lobby's last
	Until  time.Time // with Disconnected: end of the grace
	Reason string    // with Left, Removed and Closed
	Player string    // with PlayerUpdated
	To     []Member  // connections to notify
	Others []Member  // members to notify as a roster does: they are not linked with the member
	By     string    // connection whose action it is, and which it answers; empty: none
	// With HostChanged in a star: the members with which the new host is linked
	// from now on. In a mesh it knows them.
	Peers []Member
	// With Closed, HostAway and Cancelled: the requests that have ended. With
	// HostChanged: those that wait for the new host. With Asked: the new request.
	Requests []JoinRequest
}

// An EventKind names a kind of event.
type EventKind int

// The kinds of events. docs/protocol.md, "Who hears what", shows who receives
// each.
const (
	Left          EventKind = iota + 1 // a member left, or its grace ended
	Removed                            // the host removed a member
	Disconnected                       // a member's connection dropped
	Resumed                            // a member has another connection
	Replaced                           // the previous connection must be closed
	HostChanged                        // another member is the host
	Updated                            // the settings changed
	PlayerUpdated                      // a member describes itself in another way
	Asked                              // a player waits, and the host must be notified
	Cancelled                          // a request was taken back
	Closed                             // the lobby is closed
	HostAway                           // requests end, since the host's connection is gone
)

// Reasons of Left and Closed.
const (
	ReasonLeft     = "left"
	ReasonRemoved  = "removed"
	ReasonTimedOut = "timed_out"
	ReasonClosed   = "closed"
	ReasonHostLeft = "host_left"
)

// Leave removes conn or its request. If conn is the host, the lobby closes or
// another member becomes the host. It returns ErrNotIn.
func (l *Lobby) Leave(conn string) error {
	if m, ok := l.Member(conn); ok {
		l.remove(m, ReasonLeft)
		return nil
	}
	if r, err := l.CancelRequest(conn); err == nil {
		l.Events = append(l.Events, Event{Kind: Cancelled, Conn: conn, To: []Member{l.Host()}, Requests: []JoinRequest{r}})
		return nil
	}
	return ErrNotIn
}

// Disconnect handles the loss of the connection conn. A member's slot is held
// until the time given. A request is not held, nor is the slot of a member that
// cannot resume. Nobody waits for a host that is away: if conn is the host, all
// requests are turned away. It returns ErrNotIn, or nil if conn is away
// already.
func (l *Lobby) Disconnect(conn string, until time.Time) error {
	l.dropped = conn
	i := l.member(conn)
	if i < 0 || l.Members[i].Original {
		return l.Leave(conn)
	}
	m := &l.Members[i]
	if m.Away() {
		return nil
	}
	until = until.Add(time.Second - 1).Truncate(time.Second) // clients are not told more than that
	m.AwayUntil = until
	l.Events = append(l.Events, Event{Kind: Disconnected, Conn: conn, PeerID: m.PeerID, Until: until, To: l.Peers(*m), Others: l.Others(*m)})
	if m.PeerID == l.HostPeerID {
		l.turnAway(l.Waiting)
		l.Waiting = nil
	}
	return nil
}

// turnAway notifies the waiting players that the host is away.
func (l *Lobby) turnAway(requests []JoinRequest) {
	if len(requests) > 0 {
		l.Events = append(l.Events, Event{Kind: HostAway, Requests: requests})
	}
}

// Resume gives the slot of peer id, whose token has this hash, to the
// connection that r describes. A slot of a player id goes only to the same one.
// Resume returns the member; or ErrNoSuchSlot, whatever is wrong.
func (l *Lobby) Resume(id int, token string, r JoinRequest) (Member, error) {
	conn := r.Conn
	i := slices.IndexFunc(l.Members, func(m Member) bool { return m.PeerID == id })
	if i < 0 || token == "" || subtle.ConstantTimeCompare([]byte(l.Members[i].Token), []byte(token)) != 1 || l.Has(conn) {
		return Member{}, ErrNoSuchSlot
	}
	m := &l.Members[i]
	if m.PlayerID != "" && m.PlayerID != r.PlayerID {
		return Member{}, ErrNoSuchSlot
	}
	was := *m
	m.PreviousConns = append(m.PreviousConns, m.Conn)
	if len(m.PreviousConns) > maxFormer {
		m.PreviousConns = slices.Delete(m.PreviousConns, 0, len(m.PreviousConns)-maxFormer)
	}
	m.Conn, m.ClaimID, m.ClaimedAt, m.AwayUntil, m.Address = conn, r.ClaimID, r.ClaimedAt, time.Time{}, r.Address
	l.dropped = was.Conn
	resumed := Event{Kind: Resumed, Conn: was.Conn, New: conn, PeerID: m.PeerID, To: l.Peers(*m)}
	if was.Away() {
		resumed.Others = l.Others(*m)
	}
	if l.Events = append(l.Events, resumed); !was.Away() {
		l.Events = append(l.Events, Event{Kind: Replaced, Conn: was.Conn, To: []Member{was}})
	}
	return *m, nil
}

// Kick removes conn from the lobby, and bans it by ban. It returns ErrNotHost,
// ErrOneself, or ErrNotLinked if conn is no member.
func (l *Lobby) Kick(host, conn, reason string, ban Ban) error {
	i := l.address(conn)
	switch {
	case l.Host().Conn != host:
		return ErrNotHost
	case i < 0:
		return ErrNotLinked
	case l.Members[i].PeerID == l.HostPeerID:
		return ErrOneself
	}
	m := l.Members[i]
	l.ban(m, ban)
	l.Events = append(l.Events, Event{Kind: Removed, Conn: m.Conn, Reason: reason, To: []Member{m}})
	l.remove(m, ReasonRemoved)
	return nil
}

// Settings are what a host can change while the lobby is open. nil leaves a
// setting as it is.
type Settings struct {
	MaxPlayers                 *int
	Public, Locked, AutoAccept *bool
	Password, Metadata         *string
}

// SettingsPace is the time that each change of a lobby's settings is paid for
// by. MaxSettings changes can come at once.
const (
	SettingsPace = 200 * time.Millisecond
	MaxSettings  = 5
)

// Set changes settings. All members are notified, so the lobby itself limits
// how often: many processes might handle its host. Set returns ErrNotHost,
// ErrTooFew or ErrTooOften.
func (l *Lobby) Set(host string, s Settings, now time.Time) error {
	paid := max(l.SettingsAt, now.UnixMilli()) + SettingsPace.Milliseconds()
	switch {
	case l.Host().Conn != host:
		return ErrNotHost
	case paid-now.UnixMilli() > MaxSettings*SettingsPace.Milliseconds():
		return ErrTooOften
	case s.MaxPlayers != nil && *s.MaxPlayers < len(l.Members):
		return ErrTooFew
	}
	l.SettingsAt = paid
	set(&l.MaxPlayers, s.MaxPlayers)
	set(&l.Public, s.Public)
	set(&l.Locked, s.Locked)
	set(&l.AutoAccept, s.AutoAccept)
	set(&l.Password, s.Password)
	set(&l.Metadata, s.Metadata)
	l.Events = append(l.Events, Event{Kind: Updated, By: host, To: slices.Clone(l.Members)})
	return nil
}

// SetPlayer replaces the description that the member conn gives of itself: a
// JSON object. It returns ErrNotIn if conn is no member.
func (l *Lobby) SetPlayer(conn, player string) error {
	i := l.member(conn)
	if i < 0 {
		return ErrNotIn
	}
	m := &l.Members[i]
	m.Player = player
	l.Events = append(l.Events, Event{
		Kind: PlayerUpdated, Conn: conn, PeerID: m.PeerID, Player: player, To: l.Peers(*m), Others: l.Others(*m),
	})
	return nil
}

// SetHost makes the member conn the host. The old host stays a member, and
// requests wait for the new one. It returns ErrNotHost; ErrNotLinked if conn is
// no member; ErrHostAlready; ErrCannotFollow; or ErrAway, with the member.
func (l *Lobby) SetHost(host, conn string) (Member, error) {
	i := l.address(conn)
	switch {
	case l.Host().Conn != host:
		return Member{}, ErrNotHost
	case i < 0:
		return Member{}, ErrNotLinked
	case l.Members[i].PeerID == l.HostPeerID:
		return Member{}, ErrHostAlready
	case slices.ContainsFunc(l.Members, func(m Member) bool { return m.Original }):
		return Member{}, ErrCannotFollow
	case l.Members[i].Away():
		return l.Members[i], ErrAway
	}
	m := l.Members[i]
	l.changeHost(m, host)
	return m, nil
}

// changeHost makes m the host, by the action of the connection by, if any.
func (l *Lobby) changeHost(m Member, by string) {
	l.HostPeerID = m.PeerID
	l.Term++
	changed := Event{
		Kind: HostChanged, Conn: m.Conn, PeerID: m.PeerID, Term: l.Term, By: by,
		To: slices.Clone(l.Members), Requests: slices.Clone(l.Waiting),
	}
	if !l.Mesh {
		changed.Peers = l.Peers(m)
	}
	l.Events = append(l.Events, changed)
}

func set[T any](field, value *T) {
	if value != nil {
		*field = *value
	}
}

// Close ends the lobby for everybody. It returns ErrNotHost.
func (l *Lobby) Close(host string) error {
	if l.Host().Conn != host {
		return ErrNotHost
	}
	l.closeWith(l.Members, ReasonClosed)
	l.Events[len(l.Events)-1].By = host
	return nil
}

// Due reports whether ExpireAway would change l.
func (l *Lobby) Due(now time.Time) bool {
	return slices.ContainsFunc(l.Members, func(m Member) bool { return m.lapsed(now) })
}

func (m Member) lapsed(now time.Time) bool { return m.Away() && !now.Before(m.AwayUntil) }

// ExpireAway removes the members whose grace has ended, in the order in which
// it ended. On AWS nothing runs between two messages, so each change of a lobby
// does this first.
//
// The order matters if the lobby migrates: a new host is not notified of
// members who left before it took over.
func (l *Lobby) ExpireAway(now time.Time) {
	late := slices.DeleteFunc(slices.Clone(l.Members), func(m Member) bool { return !m.lapsed(now) })
	slices.SortStableFunc(late, func(a, b Member) int { return a.AwayUntil.Compare(b.AwayUntil) })
	for _, m := range late {
		if !l.Closed {
			l.remove(m, ReasonTimedOut)
		}
	}
}

// Lasts returns until when l must be kept: as long as a member can be connected
// or come back. While one is connected, that is rounded up to half an hour,
// since lists show it: a list is written again whenever it changes.
func (l *Lobby) Lasts(now time.Time) (until time.Time) {
	const half = 30 * time.Minute
	for _, m := range l.Members {
		if !m.Away() {
			return now.Add(TTL + half).Truncate(half)
		}
		if m.AwayUntil.After(until) {
			until = m.AwayUntil
		}
	}
	return until
}

// remove removes m. If m is the host, the lobby closes or another member
// becomes the host.
func (l *Lobby) remove(m Member, reason string) {
	left := Event{Kind: Left, Conn: m.Conn, PeerID: m.PeerID, Reason: reason, To: l.Peers(m), Others: l.Others(m)}
	l.Members = slices.DeleteFunc(l.Members, func(o Member) bool { return o.PeerID == m.PeerID })
	heir := l.heir()
	switch {
	case m.PeerID != l.HostPeerID:
		l.Events = append(l.Events, left)
	case l.Migrates && heir.Conn != "":
		l.Events = append(l.Events, left)
		l.changeHost(heir, "")
	case reason == ReasonLeft:
		l.closeWith(l.Members, ReasonHostLeft)
	default:
		l.closeWith(l.Members, reason)
	}
}

// heir returns the connected member with the lowest peer id, or the zero
// Member.
func (l *Lobby) heir() (heir Member) {
	for _, m := range l.Members {
		if !m.Away() && (heir.Conn == "" || m.PeerID < heir.PeerID) {
			heir = m
		}
	}
	return heir
}

func (l *Lobby) closeWith(hear []Member, reason string) {
	l.Events = append(l.Events, Event{Kind: Closed, Reason: reason, To: hear, Requests: l.Waiting})
	l.Closed, l.Members, l.Waiting = true, nil, nil
}
