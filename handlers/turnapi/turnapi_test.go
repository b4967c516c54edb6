package turnapi_test

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"bellhop/events"
	"bellhop/handlers"
	"bellhop/handlers/handlerstest"
	"bellhop/handlers/turnapi"
)

// Requests and answers as the providers document them.
const (
	account      = "AC0123456789abcdef0123456789abcdef"
	apiKey       = "SK0123456789abcdef0123456789abcdef"
	cloudflareID = "c0ffee0123456789c0ffee0123456789"
	token        = "s3cret-token"
	cloudflare   = `{"iceServers": [{"urls": ["stun:stun.cloudflare.com:3478", "stun:stun.cloudflare.com:53"]},
		{"urls": ["turn:turn.cloudflare.com:3478?transport=udp", "turn:turn.cloudflare.com:53?transport=udp",
		"turns:turn.cloudflare.com:443?transport=tcp"], "username": "u", "credential": "c", "a new field": 1}]}`
	twilio = `{"username": "u", "password": "c", "ttl": "10800", "account_sid": "` + account + `",
		"date_created": "Fri, 01 May 2020 01:42:57 +0000", "date_updated": "Fri, 01 May 2020 01:42:57 +0000",
		"ice_servers": [{"url": "stun:global.stun.twilio.com:3478", "urls": "stun:global.stun.twilio.com:3478"},
		{"url": "turn:global.turn.twilio.com:443?transport=tcp", "urls": "turn:global.turn.twilio.com:443?transport=tcp",
		"username": "u", "credential": "c"}]}`
)

// A provider is a local server, a Minter that asks it, and the Minter's log.
type provider struct {
	*turnapi.Minter
	serve    atomic.Value // an http.HandlerFunc
	requests atomic.Int64
	now      atomic.Int64
	log      bytes.Buffer
}

func open(t *testing.T, name, keyID string, serve http.HandlerFunc) *provider {
	t.Helper()
	p := &provider{}
	p.serve.Store(serve)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.requests.Add(1)
		p.serve.Load().(http.HandlerFunc)(w, r)
	}))
	t.Cleanup(func() {
		server.CloseClientConnections() // of one that hangs
		server.Close()
	})
	var err error
	p.Minter, err = turnapi.New(turnapi.Config{
		Provider: name, KeyID: keyID, Token: token + "\n", URL: server.URL, Log: slog.New(slog.NewTextHandler(&p.log, nil)),
		Now: func() time.Time { return time.Unix(p.now.Load(), 0) },
	})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func answer(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		io.WriteString(w, body)
	}
}

func (p *provider) mint(t *testing.T, conn string) string {
	servers, until := p.Mint(t.Context(), handlers.Player{Conn: conn, Lobby: "L"})
	if (servers == nil) != until.IsZero() {
		t.Errorf("servers %v until %v", servers, until)
	}
	return fmt.Sprint(servers)
}

// TestProviders checks what is requested of each provider, and what a player
// gets of the answer.
func TestProviders(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, id, body, path, user, sent string
		want                             []events.ICEServer
	}{
		{"cloudflare", cloudflareID, cloudflare, "/v1/turn/keys/" + cloudflareID + "/credentials/generate-ice-servers", "", `{"ttl": 10800}`,
			[]events.ICEServer{{URLs: []string{"turn:turn.cloudflare.com:3478?transport=udp", "turns:turn.cloudflare.com:443?transport=tcp"}, Username: "u", Credential: "c"}}},
		{"twilio", account + "/" + apiKey, twilio, "/2010-04-01/Accounts/" + account + "/Tokens.json", apiKey, "Ttl=10800",
			[]events.ICEServer{{URLs: []string{"turn:global.turn.twilio.com:443?transport=tcp"}, Username: "u", Credential: "c"}}},
		{"twilio", account, twilio, "/2010-04-01/Accounts/" + account + "/Tokens.json", account, "Ttl=10800",
			[]events.ICEServer{{URLs: []string{"turn:global.turn.twilio.com:443?transport=tcp"}, Username: "u", Credential: "c"}}},
	} {
		p := open(t, test.name, test.id, func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			user, password, basic := r.BasicAuth()
			if r.Method != http.MethodPost || r.URL.Path != test.path || string(body) != test.sent {
				t.Errorf("%s: %s %s with %s", test.name, r.Method, r.URL.Path, body)
			}
			if bearer := r.Header.Get("Authorization") == "Bearer "+token; bearer == basic || basic && (user != test.user || password != token) {
				t.Errorf("%s: authorized as %q", test.name, r.Header.Get("Authorization"))
			}
			answer(http.StatusCreated, test.body)(w, r)
		})
		if got, want := p.mint(t, "a"), fmt.Sprint(test.want); got != want {
			t.Errorf("%s: %s, want %s; log %s", test.name, got, want, p.log.String())
		}
		if servers, _ := p.Mint(t.Context(), handlers.Player{Conn: "b"}); servers != nil || p.requests.Load() != 1 {
			t.Errorf("%s: a client in no lobby gets %v", test.name, servers)
		}
	}
}

// TestKept checks that a player's credential is kept for half its life, and a
// player's alone.
func TestKept(t *testing.T) {
	t.Parallel()
	p := open(t, "cloudflare", cloudflareID, answer(201, cloudflare))
	for _, step := range []struct {
		conn     string
		at       time.Duration
		requests int64
	}{{"a", 0, 1}, {"a", 89 * time.Minute, 1}, {"b", 89 * time.Minute, 2}, {"a", 90 * time.Minute, 3}, {"b", 178 * time.Minute, 3}} {
		p.now.Store(int64(step.at.Seconds()))
		if got := p.mint(t, step.conn); got == "[]" || p.requests.Load() != step.requests {
			t.Errorf("%s after %v: %s, %d requests, want %d", step.conn, step.at, got, p.requests.Load(), step.requests)
		}
	}
}

// TestProviderFails checks that a join goes on without TURN if the provider
// fails in any way, with one log line that has no secret, and that the provider
// is left alone for 2 seconds then.
func TestProviderFails(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		serve http.HandlerFunc
		want  string
	}{
		"500":          {answer(500, token), "status 500"},
		"429":          {answer(429, ""), "status 429"},
		"wrong token":  {answer(401, `{"code": 20003}`), "check the key id and the token"},
		"HTML":         {answer(200, "<html>"+token), "no list of servers"},
		"empty":        {answer(201, ""), "no list of servers"},
		"no servers":   {answer(201, `{"iceServers": []}`), "no TURN server"},
		"STUN alone":   {answer(201, `{"iceServers": [{"urls": "stun:a.example"}]}`), "no TURN server"},
		"other URLs":   {answer(201, `{"iceServers": [{"urls": "https://a.example/`+token+`"}]}`), "no list of servers"},
		"numbers":      {answer(201, `{"iceServers": {"urls": 3}}`), "no list of servers"},
		"huge":         {answer(201, strings.Repeat(" ", 100<<10)+cloudflare), "no list of servers"},
		"many servers": {answer(201, `{"iceServers": [`+strings.Repeat(`{"urls":"turn:a.example","username":"u","credential":"c"},`, 99)+`{"urls":"turn:a.example"}]}`), "too many"},
		"cut": {func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "999")
			answer(201, "{")(w, r)
		}, "EOF"},
		"hangs up": {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, "EOF"},
		"redirects": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/other", http.StatusTemporaryRedirect)
		}, "status 307"},
		"hangs": {func(_ http.ResponseWriter, r *http.Request) { io.Copy(io.Discard, r.Body); <-r.Context().Done() }, "no answer in time"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := open(t, "cloudflare", cloudflareID, test.serve)
			w := handlerstest.New()
			w.ICE, _ = handlers.ReadICEServers(handlers.DefaultICEServers, "")
			w.ICE.Minter = p
			w.Connect("host", nil)
			w.Say("host", `{"action":"start_lobby"}`)
			w.Say("host", `{"action":"get_ice_servers"}`)
			heard := strings.Join(w.Heard()["host"], "\n")
			if strings.Count(heard, "stun:stun.cloudflare.com") != 2 || strings.Contains(heard, "turn:") || p.requests.Load() != 1 {
				t.Errorf("after %d requests it heard %s", p.requests.Load(), heard)
			}
			log := p.log.String()
			if strings.Count(log, "\n") != 1 || !strings.Contains(log, "no TURN credentials") || !strings.Contains(log, test.want) {
				t.Errorf("logged %q, want %s", log, test.want)
			}
			if strings.Contains(log, token) || strings.Contains(log, cloudflareID) {
				t.Errorf("a secret is in %q", log)
			}
			if p.serve.Store(http.HandlerFunc(answer(201, cloudflare))); name == "hangs" {
				return // the first request would still be waited for
			}
			if p.now.Add(2); p.mint(t, "host") == "[]" {
				t.Error("there is no TURN after the pause either")
			}
		})
	}
}

// TestLate checks that a credential that comes too late for a join is there for
// the player's next event, without another request.
func TestLate(t *testing.T) {
	t.Parallel()
	answers := make(chan struct{})
	p := open(t, "twilio", account, func(w http.ResponseWriter, r *http.Request) {
		<-answers
		answer(201, twilio)(w, r)
	})
	if got := p.mint(t, "a"); got != "[]" {
		t.Errorf("there was no answer, but %s", got)
	}
	close(answers)
	for p.mint(t, "a") == "[]" { // until it has come
	}
	if p.requests.Load() != 1 || strings.Count(p.log.String(), "\n") != 1 {
		t.Errorf("%d requests, logged %s", p.requests.Load(), p.log.String())
	}
}

// TestConfig checks that a mistake gets a sentence without the token.
func TestConfig(t *testing.T) {
	for _, test := range []struct{ provider, id, token, want string }{
		{"", cloudflareID, "", "cloudflare or twilio"},
		{"xirsys", cloudflareID, token, "cloudflare or twilio"},
		{"cloudflare", "../" + cloudflareID, token, "make the key id that of a TURN key"},
		{"twilio", cloudflareID, token, "make the key id your account SID"},
		{"twilio", account + "/" + account, token, "make the key id your account SID"},
		{"cloudflare", cloudflareID, " ", "give the token"},
		{"cloudflare", cloudflareID, token + "\r\nX-A: b", "give the token"},
	} {
		_, err := turnapi.New(turnapi.Config{Provider: test.provider, KeyID: test.id, Token: test.token})
		if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), token) {
			t.Errorf("%s %s: %v, want %s", test.provider, test.id, err, test.want)
		}
	}
	if m, err := turnapi.New(turnapi.Config{}); m != nil || err != nil {
		t.Errorf("without a configuration: %v, %v", m, err)
	}
}
