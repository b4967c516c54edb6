package apigateway

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
)

// A handshakeCase is a handshake, the result of $connect, and the answer.
type handshakeCase struct {
	name    string
	request string
	answer  response
	failure error
	status  int
	body    string
	header  string // Name: value
}

func (test handshakeCase) check(t *testing.T) {
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
}

// TestFidelityHandshake checks which handshakes succeed, and the answers to the
// others.
func TestFidelityHandshake(t *testing.T) {
	get := func(old, new string) string { return strings.Replace(handshake+"\r\n", old, new, 1) }
	for _, test := range []handshakeCase{
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
		t.Run(test.name, test.check)
	}
}

// FuzzHandshake checks that every request that net/http accepts is either
// refused with a sentence in JSON or let in. If its connection fails, as here,
// it is gone again.
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

// TestFidelityConnectEvent checks which parts of a handshake are in the event
// of $connect.
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
		{"a header keeps the client's case", "", "token: a\r\nX-CUSTOM: b\r\n", func(e event) any { return e.Headers["token"] + e.Headers["X-CUSTOM"] }, "ab"},
		{"an upgrade's header has AWS's", "", "sec-websocket-protocol: a\r\n", func(e event) any { return e.Headers["Sec-WebSocket-Protocol"] }, "a"},
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

// TestFidelityAnswer checks the bytes of a 101, with names in lower case as AWS
// writes them.
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

// TestFidelityRefused checks that $disconnect does not run for a refused
// client.
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

// TestTrustProxy checks that a client's address is taken from the proxy's
// header only if the proxy is trusted.
func TestTrustProxy(t *testing.T) {
	const forged = "X-Forwarded-For: 203.0.113.9\r\nX-Forwarded-For: 203.0.113.8, 198.51.100.7\r\nX-Forwarded-Proto: https\r\n"
	for _, test := range []struct {
		name, headers string
		trust         bool
		address       string
		headersAre    [3]string // X-Forwarded-For, -Proto, -Port
	}{
		{"nobody is believed", forged + "X-Forwarded-Port: 443\r\n", false, "127.0.0.1", [3]string{"127.0.0.1", "https", "443"}},
		{"the last address is the proxy's word", forged, true, "198.51.100.7", [3]string{"198.51.100.7", "https", "443"}},
		{"the proxy's own", "X-Forwarded-For: 198.51.100.7\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Port: 8080\r\n", true, "198.51.100.7", [3]string{"198.51.100.7", "http", "8080"}},
		{"a proxy that says nothing", "", true, "127.0.0.1", [3]string{"127.0.0.1", "https", "443"}},
		{"an address of IPv6", "X-Forwarded-For: 2001:db8::7\r\n", true, "2001:db8::7", [3]string{"2001:db8::7", "https", "443"}},
		{"an address with a port", "X-Forwarded-For: [2001:db8::7]:1234\r\n", true, "2001:db8::7", [3]string{"2001:db8::7", "https", "443"}},
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

// TestPerNetwork checks that a network has only so many connections at the same
// time, and that private addresses, which might be a proxy's, have any number.
func TestPerNetwork(t *testing.T) {
	g, address := serve(t, Config{Invoke: make(recorder, 100).invoke, TrustProxy: true, PerNetwork: 2})
	from := func(ip string, want int) client {
		t.Helper()
		c, r := dial(t, address, "X-Forwarded-For: "+ip+"\r\n", "")
		if r.StatusCode != want {
			t.Errorf("a connection from %s: %d, want %d", ip, r.StatusCode, want)
		}
		return c
	}
	first := from("203.0.113.7", 101)
	from("203.0.113.7", 101)
	from("203.0.113.7", 429)
	from("203.0.113.8", 101)
	from("2001:db8:0:1::1", 101)
	from("2001:db8:0:1:ffff::2", 101)
	from("2001:db8:0:1::3", 429)
	from("2001:db8:0:2::1", 101)
	for range 4 {
		from("127.0.0.1", 101)
		from("192.168.0.1", 101)
		from("fd00::1", 101)
	}
	first.Close()
	for end := time.Now().Add(20 * time.Second); !g.networks.enter("203.0.113.7", 2); {
		if time.Now().After(end) {
			t.Fatal("a connection that ended still counts")
		}
		runtime.Gosched()
	}
	from("203.0.113.7", 429)
}

// TestFidelityNobodyIsThereBeforeConnectReturns checks that a post during
// $connect finds no connection, and that $disconnect runs if the client hangs
// up during it.
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
