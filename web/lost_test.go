package web_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// enterKeeping is enter, and also keeps the names of the events of the tab's
// connections.
func (tab *tab) enterKeeping(how string) {
	tab.t.Helper()
	tab.run(`
		window.heard = [];
		window.happened = [];
		window.lobby = await `+how+`;
		lobby.addEventListener("request", ({ request }) => request.accept());
		lobby.addEventListener("message", ({ peer, data }) => heard.push(peer.peerId + ": " + data));
		for (const type of ["open", "lost", "restored", "failed", "error"]) lobby.addEventListener(type, () => happened.push(type));`, nil)
}

// relayed are options that allow only a TURN server and notice its end soon.
const relayed = "rtc: { iceTransportPolicy: 'relay' }, retryEvery: 300"

func writeSecret(t *testing.T, secret string) (file string) {
	t.Helper()
	file = filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte(secret), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// TestLost checks that a connection without a path is reported as lost and
// accepts no data until it is restored, however late a path comes back.
func TestLost(t *testing.T) {
	t.Parallel()
	server := startTURN(t)
	g := startGateway(t, "-ice-servers", server.url, "-turn-secret-file", writeSecret(t, turnSecret))
	host, guest := openTab(t, g, "host", g.url()), openTab(t, g, "guest", g.url())
	host.enterKeeping("bellhop.host({ lobbyId: 'fox', " + relayed + " })")
	guest.enterKeeping("bellhop.join('fox', { " + relayed + " })")
	talk(t, host, guest)
	server.signal("STOP")
	for _, tab := range []*tab{host, guest} {
		tab.run("await until(() => happened.includes('failed'))", nil)
		var state string
		if tab.run("return [lobby.members[0].state, lobby.members[0].send('x'), lobby.send('x')].join()", &state); state != "failed,false,0" {
			t.Errorf("%s has a connection that is %s", tab.name, state)
		}
	}
	host.run("const before = said.length; await until(() => said.length >= before + 4)", nil) // it is retried
	server.signal("CONT")
	talk(t, host, guest)
	for _, tab := range []*tab{host, guest} {
		var happened []string
		tab.run("return happened", &happened)
		if all := strings.Join(happened, " "); all != "open lost failed restored" && all != "open lost failed open" {
			t.Errorf("%s hears of %s", tab.name, all)
		}
	}
}

// TestBadServers checks that a mistake in the STUN and TURN servers is found
// before any request to Bellhop.
func TestBadServers(t *testing.T) {
	t.Parallel()
	g := startGateway(t)
	host, guest := openTab(t, g, "host", g.url()), openTab(t, g, "guest", g.url())
	host.run("globalThis.lobby = await bellhop.host({ lobbyId: 'fox', autoAccept: true, public: true })", nil)
	for _, options := range []string{
		"iceServers: [{ urls: 'turn:turn.example.com' }]",
		"iceServers: [{ urls: 'https://turn.example.com' }]",
		"rtc: { iceTransportPolicy: 'all', bundlePolicy: 'none' }",
	} {
		for _, call := range []string{"join('fox', {%s})", "quickJoin({%s})", "host({%s})", "resume('x', {%s})"} {
			var code string
			guest.run("return await bellhop."+fmt.Sprintf(call, options)+".then(() => 'nothing', ({ code, message }) => message && code)", &code)
			if code != "invalid_field" {
				t.Errorf(call+" rejects with %s", options, code)
			}
		}
	}
	var said, members int
	guest.run("return said.length", &said)
	if host.run("return lobby.members.length", &members); said != 0 || members != 0 {
		t.Errorf("the guest sends %d messages, and the host has %d members", said, members)
	}
}
