package web_test

import (
	"strings"
	"testing"
)

// TestNoWay checks that a connection that cannot be made fails with a sentence
// that says why.
func TestNoWay(t *testing.T) {
	t.Parallel()
	g := startGateway(t)
	for _, test := range []struct{ name, options, want string }{
		{"no candidates", "{ rtc: { iceTransportPolicy: 'relay' } }", "(no candidates): only relays are allowed, and this server names no TURN server."},
		{"no TURN server", "{ rtc: { iceTransportPolicy: 'relay' }, iceServers: [{ urls: 'turn:127.0.0.1:1?transport=tcp', username: 'a', credential: 'b' }] }",
			"(no candidates): only relays are allowed, and turn:127.0.0.1:1 gave none."},
	} {
		t.Run(test.name, func(t *testing.T) {
			host, guest := openTab(t, g, "host", g.url()), openTab(t, g, "guest", g.url())
			host.run("globalThis.lobby = await bellhop.host({ lobbyId: 'fox', autoAccept: true })", nil)
			var why []string
			guest.run(`
				globalThis.lobby = await bellhop.join("fox", `+test.options+`);
				const { error, peer } = await next(lobby, "failed");
				return [error.code, error.message, peer.state]`, &why)
			if why[0] != "connection_failed" || !strings.Contains(why[1], test.want) || why[2] != "failed" {
				t.Errorf("it says %q", why)
			}
			host.run("await lobby.close()", nil)
		})
	}
}

// TestWhyNoWay checks that the sentence names what is missing.
func TestWhyNoWay(t *testing.T) {
	t.Parallel()
	g := startGateway(t)
	page := openTab(t, g, "player", g.url())
	const turn, udp = `[{ urls: ["turn:a.example?transport=udp", "turn:a.example?transport=tcp"] }]`, `[{ urls: ["stun:a.example"] }]`
	for _, test := range []struct{ servers, found, codes, want, state string }{
		{"[]", "host", "[]", "names no STUN server, which players behind routers need, and no TURN server.", "complete"},
		{udp, "srflx", "[]", "a TURN server would be one, and this server names none.", "complete"},
		{udp, "host", "[701]", "reached none of stun:a.example: its network may block UDP, and none is over TCP.", "complete"},
		{udp, "host", "[]", "reached none of stun:a.example: its network may block UDP, and none is over TCP.", "gathering"}, // Chromium might say no more
		{udp, "host", "[]", "a TURN server would be one, and this server names none.", "complete"},
		{turn, "host", "[701]", "reached none of turn:a.example?transport=udp, turn:a.example?transport=tcp: its network may block UDP and TCP to them.", "complete"},
		{turn, "host", "[401]", "refused its credentials (401 Unauthorized): they have expired, or its secret is another.", "complete"},
		{turn, "relay", "[701]", "nor one through turn:a.example; it", "complete"},
	} {
		var why string
		page.run(`
			const { explainFailure } = await import("`+g.page()+`/candidates.js");
			const described = (kind) => ({ sdp: "a=candidate:1 1 udp 1 a 1 typ " + kind });
			const pc = { iceGatheringState: "`+test.state+`", getConfiguration: () => ({ iceServers: `+test.servers+` }), localDescription: described("`+test.found+`"), remoteDescription: described("host") };
			return explainFailure(pc, `+test.codes+`.map((errorCode) => ({ url: "turn:a.example", errorCode, errorText: "Unauthorized." })), false)`, &why)
		if !strings.Contains(why, test.want) {
			t.Errorf("with %s, %s and %s it says %q", test.servers, test.found, test.codes, why)
		}
	}
}

// TestToldInTime checks on a clock of its own that a failure is told within 15
// seconds, even if events keep coming that delay checks.
func TestToldInTime(t *testing.T) {
	t.Parallel()
	page := openTab(t, startGateway(t), "player", "ws://127.0.0.1:1")
	var told int
	page.run(`
		const { port1, port2 } = new MessageChannel();
		const turn = () => new Promise((resolve) => { port1.onmessage = resolve; port2.postMessage(0); });
		const timers = new Map();
		let now = 0, told = 0;
		performance.now = () => now;
		window.setTimeout = (f, ms = 0) => timers.set({}, { f, at: now + ms }) && [...timers.keys()].at(-1);
		window.clearTimeout = (id) => timers.delete(id);
		const peer = new Peer({ offers: true, relay() {} });
		peer.addEventListener("failed", () => { told = now; });
		for (; !told && now < 60_000; now += 100) {
			if (now % 1900 === 0) peer.connection.dispatchEvent(new Event("signalingstatechange"));
			for (const [id, { f, at }] of timers) if (at <= now && timers.delete(id)) f();
			await turn();
		}
		peer.close();
		return told`, &told)
	if told < 10_000 || told > 15_000 {
		t.Errorf("it is told after %d ms", told)
	}
}

// TestWay checks that a peer's way is known soon after it is open: two tabs are
// in one network.
func TestWay(t *testing.T) {
	t.Parallel()
	g := startGateway(t)
	host, guest := openTab(t, g, "host", g.url()), openTab(t, g, "guest", g.url())
	host.enter("bellhop.host({ lobbyId: 'fox' })")
	guest.run("globalThis.lobby = await bellhop.join('fox'); globalThis.heard = next(lobby, 'way')", nil)
	var ways []string
	guest.run("const { peer, way } = await heard; return [way, peer.way]", &ways)
	if strings.Join(ways, " ") != "network network" {
		t.Errorf("the guest's way is %q", ways)
	}
	guest.run("const peer = lobby.members[0]; await lobby.leave(); return [String(peer.way)]", &ways)
	if ways[0] != "null" {
		t.Errorf("after it has left, it is %q", ways)
	}
}

// TestNetworkChanges checks that peers find a new path when a player's network
// changes, and keep their channels.
func TestNetworkChanges(t *testing.T) {
	t.Parallel()
	g := startGateway(t)
	host, guest := meet(t, g)
	guest.run(`
		globalThis.ways = () => connections.map((c) => /a=ice-ufrag:(\S+)/.exec(c.localDescription.sdp)[1]).join();
		globalThis.way = ways();
		dispatchEvent(new Event("online"));
		await until(() => ways() !== way && connections[0].signalingState === "stable");`, nil)
	talk(t, host, guest)
	var made int
	if guest.run("return connections.length", &made); made != 1 {
		t.Errorf("the guest has made %d connections", made)
	}
}
