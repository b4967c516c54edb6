package lobby

import (
	"math"
	"slices"
)

// peerIDs is a set of peer ids, as ranges with both ends included, sorted and
// not touching. Usually one range is enough, however many players come and go.
type peerIDs [][2]int

// maxRanges limits the memory of a lobby whose host numbers players at random.
// Beyond it, the two nearest ranges become one, and the ids between them count
// as used.
const maxRanges = 256

func (s peerIDs) has(id int) bool { return s.after(id) != id }

// after returns the lowest id from id on that s does not have.
func (s peerIDs) after(id int) int {
	for _, r := range s {
		if r[0] <= id && id <= r[1] {
			return r[1] + 1 // ranges do not touch
		}
	}
	return id
}

// add returns s with id, which s must not have.
func (s peerIDs) add(id int) peerIDs {
	at := slices.IndexFunc(s, func(r [2]int) bool { return id < r[0] })
	if at < 0 {
		at = len(s)
	}
	s = slices.Insert(s, at, [2]int{id, id})
	for i := len(s) - 1; i > 0; i-- {
		if s[i-1][1]+1 == s[i][0] {
			s = s.join(i)
		}
	}
	if len(s) > maxRanges {
		s = s.join(s.nearest())
	}
	return s
}

// join merges the ranges i-1 and i.
func (s peerIDs) join(i int) peerIDs {
	s[i-1][1] = s[i][1]
	return slices.Delete(s, i, i+1)
}

// nearest returns the index of the range with the smallest gap before it.
func (s peerIDs) nearest() (at int) {
	for i, gap := 1, math.MaxInt; i < len(s); i++ {
		if d := s[i][0] - s[i-1][1]; d < gap {
			at, gap = i, d
		}
	}
	return at
}

// nextPeerID returns the number for the next joiner: the highest used or
// promised so far, plus 1. If the host has used the highest possible number, it
// is the lowest free one.
func (l *Lobby) nextPeerID() int {
	if l.LastPeerID < math.MaxInt32 {
		return l.LastPeerID + 1
	}
	id := l.UsedPeerIDs.after(FirstPeerID)
	for slices.ContainsFunc(l.Waiting, func(r JoinRequest) bool { return r.PeerID == id }) {
		id = l.UsedPeerIDs.after(id + 1)
	}
	return id
}
