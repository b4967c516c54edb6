package lobby

import (
	"fmt"
	"strings"
	"time"
)

// A Listing is the public part of a lobby: what a list shows to everybody.
type Listing struct {
	Position    Position  `dynamodbav:"-"` // in the list that returned it
	ID          string    `dynamodbav:"lobby_id"`
	Players     int       `dynamodbav:"players"` // slots taken, also by members who are away
	MaxPlayers  int       `dynamodbav:"max_players"`
	Public      bool      `dynamodbav:"public"`
	Locked      bool      `dynamodbav:"locked"`
	HasPassword bool      `dynamodbav:"has_password"`
	AutoAccept  bool      `dynamodbav:"auto_accept"`
	Mesh        bool      `dynamodbav:"mesh"`
	Migrates    bool      `dynamodbav:"migrates"`
	Metadata    string    `dynamodbav:"metadata"`
	CreatedAt   int64     `dynamodbav:"created_at"`
	ExpiresAt   time.Time `dynamodbav:"expires_at,unixtime"`
}

// Listing returns the public part of l.
func (l *Lobby) Listing() Listing {
	return Listing{
		ID: l.ID, Players: len(l.Members), MaxPlayers: l.MaxPlayers, Public: l.Public, Locked: l.Locked, HasPassword: l.Password != "",
		AutoAccept: l.AutoAccept, Mesh: l.Mesh, Migrates: l.Migrates, Metadata: l.Metadata, CreatedAt: l.CreatedAt, ExpiresAt: l.ExpiresAt,
	}
}

// Discoverable reports whether lists show l: it is public, and a player can
// join.
func (l *Lobby) Discoverable() bool {
	return l.Public && !l.Locked && !l.Closed && len(l.Members) < l.MaxPlayers && !l.Host().Away()
}

// An Order is an order in which lobbies are listed.
type Order struct {
	Name     string // of the order; a store can name an index by it
	position func(l *Lobby) Position
}

// A Position is the place of a lobby in one Order. Positions of different
// orders do not compare. The empty Position comes before all others.
type Position string

// Newest keeps a lobby at its position for as long as it lives. Fullest leaves
// out lobbies with a password; among lobbies with as many free places, the
// oldest comes first.
var (
	Newest = &Order{"newest", func(l *Lobby) Position {
		return Position(fmt.Sprintf("%016d#%s", 1e16-l.CreatedAt, strings.ToLower(l.ID)))
	}}
	Fullest = &Order{"fullest", func(l *Lobby) Position {
		if l.Password != "" {
			return ""
		}
		return Position(fmt.Sprintf("%02d#%016d#%s", l.MaxPlayers-len(l.Members), l.CreatedAt, strings.ToLower(l.ID)))
	}}
	// Orders are all of them.
	Orders = []*Order{Newest, Fullest}
)

// PositionOf returns the position of l in o, or "" if l is nil or not in that
// list.
func (o *Order) PositionOf(l *Lobby) Position {
	if l == nil || !l.Discoverable() {
		return ""
	}
	return o.position(l)
}
