package apigateway

import (
	"cmp"
	cryptorand "crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"time"

	awsevents "github.com/aws/aws-lambda-go/events"
)

// requestIDs identify one invocation as on AWS. Only MESSAGE events have a
// messageID.
type requestIDs struct{ id, messageID string }

// newRequestIDs generates both ids in one allocation.
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

// Ids of AWS are 11 bytes in URL-safe base64. The ninth byte shows the purpose
// of the id.
const (
	messageID = 0x02 // or a connection
	requestID = 0x05
)

// writeID writes the 16 characters of an id, and changes the ninth byte of raw.
func writeID(dst, raw []byte, kind byte) {
	raw[8] = kind
	base64.URLEncoding.Encode(dst, raw)
}

// newConnectionID returns an id that cannot be guessed, since anyone who knows
// it could post to the connection.
func newConnectionID() string {
	var b [11]byte
	cryptorand.Read(b[:])
	b[8] = messageID
	return base64.URLEncoding.EncodeToString(b[:])
}

// A stamp is a second in the format of events.
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

// event returns the fields that all three kinds of events share.
func (g *Gateway) event(c *connection, kind, route string, r requestIDs, now time.Time) awsevents.APIGatewayWebsocketProxyRequest {
	return awsevents.APIGatewayWebsocketProxyRequest{
		StageVariables: g.StageVariables,
		RequestContext: awsevents.APIGatewayWebsocketProxyRequestContext{
			RouteKey: route, EventType: kind, ExtendedRequestID: r.id, RequestID: r.id,
			RequestTime: g.requestTime(now), RequestTimeEpoch: now.UnixMilli(), MessageDirection: "IN",
			Stage: g.Stage, APIID: g.APIID, DomainName: c.host, ConnectedAt: c.connectedAt, ConnectionID: c.id, Authorizer: c.authorizer,
			Identity: awsevents.APIGatewayRequestIdentity{SourceIP: c.sourceIP, UserAgent: c.userAgent},
		},
	}
}

// headersOf returns a handshake's headers as AWS passes them on. It adds AWS's
// own headers and leaves out those of the upgrade. KeepSpelling keeps
// the client's spelling of names; net/http changes it. Clients of the deployed
// API connect by TLS, so those here seem to.
func (g *Gateway) headersOf(r *http.Request, sourceIP string) map[string][]string {
	h := map[string][]string{"Host": {cmp.Or(g.DomainName, r.Host)}}
	spelled := spellings(r.Context())
	for name, values := range r.Header {
		switch {
		case name == "Connection", name == "Upgrade":
		case strings.HasPrefix(name, "Sec-Websocket-"):
			h["Sec-WebSocket-"+name[len("Sec-Websocket-"):]] = values
		case strings.HasPrefix(name, "X-Forwarded-"), name == "X-Amzn-Trace-Id":
			h[name] = values
		default:
			h[cmp.Or(spelled[name], name)] = values
		}
	}
	scheme, port := "https", "443"
	if g.TrustProxy {
		scheme, port = cmp.Or(r.Header.Get("X-Forwarded-Proto"), scheme), cmp.Or(r.Header.Get("X-Forwarded-Port"), port)
	}
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
