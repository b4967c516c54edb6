package handlers_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	awsevents "github.com/aws/aws-lambda-go/events"
	"github.com/golang-jwt/jwt/v5"

	"bellhop/handlers/handlerstest"
	"bellhop/handlers/identity"
)

// An online world has clients with accounts and addresses.
type online struct {
	*handlerstest.World
	from map[string]string // addresses by connection
}

const signingSecret = "0123456789abcdef0123456789abcdef"

func newOnline(t *testing.T) online {
	w := online{handlerstest.New(), map[string]string{}}
	t.Cleanup(func() {
		if log := w.Log.String(); strings.Contains(log, "eyJ") || strings.Contains(log, "account") {
			t.Errorf("the log has a token, or an account:\n%s", log)
		}
	})
	var err error
	w.Config.Identity, err = identity.New(identity.Config{Mode: "optional", Secret: signingSecret, Now: w.Clock.Now})
	if err != nil {
		t.Fatal(err)
	}
	w.Restart()
	return w
}

// tokenOf returns a token of an account.
func (w online) tokenOf(account string) string {
	claims := jwt.MapClaims{"sub": account, "exp": w.Clock.Now().Unix() + 60}
	s, err := jwt.NewWithClaims(jwt.SigningMethodHS256, claims).SignedString([]byte(signingSecret))
	if err != nil {
		panic(err)
	}
	return s
}

// connect connects conn from an address, with tokens.
func (w online) connect(conn, address string, tokens ...string) awsevents.APIGatewayProxyResponse {
	w.from[conn] = address
	query := map[string][]string{"token": tokens}
	r := w.event(conn, "$connect", "", query)
	if r.StatusCode == 200 {
		w.Open(conn)
	}
	return r
}

func (w online) event(conn, route, body string, query map[string][]string) awsevents.APIGatewayProxyResponse {
	e := awsevents.APIGatewayWebsocketProxyRequest{Body: body, MultiValueQueryStringParameters: query, QueryStringParameters: map[string]string{}}
	for name, values := range query {
		if len(values) > 0 {
			e.QueryStringParameters[name] = values[len(values)-1]
		}
	}
	e.RequestContext.ConnectionID, e.RequestContext.RouteKey, e.RequestContext.RequestID = conn, route, "reference"
	e.RequestContext.Identity.SourceIP = w.from[conn]
	r, _ := w.Handle(context.Background(), e)
	return r
}

// asks sends an action, and returns what all clients hear.
func (w online) asks(conn, action, content string) string {
	w.event(conn, "$default", fmt.Sprintf(`{"action":%q,"content":%s}`, action, content), nil)
	return fmt.Sprint(w.Heard())
}

func mustHear(t *testing.T, what, heard string, want ...string) {
	t.Helper()
	for _, text := range want {
		if !strings.Contains(heard, text) {
			t.Errorf("%s: heard %s, want %s", what, heard, text)
		}
	}
}

// TestPlayerID checks that events say who somebody is, by the token and by
// nothing else, and that only the same account resumes its slot.
func TestPlayerID(t *testing.T) {
	w := newOnline(t)
	w.connect("host", "192.0.2.1", w.tokenOf("account-h"))
	w.connect("guest", "192.0.2.2", w.tokenOf("account-g"))
	w.connect("anonymous", "192.0.2.3")
	mustHear(t, "start", w.asks("host", "start_lobby", `{"lobby_id":"fox","roster":true,"player_id":"forged"}`), `"roster":[{"peer_id":1,"player":{},"player_id":"account-h","host":true}]`)
	mustHear(t, "join", w.asks("guest", "join_lobby", `{"lobby_id":"fox","player_id":"forged"}`), `"player_id":"account-g"`)
	mustHear(t, "accept", w.asks("host", "accept_request", `{}`), `"peers":[{"connection_id":"host","peer_id":1,"player":{},"player_id":"account-h"}]`)
	w.asks("host", "update_lobby", `{"auto_accept":true}`)
	w.asks("anonymous", "join_lobby", `{"lobby_id":"fox"}`)
	w.connect("new", "192.0.2.4", w.tokenOf("account-n"))
	heard := w.asks("new", "join_lobby", `{"lobby_id":"fox"}`)
	mustHear(t, "auto accept", heard, "peer_joined", "player_joined", `"player_id":"account-n"`)
	for conn, tokens := range map[string][]string{"thief": {w.tokenOf("account-t")}, "nobody": nil} {
		w.connect(conn, "192.0.2.2", tokens...)
		mustHear(t, conn+" resumes", w.asks(conn, "resume", `{"resume_token":"s3.2.fox"}`), "resume_failed")
	}
	w.connect("again", "192.0.2.9", w.tokenOf("account-g"))
	mustHear(t, "the owner resumes", w.asks("again", "resume", `{"resume_token":"s3.2.fox"}`), `"event":"resumed"`)
}

// TestBans checks whom a ban keeps out, and whom not.
func TestBans(t *testing.T) {
	for _, tt := range []struct {
		ban, address, account string
		banned                bool
	}{
		{"true", "192.0.2.9", "account-g", true}, // on another connection
		{"true", "192.0.2.2", "account-x", false},
		{"true", "192.0.2.2", "", false},
		{"false", "192.0.2.2", "account-g", false},
		{`"address"`, "192.0.2.9", "account-g", true},
		{`"address"`, "192.0.2.2", "account-x", true},
		{`"address"`, "192.0.2.2", "", true},
		{`"address"`, "::ffff:192.0.2.2", "", true},
		{`"address"`, "192.0.2.9", "", false},
		{`"address"`, "", "", false},
	} {
		w := newOnline(t)
		w.connect("host", "192.0.2.1")
		w.connect("guest", "192.0.2.2", w.tokenOf("account-g"))
		w.asks("host", "start_lobby", `{"lobby_id":"fox","auto_accept":true}`)
		w.asks("guest", "join_lobby", `{"lobby_id":"fox"}`)
		mustHear(t, "remove", w.asks("host", "remove_player", `{"connection_id":"guest","ban":`+tt.ban+`}`), `"removed"`)
		var tokens []string
		if tt.account != "" {
			tokens = []string{w.tokenOf(tt.account)}
		}
		w.connect("later", tt.address, tokens...)
		heard := w.asks("later", "join_lobby", `{"lobby_id":"fox"}`)
		if got := strings.Contains(heard, `"code":"banned"`); got != tt.banned || !got && !strings.Contains(heard, "request_accepted") {
			t.Errorf("ban %s: %q from %q hears %s", tt.ban, tt.account, tt.address, heard)
		}
	}
}

// TestBanOfNetwork checks that a ban of an IPv6 address covers its /64, which
// one household has.
func TestBanOfNetwork(t *testing.T) {
	w := newOnline(t)
	w.connect("host", "2001:db8:1::1")
	w.connect("guest", "2001:db8:0:2::1")
	w.asks("host", "start_lobby", `{"lobby_id":"fox","auto_accept":true}`)
	w.asks("guest", "join_lobby", `{"lobby_id":"fox"}`)
	w.asks("host", "remove_player", `{"connection_id":"guest","ban":"address"}`)
	w.connect("same", "2001:db8:0:2:ffff::9")
	mustHear(t, "the same network", w.asks("same", "join_lobby", `{"lobby_id":"fox"}`), `"code":"banned"`)
	w.connect("next", "2001:db8:0:3::1")
	mustHear(t, "the next network", w.asks("next", "join_lobby", `{"lobby_id":"fox"}`), "request_accepted")
	l, err := w.Store.Lobby(t.Context(), "default#fox")
	if err != nil || strings.Contains(fmt.Sprint(l), "2001:db8") {
		t.Errorf("the store shows an address: %+v, %v", l, err)
	}
}

// TestBadToken checks that a bad token refuses the connection, with words for
// the developer and none in the log.
func TestBadToken(t *testing.T) {
	w := newOnline(t)
	bad := w.tokenOf("account-b") + "x"
	for name, tokens := range map[string][]string{"bad": {bad}, "twice": {w.tokenOf("a"), w.tokenOf("a")}} {
		if r := w.connect(name, "192.0.2.1", tokens...); r.StatusCode != 401 || !strings.HasPrefix(r.Body, `{"message":"`) || strings.Contains(r.Body, bad) {
			t.Errorf("%s: %+v", name, r)
		}
	}
	if lines := w.Logged(); len(lines) > 0 {
		t.Errorf("logged %s", lines)
	}
}
