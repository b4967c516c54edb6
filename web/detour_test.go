package web_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
)

// chances lets two ends of a Sequence play by chance, and returns what is wrong
// with the messages that they got, or "".
const chances = `
	for (let seed = 1; seed <= 200; seed++) {
		let state = seed;
		const random = () => { // mulberry32
			state = (state + 0x6d2b79f5) | 0;
			let x = Math.imul(state ^ (state >>> 15), 1 | state);
			x = (x + Math.imul(x ^ (x >>> 7), 61 | x)) ^ x;
			return ((x ^ (x >>> 14)) >>> 0) / 2 ** 32;
		};
		const chance = (p) => random() < p;
		const pick = (list) => Math.floor(random() * list.length);
		const end = () => ({ sequence: new Sequence(), got: [], stands: false, kept: new Set() });
		const ends = [end(), end()];
		let bag = []; // packets through Bellhop
		let pipes = [[], []]; // what is on the connection to each end
		let n = 0;
		const packet = (me, next) => ({ ...next, received: me.sequence.received });
		const hear = (me, other, { first, pieces, received, plain }) => {
			if (plain !== undefined) return me.got.push(plain);
			me.sequence.confirm(received);
			for (const text of me.sequence.take(first, pieces)) me.got.push(Number(text.slice(0, 6)));
		};
		const step = (act) => {
			const to = chance(0.5) ? 1 : 0;
			const [me, other, pipe] = [ends[1 - to], ends[to], pipes[to]];
			if (act < 0.3) {
				n++;
				if (me.stands) pipe.push({ plain: n });
				else me.kept.add(n), me.sequence.add(String(n).padStart(6, "0").repeat(chance(0.1) ? 2000 : 1));
			} else if (act < 0.5) me.stands ? pipe.push(packet(me, { first: 1, pieces: [] })) : bag.push([to, packet(me, me.sequence.next(3600))]);
			else if (act < 0.6) me.sequence.rewind();
			else if (act < 0.8 && bag.length) {
				const [there, p] = bag[pick(bag)];
				hear(ends[there], ends[1 - there], p);
			} else if (act < 0.9 && bag.length) bag.splice(pick(bag), 1);
			else if (act < 0.98 && pipe.length) hear(other, me, pipe.shift());
			else if (act < 0.99 && !me.stands) {
				me.stands = true;
				me.sequence.rewind();
				for (let next; (next = me.sequence.next(3600, Infinity)).pieces.length; ) pipe.push(packet(me, next));
			} else if (act > 0.998) { // the connection is over
				pipes = [[], []];
				for (const one of ends) (one.stands = false), one.sequence.rewind();
			}
		};
		for (let i = 0; i < 600; i++) step(random());
		ends.forEach((me) => me.sequence.rewind());
		for (let i = 0; i < 200; i++) ends.forEach((me, from) => {
			for (const p of pipes[1 - from].splice(0)) hear(ends[1 - from], me, p);
			hear(ends[1 - from], me, packet(me, me.sequence.next(3600)));
			if (i % 10 === 9) me.sequence.rewind();
		});
		for (const [me, other] of [ends, [ends[1], ends[0]]]) {
			const inOrder = me.got.every((x, i) => i === 0 || x > me.got[i - 1]);
			const missing = [...other.kept].filter((x) => !me.got.includes(x));
			if (!inOrder || missing.length || me.got.length < 20) return "with seed " + seed + " " + missing + " is missing in " + me.got;
		}
	}
	return "";`

// TestSequence plays with two ends of a Sequence by chance. Messages go in both
// directions, over a path that loses, repeats and reorders packets, and over a
// connection that stands for a while. All come once and in order, but those
// that were sent over a connection, and on it when it broke.
func TestSequence(t *testing.T) {
	t.Parallel()
	g := startGateway(t)
	var wrong string
	openTab(t, g, "tab", g.url()).run("const { Sequence } = await import('"+g.page()+"/sequence.js');"+chances, &wrong)
	if wrong != "" {
		t.Error(wrong)
	}
}

// noPath lets a page's connections find no path until it calls mend.
const noPath = `
	let policy = "relay";
	const all = [];
	window.RTCPeerConnection = class extends RTCPeerConnection {
		constructor(c) { super({ ...c, iceTransportPolicy: policy }); all.push(this); }
		setConfiguration(c) { super.setConfiguration({ ...c, iceTransportPolicy: policy }); }
	};
	window.mend = () => {
		policy = "all";
		for (const c of all) if (c.signalingState !== "closed") c.setConfiguration(c.getConfiguration());
	};
`

// watched has what lets a page enter a lobby and keep what its game is told.
// drop is how many packets get lost on their way to Bellhop.
const watched = `
	window.drop = 1;
	const { send } = WebSocket.prototype;
	WebSocket.prototype.send = function (text) {
		if (drop > 0 && JSON.parse(text).action === "send_message") return void drop--;
		send.call(this, text);
	};
	// got has what comes, by its sender, and events what happens to the peers.
	window.enter = async (entering) => {
		window.lobby = await entering;
		window.peer = () => lobby.members[0];
		[window.got, window.events, window.loose] = [{}, [], {}];
		lobby.addEventListener("request", ({ request }) => request.accept());
		lobby.addEventListener("message", ({ peerId, data, reliable }) => reliable ? (got[peerId] ??= []).push(data.n ?? data.length ?? data.byteLength) : (loose[peerId] = data));
		for (const name of ["open", "lost", "restored", "failed", "way"]) lobby.addEventListener(name, ({ way }) => events.push(way ?? name));
	};
	window.pump = async (from, to, pause) => {
		for (let n = from; n < to; n++) {
			await until(() => lobby.send({ n }));
			lobby.send("loose", { reliable: false });
			if (n % 5 === 0) await new Promise((resolve) => setTimeout(resolve, pause));
		}
	};`

// TestFallback checks that players without a path talk through Bellhop, and go
// on over a connection once one stands. Packets get lost and, as on AWS,
// overtake others; no message is lost, comes twice or out of order.
func TestFallback(t *testing.T) {
	t.Parallel()
	in := regexp.MustCompile("^(failed )?open server (lost restored server )?(direct )?network$")
	g := startGateway(t, "-turn", "off", "-reorder", "0.3", "-seed", "1")
	g.expected = "message of an unknown connection" // one that its disconnect has overtaken
	host, guest := openTab(t, g, "host", g.url()), openTab(t, g, "guest", newLine(t, g).url())
	tabs := []*tab{host, guest}
	for i, tab := range tabs {
		tab.run(noPath+watched, nil)
		tab.run("await enter(bellhop."+[]string{"host({ lobbyId: 'fox', ", "join('fox', { "}[i]+"fallback: 'server', retryEvery: 300 }))", nil)
	}
	for _, tab := range tabs {
		tab.run(`
			await until(() => peer()?.way === "server");
			if (peer().state !== "open" || lobby.reach.length !== 1) throw Error("it is not open");
			peer().send("x".repeat(40000));
			peer().send(new Uint8Array(5000));
			globalThis.pumped = pump(0, 200, 50);`, nil)
	}
	for _, tab := range tabs {
		tab.run("await until(() => got[peer().peerId]?.length > 10 && loose[peer().peerId] === 'loose'); drop = 2", nil)
	}
	for _, tab := range tabs {
		tab.run("await pumped; await until(() => got[peer().peerId].includes(199)); globalThis.pumped = pump(200, 400, 50)", nil)
	}
	guest.run("lose = 'send_message'; const back = next(lobby, 'restored'); await next(lobby, 'lost'); await back", nil)
	for _, tab := range tabs {
		tab.run("mend(); peer().restart(true)", nil)
	}
	for _, tab := range tabs {
		tab.run(`await until(() => peer().way === "network"); await pumped; peer().send({ n: "end" })`, nil)
	}
	for _, tab := range tabs {
		var wrong string
		tab.run(`
			const mine = () => got[peer().peerId];
			await until(() => mine().at(-1) === "end");
			return mine().join() === [40000, 5000, ...Array(400).keys(), "end"].join() ? "" : mine().join() + "\n" + events.join();`, &wrong)
		if wrong != "" {
			t.Errorf("%s: %s", tab.name, wrong)
		}
		var events []string
		if tab.run("return events", &events); !in.MatchString(strings.Join(events, " ")) {
			t.Errorf("%s: %q", tab.name, events)
		}
	}
}

// TestFallbackForAll checks that three players without a path play through
// Bellhop: while their host changes, after one's page was reloaded, and until
// one is removed, who reaches nobody then.
func TestFallbackForAll(t *testing.T) {
	t.Parallel()
	g := startGateway(t, "-turn", "off", "-messages", "100")
	tabs := []*tab{openTab(t, g, "host", g.url()), openTab(t, g, "guest", g.url()), openTab(t, g, "third", g.url())}
	for _, topology := range []string{"star", "mesh"} {
		t.Run(topology, func(t *testing.T) {
			all := func(script string) {
				t.Helper()
				for _, tab := range tabs {
					tab.run(script, nil)
				}
			}
			// exchange lets each send to all, and returns once all have heard all.
			exchange := func(from int) {
				t.Helper()
				all(fmt.Sprintf("await until(() => lobby.reach.length === 2); globalThis.pumped = pump(%d, %d, 20)", from, from+30))
				all(fmt.Sprintf(`
					await pumped;
					const others = [1, 2, 3].filter((id) => id !== lobby.me.peerId);
					const last = (id) => got[id]?.at(-1);
					await until(() => others.every((id) => last(id) === %[2]d));
					const want = Array.from({ length: 30 }, (_, i) => %[1]d + i).join();
					for (const id of others) if (got[id].slice(-30).join() !== want) throw Error(id + " sent " + got[id]);`, from, from+29))
			}
			const options = "fallback: 'server', retryEvery: 300"
			all(noPath + watched)
			for i, tab := range tabs {
				tab.run("await enter(bellhop."+[]string{"host({ lobbyId: 'fox', topology: '" + topology + "', ", "join('fox', { ", "join('fox', { "}[i]+options+" }))", nil)
			}
			exchange(0)
			all(`if (lobby.members.some(({ way }) => way !== "server") || lobby.send("x".repeat(5000)) !== 2) throw Error("not through Bellhop")`)
			all("await until(() => [1, 2, 3].every((id) => id === lobby.me.peerId || got[id].at(-1) === 5000))")

			tabs[0].run("await lobby.setHost(2)", nil)
			all("await until(() => lobby.hostPeerId === 2)")
			exchange(100)
			tabs[2].reload()
			tabs[2].start()
			tabs[2].run(noPath+watched+"; await enter(bellhop.restore({ "+options+" }))", nil)
			exchange(200)

			tabs[1].run(`
				globalThis.former = lobby.peer(3);
				const before = got[3].length;
				await lobby.remove(former);
				await until(() => former.state === "closed");
				if (former.send("x") || lobby.peer(3)) throw Error("it is reached");
				globalThis.after = () => got[3].length - before`, nil)
			tabs[2].run(`
				await until(() => !bellhop.lobby);
				if (lobby.send("x") !== 0) throw Error("it is reached");`, nil)
			tabs[1].run("if (after() !== 0) throw Error('it still talks'); await lobby.close()", nil)
			tabs[0].run("await until(() => !bellhop.lobby)", nil)
		})
	}
}

// TestPageThroughBellhop checks that the page lets players without a path play,
// and says so, and says when they are connected.
func TestPageThroughBellhop(t *testing.T) {
	t.Parallel()
	g := startGateway(t, "-turn", "off")
	host := openPage(t, g.page(), "Ada", noPath, "")
	guest := openPage(t, host.hosted("open"), "Grace", noPath, "")
	for _, tab := range []*tab{host, guest} {
		tab.run("await shows('way', 'Play and chat go through Bellhop.'); await shows('trouble', 'plays through Bellhop, slowly. This browser has no address')", nil)
	}
	guest.run("fill('say', 'Still there?'); await press('Send')", nil)
	host.run("await shows('log', 'Still there?'); mend()", nil)
	guest.run("mend(); await press('Try again')", nil)
	for _, tab := range []*tab{host, guest} {
		tab.run("await shows('way', 'Play and chat go directly: Bellhop is out of the way.'); await until(() => !seen($('trouble')))", nil)
	}
}

// TestNoFallback checks that a player fails as ever to reach another who does
// not want to talk through Bellhop, and gets no packet, or if Bellhop passes no
// messages on.
func TestNoFallback(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, host, messages string }{{"not wanted", "", "10"}, {"not available", "fallback: 'server', ", "0"}} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			g := startGateway(t, "-turn", "off", "-messages", test.messages)
			var sent []string // through Bellhop
			host, guest := openTab(t, g, "host", g.url()), openTab(t, g, "guest", g.url())
			for _, tab := range []*tab{host, guest} {
				tab.run(noPath+watched+"drop = 0", nil)
			}
			host.run("await enter(bellhop.host({ lobbyId: 'fox', "+test.host+"retryEvery: 100 })); lobby.addEventListener('chat', () => events.push('chat'))", nil)
			guest.run(`
				await enter(bellhop.join("fox", { fallback: "server", retryEvery: 100 }));
				const { error, peer } = await next(lobby, "failed");
				if (error.code !== "connection_failed" || peer.state !== "failed" || peer.way || peer.send("a")) throw Error("it is " + peer.state);
				const tries = () => said.filter((action) => action === "set_session_description").length;
				const before = tries();
				await until(() => tries() > before + 5);
				return said.filter((action) => action === "send_message")`, &sent)
			if want := map[bool]int{true: 0, false: 1}[test.host == ""]; len(sent) != want {
				t.Errorf("%d packets were sent, not %d", len(sent), want)
			}
			host.run("mend()", nil)
			guest.run("mend(); await until(() => peer().way === 'network')", nil)
			host.run("await until(() => peer().way === 'network'); if (events.includes('chat')) throw Error('it has heard ' + events)", nil)
		})
	}
}
