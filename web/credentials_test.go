package web_test

import (
	"os"
	"strings"
	"testing"

	"bellhop/store/dynamodbtest"
)

// TestCredentials checks that TURN credentials are replaced before they expire,
// and that connections use the newest.
func TestCredentials(t *testing.T) {
	t.Parallel()
	const names = "lobby.members[0].connection.getConfiguration().iceServers[0].username"
	t.Run("in time", func(t *testing.T) {
		server := startTURN(t)
		g := startGateway(t, "-ice-servers", server.url, "-turn-secret-file", writeSecret(t, turnSecret), "-turn-lifetime", "8s")
		host, guest := openTab(t, g, "host", g.url()), openTab(t, g, "guest", g.url())
		host.enterKeeping("bellhop.host({ lobbyId: 'fox', " + relayed + " })")
		guest.enterKeeping("bellhop.join('fox', { " + relayed + " })")
		talk(t, host, guest)
		for _, tab := range []*tab{host, guest} {
			tab.run("const first = "+names+"; await until(() => "+names+" !== first && Date.now() / 1000 > parseInt(first))", nil)
		}
		server.stop() // and with it all its state
		server.start()
		getThrough(t, host, guest)
	})
	t.Run("with another secret", func(t *testing.T) {
		server := startTURN(t)
		secret := writeSecret(t, turnSecret)
		g := startGateway(t, "-ice-servers", server.url, "-turn-secret-file", secret, "-table", dynamodbtest.Table(), "-dynamodb-endpoint", dynamodbtest.Start(t))
		host, guest := openTab(t, g, "host", g.url()), openTab(t, g, "guest", g.url())
		host.enterKeeping("bellhop.host({ lobbyId: 'fox', " + relayed + " })")
		guest.enterKeeping("bellhop.join('fox', { " + relayed + " })")
		talk(t, host, guest)
		for _, file := range []string{secret, server.file} {
			text, err := os.ReadFile(file)
			if err == nil {
				err = os.WriteFile(file, []byte(strings.ReplaceAll(string(text), turnSecret, "another secret")), 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		for _, tab := range []*tab{host, guest} {
			tab.run("globalThis.resumed = next(lobby, 'signalling', ({ state }) => state === 'resumed')", nil)
		}
		g.stop()
		server.stop()
		g.start()
		server.start()
		for _, tab := range []*tab{host, guest} {
			tab.run("await resumed", nil)
		}
		getThrough(t, host, guest)
	})
}

// TestServersAgain checks that a player whose connection fails requests servers
// again if there was no TURN server.
func TestServersAgain(t *testing.T) {
	t.Parallel()
	for servers, want := range map[string]string{
		"stun:127.0.0.1:1": "get_ice_servers,ping",
		`[{"urls": "turn:127.0.0.1:1", "username": "u", "credential": "c"}]`: "ping",
	} {
		g := startGateway(t, "-ice-servers", servers)
		host, guest := openTab(t, g, "host", g.url()), openTab(t, g, "guest", g.url())
		host.run("globalThis.lobby = await bellhop.host({ lobbyId: 'fox', autoAccept: true })", nil)
		var got string
		guest.run(`
			const lobby = await bellhop.join("fox", { reportLinks: false });
			await until(() => lobby.host.state === "open");
			said.length = 0;
			lobby.host.dispatchEvent(new Event("failed"));
			await bellhop.request("ping");
			return said.join()`, &got)
		if got != want {
			t.Errorf("with %s the guest sends %s, want %s", servers, got, want)
		}
	}
}

// getThrough lets two tabs talk after their path has broken. They might find
// another path before they notice the loss, so neither need report it. Each
// calls until the other has heard it: data sent before new channels exist is
// lost.
func getThrough(t *testing.T, host, guest *tab) {
	t.Helper()
	for _, tab := range []*tab{host, guest} {
		tab.run("globalThis.calling = setInterval(() => lobby.send('hello'), 200)", nil)
	}
	host.run("await until(() => heard.includes('2: hello'))", nil)
	guest.run("await until(() => heard.includes('1: hello'))", nil)
	for _, tab := range []*tab{host, guest} {
		tab.run("clearInterval(calling)", nil)
	}
	talk(t, host, guest)
}

// TestStalledPeer checks that a peer that reads nothing does not keep data from
// other peers, and that no more data waits for it than documented.
func TestStalledPeer(t *testing.T) {
	t.Parallel()
	server := startTURN(t)
	g := startGateway(t, "-ice-servers", server.url, "-turn-secret-file", writeSecret(t, turnSecret))
	host := openTab(t, g, "host", g.url())
	host.enterKeeping("bellhop.host({ lobbyId: 'fox' })")
	stalled, other := openTab(t, g, "stalled", g.url()), openTab(t, g, "other", g.url())
	stalled.enterKeeping("bellhop.join('fox', { " + relayed + " })")
	talk(t, host, stalled)
	other.enterKeeping("bellhop.join('fox')")
	talk(t, host, other)
	server.signal("STOP")
	var most float64
	host.run(`
		const [slow, quick] = lobby.members;
		const piece = new Uint8Array(64 << 10);
		let most = 0;
		for (let i = 0; i < 300; i++) {
			await until(() => !quick.buffered);
			if (lobby.send(piece) === 0) throw Error("nobody hears");
			most = Math.max(most, slow.buffered);
		}
		return most / (1 << 20)`, &most)
	if most > 4 {
		t.Errorf("%f MiB wait for who takes nothing", most)
	}
	other.run("await until(() => heard.length >= 301)", nil)
	drained := host.background("await Promise.any(['drain', 'restored', 'open'].map((type) => next(lobby, type)))", nil)
	server.signal("CONT")
	drained()
	talk(t, host, stalled)
}
