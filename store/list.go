package store

import (
	"fmt"
	"strings"
	"time"
)

// A Listing is what anybody may know of a lobby.
type Listing struct {
	Position    Position  `dynamodbav:"-"` // in the list that it was found in
	ID          string    `dynamodbav:"lobby_id"`
	Players     int       `dynamodbav:"players"` // places taken, those that are held too
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

// Listing returns what anybody may know of l.
func (l *Lobby) Listing() Listing { return l.listing("") }

func (l *Lobby) listing(at Position) Listing {
	return Listing{
		Position: at, ID: l.ID, Players: len(l.Members), MaxPlayers: l.MaxPlayers, Public: l.Public, Locked: l.Locked, HasPassword: l.Password != "",
		AutoAccept: l.AutoAccept, Mesh: l.Mesh, Migrates: l.Migrates, Metadata: l.Metadata, CreatedAt: l.CreatedAt, ExpiresAt: l.ExpiresAt,
	}
}

// Listed reports whether lists show l: it is public, and somebody may come in.
func (l *Lobby) Listed() bool {
	return l.Public && !l.Locked && !l.Closed && len(l.Members) < l.MaxPlayers && !l.Host().Away()
}

// An Order is one that lobbies are listed in.
type Order struct {
	index    string // of DynamoDB's table, and the attribute that is its range key
	position func(l *Lobby) Position
}

// A Position is where a lobby stands in a list. It is of use for that order alone; the empty one is before all.
type Position string

// The orders. In Newest a lobby keeps its place for as long as it lives. In Fullest those with a password are left out; with
// as many free places as others, the oldest comes first.
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
	orders = []*Order{Newest, Fullest}
)

// place returns where l stands in o, or "" if it is not in that list.
func (o *Order) place(l *Lobby) Position {
	if l == nil || !l.Listed() {
		return ""
	}
	return o.position(l)
}
