package apigateway

import (
	"bufio"
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	awsevents "github.com/aws/aws-lambda-go/events"
	gocmp "github.com/google/go-cmp/cmp"
)

type event = awsevents.APIGatewayWebsocketProxyRequest

type response = awsevents.APIGatewayProxyResponse

var ok = response{StatusCode: 200}

// echo is an integration that sends every message back.
func echo(g **Gateway) Invoker {
	return func(ctx context.Context, e event) (response, error) {
		if e.RequestContext.EventType != "MESSAGE" {
			return ok, nil
		}
		return ok, (*g).Post(ctx, e.RequestContext.ConnectionID, []byte(e.Body))
	}
}

// serve starts a gateway for a test, and returns it with the address of its
// server.
func serve(t testing.TB, c Config) (g *Gateway, address string) {
	if c.Invoke == nil {
		c.Invoke = echo(&g)
	}
	c.Log = cmp.Or(c.Log, slog.New(slog.DiscardHandler))
	g = New(c)
	server := httptest.NewUnstartedServer(g)
	server.Listener = KeepSpelling(server.Config, server.Listener)
	server.Start()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := g.Shutdown(ctx); err != nil {
			t.Error(err)
		}
		server.Close()
	})
	return g, strings.TrimPrefix(server.URL, "http://")
}

// A client is one end of a connection, read and written byte by byte.
type client struct {
	t testing.TB
	net.Conn
	in *bufio.Reader
}

const handshake = "GET /local?game=chess HTTP/1.1\r\nHost: example.test:3000\r\nConnection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n" +
	"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"

// dial sends a handshake with further headers and data, and reads the answer.
func dial(t testing.TB, address, headers, rest string) (client, *http.Response) {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	return shake(t, conn, headers, rest)
}

// shake is dial for a connection that is open already.
func shake(t testing.TB, conn net.Conn, headers, rest string) (client, *http.Response) {
	t.Helper()
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(time.Minute))
	c := client{t, conn, bufio.NewReader(conn)}
	c.send([]byte(handshake + headers + "\r\n" + rest))
	r, err := http.ReadResponse(c.in, nil)
	if err != nil {
		t.Fatal(err)
	}
	return c, r
}

// connect returns a client with an open connection.
func connect(t testing.TB, address string) client {
	t.Helper()
	c, r := dial(t, address, "", "")
	if r.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("the handshake's status is %d", r.StatusCode)
	}
	return c
}

func (c client) send(b []byte) {
	c.t.Helper()
	if _, err := c.Write(b); err != nil {
		c.t.Fatal(err)
	}
}

// receive reads a frame.
func (c client) receive() (first byte, payload string) {
	c.t.Helper()
	h := c.read(2)
	n := uint64(h[1])
	switch n {
	case 126:
		n = uint64(binary.BigEndian.Uint16(c.read(2)))
	case 127:
		n = binary.BigEndian.Uint64(c.read(8))
	}
	return h[0], string(c.read(int(n)))
}

func (c client) read(n int) []byte {
	c.t.Helper()
	b := make([]byte, n)
	if _, err := io.ReadFull(c.in, b); err != nil {
		c.t.Fatalf("cannot read: %v", err)
	}
	return b
}

// want reads a frame and compares it.
func (c client) want(first byte, payload string) {
	c.t.Helper()
	if f, p := c.receive(); f != first || p != payload {
		c.t.Fatalf("received frame %#x %.200q, want %#x %.200q", f, p, first, payload)
	}
}

// wantEnd reads a close frame and the end of the connection.
func (c client) wantEnd(e closeStatus) {
	c.t.Helper()
	want := binary.BigEndian.AppendUint16(nil, uint16(e.code))
	if e.code == 1005 {
		want = nil
	}
	c.want(closing, string(append(want, e.reason...)))
	if _, err := c.in.ReadByte(); err != io.EOF {
		c.t.Fatalf("after the close frame came %v, want the end", err)
	}
}

// recorder is an integration that keeps its events.
type recorder chan event

func (r recorder) invoke(_ context.Context, e event) (response, error) {
	r <- e
	return ok, nil
}

// TestFidelityEvents checks that the three events have all of AWS's fields, and
// no others. Package lambda's test of the same name compares them byte for
// byte.
func TestFidelityEvents(t *testing.T) {
	now := time.Date(2030, 3, 24, 10, 15, 30, 123e6, time.UTC)
	r := make(recorder, 10)
	_, address := serve(t, Config{Invoke: r.invoke, Stage: "dev", APIID: "q1w2e3r4t5", Now: func() time.Time { return now }})
	c, _ := dial(t, address, "User-Agent: demo/1.0\r\nOrigin: https://game.test\r\nX-Amzn-Trace-Id: Root=1\r\n", "")
	c.send(frame(text, " {\"a\":1}\r\n"))
	c.send(frame(closing, "\x03\xe9bye"))
	var got []event
	connection, ids := "", map[string]bool{}
	for range 3 {
		e := <-r
		x := &e.RequestContext
		ids[x.RequestID] = true
		for _, id := range []string{x.ConnectionID, x.RequestID} {
			if !regexp.MustCompile(`^[\w-]{11}[CF][\w-]{3}=$`).MatchString(id) {
				t.Errorf("id %q does not look like one of AWS", id)
			}
		}
		if connection = cmp.Or(connection, x.ConnectionID); x.ConnectionID != connection || x.ExtendedRequestID != x.RequestID {
			t.Errorf("ids do not agree: %+v", x)
		}
		x.RequestID, x.ExtendedRequestID, x.ConnectionID = "R", "R", "C"
		if x.MessageID != nil {
			ids[x.MessageID.(string)] = true
			x.MessageID = "M"
		}
		got = append(got, e)
	}
	if len(ids) != 4 {
		t.Errorf("3 request ids and a message id are %d different ones", len(ids))
	}
	about := func(kind, route string) awsevents.APIGatewayWebsocketProxyRequestContext {
		return awsevents.APIGatewayWebsocketProxyRequestContext{
			RouteKey: route, EventType: kind, RequestID: "R", ExtendedRequestID: "R", ConnectionID: "C",
			RequestTime: "24/Mar/2030:10:15:30 +0000", RequestTimeEpoch: now.UnixMilli(), ConnectedAt: now.UnixMilli(),
			MessageDirection: "IN", Stage: "dev", APIID: "q1w2e3r4t5", DomainName: "example.test",
			Identity: awsevents.APIGatewayRequestIdentity{SourceIP: "127.0.0.1", UserAgent: "demo/1.0"},
		}
	}
	headers := map[string]string{
		"Host": "example.test:3000", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
		"User-Agent": "demo/1.0", "Origin": "https://game.test", "X-Amzn-Trace-Id": "Root=1",
		"X-Forwarded-For": "127.0.0.1", "X-Forwarded-Port": "443", "X-Forwarded-Proto": "https",
	}
	left := map[string]string{"Host": "example.test", "x-api-key": "", "X-Forwarded-For": "", "x-restapi": ""}
	want := []event{
		{RequestContext: about("CONNECT", "$connect"), Headers: headers, MultiValueHeaders: multi(headers),
			QueryStringParameters: map[string]string{"game": "chess"}, MultiValueQueryStringParameters: map[string][]string{"game": {"chess"}}},
		{RequestContext: about("MESSAGE", "$default"), Body: " {\"a\":1}\r\n"},
		{RequestContext: about("DISCONNECT", "$disconnect"), Headers: left, MultiValueHeaders: multi(left)},
	}
	reason := "bye"
	want[1].RequestContext.MessageID = "M"
	want[2].RequestContext.DisconnectStatusCode, want[2].RequestContext.DisconnectReason = 1001, &reason
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}

func multi(single map[string]string) map[string][]string {
	m := map[string][]string{}
	for k, v := range single {
		m[k] = []string{v}
	}
	return m
}

// TestMessages checks that messages arrive in order, even if sent along with
// the handshake, in fragments, with pings.
func TestMessages(t *testing.T) {
	_, address := serve(t, Config{})
	c, _ := dial(t, address, "", string(join(frame(text, "first"), frame(moreText, "sec"))))
	c.send(join(frame(ping, "are you there?"), frame(final, "ond"), frame(text, "")))
	c.want(text, "first")
	c.want(0x80|opPong, "are you there?")
	c.want(text, "second")
	c.want(text, "")
	c.send(frame(text, big))
	c.want(text, big)
	c.send(join(frame(moreText, big), frame(final, "rest")))
	c.want(opText, big) // it is sent in frames of at most 32 KiB too
	c.want(final, "rest")
	for i := range 1000 {
		c.send(frame(text, fmt.Sprint(i)))
	}
	for i := range 1000 {
		c.want(text, fmt.Sprint(i))
	}
	c.send(frame(closing, "\x0f\xa0bye"))
	c.wantEnd(closeStatus{code: 4000, reason: "bye"})
}
