package handlers

import (
	"regexp"
	"strings"
	"testing"
)

// TestReadICEServers guards that what is configured is what clients hear, and that a mistake is a sentence that says what
// to do and does not give the secret away.
func TestReadICEServers(t *testing.T) {
	const secret = "s3cret"
	for _, test := range []struct {
		list, secret string
		want         string // what who asks hears, or what the error has in it
	}{
		{"", "", `{"ice_servers":[]}`},
		{" stun:a.example , stun:b.example:3478", "", `{"ice_servers":[{"urls":["stun:a.example","stun:b.example:3478"]}]}`},
		{"turn:[2001:db8::1]:3478?transport=tcp,stuns:a.example", secret + "\n",
			`{"ice_servers":[{"urls":["stuns:a.example"]},{"urls":["turn:[2001:db8::1]:3478?transport=tcp"],` +
				`"username":"1893564245:guest","credential":"OCQZ+tVZm1g2tuMfiA3X15JMObY="}],"expires_at":"2030-01-02T06:04:05Z"}`},
		{`[{"urls": "stun:a.example"}]`, "", `{"ice_servers":[{"urls":["stun:a.example"]}]}`},
		{`[{"urls": ["turns:a.example"], "username": "u", "credential": "<c>"}]`, "",
			`{"ice_servers":[{"urls":["turns:a.example"],"username":"u","credential":"<c>"}]}`},

		{"stun:a.example", secret, "no TURN server that needs it"},
		{"", secret, "no TURN server that needs it"},
		{"turn:a.example", "", "set TURN_SECRET"},
		{"turn:a.example", " \n", "set TURN_SECRET"},
		{`[{"urls": "turn:a.example", "username": "u", "credential": "c"}]`, secret, "no TURN server that needs it"},
		{`[{"urls": "turn:a.example", "username": "u"}]`, secret, "both a username and a credential"},
		{`[{"urls": []}]`, "", `server 1 has no "urls"`},
		{`[{"urls": "stun:a.example", "user": "u"}]`, "", `unknown field "user"`},
		{`[{"urls": 3}]`, "", "are an array such as"},
		{`[{"urls": "stun:a.example"}] x`, "", "text after the array"},
		{`[`, "", "are an array such as"},
		{"a.example", "", `"a.example" is not a URL such as`},
		{"stun:a.example,", "", `"" is not a URL such as`},
		{"stun://a.example", "", "is not a URL such as"},
		{"stun:", "", "is not a URL such as"},
		{"stun:a.example:0", "", "is not a URL such as"},
		{"stun:a.example:65536", "", "is not a URL such as"},
		{"stun:a.example:http", "", "is not a URL such as"},
		{"stun:a.example?transport=udp", "", "is not a URL such as"},
		{"turn:a.example?transport=sctp", secret, "is not a URL such as"},
		{"turn:u@a.example", secret, "is not a URL such as"},
		{"https://a.example", "", "is not a URL such as"},
		{strings.Repeat("stun:a.example,", 300) + "stun:a.example", "", "name fewer"},
	} {
		servers, err := ReadICEServers(test.list, test.secret)
		if err != nil {
			if !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), secret) {
				t.Errorf("%.80q with %q: %v; want %s", test.list, test.secret, err, test.want)
			}
			continue
		}
		w := newWorld(unwrapped)
		w.ICE = servers
		w.connect("guest", nil)
		w.say("guest", `{"action":"get_ice_servers"}`)
		if heard := strings.Join(w.heard()["guest"], "\n"); heard != `{"event":"ice_servers","content":`+test.want+`}` {
			t.Errorf("%.80q with %q: heard %s\nwant %s", test.list, test.secret, heard, test.want)
		}
	}
}

// TestICEServersOnTheWay guards that who comes into a lobby hears of the servers with that, with credentials of their own,
// and who speaks the original dialect does not.
func TestICEServersOnTheWay(t *testing.T) {
	w := newWorld(unwrapped)
	var err error
	if w.ICE, err = ReadICEServers("turn:a.example", "s3cret"); err != nil {
		t.Fatal(err)
	}
	of := func(conn string) string {
		servers, _ := w.ICE.forClient(conn, w.clock())
		return `"ice_servers":[{"urls":["turn:a.example"],"username":"1893564245:` + conn + `","credential":"` + servers[0].Credential + `"}]`
	}
	for _, conn := range []string{"host", "guest", "again"} {
		w.connect(conn, nil)
	}
	w.connect("old", map[string]string{"protocol": "original"})
	w.say("host", `{"action":"start_lobby","content":{"lobby_id":"fox"}}`)
	w.say("guest", `{"action":"join_lobby","content":{"lobby_id":"fox"}}`)
	w.say("host", `{"action":"accept_request"}`)
	w.say("old", `{"action":"join_lobby","content":{"lobby_id":"fox"}}`)
	w.say("host", `{"action":"accept_request"}`)
	w.say("old", `{"action":"get_ice_servers","request_id":"r1"}`)
	heard := w.heard()
	w.drop("guest")
	token := regexp.MustCompile(`"resume_token":"[^"]+"`).FindString(strings.Join(heard["guest"], "\n"))
	w.say("again", `{"action":"resume","content":{`+token+`}}`)
	heard["again"] = w.heard()["again"]
	for conn, event := range map[string]string{"host": "lobby_started", "guest": "request_accepted", "again": "resumed"} {
		all := strings.Join(heard[conn], "\n")
		if !strings.Contains(all, `"event":"`+event+`"`) || strings.Count(all, of(conn)) != 1 {
			t.Errorf("%s hears %s\nwant %s in %s", conn, all, of(conn), event)
		}
	}
	if all := strings.Join(heard["old"], "\n"); !strings.Contains(all, "join_request_accepted") || strings.Contains(all, "ice_servers") {
		t.Errorf("the original dialect hears %s", all)
	}
	if w.say("host", `{"action":"leave_lobby"}`); strings.Contains(w.log.String(), "s3cret") {
		t.Error("the log has the secret")
	}
}
