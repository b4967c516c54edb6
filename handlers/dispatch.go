package handlers

import (
	"context"
	"fmt"
	"maps"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"

	awsevents "github.com/aws/aws-lambda-go/events"

	"bellhop/events"
	"bellhop/internal/deadline"
)

// incoming holds what a route needs from an event of API Gateway.
type incoming struct {
	conn      string
	reference string // of the event, for the log and for support
	body      string
	address   string // that the client connects from
	query     map[string]string
	tokens    int // how many parameters "token" the URL has
}

// routes is keyed by an event's routeKey. An event with any other key is a
// message.
var routes = map[string]func(*Handler, context.Context, incoming) awsevents.APIGatewayProxyResponse{
	"$connect":    (*Handler).connect,
	"$disconnect": (*Handler).disconnect,
	"$default":    (*Handler).message,
	ExpireRoute:   (*Handler).expire,
}

// ExpireRoute is the route key of an event that Config.ExpireAt makes. No API
// has such a route, so no client can send one.
const ExpireRoute = "$expire"

// actions is keyed by a message's "action"; the last rows are the original
// dialect's names. To add one, see "Add an action" in docs/design.md.
var actions map[string]func(*Handler, context.Context, *action) error

func init() { // not above, since the answer to an unknown action lists the table
	actions = map[string]func(*Handler, context.Context, *action) error{
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
		"update_player":           (*Handler).updatePlayer,
		"set_host":                (*Handler).setHost,
		"send_message":            (*Handler).sendMessage,
		"report_link":             (*Handler).reportLink,
		"get_lobby":               (*Handler).getLobby,
		"list_lobbies":            (*Handler).listLobbies,
		"quick_join":              (*Handler).quickJoin,
		"resume":                  (*Handler).resume,
		"get_ice_servers":         (*Handler).getICEServers,
		"ping":                    (*Handler).ping,

		"accept_join_request":      (*Handler).acceptRequest,
		"send_session_description": (*Handler).setSessionDescription,
	}
}

// Handle handles one event. It never returns an error: the client gets an error
// event, and the log one line.
func (h *Handler) Handle(ctx context.Context, e awsevents.APIGatewayWebsocketProxyRequest) (r awsevents.APIGatewayProxyResponse, err error) {
	route, ok := routes[e.RequestContext.RouteKey]
	if !ok {
		route = (*Handler).message
	}
	a := incoming{
		conn: e.RequestContext.ConnectionID, reference: e.RequestContext.RequestID, body: e.Body,
		address: e.RequestContext.Identity.SourceIP, query: e.QueryStringParameters,
		tokens: len(e.MultiValueQueryStringParameters["token"]),
	}
	defer func() {
		if p := recover(); p != nil {
			h.logFault(ctx, a.conn, a.reference, e.RequestContext.RouteKey, asPanic(p))
			r = status(500)
		}
		h.countRoute(e.RequestContext.RouteKey, r.StatusCode)
	}()
	return route(h, ctx, a), nil
}

// An action is one message while it is handled.
type action struct {
	events.Message
	conn      string
	reference string
	address   string
	now       time.Time
	client    *client
	floods    bool // the sender goes on although it is refused
}

var actionPool = sync.Pool{New: func() any { return new(action) }}

func status(code int) awsevents.APIGatewayProxyResponse {
	return awsevents.APIGatewayProxyResponse{StatusCode: code}
}

// message handles a client's message and answers it.
func (h *Handler) message(ctx context.Context, a incoming) awsevents.APIGatewayProxyResponse {
	req := actionPool.Get().(*action)
	defer actionPool.Put(req)
	req.conn, req.reference, req.address, req.now = a.conn, a.reference, a.address, h.Now()
	req.client, req.floods = h.client(a.conn), false
	work, end := workingTime(ctx)
	defer end()
	err := caught(func() error { return h.act(work, req, a.body) })
	h.countAction(req, err, h.answer(ctx, req, err))
	if req.floods {
		h.hangUp(ctx, req)
	}
	return status(200)
}

// answerTime is the part of an invocation's time that an action leaves for
// telling the sender that it ran out of time. Half of it is for a last read of
// the store.
const answerTime = time.Second

// workingTime returns ctx without the invocation's last answerTime. An
// invocation without a deadline keeps all its time.
func workingTime(ctx context.Context) (work context.Context, end func()) {
	if at, ok := ctx.Deadline(); ok {
		c := deadline.At(ctx, at.Add(-answerTime))
		return c, c.End
	}
	return ctx, func() {}
}

// lastTime returns ctx if it has time left, else a context with half of
// answerTime. A post can use up an invocation's time, and its effect must still
// be undone or its sender answered.
func lastTime(ctx context.Context) (context.Context, context.CancelFunc) {
	deadline, ok := ctx.Deadline()
	if !ok || time.Until(deadline) >= answerTime/2 {
		return ctx, func() {}
	}
	return context.WithTimeout(context.WithoutCancel(ctx), answerTime/2)
}

// act dispatches by the message's action.
func (h *Handler) act(ctx context.Context, req *action, body string) error {
	invalid := req.Decode(body)
	if wait := req.client.spend(req.now); wait > 0 {
		req.floods = req.client.refusals.add(req.now)
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

// ping returns its content. It keeps a connection from being idle.
func (h *Handler) ping(ctx context.Context, req *action) error {
	var c events.Ping
	if err := req.Content.Read(&c); err != nil {
		return err
	}
	return h.reply(ctx, req, events.Pong{Content: c.Content})
}

func unknownAction() error {
	known := strings.Join(slices.Sorted(maps.Keys(actions)), ", ")
	return &events.Error{Code: events.UnknownAction, Message: "Use one of " + known + "."}
}

// known returns the action's name if there is such an action. Any other name is
// message content, which is never logged.
func (req *action) known() string {
	if actions[req.Action] == nil {
		return ""
	}
	return req.Action
}

// caught returns what do returns, or an error if it panics.
func caught(do func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = asPanic(p)
		}
	}()
	return do()
}

func asPanic(p any) error { return fmt.Errorf("panic: %v\n%s", p, debug.Stack()) }

// contain logs a panic of a goroutine and ends it.
func (h *Handler) contain(ctx context.Context) {
	if p := recover(); p != nil {
		h.logFault(ctx, "", "", "", asPanic(p))
	}
}
