package handlers

import (
	"bellhop/events"
	"bellhop/lobby"
)

// wireLobby returns l as clients get it.
func wireLobby(l lobby.Listing) events.Lobby {
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

// wirePeers returns the members linked with m, as m gets them.
func wirePeers(l *lobby.Lobby, m lobby.Member) []events.Peer {
	peers := []events.Peer{}
	for _, p := range l.Peers(m) {
		peers = append(peers, events.Peer{ConnectionID: p.Conn, PeerID: p.PeerID, Player: events.Object(p.Player), Away: p.Away()})
	}
	return peers
}
