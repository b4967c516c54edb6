package store

import (
	"slices"
	"time"
)

// A Change is something that others are to hear of.
type Change struct {
	Kind   ChangeKind
	Conn   string    // who it happened to
	PeerID int       // theirs, if they were a member
	Until  time.Time // with Disconnected: until when the place is held
	Reason string    // with Left and Closed
	To     []Member  // who hears it
	// With Closed and Cancelled: whose request has come to nothing.
	Requests []Request
}

// A ChangeKind says what happened.
type ChangeKind int

// The kinds of changes: docs/protocol.md, "Who hears what".
const (
	Left         ChangeKind = iota + 1 // a member gave up the place, or lost it
	Disconnected                       // a member's connection dropped
	Cancelled                          // a request was taken back
	Closed                             // the lobby is no more
)

// Reasons of Left and Closed.
const (
	ReasonLeft     = "left"
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

// Leave gives up conn's place, or its request. The lobby closes with its host. It returns ErrNotIn.
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

// Drop is what becomes of conn when its connection is gone. A place is held until the time given, a request is not;
// nor is the place of one who cannot resume. It returns ErrNotIn, and for who is away already nil.
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
	l.Changes = append(l.Changes, Change{Kind: Disconnected, Conn: conn, PeerID: m.PeerID, Until: until, To: l.links(*m)})
	return nil
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
// lobby next lets it lapse first.
func (l *Lobby) Lapse(now time.Time) {
	for _, m := range slices.Clone(l.Members) {
		if m.lapsed(now) && !l.Closed {
			l.remove(m, ReasonTimedOut)
		}
	}
}

// Lasts returns until when l is to be kept: for as long as anybody in it can be connected, or come back.
func (l *Lobby) Lasts(now time.Time) (until time.Time) {
	for _, m := range l.Members {
		if !m.Away() || len(l.Waiting) > 0 {
			return now.Add(LobbyTTL)
		}
		if m.AwayUntil.After(until) {
			until = m.AwayUntil
		}
	}
	return until
}

// remove takes m out. The lobby closes with its host.
func (l *Lobby) remove(m Member, reason string) {
	peers := l.links(m)
	l.Members = slices.DeleteFunc(l.Members, func(o Member) bool { return o.PeerID == m.PeerID })
	if m.PeerID != l.HostID {
		l.Changes = append(l.Changes, Change{Kind: Left, Conn: m.Conn, PeerID: m.PeerID, Reason: reason, To: peers})
		return
	}
	if reason == ReasonLeft {
		reason = ReasonHostLeft
	}
	l.end(l.Members, reason)
}

func (l *Lobby) end(hear []Member, reason string) {
	l.Changes = append(l.Changes, Change{Kind: Closed, Reason: reason, To: hear, Requests: l.Waiting})
	l.Closed, l.Members, l.Waiting = true, nil, nil
}
