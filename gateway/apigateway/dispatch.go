package apigateway

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"
	"time"

	awsevents "github.com/aws/aws-lambda-go/events"

	"bellhop/internal/deadline"
)

// connect invokes $connect, if there is such a route, and returns its answer.
func (g *Gateway) connect(ctx context.Context, c *connection, r *http.Request) (awsevents.APIGatewayProxyResponse, error) {
	if _, ok := g.Routes[routeConnect]; !ok {
		return awsevents.APIGatewayProxyResponse{StatusCode: http.StatusOK}, nil
	}
	id := newRequestIDs()
	e := g.event(c, "CONNECT", routeConnect, id, g.Now())
	e.MultiValueHeaders = g.headersOf(r, c.sourceIP)
	e.Headers = last(e.MultiValueHeaders)
	if query := r.URL.Query(); len(query) > 0 {
		e.MultiValueQueryStringParameters, e.QueryStringParameters = query, last(query)
	}
	if g.Authorizer != nil {
		if refusal := g.authorize(ctx, c, r, e); refusal != nil {
			return *refusal, nil
		}
		e.RequestContext.Authorizer = c.authorizer
	}
	return g.invoke(ctx, e)
}

// arrive handles a message, or lets Hooks.Arrive decide when.
func (g *Gateway) arrive(held *cork, c *connection, body string) {
	if g.Hooks.Arrive == nil {
		g.message(held, c, body)
		return
	}
	g.running.Add(1) // not from 0: the connection itself is counted until its end
	g.Hooks.Arrive(c.id, body, func() {
		defer g.running.Done()
		held := &cork{Context: context.Background()} // the reader might have released its own
		defer held.release()
		g.message(held, c, body)
	})
}

// message invokes the route that a message selects. If there is none, or if it
// fails, the client gets API Gateway's own message, even from a one-way route.
func (g *Gateway) message(held *cork, c *connection, body string) {
	now, id := g.Now(), newRequestIDs()
	ms := now.UnixMilli()
	g.counts.received.Add(1)
	c.active.Store(ms)
	held.now.Store(ms)
	if held.since == 0 {
		held.since = ms
	} else if ms-held.since >= corkTime {
		held.since = ms
		held.flush()
	}
	route, ok := g.routeFor(body)
	if !ok {
		g.sendOwn(held, c, id, "Forbidden")
		return
	}
	e := g.event(c, "MESSAGE", route, id, now)
	e.Body, e.RequestContext.MessageID = body, id.messageID
	r, err := g.invoke(held, e)
	switch {
	case err != nil:
		g.Log.Error("the integration failed", "route", route, "connection", c.id, "request", id.id, "error", err)
		_, message := failure(err)
		g.sendOwn(held, c, id, message)
	case !g.Routes[route].Answers:
		g.noteStatus(c, route, id, r)
	case r.Body != "":
		if err := g.send(held, c.id, bodyOf(r)); err != nil {
			g.Log.Warn("the route response is not sent", "route", route, "connection", c.id, "request", id.id, "error", err)
		}
	}
}

// sendOwn sends a message of API Gateway's own, with AWS's spacing.
func (g *Gateway) sendOwn(held *cork, c *connection, r requestIDs, message string) {
	g.send(held, c.id, fmt.Appendf(nil, `{"message": %q, "connectionId":"%s", "requestId":"%s"}`, message, c.id, r.id))
}

// bodyOf returns the bytes of a result's body, which can be in base64.
func bodyOf(r awsevents.APIGatewayProxyResponse) []byte {
	if r.IsBase64Encoded {
		if b, err := base64.StdEncoding.DecodeString(r.Body); err == nil {
			return b
		}
	}
	return []byte(r.Body)
}

// disconnected invokes $disconnect, if there is such a route. Its answer is
// ignored.
func (g *Gateway) disconnected(c *connection, end closeStatus) {
	if _, ok := g.Routes[routeDisconnect]; !ok {
		return
	}
	now, id := g.Now(), newRequestIDs()
	e := g.event(c, "DISCONNECT", routeDisconnect, id, now)
	e.Headers = map[string]string{"Host": c.host, "x-api-key": "", "X-Forwarded-For": "", "x-restapi": ""}
	e.MultiValueHeaders = map[string][]string{"Host": {c.host}, "x-api-key": {""}, "X-Forwarded-For": {""}, "x-restapi": {""}}
	e.RequestContext.DisconnectStatusCode = int64(end.code)
	e.RequestContext.DisconnectReason = &end.reason
	r, err := g.invoke(context.Background(), e)
	if err != nil {
		g.Log.Error("the integration failed", "route", routeDisconnect, "connection", c.id, "request", id.id, "error", err)
		return
	}
	g.noteStatus(c, routeDisconnect, id, r)
}

// noteStatus logs an error status that reaches no client.
func (g *Gateway) noteStatus(c *connection, route string, id requestIDs, r awsevents.APIGatewayProxyResponse) {
	if r.StatusCode >= 400 {
		g.Log.Warn("the integration answered with an error, which no client gets", "route", route, "connection", c.id, "request", id.id, "status", r.StatusCode)
	}
}

// failure returns the client's message after a failed integration, and the HTTP
// status if it was connecting.
func failure(err error) (status int, message string) {
	switch {
	case errors.Is(err, ErrTimeout):
		return http.StatusGatewayTimeout, "Endpoint request timed out"
	case errors.Is(err, ErrThrottled):
		return http.StatusTooManyRequests, "Too Many Requests"
	}
	return http.StatusBadGateway, "Internal server error"
}

// invoke calls the integration of an event's route. A panic, or a result
// without a final HTTP status, is an error.
func (g *Gateway) invoke(ctx context.Context, e awsevents.APIGatewayWebsocketProxyRequest) (r awsevents.APIGatewayProxyResponse, err error) {
	route := g.Routes[e.RequestContext.RouteKey]
	limit := deadline.At(ctx, time.Now().Add(route.Timeout))
	defer limit.End()
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
		if at, _ := limit.Deadline(); err != nil && !time.Now().Before(at) {
			err = fmt.Errorf("%w: %w", ErrTimeout, err)
		}
		if g.Observe != nil {
			at, _ := limit.Deadline()
			g.Observe(e.RequestContext.RouteKey, time.Since(at.Add(-route.Timeout)), err)
		}
	}()
	if r, err = route.Invoke(limit, e); err == nil && (r.StatusCode < 200 || r.StatusCode > 599) {
		err = fmt.Errorf("malformed Lambda proxy response: status code %d", r.StatusCode)
	}
	return r, err
}
