package lobby_test

import (
	"errors"
	"fmt"
	"slices"

	"pgregory.net/rapid"

	"bellhop/lobby"
)

// invariants returns the violated invariants of l: conditions that hold for
// every lobby, whatever happens in whichever order.
func invariants(l *lobby.Lobby) error {
	if l.Closed {
		if len(l.Members) > 0 || len(l.Waiting) > 0 {
			return errors.New("somebody is in a lobby that is closed")
		}
		return nil
	}
	if host := l.Host(); l.HostPeerID != lobby.FirstPeerID || host.PeerID != lobby.FirstPeerID || host.Conn == "" {
		return fmt.Errorf("host is %+v", host)
	}
	if len(l.Members) > l.MaxPlayers {
		return fmt.Errorf("%d members, more than %d", len(l.Members), l.MaxPlayers)
	}
	if l.Host().Away() && len(l.Waiting) > 0 {
		return fmt.Errorf("%d wait for a host that is away", len(l.Waiting))
	}
	conns, ids := map[string]bool{}, map[int]bool{}
	for _, m := range l.Members {
		switch {
		case conns[m.Conn]:
			return fmt.Errorf("%s is in it twice", m.Conn)
		case ids[m.PeerID]:
			return fmt.Errorf("two are peer %d", m.PeerID)
		case !used(l, m.PeerID):
			return fmt.Errorf("%+v has a peer id that is not used", m)
		case m.Away() && m.Original:
			return fmt.Errorf("a place is held for %s, who cannot resume", m.Conn)
		}
		conns[m.Conn], ids[m.PeerID] = true, true
	}
	promised := map[int]bool{}
	for _, r := range l.Waiting {
		switch {
		case conns[r.Conn]:
			return fmt.Errorf("%s is in it twice", r.Conn)
		case promised[r.PeerID]:
			return fmt.Errorf("peer id %d is promised to two", r.PeerID)
		case r.PeerID <= lobby.FirstPeerID || r.PeerID > l.LastPeerID:
			return fmt.Errorf("%s was promised %d, and the highest promised is %d", r.Conn, r.PeerID, l.LastPeerID)
		}
		conns[r.Conn], promised[r.PeerID] = true, true
	}
	return rangesInOrder(l)
}

// rangesInOrder checks that the remembered ranges of peer ids are sorted, do
// not touch, and are not too many.
func rangesInOrder(l *lobby.Lobby) error {
	if len(l.UsedPeerIDs) > 256 || len(l.UsedPeerIDs) == 0 || l.UsedPeerIDs[0][0] != lobby.FirstPeerID {
		return fmt.Errorf("%d ranges of used peer ids: %v", len(l.UsedPeerIDs), l.UsedPeerIDs)
	}
	for i, r := range l.UsedPeerIDs {
		if r[0] > r[1] || i > 0 && l.UsedPeerIDs[i-1][1]+1 >= r[0] || r[1] > l.LastPeerID {
			return fmt.Errorf("range %d of used peer ids is wrong: %v", i, l.UsedPeerIDs)
		}
	}
	return nil
}

// used reports whether a member of l has, or had, peer id.
func used(l *lobby.Lobby, id int) bool {
	return slices.ContainsFunc(l.UsedPeerIDs, func(r [2]int) bool { return r[0] <= id && id <= r[1] })
}

func checkInvariants(t rapid.TB, l *lobby.Lobby) {
	t.Helper()
	if err := invariants(l); err != nil {
		t.Fatalf("%v: %+v", err, l)
	}
}
