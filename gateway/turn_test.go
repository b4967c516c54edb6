package main

import (
	"crypto/tls"
	"encoding/json"
	"net/http"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/coder/websocket"

	"bellhop/gateway/programtest"
)

// TestICEByDefault checks which STUN and TURN servers clients get, and what the
// start says about them.
func TestICEByDefault(t *testing.T) {
	dir := t.TempDir()
	files := pemPair{filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")}
	files.write(t, 1)
	const local = "stun:127.0.0.1:N turn:127.0.0.1:N?transport=udp"
	for _, test := range []struct{ args, want, says string }{
		{"", local, "TURN       turn:127.0.0.1:N"},
		{"-turn off", "", ""},
		{"-turn 127.0.0.1:0", local + " turn:127.0.0.1:N?transport=tcp", ""},
		{"-trust-proxy", "stun:stun.cloudflare.com:N", ""},
		{"-trust-proxy -ice-servers none", "", ""},
		{"-trust-proxy -turn 127.0.0.1:0 -turn-address 9.9.9.9", "stun:9.9.9.9:N turn:9.9.9.9:N?transport=udp turn:9.9.9.9:N?transport=tcp",
			"TURN relays at 9.9.9.9, which is none of this machine's addresses: its NAT must pass on UDP to ports 49152 to 65535."},
		{"-turn 127.0.0.1:0 -turn-tls 127.0.0.1:0 -turn-address localhost -tls-cert " + files.certificate + " -tls-key " + files.key,
			"stun:localhost:N turn:localhost:N?transport=udp turn:localhost:N?transport=tcp turns:localhost:N?transport=tcp", ""},
	} {
		p := launch(t, strings.Fields(test.args)...)
		conn, _, err := websocket.Dial(t.Context(), p.stdout.Find(t, `wss?://\S+`), &websocket.DialOptions{HTTPClient: &http.Client{
			Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}},
		}})
		if err != nil {
			t.Fatal(err)
		}
		c := programtest.Client{Conn: conn}
		c.Say(t, `{"action":"start_lobby"}`, "lobby_started")
		var answer struct {
			Content struct {
				Servers []struct{ URLs []string } `json:"ice_servers"`
			}
		}
		json.Unmarshal([]byte(c.Say(t, `{"action":"get_ice_servers"}`, "ice_servers")), &answer)
		var got []string
		for _, s := range answer.Content.Servers {
			got = append(got, s.URLs...)
		}
		ports := regexp.MustCompile(`:\d{4,5}\b`)
		if all := ports.ReplaceAllString(strings.Join(got, " "), ":N"); all != test.want {
			t.Errorf("with %q clients get %s, want %s", test.args, all, test.want)
		}
		if all := ports.ReplaceAllString(p.stdout.String(), ":N"); !strings.Contains(all, test.says) {
			t.Errorf("with %q it prints\n%s, want %s", test.args, all, test.says)
		}
	}
}
