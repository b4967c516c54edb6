// Package store defines where lobbies and connections are kept between two
// messages.
//
// Store is the contract. NewMemory returns a Store for one process; package
// dynamodb has one for AWS. Update applies a rule of package lobby to a stored
// lobby. A Store of your own passes storetest.Run.
package store

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"bellhop/lobby"
)

// ConnectionTTL is how long an idle connection is kept: as long as a lobby.
const ConnectionTTL = lobby.TTL

// Errors of a Store.
var (
	ErrNotFound = errors.New("not found")
	ErrExists   = errors.New("exists already")
	ErrConflict = errors.New("changed since it was read")
	// ErrThrottled means that the backend accepts no more requests for now.
	ErrThrottled = errors.New("store takes no more requests for now")
)

// A Connection is the state of a client from $connect to $disconnect.
type Connection struct {
	ID          string    `dynamodbav:"-"` // its item's key has it
	Game        string    `dynamodbav:"game"`
	Original    bool      `dynamodbav:"original"`            // opened with protocol=original
	PlayerID    string    `dynamodbav:"player_id,omitempty"` // from its token; empty: none
	lobby.Claim           // its lobby, if any
	ExpiresAt   time.Time `dynamodbav:"expires_at,unixtime"`
}

// Key returns the key of the lobby that c claims.
func (c *Connection) Key() lobby.Key { return lobby.KeyOf(c.Game, c.Claim.LobbyID) }

// A Store keeps what one invocation leaves for the next. Its methods can be
// called concurrently, from many processes.
//
// Each method touches one item, atomically. A write is visible to every read
// that begins after the write has returned. What has expired is not there,
// whether or not it has been deleted.
//
// Values are copied in, strings included. A returned value is a snapshot that
// might be shared: it never changes, and callers must not change it.
//
// Any error that is not named is the backend's, and might be temporary. If ctx
// ends first, the error wraps ctx.Err(), and a write might or might not have
// happened.
type Store interface {
	// CreateLobby adds l, with a version that no lobby with its key had before.
	// It returns ErrExists if there is one. If several create one key at the
	// same time, exactly one succeeds.
	CreateLobby(ctx context.Context, l lobby.Lobby) error

	// Lobby returns the lobby, or ErrNotFound.
	Lobby(ctx context.Context, key lobby.Key) (*lobby.Lobby, error)

	// SwapLobby replaces old, as it was read, with new, whose version is one
	// higher than old's; or deletes the lobby if new is closed. It returns
	// ErrConflict if the lobby has another version than old, or is not there.
	SwapLobby(ctx context.Context, old, new *lobby.Lobby) error

	// List returns up to n discoverable lobbies of game in the order o, after a
	// position. more reports whether there might be others; then the page has at
	// least one. A write can be missing from List for up to ListLag.
	List(ctx context.Context, game string, o *lobby.Order, after lobby.Position, n int) (page []lobby.Listing, more bool, err error)

	// ListLag is how long a write can be missing from List.
	ListLag() time.Duration

	// PutConnection adds c. If there is a connection with its ID, it changes
	// nothing: API Gateway can repeat $connect.
	PutConnection(ctx context.Context, c Connection) error

	// Connection returns the connection, or ErrNotFound.
	Connection(ctx context.Context, id string) (Connection, error)

	// Claim replaces the claim from of connection id with to, and returns the
	// connection with it. It returns ErrConflict, with the connection as it is, if
	// its claim is not from; or ErrNotFound.
	Claim(ctx context.Context, id string, from, to lobby.Claim) (Connection, error)

	// DeleteConnection removes the connection and returns its last value, or
	// ErrNotFound.
	DeleteConnection(ctx context.Context, id string) (Connection, error)
}

// FirstVersion returns the version of a new lobby, for implementations of
// Store. It is random: if every lobby began at 1, a writer that has read a
// lobby could overwrite the next one with the same id.
func FirstVersion() int64 { return 1 + rand.Int64N(1<<52) }
