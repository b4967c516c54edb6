// Package handlers is what Bellhop does with each message: one Handler for AWS Lambda and for the gateway alike.
//
// Call New, then Handle for each event of API Gateway. routes and actions are the two tables by which it dispatches.
package handlers

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"sync"
	"time"

	awsevents "github.com/aws/aws-lambda-go/events"

	"bellhop/events"
	"bellhop/internal/deadline"
	"bellhop/store"
)

// A Poster reaches connections. What goes wrong that is not named is its own and may pass.
type Poster interface {
	// Post sends data, one event, which it does not keep. It returns ErrGone if the connection is not there any more and
	// ErrBusy if it takes no more for now.
	Post(ctx context.Context, connectionID string, data []byte) error
	// Hangup closes the connection, after what was posted. It returns ErrGone if it is not there any more.
	Hangup(ctx context.Context, connectionID string) error
}

// What a Poster says no with.
var (
	ErrGone = errors.New("connection is gone")
	ErrBusy = errors.New("connection takes no more for now")
)

// Config is what varies between homes. Store and Poster must be set.
type Config struct {
	Store  store.Store
	Poster Poster
	Log    *slog.Logger     // default slog.Default()
	Now    func() time.Time // default time.Now
	NewID  func() string    // makes lobby ids; default NewLobbyID
	// NewSecret makes the secrets of resume tokens; default NewSecret.
	NewSecret func() string
	// Later calls f after d, so that places which have been held for long enough are given up then. On AWS, where nothing
	// runs between two messages, it is nil: whoever looks at a lobby next does it.
	Later func(d time.Duration, f func())
	// After tells when d is over; default time.After.
	After func(d time.Duration) <-chan time.Time
	ICE   ICEServers    // STUN and TURN servers that clients are told of; by default none
	Grace time.Duration // how long the place of a dropped connection is held; default 60 s
	Rate  float64       // actions a second that a connection may go on sending; default 100
	Burst float64       // actions that it may send at once; default 500: a host who greets 63 guests at once
}

// Handler answers the events of API Gateway. Its methods may be called at once.
type Handler struct {
	Config
	sessions sessions
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
	return &Handler{Config: c}
}

// An arrival is what a route needs to know of an event.
type arrival struct {
	conn      string
	reference string // of the event, for the log and for who asks about it
	body      string
	query     map[string]string
}

// routes is keyed by an event's routeKey. What is not here is a message.
var routes = map[string]func(*Handler, context.Context, arrival) awsevents.APIGatewayProxyResponse{
	"$connect":    (*Handler).connect,
	"$disconnect": (*Handler).disconnect,
	"$default":    (*Handler).message,
}

// actions is keyed by a message's "action", and then by what the original dialect calls the same. To add one: a row
// here, its function, its content in package events, a conversation in testdata/conversations.
var actions map[string]func(*Handler, context.Context, *request) error

func init() { // not above, since the answer to an unknown action lists the table
	actions = map[string]func(*Handler, context.Context, *request) error{
		"start_lobby":             (*Handler).startLobby,
		"join_lobby":              (*Handler).joinLobby,
		"accept_request":          (*Handler).acceptRequest,
		"reject_join_request":     (*Handler).rejectJoinRequest,
		"set_session_description": (*Handler).setSessionDescription,
		"send_ice_candidate":      (*Handler).sendICECandidate,
		"leave_lobby":             (*Handler).leaveLobby,
		"close_lobby":             (*Handler).closeLobby,
		"remove_player":           (*Handler).removePlayer,
		"update_lobby":            (*Handler).updateLobby,
		"list_lobbies":            (*Handler).listLobbies,
		"quick_join":              (*Handler).quickJoin,
		"resume":                  (*Handler).resume,
		"get_ice_servers":         (*Handler).getICEServers,
		"ping":                    (*Handler).ping,

		"accept_join_request":      (*Handler).acceptRequest,
		"send_session_description": (*Handler).setSessionDescription,
	}
}

// Handle does what one event asks for. It never returns an error: whatever goes wrong, the client hears of it in an
// event, and the log once.
func (h *Handler) Handle(ctx context.Context, e awsevents.APIGatewayWebsocketProxyRequest) (r awsevents.APIGatewayProxyResponse, err error) {
	route, ok := routes[e.RequestContext.RouteKey]
	if !ok {
		route = (*Handler).message
	}
	a := arrival{
		conn: e.RequestContext.ConnectionID, reference: e.RequestContext.RequestID, body: e.Body, query: e.QueryStringParameters,
	}
	defer func() {
		if p := recover(); p != nil {
			h.logFault(ctx, a.conn, a.reference, e.RequestContext.RouteKey, asPanic(p))
			r = status(500)
		}
	}()
	return route(h, ctx, a), nil
}

// A request is one message on its way through an action.
type request struct {
	events.Message
	conn      string
	reference string
	now       time.Time
	session   *session
}

var requests = sync.Pool{New: func() any { return new(request) }}

func status(code int) awsevents.APIGatewayProxyResponse {
	return awsevents.APIGatewayProxyResponse{StatusCode: code}
}

// message does what a client's message asks for, and answers it.
func (h *Handler) message(ctx context.Context, a arrival) awsevents.APIGatewayProxyResponse {
	req := requests.Get().(*request)
	defer requests.Put(req)
	req.conn, req.reference, req.now = a.conn, a.reference, h.Now()
	req.session = h.sessions.of(a.conn)
	work, end := workingTime(ctx)
	defer end()
	h.answer(ctx, req, caught(func() error { return h.act(work, req, a.body) }))
	return status(200)
}

// answerTime is what is left of an invocation's time when an action ends for want of it, to tell the sender. Half of that
// is for a last question to the store.
const answerTime = time.Second

// workingTime is the time for an action. An invocation without a deadline has all it wants.
func workingTime(ctx context.Context) (work context.Context, end func()) {
	if at, ok := ctx.Deadline(); ok {
		c := deadline.At(ctx, at.Add(-answerTime))
		return c, c.End
	}
	return ctx, func() {}
}

// lastTime returns ctx if it has time left, else a context with half of answerTime: a post may have taken all there was, and
// what its receiver was to hear of is still to be undone, or its sender to be answered.
func lastTime(ctx context.Context) (context.Context, context.CancelFunc) {
	deadline, ok := ctx.Deadline()
	if !ok || time.Until(deadline) >= answerTime/2 {
		return ctx, func() {}
	}
	return context.WithTimeout(context.WithoutCancel(ctx), answerTime/2)
}

// act dispatches by the message's action.
func (h *Handler) act(ctx context.Context, req *request, body string) error {
	invalid := req.Decode(body)
	if wait := req.session.spend(req.now, h.Rate, h.Burst); wait > 0 {
		return tooFast(wait)
	}
	if invalid != nil {
		return invalid
	}
	action, ok := actions[req.Action]
	if !ok {
		return unknownAction()
	}
	return action(h, ctx, req)
}

// ping answers with what it was sent, and keeps the connection from being idle.
func (h *Handler) ping(ctx context.Context, req *request) error {
	var c events.Ping
	if err := req.Content.Read(&c); err != nil {
		return err
	}
	return h.reply(ctx, req, events.Pong{Content: c.Content})
}

// NewLobbyID makes a lobby id that people can read aloud: 6 of 28 characters, none of which is a vowel or looks like
// another, from a cryptographic source. There are 28^6, some 480 million.
func NewLobbyID() string {
	const alphabet = "BCDFGHJKLMNPQRSTVWXZ23456789"
	id := make([]byte, 0, 6)
	var b [16]byte
	for len(id) < cap(id) {
		rand.Read(b[:])
		for _, c := range b {
			// 252 is the largest multiple of 28 in a byte: beyond it some characters would be likelier.
			if c < 252 && len(id) < cap(id) {
				id = append(id, alphabet[c%28])
			}
		}
	}
	return string(id)
}
