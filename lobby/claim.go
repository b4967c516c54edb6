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
	Since   int64  `dynamodbav:"since"`    // when it was set, in milliseconds since 1970; that negated: it has settled
}

// Settled returns p as the claim of a connection that the lobby has listed, so
// it is not entering any more. It keeps the time of p, so that it differs from
// every later claim of the same lobby.
func (p Claim) Settled() Claim { return Claim{LobbyID: p.LobbyID, Since: -p.Since} }
