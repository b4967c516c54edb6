// Package handlers handles Bellhop's messages, in AWS Lambda and in the gateway
// alike.
//
// Call New, then Handle for each event of API Gateway. routes and actions are
// the two tables that dispatch.
package handlers

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"time"

	"bellhop/handlers/identity"
	"bellhop/handlers/metrics"
	"bellhop/lobby"
	"bellhop/store"
)

// A Poster sends to connections. Any unnamed error is the implementation's own,
// and might be temporary.
type Poster interface {
	// Post sends data, one event, and does not keep it. It returns ErrGone if the
	// connection is gone, and ErrBusy if it accepts nothing more for now.
	Post(ctx context.Context, connectionID string, data []byte) error
	// Hangup closes the connection after all posted data. It returns ErrGone if
	// the connection is gone.
	Hangup(ctx context.Context, connectionID string) error
}

// Errors of a Poster.
var (
	ErrGone = errors.New("connection is gone")
	ErrBusy = errors.New("connection takes no more for now")
)

// Config is what differs between deployments. Store and Poster are required.
type Config struct {
	Store  store.Store
	Poster Poster
	Log    *slog.Logger     // default slog.Default()
	Now    func() time.Time // default time.Now
	NewID  func() string    // makes lobby ids; default NewLobbyID
	// NewSecret makes the secrets of resume tokens; default NewSecret.
	NewSecret func() string
	// Later calls f after d. The gateway uses it to end the grace of a dropped
	// connection on time. nil means that the next reader of the lobby ends it, as
	// on AWS, where nothing runs between two messages.
	Later func(d time.Duration, f func())
	// ExpireAt, where there is no Later, lets an event with ExpireRoute and the
	// key as its body come at about a time. nil does not.
	ExpireAt func(ctx context.Context, key lobby.Key, at time.Time) error
	// After returns a channel that receives after d; default time.After.
	After func(d time.Duration) <-chan time.Time
	// Identity verifies the tokens of clients; nil ignores them.
	Identity *identity.Verifier
	ICE      ICEServers    // STUN and TURN servers for clients; none by default
	Grace    time.Duration // grace of a dropped connection's slot; default 60 s
	Rate     float64       // actions a second that a connection can keep sending; default 100
	Burst    float64       // actions that it can send in a burst; default 500: a host that greets 63 guests at once
	// Messages is how many send_message a second a connection can keep sending,
	// and three times as many in a burst; default 10. NoMessages turns them off.
	Messages float64
	Metrics  *metrics.Set // what is counted; nil counts nothing
	// LobbyPace is how many notices a second a lobby can keep sending; 0 is no
	// limit. Where each post is billed, it bounds what many connections of one
	// client can cost.
	LobbyPace lobby.Pace
}

// NoMessages is a value of Config.Messages.
const NoMessages = -1.0

// A Handler handles the events of API Gateway. Its methods can be called
// concurrently.
type Handler struct {
	Config
	clients        remembered[client]
	wrongPasswords remembered[limiter] // by lobby
}

// New returns a Handler.
func New(c Config) *Handler {
	if c.Log == nil {
		c.Log = slog.Default()
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.After == nil {
		c.After = time.After
	}
	if c.NewID == nil {
		c.NewID = NewLobbyID
	}
	if c.NewSecret == nil {
		c.NewSecret = NewSecret
	}
	if c.Grace == 0 {
		c.Grace = 60 * time.Second
	}
	if c.Rate == 0 {
		c.Rate = 100
	}
	if c.Burst == 0 {
		c.Burst = max(500, c.Rate)
	}
	if c.Messages == 0 {
		c.Messages = 10
	}
	return &Handler{Config: c}
}

// NewLobbyID returns a lobby id that people can read aloud: 6 of 28 characters
// from a cryptographic source, without vowels and without characters that look
// alike. There are 28^6, about 480 million.
func NewLobbyID() string {
	const alphabet = "BCDFGHJKLMNPQRSTVWXZ23456789"
	id := make([]byte, 0, 6)
	var b [16]byte
	for len(id) < cap(id) {
		rand.Read(b[:])
		for _, c := range b {
			// 252 is the largest multiple of 28 in a byte: beyond it some characters
			// would be more likely.
			if c < 252 && len(id) < cap(id) {
				id = append(id, alphabet[c%28])
			}
		}
	}
	return string(id)
}
