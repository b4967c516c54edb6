package apigateway

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
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

// serve starts a gateway for a test, and returns it with the address of its server.
func serve(t testing.TB, c Config) (g *Gateway, address string) {
	if c.Invoke == nil {
		c.Invoke = echo(&g)
	}
	c.Log = cmp.Or(c.Log, slog.New(slog.DiscardHandler))
	g = New(c)
	server := httptest.NewServer(g)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		if err := g.Shutdown(ctx); err != nil {
			t.Error(err)
		}
		server.Close()
	})
	return g, strings.TrimPrefix(server.URL, "http://")
}

// A client is one end of a connection, byte for byte.
type client struct {
	t testing.TB
	net.Conn
	in *bufio.Reader
}

const handshake = "GET /local?game=chess HTTP/1.1\r\nHost: example.test:3000\r\nConnection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n" +
	"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"

// dial sends a handshake with further headers, and what follows it, and reads the answer.
func dial(t testing.TB, address, headers, rest string) (client, *http.Response) {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	c := client{t, conn, bufio.NewReader(conn)}
	c.send([]byte(handshake + headers + "\r\n" + rest))
	r, err := http.ReadResponse(c.in, nil)
	if err != nil {
		t.Fatal(err)
	}
	return c, r
}

// connect returns a client that has been let in.
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
func (c client) wantEnd(e ending) {
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

// recorder is an integration that keeps what it is invoked with.
type recorder chan event

func (r recorder) invoke(_ context.Context, e event) (response, error) {
	r <- e
	return ok, nil
}

// TestFidelityEvents guards that the three events have what AWS sends, and nothing else. Package lambda's test of the same
// name compares them byte for byte.
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
		"X-Forwarded-For": "127.0.0.1", "X-Forwarded-Port": "3000", "X-Forwarded-Proto": "http",
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

// TestFidelityHandshake guards who is let in, and with which answer the others are not.
func TestFidelityHandshake(t *testing.T) {
	get := func(old, new string) string { return strings.Replace(handshake+"\r\n", old, new, 1) }
	for _, test := range []struct {
		name    string
		request string
		answer  response
		failure error
		status  int
		body    string
		header  string // Name: value
	}{
		{"200 of $connect is answered 101", get("", ""), ok, nil, 101, "", "Sec-Websocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo="},
		{"any 2xx of $connect is answered 101", get("", ""), response{StatusCode: 204}, nil, 101, "", ""},
		{"Connection in one word", get("keep-alive, Upgrade", "Upgrade"), ok, nil, 101, "", ""},
		{"Connection and Upgrade in any case", get("keep-alive, Upgrade\r\nUpgrade: WebSocket", "UPGRADE\r\nUPGRADE: websocket"), ok, nil, 101, "", ""},
		{"Connection in two lines", get("keep-alive, Upgrade", "keep-alive\r\nConnection: upgrade"), ok, nil, 101, "", ""},
		{"Upgrade among other protocols", get("WebSocket", "h2c, websocket"), ok, nil, 101, "", ""},
		{"Connection without upgrade", get("keep-alive, Upgrade", "keep-alive"), ok, nil, 426, `{"message":"Connect with a WebSocket client"}`, ""},
		{"Upgrade to something else", get("WebSocket", "h2c"), ok, nil, 426, `{"message":"Connect with a WebSocket client"}`, ""},
		{"compression is offered and not taken", get("Host", "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\nHost"), ok, nil, 101, "",
			"Sec-Websocket-Extensions: "},
		{"a subprotocol is not chosen by itself", get("Host", "Sec-WebSocket-Protocol: a, b\r\nHost"), ok, nil, 101, "", "Sec-Websocket-Protocol: "},
		{"a subprotocol is chosen by $connect", get("Host", "Sec-WebSocket-Protocol: a, b\r\nHost"),
			response{StatusCode: 200, Headers: map[string]string{"sec-websocket-protocol": "b"}}, nil, 101, "", "Sec-Websocket-Protocol: b"},
		{"a header cannot be smuggled in", get("", ""),
			response{StatusCode: 200, Headers: map[string]string{"Sec-WebSocket-Protocol": "b\r\nX: y"}}, nil, 101, "", "X: "},
		{"another header of $connect is not passed on", get("", ""),
			response{StatusCode: 200, Headers: map[string]string{"Set-Cookie": "a=b"}}, nil, 101, "", "Set-Cookie: "},
		{"403 of $connect is the handshake's", get("", ""), response{StatusCode: 403, Body: "not you"}, nil, 403, "not you", ""},
		{"500 of $connect is the handshake's", get("", ""), response{StatusCode: 500}, nil, 500, "", ""},
		{"302 of $connect is the handshake's", get("", ""), response{StatusCode: 302}, nil, 302, "", ""},
		{"a $connect that fails is 502", get("", ""), ok, errors.New("no"), 502, `{"message":"Internal server error"}`, ""},
		{"a $connect that crashes is 502", get("Host", "X-Panic: 1\r\nHost"), ok, nil, 502, `{"message":"Internal server error"}`, ""},
		{"100 of $connect is malformed, so 502", get("", ""), response{StatusCode: 100}, nil, 502, `{"message":"Internal server error"}`, ""},
		{"a result of $connect without a status is 502", get("", ""), response{}, nil, 502, `{"message":"Internal server error"}`, ""},
		{"a request that is no handshake is 426", "GET / HTTP/1.1\r\nHost: a\r\n\r\n", ok, nil, 426, `{"message":"Connect with a WebSocket client"}`, "Upgrade: websocket"},
		{"another version", get("Version: 13", "Version: 8"), ok, nil, 426, `{"message":"Only version 13 of the WebSocket protocol is supported"}`, "Sec-Websocket-Version: 13"},
		{"no version", get("Sec-WebSocket-Version: 13\r\n", ""), ok, nil, 426, `{"message":"Only version 13 of the WebSocket protocol is supported"}`, "Sec-Websocket-Version: 13"},
		{"HTTP/1.0", get("HTTP/1.1", "HTTP/1.0"), ok, nil, 400, `{"message":"A WebSocket handshake is a GET of HTTP/1.1"}`, ""},
		{"no key", get("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", ""), ok, nil, 400, `{"message":"Sec-WebSocket-Key must be 16 bytes in base64"}`, ""},
		{"a short key", get("dGhlIHNhbXBsZSBub25jZQ==", "AAEC"), ok, nil, 400, `{"message":"Sec-WebSocket-Key must be 16 bytes in base64"}`, ""},
		{"a POST", get("GET", "POST"), ok, nil, 400, `{"message":"A WebSocket handshake is a GET of HTTP/1.1"}`, ""},
		{"a malformed query", get("/local", "/local?game=%zz"), ok, nil, 400, `{"message":"The URL's query is malformed"}`, ""},
		{"a URL over 4096 characters", get("/local", "/"+strings.Repeat("a", 4100)), ok, nil, 414, `{"message":"The URL is over 4096 characters"}`, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, address := serve(t, Config{Invoke: func(_ context.Context, e event) (response, error) {
				if e.RequestContext.EventType == "CONNECT" && e.Headers["X-Panic"] != "" {
					panic("connect")
				}
				return test.answer, test.failure
			}})
			conn, err := net.Dial("tcp", address)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			io.WriteString(conn, test.request)
			r, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				t.Fatal(err)
			}
			body := ""
			if r.StatusCode != 101 {
				b, _ := io.ReadAll(r.Body)
				body = string(b)
			}
			if r.StatusCode != test.status || body != test.body {
				t.Errorf("answered %d %q, want %d %q", r.StatusCode, body, test.status, test.body)
			}
			if name, value, found := strings.Cut(test.header, ": "); found && r.Header.Get(name) != value {
				t.Errorf("header %s is %q, want %q", name, r.Header.Get(name), value)
			}
		})
	}
}

// FuzzHandshake: whatever net/http takes for a request is refused with a sentence in JSON, or let in; and whose connection
// turns out to be none, as here, has gone again.
func FuzzHandshake(f *testing.F) {
	for _, change := range []string{"", "GET", "chess", "example.test:3000", "keep-alive, Upgrade", "13", "==", "WebSocket"} {
		f.Add([]byte(strings.Replace(handshake, change, "", 1) + "Sec-WebSocket-Protocol: a, b\r\n\r\n"))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(raw)))
		if err != nil {
			return
		}
		routes := ""
		g := New(Config{Log: slog.New(slog.DiscardHandler), Invoke: func(_ context.Context, e event) (response, error) {
			routes += e.RequestContext.RouteKey
			return ok, nil
		}})
		w := httptest.NewRecorder()
		g.ServeHTTP(w, r)
		refused := routes == "" && w.Code >= 400 && w.Code < 500 && json.Valid(w.Body.Bytes())
		if !refused && routes != "$connect$disconnect" {
			t.Errorf("answered %d %s, after %q", w.Code, w.Body, routes)
		}
	})
}

// TestFidelityConnectEvent guards what of a handshake is in the event of $connect.
func TestFidelityConnectEvent(t *testing.T) {
	for _, test := range []struct {
		name, query, headers string
		get                  func(event) any
		want                 any
	}{
		{"the single form of a parameter is its last value", "?a=1&a=2&b=", "", func(e event) any { return e.QueryStringParameters }, map[string]string{"a": "2", "b": ""}},
		{"the multiple form has all values", "?a=1&a=2&b=", "", func(e event) any { return e.MultiValueQueryStringParameters }, map[string][]string{"a": {"1", "2"}, "b": {""}}},
		{"a parameter is decoded", "?a=%C3%A9+%26", "", func(e event) any { return e.QueryStringParameters }, map[string]string{"a": "é &"}},
		{"without a query there are no parameters", "", "", func(e event) any { return e.QueryStringParameters == nil && e.MultiValueQueryStringParameters == nil }, true},
		{"the single form of a header is its last value", "", "X-A: 1\r\nX-A: 2\r\n", func(e event) any { return e.Headers["X-A"] }, "2"},
		{"the multiple form has all of a header", "", "X-A: 1\r\nX-A: 2\r\n", func(e event) any { return e.MultiValueHeaders["X-A"] }, []string{"1", "2"}},
		{"subprotocols are one string", "", "Sec-WebSocket-Protocol: a, b\r\n", func(e event) any { return e.Headers["Sec-WebSocket-Protocol"] }, "a, b"},
		{"cookies are passed on", "", "Cookie: a=b; c=d\r\n", func(e event) any { return e.Headers["Cookie"] }, "a=b; c=d"},
		{"the upgrade's own headers are not", "", "", func(e event) any { return e.Headers["Connection"] + e.Headers["Upgrade"] }, ""},
		{"a trace id is added", "", "", func(e event) any {
			return regexp.MustCompile(`^Root=1-[0-9a-f]{8}-[0-9a-f]{24}$`).MatchString(e.Headers["X-Amzn-Trace-Id"])
		}, true},
		{"there is no user agent where none was sent", "", "", func(e event) any { return e.RequestContext.Identity.UserAgent }, ""},
		{"the domain name is the host without its port", "", "", func(e event) any { return e.RequestContext.DomainName }, "example.test"},
		{"stage variables are in it", "", "", func(e event) any { return e.StageVariables }, map[string]string{"level": "3"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := make(recorder, 10)
			_, address := serve(t, Config{Invoke: r.invoke, StageVariables: map[string]string{"level": "3"}})
			conn, err := net.Dial("tcp", address)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			io.WriteString(conn, strings.Replace(handshake, "?game=chess", test.query, 1)+test.headers+"\r\n")
			if diff := gocmp.Diff(test.want, test.get(<-r)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// TestFidelityAnswer guards the bytes of a 101, names in lower case as AWS writes them.
func TestFidelityAnswer(t *testing.T) {
	_, address := serve(t, Config{Invoke: func(context.Context, event) (response, error) {
		return response{StatusCode: 200, Headers: map[string]string{"Sec-WebSocket-Protocol": "b"}}, nil
	}})
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	io.WriteString(conn, handshake+"Sec-WebSocket-Protocol: a, b\r\n\r\n")
	want := regexp.MustCompile(`^HTTP/1.1 101 Switching Protocols\r\nDate: \w{3}, [^\r]* GMT\r\nConnection: upgrade\r\nupgrade: websocket\r\n` +
		`sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK\+xOo=\r\nsec-websocket-protocol: b\r\n\r\n$`)
	answer := make([]byte, 1000)
	n, err := conn.Read(answer)
	if err != nil || !want.Match(answer[:n]) {
		t.Errorf("answered %q, %v", answer[:n], err)
	}
}

// TestFidelityRefused guards that $disconnect does not run for who was not let in.
func TestFidelityRefused(t *testing.T) {
	r := make(recorder, 10)
	g, address := serve(t, Config{Invoke: func(ctx context.Context, e event) (response, error) {
		r.invoke(ctx, e)
		return response{StatusCode: 403}, nil
	}})
	if _, answer := dial(t, address, "", ""); answer.StatusCode != 403 {
		t.Errorf("answered %d", answer.StatusCode)
	}
	if err := g.Shutdown(t.Context()); err != nil || len(r) != 1 {
		t.Errorf("%v; %d events, want $connect alone", err, len(r))
	}
}

// TestTrustProxy guards that a client's address is what a proxy says of it, and only if that is to be believed.
func TestTrustProxy(t *testing.T) {
	const forged = "X-Forwarded-For: 203.0.113.9\r\nX-Forwarded-For: 203.0.113.8, 198.51.100.7\r\nX-Forwarded-Proto: https\r\n"
	for _, test := range []struct {
		name, headers string
		trust         bool
		address       string
		headersAre    [3]string // X-Forwarded-For, -Proto, -Port
	}{
		{"nobody is believed", forged + "X-Forwarded-Port: 443\r\n", false, "127.0.0.1", [3]string{"127.0.0.1", "http", "3000"}},
		{"the last address is the proxy's word", forged, true, "198.51.100.7", [3]string{"198.51.100.7", "https", "3000"}},
		{"the proxy's port", forged + "X-Forwarded-Port: 443\r\n", true, "198.51.100.7", [3]string{"198.51.100.7", "https", "443"}},
		{"a proxy that says nothing", "", true, "127.0.0.1", [3]string{"127.0.0.1", "http", "3000"}},
		{"an address of IPv6", "X-Forwarded-For: 2001:db8::7\r\n", true, "2001:db8::7", [3]string{"2001:db8::7", "http", "3000"}},
		{"an address with a port", "X-Forwarded-For: [2001:db8::7]:1234\r\n", true, "2001:db8::7", [3]string{"2001:db8::7", "http", "3000"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := make(recorder, 10)
			_, address := serve(t, Config{Invoke: r.invoke, TrustProxy: test.trust})
			dial(t, address, test.headers, "")
			e := <-r
			got := [3]string{e.Headers["X-Forwarded-For"], e.Headers["X-Forwarded-Proto"], e.Headers["X-Forwarded-Port"]}
			if e.RequestContext.Identity.SourceIP != test.address || got != test.headersAre {
				t.Errorf("the client is at %s, by %v; want %s, %v", e.RequestContext.Identity.SourceIP, got, test.address, test.headersAre)
			}
		})
	}
}

// TestFidelityNobodyIsThereBeforeConnectReturns guards that a post during $connect finds nothing, and that $disconnect
// runs if the client has hung up by the end of it.
func TestFidelityNobodyIsThereBeforeConnectReturns(t *testing.T) {
	var g *Gateway
	entered, leave, ended := make(chan error, 1), make(chan bool), make(chan event, 1)
	g, address := serve(t, Config{Invoke: func(ctx context.Context, e event) (response, error) {
		switch e.RequestContext.EventType {
		case "CONNECT":
			id := e.RequestContext.ConnectionID
			entered <- errors.Join(g.Post(ctx, id, []byte("early")), g.Disconnect(id))
			<-leave
		case "DISCONNECT":
			ended <- e
		}
		return ok, nil
	}})
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(conn, handshake+"\r\n")
	if err := <-entered; err.Error() != errors.Join(ErrGone, ErrGone).Error() {
		t.Errorf("a post and a DELETE during $connect returned %v, want ErrGone", err)
	}
	conn.Close()
	close(leave)
	if e := <-ended; e.RequestContext.DisconnectStatusCode != 1006 {
		t.Errorf("the connection ended with %d, want 1006", e.RequestContext.DisconnectStatusCode)
	}
}

// TestMessages: whatever was sent along with the handshake, in fragments, with pings, comes in order.
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
	c.want(opText, big) // what leaves is in frames of at most 32 KiB too
	c.want(final, "rest")
	for i := range 1000 {
		c.send(frame(text, fmt.Sprint(i)))
	}
	for i := range 1000 {
		c.want(text, fmt.Sprint(i))
	}
	c.send(frame(closing, "\x0f\xa0bye"))
	c.wantEnd(ending{code: 4000, reason: "bye"})
}
