package lobby

import "time"

// What others are notified of costs the operator, and many processes might
// handle the members of one lobby. So the lobby itself keeps its pace: an
// account of notices, which fills at a rate, and which each write empties by
// the events that it sends and by the item's size. A new lobby has
// startNotices: with more, a client could open one lobby after the other for
// what they hold. maxNotices is what an idle lobby saves up.
const (
	startNotices = 32
	maxNotices   = 4096
)

// A Pace is how many notices a second a lobby can keep sending; 0 is no limit.
type Pace float64

// of returns how long a lobby earns for that many notices.
func (p Pace) of(notices int) time.Duration {
	if p == 0 {
		return 0
	}
	return time.Duration(float64(notices) / float64(p) * float64(time.Second))
}

// Debt returns how long it takes until all notices of l are paid for; it is
// negative if l has some left.
func (l *Lobby) Debt(now time.Time, p Pace) time.Duration {
	if p == 0 {
		return 0
	}
	return l.paid(now, p).Sub(now)
}

// DebtAllowed is how much debt does not keep members from coming back: all of
// them can lose their connections together, and each is then notified of all,
// which takes two writes for each of them.
func (l *Lobby) DebtAllowed(p Pace) time.Duration { return p.of(2 * len(l.Members) * len(l.Members)) }

// Notify counts n notices that are not among Events.
func (l *Lobby) Notify(n int) { l.notices += n }

// Pay charges l for what its changes notify others of, and for its size in
// kilobytes. Call it before l is written.
func (l *Lobby) Pay(now time.Time, p Pace) {
	if p == 0 {
		return
	}
	notices := l.notices + l.size()>>10
	for _, e := range l.Events {
		notices += connected(e.To) + connected(e.Others) + len(e.Requests)
	}
	l.PaidAt = l.paid(now, p).Add(p.of(notices)).UnixMilli()
}

func connected(members []Member) (n int) {
	for _, m := range members {
		if !m.Away() {
			n++
		}
	}
	return n
}

// paid returns when all notices of l are paid for, which can be long ago.
func (l *Lobby) paid(now time.Time, p Pace) time.Time {
	at := time.UnixMilli(l.PaidAt)
	if l.PaidAt == 0 {
		at = time.UnixMicro(l.CreatedAt).Add(-p.of(startNotices))
	}
	if most := now.Add(-p.of(maxNotices)); at.Before(most) {
		return most
	}
	return at
}

// size returns about how many bytes l takes in a store.
func (l *Lobby) size() int {
	const fixed, each = 400, 170 // of the names and numbers of a lobby, and of a member or request
	n := fixed + len(l.Metadata) + len(l.Password)
	for _, b := range l.Banned {
		n += len(b) + 1
	}
	for _, m := range l.Members {
		n += each + len(m.Conn) + len(m.Player) + len(m.PlayerID) + len(m.Address) + len(m.Token)
		for _, conn := range m.PreviousConns {
			n += len(conn) + 1
		}
	}
	for _, r := range l.Waiting {
		n += each + len(r.Conn) + len(r.Player) + len(r.PlayerID) + len(r.Address) + len(r.RequestID)
	}
	return n
}
