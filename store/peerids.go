package store

import (
	"math"
	"slices"
)

// peerIDs is a set of peer ids as ranges, both ends included, in order and not touching: mostly one, however many
// players come and go.
type peerIDs [][2]int

// maxRanges bounds what a host who numbers players at random can make a lobby remember. Past it the two nearest ranges
// become one, and the ids between them count as used.
const maxRanges = 256

func (s peerIDs) has(id int) bool { return s.after(id) != id }

// after returns the lowest id that s does not have, from id on.
func (s peerIDs) after(id int) int {
	for _, r := range s {
		if r[0] <= id && id <= r[1] {
			return r[1] + 1 // ranges do not touch
		}
	}
	return id
}

// add returns s with id, which it did not have.
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

// join makes the ranges i-1 and i one.
func (s peerIDs) join(i int) peerIDs {
	s[i-1][1] = s[i][1]
	return slices.Delete(s, i, i+1)
}

// nearest is the range with the smallest gap before it.
func (s peerIDs) nearest() (at int) {
	for i, gap := 1, math.MaxInt; i < len(s); i++ {
		if d := s[i][0] - s[i-1][1]; d < gap {
			at, gap = i, d
		}
	}
	return at
}

// nextPeerID is the number that Bellhop gives a joiner: the highest ever used or promised plus 1. Should the host have
// used up the top, it is the lowest that is free.
func (l *Lobby) nextPeerID() int {
	if l.Promised < math.MaxInt32 {
		return l.Promised + 1
	}
	id := l.Used.after(HostPeerID)
	for slices.ContainsFunc(l.Waiting, func(r Request) bool { return r.PeerID == id }) {
		id = l.Used.after(id + 1)
	}
	return id
}
