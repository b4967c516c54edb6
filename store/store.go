// Package store holds lobbies and connections: what they are, the rules by which lobbies change, and where they are
// kept between two messages.
//
// Start at Lobby for the rules and at Store for the contract; UpdateLobby is how a rule is applied to a lobby that is
// kept. NewMemory opens the Store for one process.
package store

import (
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"time"
)

// How long what nobody touches is kept. API Gateway ends every connection after 2 hours (developer guide, "Quotas for
// configuring and running a WebSocket API"), so after 3 nobody is left to miss it.
const (
	LobbyTTL      = 3 * time.Hour
	ConnectionTTL = 3 * time.Hour
)

// What a Store says no with.
var (
	ErrNotFound = errors.New("not found")
	ErrExists   = errors.New("exists already")
	ErrConflict = errors.New("changed since it was read")
	// ErrThrottled says that the backend takes no more requests for now.
	ErrThrottled = errors.New("store takes no more requests for now")
)

// A Key is where a lobby is kept: ids that differ only in case share one.
type Key string

// LobbyKey returns the key of the lobby id in game. Neither may contain "#", so no two share a key by accident.
func LobbyKey(game, id string) Key { return Key(game + "#" + strings.ToLower(id)) }

// A Connection is what is known of a client from when it connects until it is gone.
type Connection struct {
	ID        string    `dynamodbav:"-"` // its item's key has it
	Game      string    `dynamodbav:"game"`
	Original  bool      `dynamodbav:"original"` // opened with protocol=original
	Pointer             // where it is, if anywhere
	ExpiresAt time.Time `dynamodbav:"expires_at,unixtime"`
}

// A Pointer says which lobby of its game a connection is in, or on its way into; the lobby itself is the truth. Whoever
// follows a pointer checks that the lobby lists the connection.
type Pointer struct {
	LobbyID string `dynamodbav:"lobby_id"` // in lower case; empty: none
	Since   int64  `dynamodbav:"since"`    // when it was set, in milliseconds since 1970; that negated: it has settled
}

// Settled returns p as of a connection that the lobby has listed: it is on its way there no longer. It is still another than
// that of any other time, or who has looked where p leads could change one that was set since.
func (p Pointer) Settled() Pointer { return Pointer{LobbyID: p.LobbyID, Since: -p.Since} }

// Key returns where the lobby is kept that c points to.
func (c *Connection) Key() Key { return LobbyKey(c.Game, c.Pointer.LobbyID) }

// A Store keeps what one invocation leaves for the next. Its methods may be called at once from many processes. Each
// touches one item, atomically; a write is visible to every read that begins after it has returned. What has expired is
// not there, whether or not it has been deleted. Values are copied in; what comes out is a snapshot that may be shared,
// never changes, and must not be changed. An error that is not named is the backend's and may pass; it wraps ctx.Err()
// if ctx ended first, and then the write may or may not have happened.
type Store interface {
	// CreateLobby adds l, with a version that no lobby before it had. It returns ErrExists if there is one with l.Key();
	// of many at once for one key exactly one succeeds.
	CreateLobby(ctx context.Context, l Lobby) error

	// Lobby returns the lobby, or ErrNotFound.
	Lobby(ctx context.Context, key Key) (*Lobby, error)

	// SwapLobby puts l, made from version l.Version, in the place of that version, and adds one to it; or deletes the
	// lobby, if l is closed. It returns ErrConflict if what is there is not that version, or nothing.
	SwapLobby(ctx context.Context, l Lobby) error

	// List returns some n of the lobbies of game that are listed, in an order, from after a position on; and whether there
	// may be more, and then it is at least one. A write may show in it as late as ListLag.
	List(ctx context.Context, game string, o *Order, after Position, n int) (page []Listing, more bool, err error)

	// ListLag is how long a write may be missing in what List returns.
	ListLag() time.Duration

	// PutConnection adds c. If a connection with that id is there already, that one stays as it is: API Gateway never uses
	// an id twice, so a second call is a retry of the first, and where the connection points must survive it.
	PutConnection(ctx context.Context, c Connection) error

	// Connection returns the connection, or ErrNotFound.
	Connection(ctx context.Context, id string) (Connection, error)

	// Point changes where connection id points, if it points to from now, and returns the connection as it is then. It
	// returns ErrConflict, with the connection as it is, if it points elsewhere, or ErrNotFound.
	Point(ctx context.Context, id string, from, to Pointer) (Connection, error)

	// DeleteConnection takes the connection away and returns what it was, or ErrNotFound.
	DeleteConnection(ctx context.Context, id string) (Connection, error)
}

// firstVersion returns what a new lobby counts its writes from. It is not 1 for all, or who has read a lobby that has
// ended since could write it over the next one that took its id.
func firstVersion() int64 { return 1 + rand.Int64N(1<<52) }

// maxAttempts bounds how often a write is tried that others keep coming before. The chance that one of 64 players who
// all write at once loses so often, with the waits below, is nil.
const maxAttempts = 32

// UpdateLobby applies rule to the lobby and keeps what becomes of it, as one step: if somebody else wrote meanwhile,
// rule is applied anew to what they left, so it must do nothing but change its argument and set variables of its
// caller. seen is the lobby, if it has been read a moment ago, else nil: it saves reading it. UpdateLobby returns the lobby
// with its Changes; ErrNotFound; what rule returned, and then nothing was written; or ErrConflict after many attempts.
func UpdateLobby(ctx context.Context, s Store, key Key, seen *Lobby, rule func(*Lobby) error) (*Lobby, error) {
	for attempt := range maxAttempts {
		began, old, err := time.Now(), seen, error(nil)
		if seen = nil; old == nil {
			old, err = s.Lobby(ctx, key)
		}
		if err != nil {
			return nil, err
		}
		l := old.Clone()
		l.before = old
		if err := rule(&l); err != nil {
			return nil, err
		}
		if err = s.SwapLobby(ctx, l); err == nil {
			l.Version++
			return &l, nil
		}
		if !errors.Is(err, ErrConflict) {
			return nil, err
		}
		if err := backoffOf(old, &l).pause(ctx, attempt, began); err != nil {
			return nil, err
		}
	}
	return nil, ErrConflict
}

// A backoff is how long a write waits before another attempt: a random time. Its bound doubles with each attempt, from first
// to most; with slowly it is counted from the time that the attempt took, so that a slow backend is not asked more often
// than it can answer.
type backoff struct {
	first, most time.Duration
	slowly      bool
}

// Players who want to come in wait longer than everybody else. Of 100 who ask at once each write makes 99 others fail, and
// the host's, who lets them in, would have to be faster than all of them. So a burst of players spreads itself over as much
// time as their writes take one after the other (some 5 ms each), and the host's writes go between them.
var (
	joining   = backoff{4 * time.Millisecond, time.Second, true}
	otherwise = backoff{time.Millisecond, 16 * time.Millisecond, false}
)

// backoffOf returns how long to wait before the change from old to l is tried again.
func backoffOf(old, l *Lobby) backoff {
	if len(l.Members)+len(l.Waiting) > len(old.Members)+len(old.Waiting) {
		return joining
	}
	return otherwise
}

// pause waits after an attempt that began at a time.
func (b backoff) pause(ctx context.Context, attempt int, began time.Time) error {
	bound, most := b.first, b.most
	if took := time.Since(began); b.slowly {
		bound, most = bound+took, max(most, took)
	}
	wait := time.NewTimer(rand.N(min(bound<<min(attempt, 8), most)))
	defer wait.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-wait.C:
		return nil
	}
}
