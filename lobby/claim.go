package lobby

import "strings"

// A Key identifies a lobby in a store. Ids that differ only in case share a
// key.
type Key string

// KeyOf returns the key of the lobby id in game. Neither can contain "#", so
// two lobbies never share a key by accident.
func KeyOf(game, id string) Key { return Key(game + "#" + strings.ToLower(id)) }

// A Claim says which lobby of its game a connection is in, or is entering. A
// connection claims a lobby before it enters, which keeps it out of every other
// lobby.
//
// The lobby is the truth: a claim counts only if the lobby lists the
// connection, or if the claim is so young that the connection might still be
// entering.
type Claim struct {
	LobbyID string `dynamodbav:"lobby_id"` // in lower case; empty: none
	ID      uint32 `dynamodbav:"-"`        // random, so that no other claim is taken for it; 0 if an earlier version made it
	Settled bool   `dynamodbav:"-"`        // the lobby has listed the connection, so it is not entering any more
	At      int64  `dynamodbav:"-"`        // when it was made, in milliseconds since 1970
}

// A Claimant is a connection and its claim on a lobby.
type Claimant struct {
	Conn  string
	Claim Claim
}

// Gone returns the connections that a change removed from the lobby or from its
// waiting players, with their claims. They might want to go elsewhere, so a
// connection that dropped is left out.
func Gone(before, after *Lobby) (gone []Claimant) {
	for _, m := range before.Members {
		if !after.Has(m.Conn) && m.Conn != after.dropped {
			gone = append(gone, Claimant{m.Conn, before.claim(m.ClaimID, m.ClaimedAt)})
		}
	}
	for _, r := range before.Waiting {
		if !after.Has(r.Conn) && r.Conn != after.dropped {
			gone = append(gone, Claimant{r.Conn, before.ClaimOf(r)})
		}
	}
	return gone
}

// ClaimOf returns the claim of l with which r was made.
func (l *Lobby) ClaimOf(r JoinRequest) Claim { return l.claim(r.ClaimID, r.ClaimedAt) }

func (l *Lobby) claim(id uint32, at int64) Claim {
	return Claim{LobbyID: strings.ToLower(l.ID), ID: id, At: at}
}
