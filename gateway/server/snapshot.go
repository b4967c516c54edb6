package server

import (
	"cmp"
	"context"
	"math"
	"slices"
	"sync"
	"time"

	"bellhop/gateway/apigateway"
	"bellhop/handlers/metrics"
	"bellhop/lobby"
)

// A Snapshot is the content of /inspect.json. Times are in whole seconds before
// or after At.
type Snapshot struct {
	At          time.Time        `json:"at"`
	Messages    Rate             `json:"messages"`
	Links       SeenLinks        `json:"links"`
	Lobbies     []SeenLobby      `json:"lobbies"` // newest first; null if they are not in this program
	Nowhere     string           `json:"lobbies_nowhere,omitempty"`
	Connections []SeenConnection `json:"connections"` // newest first
}

// SeenLinks are the links that clients have reported since the start.
type SeenLinks struct {
	Direct uint64 `json:"direct"`
	Relay  uint64 `json:"relay"` // through a TURN server
	Failed uint64 `json:"failed"`
}

// A SeenLobby is a lobby in a Snapshot.
type SeenLobby struct {
	Game        string       `json:"game"`
	ID          string       `json:"lobby_id"`
	HostID      int          `json:"host_peer_id"`
	Members     []SeenMember `json:"members"` // in order of arrival
	Waiting     []SeenGuest  `json:"waiting"` // in order of arrival
	MaxPlayers  int          `json:"max_players"`
	Full        bool         `json:"full"`
	Public      bool         `json:"public"`
	Locked      bool         `json:"locked"`
	HasPassword bool         `json:"has_password"`
	AutoAccept  bool         `json:"auto_accept"`
	Mesh        bool         `json:"mesh"`
	Migrates    bool         `json:"migrates"`
	Roster      bool         `json:"roster"`
	Term        int          `json:"term"`
	Version     int64        `json:"version"`
	Age         int          `json:"age_seconds"`
	ExpiresIn   int          `json:"expires_in_seconds"`
}

// A SeenMember is a member of a SeenLobby.
type SeenMember struct {
	PeerID     int    `json:"peer_id"`
	Connection string `json:"connection_id"`
	Host       bool   `json:"host"`
	Away       bool   `json:"away"`
	HeldFor    int    `json:"held_for_seconds"` // end of the grace of a member that is away
}

// A SeenGuest is a player who waits for the host.
type SeenGuest struct {
	PeerID     int    `json:"peer_id"` // promised
	Connection string `json:"connection_id"`
	Waits      int    `json:"waits_seconds"`
}

// A SeenConnection is a client in a Snapshot.
type SeenConnection struct {
	ID        string `json:"connection_id"`
	Game      string `json:"game"`     // empty if unknown here
	LobbyID   string `json:"lobby_id"` // empty: none
	Role      string `json:"role"`     // in the lobby: host, member or waiting
	Age       int    `json:"age_seconds"`
	Idle      int    `json:"idle_seconds"`
	Queued    int    `json:"queued_bytes"`
	Address   string `json:"address"`
	UserAgent string `json:"user_agent"`
}

// look returns the state of this moment.
func (i *inspector) look(ctx context.Context) Snapshot {
	now := i.sockets.Now()
	s := Snapshot{At: now.UTC(), Messages: i.meter.read(now, i.sockets.Stats()), Nowhere: i.nowhere, Connections: []SeenConnection{}}
	if i.counts != nil {
		s.Links = seeLinks(i.counts)
	}
	roles := map[string]SeenConnection{}
	if i.memory != nil {
		s.Lobbies = i.lobbies(now, roles)
	}
	clients := i.sockets.Clients()
	slices.SortFunc(clients, func(a, b apigateway.Client) int {
		return cmp.Or(b.ConnectedAt.Compare(a.ConnectedAt), cmp.Compare(a.ID, b.ID))
	})
	for _, c := range clients {
		seen := roles[c.ID]
		seen.ID, seen.Queued, seen.Address, seen.UserAgent = c.ID, c.Queued, c.SourceIP, c.UserAgent
		seen.Age, seen.Idle = seconds(now.Sub(c.ConnectedAt)), seconds(now.Sub(c.ActiveAt))
		if i.memory != nil {
			known, _ := i.memory.Connection(ctx, c.ID) // a connection that has closed since is left out
			seen.Game = known.Game
		}
		s.Connections = append(s.Connections, seen)
	}
	return s
}

func seeLinks(counts *metrics.Set) (seen SeenLinks) {
	counts.Each(metrics.Links, func(n uint64, labels []string) {
		switch labels[0] {
		case "direct":
			seen.Direct = n
		case "relay":
			seen.Relay = n
		case "failed":
			seen.Failed = n
		}
	})
	return seen
}

// lobbies returns all lobbies. It records in roles the place of each
// connection, since only the lobby knows it.
func (i *inspector) lobbies(now time.Time, roles map[string]SeenConnection) []SeenLobby {
	kept := slices.SortedFunc(i.memory.Lobbies(), func(a, b *lobby.Lobby) int {
		return cmp.Or(cmp.Compare(b.CreatedAt, a.CreatedAt), cmp.Compare(a.Key(), b.Key()))
	})
	all := make([]SeenLobby, len(kept))
	for at, l := range kept {
		all[at] = seeLobby(l, now)
		for _, m := range all[at].Members {
			roles[m.Connection] = SeenConnection{LobbyID: l.ID, Role: "member"}
		}
		roles[l.Host().Conn] = SeenConnection{LobbyID: l.ID, Role: "host"}
		for _, g := range all[at].Waiting {
			roles[g.Connection] = SeenConnection{LobbyID: l.ID, Role: "waiting"}
		}
	}
	return all
}

func seeLobby(l *lobby.Lobby, now time.Time) SeenLobby {
	seen := SeenLobby{
		Game: l.Game, ID: l.ID, HostID: l.HostPeerID, Members: []SeenMember{}, Waiting: []SeenGuest{},
		MaxPlayers: l.MaxPlayers, Full: len(l.Members) >= l.MaxPlayers, Public: l.Public, Locked: l.Locked,
		HasPassword: l.Password != "", AutoAccept: l.AutoAccept, Mesh: l.Mesh, Migrates: l.Migrates, Roster: l.Roster,
		Term: l.Term, Version: l.Version, Age: seconds(now.Sub(time.UnixMicro(l.CreatedAt))), ExpiresIn: seconds(l.ExpiresAt.Sub(now)),
	}
	for _, m := range l.Members {
		member := SeenMember{PeerID: m.PeerID, Connection: m.Conn, Host: m.PeerID == l.HostPeerID, Away: m.Away()}
		if m.Away() {
			member.HeldFor = seconds(m.AwayUntil.Sub(now))
		}
		seen.Members = append(seen.Members, member)
	}
	for _, r := range l.Waiting {
		seen.Waiting = append(seen.Waiting, SeenGuest{PeerID: r.PeerID, Connection: r.Conn, Waits: seconds(now.Sub(time.UnixMilli(r.ClaimedAt)))})
	}
	return seen
}

func seconds(d time.Duration) int { return max(0, int(d/time.Second)) }

// A Rate is a number of messages a second, over a number of seconds.
type Rate struct {
	Received float64 `json:"received_per_second"`
	Sent     float64 `json:"sent_per_second"`
	Over     int     `json:"over_seconds"`
}

// A meter turns counts into rates: over the time since its last reading, at
// least a second. So nothing is counted while nobody looks, and simultaneous
// readers get the same rate.
type meter struct {
	mu             sync.Mutex
	at             time.Time
	received, sent uint64
	rate           Rate
}

func (m *meter) read(now time.Time, s apigateway.Stats) Rate {
	m.mu.Lock()
	defer m.mu.Unlock()
	sent := s.Posts["taken"]
	if over := now.Sub(m.at); over >= time.Second {
		a := func(is, was uint64) float64 { return math.Round(float64(is-was)/over.Seconds()*10) / 10 }
		m.rate = Rate{a(s.Received, m.received), a(sent, m.sent), seconds(over)}
		m.at, m.received, m.sent = now, s.Received, sent
	}
	return m.rate
}
