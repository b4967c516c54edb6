package handlers_test

import (
	"regexp"
	"strings"
	"testing"

	"bellhop/handlers"
	"bellhop/handlers/handlerstest"
)

// Providers' answers, from their documentation.
const (
	cloudflare = `{"iceServers": [{"urls": ["stun:stun.cloudflare.com:3478"]},
		{"urls": ["turn:turn.cloudflare.com:3478?transport=udp", "turns:turn.cloudflare.com:443?transport=tcp"], "username": "u", "credential": "c"}]}`
	olderCloudflare = `{"iceServers": {"urls": ["stun:stun.cloudflare.com:3478", "turn:turn.cloudflare.com:3478?transport=udp"],
		"username": "u", "credential": "c"}}`
	xirsys = `{"v": {"iceServers": {"username": "u", "urls": ["stun:eu.xirsys.com", "turn:eu.xirsys.com:80?transport=udp"],
		"credential": "c"}}, "s": "ok"}`
	olderXirsys = `{"v":{"iceServers":[{"url":"stun:eu.xirsys.com"},
		{"username":"u","url":"turn:eu.xirsys.com:80?transport=udp","credential":"c"}]},"s":"ok"}`
	twilio = `{"username": "u", "ice_servers": [{"url": "stun:global.stun.twilio.com:3478", "urls": "stun:global.stun.twilio.com:3478"},
		{"url": "turn:global.turn.twilio.com:3478?transport=udp", "username": "u",
		"urls": "turn:global.turn.twilio.com:3478?transport=udp", "credential": "c"}], "date_updated": "Fri, 01 May 2020 01:42:57 +0000",
		"account_sid": "AC0", "ttl": "86400", "date_created": "Fri, 01 May 2020 01:42:57 +0000", "password": "c"}`
)

const iceSecret = "s3cret"

// TestReadICEServers checks that clients get the configured servers.
func TestReadICEServers(t *testing.T) {
	for _, test := range []struct{ list, secret, want string }{
		{"", "", `{"ice_servers":[]}`},
		{" stun:a.example , stun:b.example:3478", "", `{"ice_servers":[{"urls":["stun:a.example","stun:b.example:3478"]}]}`},
		{"turn:[2001:db8::1]:3478?transport=tcp,stun:a.example", iceSecret + "\n",
			`{"ice_servers":[{"urls":["stun:a.example"]},{"urls":["turn:[2001:db8::1]:3478?transport=tcp"],` +
				`"username":"1893564245:guest","credential":"OCQZ+tVZm1g2tuMfiA3X15JMObY="}],"expires_at":"2030-01-02T06:04:05Z"}`},
		{`[{"urls": "stun:a.example"}]`, "", `{"ice_servers":[{"urls":["stun:a.example"]}]}`},
		{`[{"urls": ["turns:a.example"], "username": "u", "credential": "<c>"}]`, "",
			`{"ice_servers":[{"urls":["turns:a.example"],"username":"u","credential":"<c>"}]}`},
		{`{"urls": "stun:a.example"}`, "", `{"ice_servers":[{"urls":["stun:a.example"]}]}`},
		{cloudflare, "", `{"ice_servers":[{"urls":["stun:stun.cloudflare.com:3478"]},` +
			`{"urls":["turn:turn.cloudflare.com:3478?transport=udp","turns:turn.cloudflare.com:443?transport=tcp"],"username":"u","credential":"c"}]}`},
		{olderCloudflare, "", `{"ice_servers":[{"urls":["stun:stun.cloudflare.com:3478","turn:turn.cloudflare.com:3478?transport=udp"],` +
			`"username":"u","credential":"c"}]}`},
		{xirsys, "", `{"ice_servers":[{"urls":["stun:eu.xirsys.com","turn:eu.xirsys.com:80?transport=udp"],"username":"u","credential":"c"}]}`},
		{olderXirsys, "", `{"ice_servers":[{"urls":["stun:eu.xirsys.com"]},` +
			`{"urls":["turn:eu.xirsys.com:80?transport=udp"],"username":"u","credential":"c"}]}`},
		{twilio, "", `{"ice_servers":[{"urls":["stun:global.stun.twilio.com:3478"]},` +
			`{"urls":["turn:global.turn.twilio.com:3478?transport=udp"],"username":"u","credential":"c"}]}`},
	} {
		servers, err := handlers.ReadICEServers(test.list, test.secret)
		if err != nil {
			t.Fatal(err)
		}
		w := handlerstest.New()
		w.ICE = servers
		w.Connect("guest", nil)
		w.Say("guest", `{"action":"get_ice_servers"}`)
		if heard := strings.Join(w.Heard()["guest"], "\n"); heard != `{"event":"ice_servers","content":`+test.want+`}` {
			t.Errorf("%.80q with %q: heard %s\nwant %s", test.list, test.secret, heard, test.want)
		}
	}
}

// TestBadICEServers checks that a mistake gets a sentence that says what to do
// and does not reveal the secret.
func TestBadICEServers(t *testing.T) {
	for _, test := range []struct{ list, secret, want string }{
		{"stun:a.example", iceSecret, "no TURN server that needs it"},
		{"", iceSecret, "no TURN server that needs it"},
		{"turn:a.example", "", "set TURN_SECRET"},
		{"turn:a.example", " \n", "set TURN_SECRET"},
		{`[{"urls": "turn:a.example", "username": "u", "credential": "c"}]`, iceSecret, "no TURN server that needs it"},
		{`[{"urls": "turn:a.example", "username": "u"}]`, iceSecret, "both a username and a credential"},
		{`[{"urls": []}]`, "", `server 1 has no "urls"`},
		{`[{"urls": "stun:a.example", "user": "u"}]`, "", `unknown field "user"`},
		{`[{"urls": 3}]`, "", "are an array such as"},
		{`[{"urls": "stun:a.example"}] x`, "", "text after the STUN and TURN servers"},
		{`[`, "", "are an array such as"},
		{`{"v": "unauthorized", "s": "error"}`, "", `error of Xirsys and no list of servers: "unauthorized"`},
		{`{"iceServers": 3}`, "", "are an array such as"},
		{`{"servers": []}`, "", `unknown field "servers"`},
		{`[{"urls": "turn:a.example", "username": "` + strings.Repeat("u", 510) + `", "credential": "c"}]`, "", "over 509 bytes"},
		{`[{"urls": "turn:a.example", "username": "u", "credential": "c", "credentialType": "oauth"}]`, "", `only take "password"`},
		{"stuns:a.example", "", "write stun:a.example"},
		{"stun:2001:db8::1", "", "in brackets, as in stun:[2001:db8::1]"},
		{"turn:2001:db8::1:3478?transport=udp", iceSecret, "in brackets"},
		{"stun:[a.example]", "", "is not a URL such as"},
		{"stun:[fe80::1%25eth0]", "", "is not a URL such as"},
		{"stun:[192.0.2.1]", "", "is not a URL such as"},
		{"stun:a.example:", "", "is not a URL such as"},
		{"a.example", "", `"a.example" is not a URL such as`},
		{"stun:a.example,", "", `"" is not a URL such as`},
		{"stun://a.example", "", "is not a URL such as"},
		{"stun:", "", "is not a URL such as"},
		{"stun:a.example:0", "", "is not a URL such as"},
		{"stun:a.example:65536", "", "is not a URL such as"},
		{"stun:a.example:http", "", "is not a URL such as"},
		{"stun:a.example?transport=udp", "", "is not a URL such as"},
		{"turn:a.example?transport=sctp", iceSecret, "is not a URL such as"},
		{"turn:u@a.example", iceSecret, "is not a URL such as"},
		{"https://a.example", "", "is not a URL such as"},
		{strings.Repeat("stun:a.example,", 300) + "stun:a.example", "", "name fewer"},
	} {
		_, err := handlers.ReadICEServers(test.list, test.secret)
		if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), iceSecret) {
			t.Errorf("%.80q with %q: %v; want %s", test.list, test.secret, err, test.want)
		}
	}
}

// TestICEServersOnTheWay checks that a client that enters a lobby gets the
// servers with it, with credentials of its own. A client of the original
// dialect does not.
func TestICEServersOnTheWay(t *testing.T) {
	w := handlerstest.New()
	var err error
	if w.ICE, err = handlers.ReadICEServers("turn:a.example", iceSecret); err != nil {
		t.Fatal(err)
	}
	of := func(conn string) string {
		servers := w.ICE.ForClient(conn, w.Clock.Now())
		return `"ice_servers":[{"urls":["turn:a.example"],"username":"1893564245:` + conn + `","credential":"` + servers[0].Credential + `"}]`
	}
	for _, conn := range []string{"host", "guest", "again"} {
		w.Connect(conn, nil)
	}
	w.Connect("old", map[string]string{"protocol": "original"})
	w.Say("host", `{"action":"start_lobby","content":{"lobby_id":"fox"}}`)
	w.Say("guest", `{"action":"join_lobby","content":{"lobby_id":"fox"}}`)
	w.Say("host", `{"action":"accept_request"}`)
	w.Say("old", `{"action":"join_lobby","content":{"lobby_id":"fox"}}`)
	w.Say("host", `{"action":"accept_request"}`)
	w.Say("old", `{"action":"get_ice_servers","request_id":"r1"}`)
	heard := w.Heard()
	w.Drop("guest")
	token := regexp.MustCompile(`"resume_token":"[^"]+"`).FindString(strings.Join(heard["guest"], "\n"))
	w.Say("again", `{"action":"resume","content":{`+token+`}}`)
	heard["again"] = w.Heard()["again"]
	for conn, event := range map[string]string{"host": "lobby_started", "guest": "request_accepted", "again": "resumed"} {
		all := strings.Join(heard[conn], "\n")
		if !strings.Contains(all, `"event":"`+event+`"`) || strings.Count(all, of(conn)) != 1 {
			t.Errorf("%s hears %s\nwant %s in %s", conn, all, of(conn), event)
		}
	}
	if all := strings.Join(heard["old"], "\n"); !strings.Contains(all, "join_request_accepted") || strings.Contains(all, "ice_servers") {
		t.Errorf("the original dialect hears %s", all)
	}
	if w.Say("host", `{"action":"leave_lobby"}`); strings.Contains(w.Log.String(), iceSecret) {
		t.Error("the log has the secret")
	}
}
