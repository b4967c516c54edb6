package apigateway

import (
	"cmp"
	"context"
	cryptorand "crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	awsevents "github.com/aws/aws-lambda-go/events"

	"bellhop/internal/deadline"
)

// requestIDs identify one invocation as AWS does. messageID is set for MESSAGE
// events alone.
type requestIDs struct{ id, messageID string }

// newRequestIDs makes both ids in one allocation.
func newRequestIDs() requestIDs {
	var raw [16]byte
	binary.LittleEndian.PutUint64(raw[:], rand.Uint64())
	binary.LittleEndian.PutUint64(raw[8:], rand.Uint64())
	var ids [32]byte
	writeID(ids[:16], raw[:11], requestID)
	writeID(ids[16:], raw[5:], messageID)
	text := string(ids[:])
	return requestIDs{text[:16], text[16:]}
}

// Ids of AWS are 11 bytes in URL-safe base64. The ninth byte says what the id
// is for.
const (
	messageID = 0x02 // or a connection
	requestID = 0x05
)

// writeID writes the 16 characters of an id, and changes the ninth byte of raw.
func writeID(dst, raw []byte, kind byte) {
	raw[8] = kind
	base64.URLEncoding.Encode(dst, raw)
}

// newConnectionID returns an id that cannot be guessed, since anybody who knows
// it could post to the connection.
func newConnectionID() string {
	var b [11]byte
	cryptorand.Read(b[:])
	b[8] = messageID
	return base64.URLEncoding.EncodeToString(b[:])
}

// A stamp is a second, and how events write it.
type stamp struct {
	unix int64
	text string
}

// requestTime formats in Common Log Format. Many messages share a second, so
// the last result is kept.
func (g *Gateway) requestTime(now time.Time) string {
	last := g.second.Load()
	if last == nil || last.unix != now.Unix() {
		last = &stamp{now.Unix(), now.UTC().Format("02/Jan/2006:15:04:05 -0700")}
		g.second.Store(last)
	}
	return last.text
}

// event returns what all three kinds of events have in common.
func (g *Gateway) event(c *connection, kind, route string, r requestIDs, now time.Time) awsevents.APIGatewayWebsocketProxyRequest {
	return awsevents.APIGatewayWebsocketProxyRequest{
		StageVariables: g.StageVariables,
		RequestContext: awsevents.APIGatewayWebsocketProxyRequestContext{
			RouteKey: route, EventType: kind, ExtendedRequestID: r.id, RequestID: r.id,
			RequestTime: g.requestTime(now), RequestTimeEpoch: now.UnixMilli(), MessageDirection: "IN",
			Stage: g.Stage, APIID: g.APIID, DomainName: c.host, ConnectedAt: c.connectedAt, ConnectionID: c.id,
			Identity: awsevents.APIGatewayRequestIdentity{SourceIP: c.sourceIP, UserAgent: c.userAgent},
		},
	}
}

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
	return g.invoke(ctx, e)
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
		g.tell(held, c, id, "Forbidden")
		return
	}
	e := g.event(c, "MESSAGE", route, id, now)
	e.Body, e.RequestContext.MessageID = body, id.messageID
	r, err := g.invoke(held, e)
	switch {
	case err != nil:
		g.Log.Error("the integration failed", "route", route, "connection", c.id, "request", id.id, "error", err)
		_, message := failure(err)
		g.tell(held, c, id, message)
	case g.Routes[route].Answers && r.Body != "":
		if err := g.send(held, c.id, bodyOf(r)); err != nil {
			g.Log.Warn("the route response is not sent", "route", route, "connection", c.id, "request", id.id, "error", err)
		}
	}
}

// tell sends a frame of API Gateway's own, with AWS's spacing.
func (g *Gateway) tell(held *cork, c *connection, r requestIDs, message string) {
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

// disconnected invokes $disconnect, if there is such a route. Nobody gets its
// answer.
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
	if _, err := g.invoke(context.Background(), e); err != nil {
		g.Log.Error("the integration failed", "route", routeDisconnect, "connection", c.id, "request", id.id, "error", err)
	}
}

// failure returns what a client is sent when the integration failed, and the
// HTTP status if it was connecting.
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

// headersOf returns a handshake's headers as AWS passes them on: with its own,
// without those of the upgrade, and in the client's spelling, which net/http
// has changed.
func (g *Gateway) headersOf(r *http.Request, sourceIP string) map[string][]string {
	h := map[string][]string{"Host": {r.Host}}
	for name, values := range r.Header {
		switch {
		case name == "Connection", name == "Upgrade":
		case strings.HasPrefix(name, "Sec-Websocket-"):
			h["Sec-WebSocket-"+name[len("Sec-Websocket-"):]] = values
		default:
			h[name] = values
		}
	}
	scheme, port := "http", ""
	if r.TLS != nil {
		scheme = "https"
	}
	if g.TrustProxy {
		scheme, port = cmp.Or(r.Header.Get("X-Forwarded-Proto"), scheme), r.Header.Get("X-Forwarded-Port")
	}
	if _, inHost, err := net.SplitHostPort(r.Host); err == nil {
		port = cmp.Or(port, inHost)
	}
	port = cmp.Or(port, map[string]string{"http": "80", "https": "443"}[scheme])
	h["X-Forwarded-For"], h["X-Forwarded-Port"], h["X-Forwarded-Proto"] = []string{sourceIP}, []string{port}, []string{scheme}
	if h["X-Amzn-Trace-Id"] == nil {
		h["X-Amzn-Trace-Id"] = []string{fmt.Sprintf("Root=1-%08x-%016x%08x", time.Now().Unix(), rand.Uint64(), rand.Uint32())}
	}
	return h
}

// last returns the single-value form of a multi-value map.
func last(multi map[string][]string) map[string]string {
	single := make(map[string]string, len(multi))
	for name, values := range multi {
		single[name] = values[len(values)-1]
	}
	return single
}
