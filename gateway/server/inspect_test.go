package server_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	awsevents "github.com/aws/aws-lambda-go/events"
	"github.com/coder/websocket"
	"github.com/google/go-cmp/cmp"

	"bellhop/gateway/apigateway"
	"bellhop/gateway/programtest"
	"bellhop/gateway/server"
	"bellhop/handlers"
	"bellhop/lobby"
	"bellhop/store/dynamodbtest"
)

// inspect returns the body and the headers of an inspector's path.
func inspect(t *testing.T, url, path string) (text string, h http.Header) {
	t.Helper()
	answer, err := http.Get(strings.Replace(url, "ws", "http", 1) + path)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != 200 {
		t.Fatalf("%s is answered %s, %v", path, answer.Status, err)
	}
	return string(body), answer.Header
}

// inspectJSON returns the content of /inspect.json.
func inspectJSON(t *testing.T, url string) (s server.Snapshot) {
	t.Helper()
	text, h := inspect(t, url, "/inspect.json")
	if err := json.Unmarshal([]byte(text), &s); err != nil || h.Get("Content-Type") != "application/json" {
		t.Fatalf("%v in %s, of type %s", err, text, h.Get("Content-Type"))
	}
	return s
}

// A town is a target with a lobby that has a host, a member, a member who is
// away, and a waiting player. All kinds of secrets have passed through it.
type town struct {
	*target
	host, member, away, waiting string // connections
	secrets                     []string
}

const (
	rudeName = `<img src=x onerror="alert(1)">`
	rudeURL  = "?game=tanks"
)

func newTown(t *testing.T) *town {
	x := &town{target: newTargetOf(t, server.Config{Inspect: true}), secrets: []string{"correct horse", "sesame", "v=0 offer"}}
	call := func(name string) caller {
		c, _, err := websocket.Dial(t.Context(), x.url+rudeURL, &websocket.DialOptions{HTTPHeader: http.Header{"User-Agent": {name}}})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.CloseNow() })
		x.wait(time.Second) // so their ages differ
		return caller{programtest.Client{Conn: c}}
	}
	host := call("host")
	x.host = x.seat(t, host.Say(t, `{"action":"start_lobby","content":{"lobby_id":"Blue-Fox","max_players":4,"public":true,"on_host_leave":"migrate","password":"correct horse"}}`, ""))
	join := func(c caller) (id string) {
		c.tell(`{"action":"join_lobby","content":{"lobby_id":"blue-fox","password":"correct horse","player":{"ticket":"sesame"}}}`)
		return host.next().Content.ConnectionID
	}
	enter := func(c caller) (id string) {
		host.tell(acceptsOne(join(c)))
		want(t, "the host", []news{host.next()}, "done 3")
		_, accepted, err := c.Read(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return x.seat(t, string(accepted))
	}
	member, away := call("member"), call("away")
	x.member, x.away = enter(member), enter(away)
	want(t, "the host", host.ask(`{"action":"set_session_description","content":{"connection_id":"`+x.member+`","type":"offer","sdp":"v=0 offer"}}`))
	want(t, "the member", []news{member.next()}, "received_session_description")
	member.tell(`{"action":"report_link","content":{"connection_id":"` + x.host + `","outcome":"relay","ms":5},"request_id":"4"}`)
	want(t, "the member", []news{member.next()}, "done 4")
	x.waiting = join(call(rudeName)) // before the lobby is full
	want(t, "the host", host.ask(`{"action":"update_lobby","content":{"max_players":3}}`), "lobby_updated")
	away.CloseNow()
	want(t, "the host", []news{host.next()}, "peer_disconnected")
	x.wait(20 * time.Second)
	for l := range x.kept.Lobbies() {
		x.secrets = append(x.secrets, l.Password)
		for _, m := range l.Members {
			x.secrets = append(x.secrets, m.Token)
		}
	}
	return x
}

// seat records a new member's token, and returns its connection.
func (x *town) seat(t *testing.T, event string) (conn string) {
	t.Helper()
	seat := regexp.MustCompile(`"connection_id":"([^"]+)".*"resume_token":"([^"]+)"`).FindStringSubmatch(event)
	if seat == nil {
		t.Fatalf("no place in %s", event)
	}
	x.secrets = append(x.secrets, seat[2])
	return seat[1]
}

// TestInspect checks the JSON of a lobby and its connections for a person at
// the machine.
func TestInspect(t *testing.T) {
	x := newTown(t)
	got := inspectJSON(t, x.url)
	client := func(id, name, role string, age, idle int) server.SeenConnection {
		return server.SeenConnection{ID: id, Game: "tanks", LobbyID: "Blue-Fox", Role: role, Age: age, Idle: idle, Address: "127.0.0.1", UserAgent: name}
	}
	written := x.now().Add(-20 * time.Second)
	expires := written.Add(lobby.TTL + 30*time.Minute).Truncate(30 * time.Minute)
	want := server.Snapshot{
		At: x.now().UTC(), Messages: server.Rate{Received: 0.5, Sent: 0.7, Over: 24}, Links: server.SeenLinks{Relay: 1},
		Lobbies: []server.SeenLobby{{
			Game: "tanks", ID: "Blue-Fox", HostID: 1, MaxPlayers: 3, Full: true, Public: true, HasPassword: true, Migrates: true, Term: 1,
			Members: []server.SeenMember{
				{PeerID: 1, Connection: x.host, Host: true}, {PeerID: 2, Connection: x.member}, {PeerID: 3, Connection: x.away, Away: true, HeldFor: 40},
			},
			Waiting: []server.SeenGuest{{PeerID: 4, Connection: x.waiting, Waits: 20}},
			Age:     23, ExpiresIn: int(expires.Sub(x.now()).Seconds()),
		}},
		Connections: []server.SeenConnection{
			client(x.waiting, rudeName, "waiting", 21, 20), client(x.member, "member", "member", 23, 20), client(x.host, "host", "host", 24, 20),
		},
	}
	for _, l := range got.Lobbies {
		want.Lobbies[0].Version = l.Version // some number
	}
	if diff := cmp.Diff(want, got); diff != "" || got.Lobbies[0].Version == 0 {
		t.Errorf("-want +got:\n%s", diff)
	}
	x.wait(2 * time.Second)
	if again := inspectJSON(t, x.url).Messages; again != (server.Rate{Over: 2}) {
		t.Errorf("after two quiet seconds the rate is %+v", again)
	}
}

// TestInspectPage checks that the page shows the same to people. Whatever a
// client calls itself is shown as text, nothing runs, and the page reloads by
// itself unless it is told to stand still.
func TestInspectPage(t *testing.T) {
	x := newTown(t)
	page, h := inspect(t, x.url, "/inspect")
	plain := regexp.MustCompile(`\s+`).ReplaceAllString(regexp.MustCompile(`<[^>]*>`).ReplaceAllString(page, " "), " ")
	for _, text := range []string{
		"3 of 3", "tanks public full password migrates", "1 " + x.host + " host", "2 " + x.member + " here",
		"3 " + x.away + " away, 40 s left", "4 " + x.waiting + " waits, 20 s", x.waiting + " waiting Blue-Fox tanks 21 s 20 s 0 B 127.0.0.1",
		"&lt;img src=x onerror=&#34;alert(1)&#34;&gt;",
	} {
		if !strings.Contains(plain, text) {
			t.Errorf("%q is not there", text)
		}
	}
	for _, code := range []string{"<img", "<script", "<style", " style=", " onerror=\""} {
		if strings.Contains(page, code) {
			t.Errorf("there is %s", code)
		}
	}
	if t.Failed() {
		t.Logf("%s\n%s", plain, page)
	}
	if policy := h.Get("Content-Security-Policy"); !strings.HasPrefix(policy, "default-src 'none'; style-src 'self';") || strings.Contains(policy, "unsafe") {
		t.Errorf("the policy is %s", policy)
	}
	style, _ := inspect(t, x.url, "/inspect.css")
	if !strings.Contains(style, "prefers-color-scheme: dark") || h.Get("Refresh") != "2" {
		t.Errorf("refreshed after %q, with the style\n%s", h.Get("Refresh"), style)
	}
	if _, h := inspect(t, x.url, "/inspect?still"); h.Get("Refresh") != "" {
		t.Errorf("one that stands still is refreshed after %s", h.Get("Refresh"))
	}
}

// TestInspectSecrets checks that no token, password or hash of either is shown,
// and none of the players' texts and descriptions.
func TestInspectSecrets(t *testing.T) {
	x := newTown(t)
	if len(x.secrets) != 3+3+1+3 { // texts, tokens, and the hashes of the password and of tokens
		t.Fatalf("the secrets are %q", x.secrets)
	}
	for _, path := range []string{"/inspect", "/inspect.json"} {
		text, _ := inspect(t, x.url, path)
		for _, secret := range x.secrets {
			if secret == "" || strings.Contains(text, secret) {
				t.Errorf("%s shows %q", path, secret)
			}
		}
	}
}

// TestInspectMany checks that of very many lobbies the page shows the newest
// and their number, and the JSON shows all.
func TestInspectMany(t *testing.T) {
	x := newTargetOf(t, server.Config{Inspect: true})
	const all = 103 // the page shows 100
	for i := range all {
		l := lobby.New("tanks", fmt.Sprint("fox-", i), lobby.Member{Conn: "host"})
		l.CreatedAt, l.ExpiresAt = int64(i), x.now().Add(time.Minute)
		if err := x.kept.CreateLobby(t.Context(), l); err != nil {
			t.Fatal(err)
		}
	}
	if s := inspectJSON(t, x.url); len(s.Lobbies) != all || s.Lobbies[0].ID != "fox-102" || s.Lobbies[all-1].ID != "fox-0" {
		t.Errorf("the JSON has %d lobbies", len(s.Lobbies))
	}
	page, _ := inspect(t, x.url, "/inspect")
	if n := strings.Count(page, `class="lobby"`); n != 100 || !strings.Contains(page, "These are the newest; 3 more are in") ||
		!strings.Contains(page, "<dd>103</dd>") || strings.Contains(page, ">fox-2<") || !strings.Contains(page, ">fox-3<") {
		t.Errorf("%d lobbies are on the page:\n%.2000s", n, page)
	}
}

// TestInspectRefuses checks that other readers learn nothing, not even that the
// path exists: they get the answer for an unknown path. Without -inspect, so
// does everybody.
func TestInspectRefuses(t *testing.T) {
	on, off := newTown(t), newTarget(t)
	for _, test := range []struct {
		name, method, from, host, header string
		off, shown                       bool
	}{
		{name: "who sits here", from: "127.0.0.1:5", host: "127.0.0.1:3000", shown: true},
		{name: "by IPv6", from: "[::1]:5", host: "[::1]:3000", shown: true},
		{name: "by IPv4 in IPv6", from: "[::ffff:127.0.0.1]:5", host: "localhost", shown: true},
		{name: "by name", from: "127.0.0.1:5", host: "LocalHost:8080", shown: true},
		{name: "HEAD", method: "HEAD", from: "127.0.0.1:5", host: "localhost:3000", shown: true},
		{name: "without the flag", off: true, from: "127.0.0.1:5", host: "127.0.0.1:3000"},
		{name: "another machine", from: "192.0.2.1:5", host: "127.0.0.1:3000"},
		{name: "another machine, by IPv6", from: "[2001:db8::1]:5", host: "localhost"},
		{name: "nobody knows where from", from: "@", host: "localhost"},
		{name: "a proxy", from: "127.0.0.1:5", host: "127.0.0.1:3000", header: "x-forwarded-for"},
		{name: "a proxy that says what it was called", from: "127.0.0.1:5", host: "127.0.0.1:3000", header: "X-Forwarded-Host"},
		{name: "a proxy by RFC 7239", from: "127.0.0.1:5", host: "127.0.0.1:3000", header: "forwarded"},
		{name: "a proxy by RFC 9110", from: "127.0.0.1:5", host: "127.0.0.1:3000", header: "via"},
		{name: "a proxy, as nginx is often told", from: "127.0.0.1:5", host: "127.0.0.1:3000", header: "x-real-ip"},
		{name: "a name that resolves to here", from: "127.0.0.1:5", host: "rebind.example:3000"},
		{name: "a name that begins so", from: "127.0.0.1:5", host: "localhost.rebind.example"},
		{name: "no name", from: "127.0.0.1:5", host: ""},
		{name: "this machine by another address", from: "127.0.0.1:5", host: "192.168.1.5:3000"},
		{name: "POST", method: "POST", from: "127.0.0.1:5", host: "localhost:3000"},
	} {
		for _, path := range []string{"/inspect", "/inspect.css", "/inspect.json"} {
			t.Run(test.name+path, func(t *testing.T) {
				ask := func(path string) *httptest.ResponseRecorder {
					r := httptest.NewRequest(test.method, path, nil)
					r.RemoteAddr, r.Host = test.from, test.host
					if test.header != "" {
						r.Header.Set(test.header, "127.0.0.1")
					}
					w := httptest.NewRecorder()
					if test.off {
						off.ServeHTTP(w, r)
					} else {
						on.ServeHTTP(w, r)
					}
					return w
				}
				got, none := ask(path), ask("/nothing")
				same := got.Code == none.Code && got.Body.String() == none.Body.String() && cmp.Equal(got.Header(), none.Header())
				if test.shown && got.Code != 200 || !test.shown && (!same || got.Code != 404) {
					t.Errorf("answered %d %v %s", got.Code, got.Header(), got.Body)
				}
			})
		}
	}
}

// TestInspectElsewhere checks that without lobbies in the program the inspector
// shows connections, and says where the lobbies are.
func TestInspectElsewhere(t *testing.T) {
	const table = "Lobbies are in the table, and not in this program: docs/operations.md"
	function := apigateway.Config{Invoke: func(context.Context, awsevents.APIGatewayWebsocketProxyRequest) (awsevents.APIGatewayProxyResponse, error) {
		return awsevents.APIGatewayProxyResponse{StatusCode: 200}, nil
	}}
	for _, test := range []struct {
		nowhere string
		c       server.Config
	}{
		{table, server.Config{Handler: handlers.Config{Store: dynamodbtest.OpenTable(t, dynamodbtest.Config(), dynamodbtest.Start(t), dynamodbtest.Table(), time.Now)}}},
		{table, server.Config{Sockets: function}},
		{"What the functions of this stack keep is not known here.", server.Config{Sockets: function, Other: true}},
	} {
		test.c.Inspect = true
		url := start(t, test.c)
		dial(t, url)
		var s server.Snapshot
		programtest.Await(t, "connections that are not shown", func() string {
			s = inspectJSON(t, url)
			return fmt.Sprint(1 - len(s.Connections))
		}, "0")
		page, _ := inspect(t, url, "/inspect")
		if s.Lobbies != nil || !strings.HasPrefix(s.Nowhere, test.nowhere) || !strings.Contains(page, test.nowhere) || !strings.Contains(page, s.Connections[0].ID) {
			t.Errorf("it shows %+v and\n%s", s, page)
		}
	}
}

// TestCanInspect checks that -inspect needs an address that this machine can
// reach by 127.0.0.1.
func TestCanInspect(t *testing.T) {
	for listen, wrong := range map[string]bool{"127.0.0.1": false, "::1": false, "0.0.0.0": false, "::": false, "192.0.2.1": true} {
		err := server.CanInspect(&net.TCPAddr{IP: net.ParseIP(listen), Port: 3000})
		if (err != nil) != wrong || err != nil && !strings.Contains(err.Error(), "give -listen 127.0.0.1:PORT") {
			t.Errorf("with -listen %s it says %v", listen, err)
		}
	}
}
