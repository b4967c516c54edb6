package handlers

import (
	"cmp"
	"slices"
	"unicode/utf8"

	"bellhop/events"
	"bellhop/lobby"
)

// wireLobby returns l as its members get it.
func wireLobby(l *lobby.Lobby) events.Lobby {
	e := wireListing(l.Listing())
	e.Roster = l.Roster
	return e
}

// wireListing returns l as a list shows it.
func wireListing(l lobby.Listing) events.Lobby {
	topology, onHostLeave := "star", "close"
	if l.Mesh {
		topology = "mesh"
	}
	if l.Migrates {
		onHostLeave = "migrate"
	}
	return events.Lobby{
		LobbyID: l.ID, Players: l.Players, MaxPlayers: l.MaxPlayers, Public: l.Public, Locked: l.Locked,
		HasPassword: l.HasPassword, AutoAccept: l.AutoAccept, Topology: topology, OnHostLeave: onHostLeave,
		Metadata: events.Object(l.Metadata), CreatedAt: events.Time(l.CreatedAt / 1e6),
	}
}

// wirePeers returns members as one that is linked with them gets them. Player
// ids that would not fit into an event are left out.
func wirePeers(members []lobby.Member) []events.Peer {
	peers, isLong := []events.Peer{}, textSize(members) > maxOnce
	for _, p := range members {
		if isLong {
			p.PlayerID = ""
		}
		peers = append(peers, events.Peer{ConnectionID: p.Conn, PeerID: p.PeerID, Player: events.Object(p.Player), PlayerID: p.PlayerID, Away: p.Away()})
	}
	return peers
}

// What the members say of themselves, and their player ids, are most of an
// event, which holds 32 KiB. Up to maxTwice bytes of them fit twice, in peers
// and in the roster, and up to maxOnce fit once.
const (
	maxTwice = 8 << 10
	maxOnce  = 18 << 10
)

// textSize returns the most bytes that the players and player ids of members
// take as JSON.
func textSize(members []lobby.Member) (size int) {
	for _, m := range members {
		size += len(m.Player) + len(`""`)
		for _, r := range m.PlayerID {
			if r < ' ' || r == '"' || r == '\\' || r == '\u2028' || r == '\u2029' {
				size += len(`\u0000`)
			} else {
				size += utf8.RuneLen(r)
			}
		}
	}
	return size
}

// wireMembers returns what m gets of the members of l: those that it is linked
// with and, if l has one, the roster. What would not fit is left out: peers
// refer to the roster first, and then there are no player ids.
func wireMembers(l *lobby.Lobby, m lobby.Member) ([]events.Peer, []events.RosterEntry) {
	peers, roster, size := wirePeers(l.Peers(m)), wireRoster(l), textSize(l.Members)
	for i := range peers {
		if size > maxTwice && roster != nil {
			peers[i].Player, peers[i].PlayerID = "", ""
		}
	}
	for i := range roster {
		if size > maxOnce {
			roster[i].PlayerID = ""
		}
	}
	return peers, roster
}

// wireRoster returns all members in the order of their numbers, or nil if l has
// no roster.
func wireRoster(l *lobby.Lobby) (roster []events.RosterEntry) {
	if !l.Roster {
		return nil
	}
	for _, m := range l.Members {
		roster = append(roster, events.RosterEntry{
			PeerID: m.PeerID, Player: events.Object(m.Player), PlayerID: m.PlayerID, Host: m.PeerID == l.HostPeerID, Away: m.Away(),
		})
	}
	slices.SortFunc(roster, func(a, b events.RosterEntry) int { return cmp.Compare(a.PeerID, b.PeerID) })
	return roster
}
