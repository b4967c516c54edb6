package web_test

import (
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"bellhop/lobby"
)

// A sight is the state that all clients of a world show.
type sight struct {
	Now, Beat float64
	Errors    []string
	Clients   []clientSight
}

// A clientSight is the state of one client: its Bellhop, and the page that uses
// it.
type clientSight struct {
	Pending []string // calls that have not settled
	Token   *string
	Saved   *string
	Tokens  []string // of which this page has an event
	Stale   bool     // whether the page still has a lobby that is over
	Lobby   *struct {
		ID         string
		HostPeerID int
		Me         struct {
			PeerID       int
			ConnectionID string
		}
		Info struct {
			MaxPlayers, Players int
			Locked              bool
		}
	}
	Players []string
	Members []struct {
		PeerID       int
		ConnectionID string
		Away         bool
		State        string
		Heard        float64
	}
}

// A place is a member's slot in a lobby, as Bellhop stores it.
type place struct {
	lobby *lobby.Lobby
	lobby.Member
}

// placesOf returns the slots that Bellhop stores for a client, by the client's
// name.
func (s *modelServer) placesOf(client int) (places []place) {
	for l := range s.store.Lobbies() {
		for _, m := range l.Members {
			var player struct{ Name string }
			json.Unmarshal([]byte(m.Player), &player)
			if !l.Closed && player.Name == fmt.Sprintf("client %d", client+1) {
				places = append(places, place{l, m})
			}
		}
	}
	return places
}

// judge returns every mismatch. Messages of peers count from the given beat on.
func (w *world) judge(is sight, beat float64) (wrong []string) {
	wrong = append(wrong, is.Errors...)
	for i, c := range is.Clients {
		say := func(format string, a ...any) {
			wrong = append(wrong, fmt.Sprintf("client %d ", i+1)+fmt.Sprintf(format, a...))
		}
		for _, call := range c.Pending {
			say("waits for %s", call)
		}
		if c.Stale {
			say("shows a lobby that is over")
		}
		var mine *place
		for _, p := range w.server.placesOf(i) {
			if c.Lobby != nil && p.Conn == c.Lobby.Me.ConnectionID && p.lobby.ID == c.Lobby.ID && p.PeerID == c.Lobby.Me.PeerID {
				mine = &p
			} else if slices.ContainsFunc(c.Tokens, func(token string) bool { return hashOf(token) == p.Token }) {
				say("is a ghost in %s as %d", p.lobby.ID, p.PeerID)
			}
		}
		switch {
		case c.Lobby == nil && c.Token != nil:
			say("is in no lobby, and has a token")
		case c.Lobby == nil && c.Saved != nil:
			say("is in no lobby, and its page keeps a token")
		case c.Lobby != nil && (c.Token == nil || c.Saved == nil || *c.Token != *c.Saved):
			say("is in a lobby, and has no token of it, or another than its page")
		case c.Lobby != nil && mine == nil:
			say("believes that it is in %s as %d, which Bellhop does not", c.Lobby.ID, c.Lobby.Me.PeerID)
		case c.Lobby != nil:
			wrong = append(wrong, w.compare(is, i, mine, beat)...)
		}
	}
	return wrong
}

// compare returns the differences between what a member's client shows and what
// Bellhop stores, and the peers that it cannot talk to.
func (w *world) compare(is sight, i int, mine *place, beat float64) (wrong []string) {
	c := is.Clients[i]
	say := func(format string, a ...any) {
		wrong = append(wrong, fmt.Sprintf("client %d ", i+1)+fmt.Sprintf(format, a...))
	}
	l := mine.lobby
	if mine.Away() {
		say("is away, by Bellhop")
	}
	if c.Lobby.HostPeerID != l.HostPeerID {
		say("believes that %d is the host, and it is %d", c.Lobby.HostPeerID, l.HostPeerID)
	}
	// A guest whose lobby_updated was throttled gets the change with the next
	// event that carries the lobby.
	mayBeOld := w.server.refused.Load() && l.HostPeerID != mine.PeerID
	if !mayBeOld && (c.Lobby.Info.MaxPlayers != l.MaxPlayers || c.Lobby.Info.Locked != l.Locked) {
		say("shows %+v, and Bellhop has room for %d, locked %v", c.Lobby.Info, l.MaxPlayers, l.Locked)
	}
	if want := w.playersOf(mine); !w.server.refused.Load() && !slices.Equal(c.Players, want) {
		say("shows the players %q, and there are %q", c.Players, want)
	} else if (l.Roster || l.Mesh || mine.PeerID == l.HostPeerID) && c.Lobby.Info.Players != len(c.Players) {
		say("counts %d players of %q", c.Lobby.Info.Players, c.Players)
	}
	peers := map[int]lobby.Member{}
	for _, m := range l.Peers(mine.Member) {
		peers[m.PeerID] = m
	}
	for _, m := range c.Members {
		peer, ok := peers[m.PeerID]
		delete(peers, m.PeerID)
		switch {
		case !ok:
			say("shows %d, who is not there", m.PeerID)
		case m.Away != peer.Away():
			say("shows %d as away: %v, and Bellhop %v", m.PeerID, m.Away, peer.Away())
		case !m.Away && m.ConnectionID != peer.Conn:
			say("has an old address of %d", m.PeerID)
		case !is.has(l, peer): // its client never received the admission, and Bellhop does not know yet that it is gone
		case !m.Away && m.State != "open":
			say("is not connected with %d: %s", m.PeerID, m.State)
		case !m.Away && m.Heard <= beat:
			say("hears nothing of %d", m.PeerID)
		}
	}
	for id := range peers {
		say("does not show %d", id)
	}
	return wrong
}

// playersOf returns the players that a member can see, as clients show them.
func (w *world) playersOf(mine *place) (players []string) {
	l := mine.lobby
	members := slices.Clone(l.Members)
	slices.SortFunc(members, func(a, b lobby.Member) int { return cmp.Compare(a.PeerID, b.PeerID) })
	for _, m := range members {
		linked := slices.ContainsFunc(l.Peers(mine.Member), func(p lobby.Member) bool { return p.PeerID == m.PeerID })
		if m.PeerID != mine.PeerID && !linked && !l.Roster {
			continue
		}
		player := fmt.Sprint(m.PeerID, " ", cmp.Or(m.Player, "{}"))
		for what, is := range []bool{m.PeerID == l.HostPeerID, m.PeerID == mine.PeerID, m.Away(), linked} {
			if is {
				player += []string{" host", " me", " away", " linked"}[what]
			}
		}
		players = append(players, player)
	}
	return players
}

// has reports whether the member's client holds that slot.
func (is sight) has(l *lobby.Lobby, m lobby.Member) bool {
	return slices.ContainsFunc(is.Clients, func(c clientSight) bool {
		return c.Lobby != nil && c.Lobby.ID == l.ID && c.Lobby.Me.PeerID == m.PeerID && c.Lobby.Me.ConnectionID == m.Conn
	})
}

// hashOf returns the hash of a token, which Bellhop stores.
func hashOf(token string) string {
	secret, _, _ := strings.Cut(token, ".")
	sum := sha256.Sum256([]byte(secret))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}
