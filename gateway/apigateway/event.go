package apigateway

import (
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
)

// A request identifies one invocation as AWS does; messageID is that of a MESSAGE alone.
type request struct{ id, messageID string }

// newRequest makes both ids in one allocation.
func newRequest() request {
	var raw [16]byte
	binary.LittleEndian.PutUint64(raw[:], rand.Uint64())
	binary.LittleEndian.PutUint64(raw[8:], rand.Uint64())
	var ids [32]byte
	writeID(ids[:16], raw[:11], requestID)
	writeID(ids[16:], raw[5:], messageID)
	text := string(ids[:])
	return request{text[:16], text[16:]}
}

// Ids of AWS are 11 bytes in URL-safe base64; the ninth says of what.
const (
	messageID = 0x02 // or a connection
	requestID = 0x05
)

// writeID writes the 16 characters of an id, whose ninth byte it changes.
func writeID(dst, raw []byte, kind byte) {
	raw[8] = kind
	base64.URLEncoding.Encode(dst, raw)
}

// newConnectionID makes an id that cannot be guessed, since who has one may be posted to.
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

// requestTime formats in Common Log Format. Many messages share a second, so the last is kept.
func (g *Gateway) requestTime(now time.Time) string {
	last := g.second.Load()
	if last == nil || last.unix != now.Unix() {
		last = &stamp{now.Unix(), now.UTC().Format("02/Jan/2006:15:04:05 -0700")}
		g.second.Store(last)
	}
	return last.text
}

// requestContext returns what all three events have.
func (g *Gateway) requestContext(c *connection, kind, route string, r request, now time.Time) awsevents.APIGatewayWebsocketProxyRequestContext {
	return awsevents.APIGatewayWebsocketProxyRequestContext{
		RouteKey: route, EventType: kind, ExtendedRequestID: r.id, RequestID: r.id,
		RequestTime: g.requestTime(now), RequestTimeEpoch: now.UnixMilli(), MessageDirection: "IN",
		Stage: g.Stage, APIID: g.APIID, DomainName: c.host, ConnectedAt: c.connectedAt, ConnectionID: c.id,
		Identity: awsevents.APIGatewayRequestIdentity{SourceIP: c.sourceIP, UserAgent: c.userAgent},
	}
}

// connect invokes $connect, and returns its answer.
func (g *Gateway) connect(ctx context.Context, c *connection, r *http.Request, now time.Time) (awsevents.APIGatewayProxyResponse, error) {
	id := newRequest()
	e := awsevents.APIGatewayWebsocketProxyRequest{RequestContext: g.requestContext(c, "CONNECT", "$connect", id, now)}
	e.MultiValueHeaders = headersOf(r, c.sourceIP)
	e.Headers = last(e.MultiValueHeaders)
	if query := r.URL.Query(); len(query) > 0 {
		e.MultiValueQueryStringParameters, e.QueryStringParameters = query, last(query)
	}
	return g.invoke(ctx, e)
}

// message invokes $default. If that fails the client is told as API Gateway tells it, even though the route is one-way.
func (g *Gateway) message(held *cork, c *connection, body string) {
	now, id := g.Now(), newRequest()
	ms := now.UnixMilli()
	c.active.Store(ms)
	held.now.Store(ms)
	if held.since == 0 {
		held.since = ms
	} else if ms-held.since >= corkTime {
		held.since = ms
		held.flush()
	}
	e := awsevents.APIGatewayWebsocketProxyRequest{
		RequestContext: g.requestContext(c, "MESSAGE", "$default", id, now), Body: body,
	}
	e.RequestContext.MessageID = id.messageID
	if _, err := g.invoke(held, e); err != nil {
		g.Log.Error("the integration failed", "route", "$default", "connection", c.id, "request", id.id, "error", err)
		_, message := failure(err)
		frame := fmt.Sprintf(`{"message": %q, "connectionId":"%s", "requestId":"%s"}`, message, c.id, id.id)
		g.Post(held, c.id, []byte(frame))
	}
}

// disconnected invokes $disconnect, whose answer nobody gets.
func (g *Gateway) disconnected(c *connection, end ending) {
	now, id := g.Now(), newRequest()
	e := awsevents.APIGatewayWebsocketProxyRequest{RequestContext: g.requestContext(c, "DISCONNECT", "$disconnect", id, now)}
	e.Headers = map[string]string{"Host": c.host, "x-api-key": "", "X-Forwarded-For": "", "x-restapi": ""}
	e.MultiValueHeaders = map[string][]string{"Host": {c.host}, "x-api-key": {""}, "X-Forwarded-For": {""}, "x-restapi": {""}}
	e.RequestContext.DisconnectStatusCode = int64(end.code)
	e.RequestContext.DisconnectReason = &end.reason
	if _, err := g.invoke(context.Background(), e); err != nil {
		g.Log.Error("the integration failed", "route", "$disconnect", "connection", c.id, "request", id.id, "error", err)
	}
}

// failure returns what a client hears when the integration failed, and the status if it was connecting.
func failure(err error) (status int, message string) {
	if errors.Is(err, ErrTimeout) {
		return http.StatusGatewayTimeout, "Endpoint request timed out"
	}
	return http.StatusBadGateway, "Internal server error"
}

// invoke calls the integration. A panic, or an answer without an HTTP status, is an error.
func (g *Gateway) invoke(ctx context.Context, e awsevents.APIGatewayWebsocketProxyRequest) (r awsevents.APIGatewayProxyResponse, err error) {
	limit, cancel := context.WithTimeout(ctx, g.Timeout)
	defer cancel()
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
		if at, _ := limit.Deadline(); err != nil && !time.Now().Before(at) {
			err = fmt.Errorf("%w: %w", ErrTimeout, err)
		}
	}()
	if r, err = g.Invoke(limit, e); err == nil && (r.StatusCode < 100 || r.StatusCode > 599) {
		err = fmt.Errorf("malformed Lambda proxy response: status code %d", r.StatusCode)
	}
	return r, err
}

// headersOf returns a handshake's headers as AWS passes them on: with its own, without those of the upgrade, and with
// the spelling that clients use, which net/http has changed.
func headersOf(r *http.Request, sourceIP string) map[string][]string {
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
	port, scheme := "80", "http"
	if r.TLS != nil {
		port, scheme = "443", "https"
	}
	if _, p, err := net.SplitHostPort(r.Host); err == nil {
		port = p
	}
	h["X-Forwarded-For"] = []string{strings.Join(append(r.Header["X-Forwarded-For"], sourceIP), ", ")}
	h["X-Forwarded-Port"], h["X-Forwarded-Proto"] = []string{port}, []string{scheme}
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
