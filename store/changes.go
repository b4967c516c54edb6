package store

import (
	"crypto/subtle"
	"slices"
	"time"
)

// A Change is something that others are to hear of.
type Change struct {
	Kind   ChangeKind
	Conn   string    // who it happened to; with HostChanged the new host, with Resumed who they were before
	New    string    // with Resumed: their connection now
	PeerID int       // theirs, if they were a member
	Term   int       // with HostChanged: theirs, which need not be the lobby's last
	Until  time.Time // with Disconnected: until when the place is held
	Reason string    // with Left, Removed and Closed
	To     []Member  // who hears it
	// With Closed, HostAway and Cancelled: the requests that have come to nothing. With HostChanged: those that wait for the
	// new host. With Asked: the one that the host has not heard of.
	Requests []Request
}

// A ChangeKind says what happened.
type ChangeKind int

// The kinds of changes: docs/protocol.md, "Who hears what".
const (
	Left         ChangeKind = iota + 1 // a member gave up the place, or lost it
	Removed                            // the host took it
	Disconnected                       // a member's connection dropped
	Resumed                            // a member has another connection
	Replaced                           // so that the one before is to be closed
	HostChanged                        // another member is the host
	Updated                            // the lobby is set otherwise
	Asked                              // somebody waits, of whom the host has not heard
	Cancelled                          // a request was taken back
	Closed                             // the lobby is no more
	HostAway                           // requests come to nothing, since the host's connection is gone
)

// Reasons of Left and Closed.
const (
	ReasonLeft     = "left"
	ReasonRemoved  = "removed"
	ReasonTimedOut = "timed_out"
	ReasonClosed   = "closed"
	ReasonHostLeft = "host_left"
)

// A Place is a connection and when it was pointed at the lobby.
type Place struct {
	Conn  string
	Since int64
}

// Gone returns who was in the lobby, or waited for it, when UpdateLobby read it, and is so no longer: those who may want
// to go elsewhere, so not one that dropped.
func (l *Lobby) Gone() (gone []Place) {
	for _, m := range l.before.Members {
		if !l.Lists(m.Conn) && m.Conn != l.dropped {
			gone = append(gone, Place{m.Conn, m.Since})
		}
	}
	for _, r := range l.before.Waiting {
		if !l.Lists(r.Conn) && r.Conn != l.dropped {
			gone = append(gone, Place{r.Conn, r.Since})
		}
	}
	return gone
}

// Leave gives up conn's place, or its request. When it is the host that leaves, the lobby closes or another is its host
// from now on. It returns ErrNotIn.
func (l *Lobby) Leave(conn string) error {
	if m, ok := l.Member(conn); ok {
		l.remove(m, ReasonLeft)
		return nil
	}
	if r, err := l.Withdraw(conn); err == nil {
		l.Changes = append(l.Changes, Change{Kind: Cancelled, Conn: conn, To: []Member{l.Host()}, Requests: []Request{r}})
		return nil
	}
	return ErrNotIn
}

// Drop is what becomes of conn when its connection is gone. A place is held until the time given, a request is not; nor is
// the place of a member that cannot resume. Nobody waits for a host that is away: if conn is the host, all requests come to
// nothing. It returns ErrNotIn, and nil if conn is away already.
func (l *Lobby) Drop(conn string, until time.Time) error {
	l.dropped = conn
	i := l.member(conn)
	if i < 0 || l.Members[i].Original {
		return l.Leave(conn)
	}
	m := &l.Members[i]
	if m.Away() {
		return nil
	}
	until = until.Add(time.Second - 1).Truncate(time.Second) // what clients are told has no more
	m.AwayUntil = until
	l.Changes = append(l.Changes, Change{Kind: Disconnected, Conn: conn, PeerID: m.PeerID, Until: until, To: l.Peers(*m)})
	if m.PeerID == l.HostID {
		l.turnAway(l.Waiting)
		l.Waiting = nil
	}
	return nil
}

// turnAway has the senders of requests hear that the host is away.
func (l *Lobby) turnAway(requests []Request) {
	if len(requests) > 0 {
		l.Changes = append(l.Changes, Change{Kind: HostAway, Requests: requests})
	}
}

// Resume gives the place of peer id, whose token has this hash, to conn, which was pointed at the lobby at since. It
// returns the member; or ErrNoSuchSeat, whatever is wrong.
func (l *Lobby) Resume(id int, token, conn string, since int64) (Member, error) {
	i := slices.IndexFunc(l.Members, func(m Member) bool { return m.PeerID == id })
	if i < 0 || token == "" || subtle.ConstantTimeCompare([]byte(l.Members[i].Token), []byte(token)) != 1 || l.Lists(conn) {
		return Member{}, ErrNoSuchSeat
	}
	m := &l.Members[i]
	was := *m
	m.Former = append(m.Former, m.Conn)
	if len(m.Former) > maxFormer {
		m.Former = slices.Delete(m.Former, 0, len(m.Former)-maxFormer)
	}
	m.Conn, m.Since, m.AwayUntil = conn, since, time.Time{}
	l.dropped = was.Conn
	l.Changes = append(l.Changes, Change{Kind: Resumed, Conn: was.Conn, New: conn, PeerID: m.PeerID, To: l.Peers(*m)})
	if !was.Away() {
		l.Changes = append(l.Changes, Change{Kind: Replaced, Conn: was.Conn, To: []Member{was}})
	}
	return *m, nil
}

// Remove takes conn's place from it, and with ban keeps it out from now on. It returns ErrNotHost, ErrOneself, or
// ErrNotLinked for who is no member.
func (l *Lobby) Remove(host, conn, reason string, ban bool) error {
	i := l.address(conn)
	switch {
	case l.Host().Conn != host:
		return ErrNotHost
	case i < 0:
		return ErrNotLinked
	case l.Members[i].PeerID == l.HostID:
		return ErrOneself
	}
	m := l.Members[i]
	if ban {
		l.Banned = append(l.Banned, append(slices.Clone(m.Former), m.Conn)...)
		l.Banned = l.Banned[max(0, len(l.Banned)-maxBanned):]
	}
	l.Changes = append(l.Changes, Change{Kind: Removed, Conn: m.Conn, Reason: reason, To: []Member{m}})
	l.remove(m, ReasonRemoved)
	return nil
}

// Settings are what a host may set while the lobby is open. What is nil stays as it is.
type Settings struct {
	MaxPlayers                 *int
	Public, Locked, AutoAccept *bool
	Password, Metadata         *string
}

// Set changes settings. It returns ErrNotHost or ErrTooFew.
func (l *Lobby) Set(host string, s Settings) error {
	switch {
	case l.Host().Conn != host:
		return ErrNotHost
	case s.MaxPlayers != nil && *s.MaxPlayers < len(l.Members):
		return ErrTooFew
	}
	set(&l.MaxPlayers, s.MaxPlayers)
	set(&l.Public, s.Public)
	set(&l.Locked, s.Locked)
	set(&l.AutoAccept, s.AutoAccept)
	set(&l.Password, s.Password)
	set(&l.Metadata, s.Metadata)
	l.Changes = append(l.Changes, Change{Kind: Updated, To: slices.Clone(l.Members)})
	return nil
}

func set[T any](field, value *T) {
	if value != nil {
		*field = *value
	}
}

// Close ends the lobby for all. It returns ErrNotHost.
func (l *Lobby) Close(host string) error {
	if l.Host().Conn != host {
		return ErrNotHost
	}
	l.end(l.Members, ReasonClosed)
	return nil
}

// Due reports whether Lapse would change l.
func (l *Lobby) Due(now time.Time) bool {
	return slices.ContainsFunc(l.Members, func(m Member) bool { return m.lapsed(now) })
}

func (m Member) lapsed(now time.Time) bool { return m.Away() && !now.Before(m.AwayUntil) }

// Lapse takes the places of those who were away for too long. Nothing runs between two messages, so whoever reads a
// lobby next lets it lapse first, in the order in which their times ended: who becomes the host after some were gone need
// not hear of those.
func (l *Lobby) Lapse(now time.Time) {
	late := slices.DeleteFunc(slices.Clone(l.Members), func(m Member) bool { return !m.lapsed(now) })
	slices.SortStableFunc(late, func(a, b Member) int { return a.AwayUntil.Compare(b.AwayUntil) })
	for _, m := range late {
		if !l.Closed {
			l.remove(m, ReasonTimedOut)
		}
	}
}

// Lasts returns until when l is to be kept: for as long as anybody in it can be connected, or come back.
func (l *Lobby) Lasts(now time.Time) (until time.Time) {
	for _, m := range l.Members {
		if !m.Away() {
			return now.Add(LobbyTTL)
		}
		if m.AwayUntil.After(until) {
			until = m.AwayUntil
		}
	}
	return until
}

// remove takes m out. With its host the lobby closes, or another becomes it.
func (l *Lobby) remove(m Member, reason string) {
	left := Change{Kind: Left, Conn: m.Conn, PeerID: m.PeerID, Reason: reason, To: l.Peers(m)}
	l.Members = slices.DeleteFunc(l.Members, func(o Member) bool { return o.PeerID == m.PeerID })
	heir := l.heir()
	switch {
	case m.PeerID != l.HostID:
		l.Changes = append(l.Changes, left)
	case l.Migrates && heir.Conn != "":
		left.To = slices.Clone(l.Members)
		l.HostID = heir.PeerID
		l.Term++
		l.Changes = append(l.Changes, left, Change{
			Kind: HostChanged, Conn: heir.Conn, PeerID: heir.PeerID, Term: l.Term, To: left.To, Requests: slices.Clone(l.Waiting),
		})
	case reason == ReasonLeft:
		l.end(l.Members, ReasonHostLeft)
	default:
		l.end(l.Members, reason)
	}
}

// heir is the member with the lowest peer id whose connection is there, or none.
func (l *Lobby) heir() (heir Member) {
	for _, m := range l.Members {
		if !m.Away() && (heir.Conn == "" || m.PeerID < heir.PeerID) {
			heir = m
		}
	}
	return heir
}

func (l *Lobby) end(hear []Member, reason string) {
	l.Changes = append(l.Changes, Change{Kind: Closed, Reason: reason, To: hear, Requests: l.Waiting})
	l.Closed, l.Members, l.Waiting = true, nil, nil
}
