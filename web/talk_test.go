package web_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
)

var homes = []struct {
	name  string
	start func(*testing.T) *gateway
}{
	{"in the gateway", func(t *testing.T) *gateway { return startGateway(t) }},
	{"in the function", func(t *testing.T) *gateway { return startFunction(t) }},
}

// enter enters a lobby in a tab, and returns once it is in.
func (tab *tab) enter(how string) {
	tab.t.Helper()
	tab.run("await play("+how+")", nil)
}

// meet returns a host and a guest that talk with each other in the lobby fox.
func meet(t *testing.T, g *gateway) (host, guest *tab) {
	t.Helper()
	host, guest = openTab(t, g, "host", g.url()), openTab(t, g, "guest", g.url())
	host.enter("bellhop.host({ lobbyId: 'fox' })")
	guest.enter("bellhop.join('fox')")
	talk(t, host, guest)
	return host, guest
}

var words atomic.Int64

// talk lets every two of the tabs exchange messages, once they are connected.
func talk(t *testing.T, tabs ...*tab) {
	t.Helper()
	ids := make([]int, len(tabs))
	for i, tab := range tabs {
		tab.run("return lobby.me.peerId", &ids[i])
	}
	for i, tab := range tabs { // others may be open already, so it goes by their numbers
		others, _ := json.Marshal(slices.Concat(ids[:i], ids[i+1:]))
		tab.run(fmt.Sprintf("await until(() => %s.every((id) => lobby.peer(id)?.state === 'open'))", others), nil)
	}
	for i, from := range tabs {
		word := fmt.Sprintf("word %d", words.Add(1))
		var reached int
		from.run(fmt.Sprintf("return lobby.send(%q)", word), &reached)
		if reached < len(tabs)-1 {
			t.Errorf("%s reaches %d", from.name, reached)
		}
		for _, to := range slices.Concat(tabs[:i], tabs[i+1:]) {
			to.run(fmt.Sprintf("await until(() => heard.includes(%q))", fmt.Sprintf("%d: %s", ids[i], word)), nil)
		}
	}
}

// TestStar checks that two players who know only a URL and a lobby id connect,
// whichever of them offers and wherever Bellhop runs.
func TestStar(t *testing.T) {
	t.Parallel()
	for _, home := range homes {
		t.Run(home.name, func(t *testing.T) {
			g := home.start(t)
			for _, test := range []struct{ name, host, guest, made string }{
				{"joiner offers", "joiner", "joiner", "offer"},
				{"host offers", "host", "host", "answer"},
				{"both offer", "host", "joiner", "answer"}, // the host's offer wins: its number is lower
				{"nobody offers", "joiner", "host", ""},    // until somebody gives up
			} {
				t.Run(test.name, func(t *testing.T) {
					host, guest := openTab(t, g, "host", g.url()), openTab(t, g, "guest", g.url())
					host.enter(fmt.Sprintf("bellhop.host({ lobbyId: 'Blue-Fox', offerer: %q })", test.host))
					guest.enter(fmt.Sprintf("bellhop.join('blue-fox', { offerer: %q })", test.guest))
					talk(t, host, guest)
					var made string
					guest.run("return connections[0].localDescription.type", &made)
					if test.made != "" && made != test.made {
						t.Errorf("the guest made an %s, want an %s", made, test.made)
					}
					host.run("await lobby.close()", nil)
				})
			}
		})
	}
}

// TestData checks that text and bytes arrive as such, over both kinds of
// channels.
func TestData(t *testing.T) {
	t.Parallel()
	g := startGateway(t)
	host, guest := openTab(t, g, "host", g.url()), openTab(t, g, "guest", g.url())
	host.enter("bellhop.host({ lobbyId: 'fox', autoAccept: true })")
	guest.enter("bellhop.join('fox')")
	talk(t, host, guest)
	host.run(`
		globalThis.got = [];
		lobby.addEventListener("message", ({ data, reliable }) => got.push(
			[typeof data === "string" ? data : [...new Uint8Array(data)].join(), reliable].join(" ")));`, nil)
	guest.run(`
		await until(() => lobby.host.send("quick", { reliable: false }));
		lobby.send("slow");
		lobby.send(new Uint8Array([1, 2, 3]));
		lobby.host.send(new Uint8Array([4, 5]).buffer, { reliable: false });`, nil)
	var got []string
	host.run("await until(() => got.length >= 4); return got", &got)
	slices.Sort(got)
	if want := []string{"1,2,3 true", "4,5 false", "quick false", "slow true"}; !slices.Equal(got, want) {
		t.Errorf("the host hears %q, want %q", got, want)
	}
}

// TestAnyOrder checks that players connect in whatever order their messages
// arrive, with the most messages possible: two that both offer, and five that
// join a mesh together.
func TestAnyOrder(t *testing.T) {
	t.Parallel()
	g := startGateway(t)
	t.Run("star", func(t *testing.T) {
		host := openTab(t, g, "host", g.url())
		host.enter("bellhop.host({ lobbyId: 'fox', batch: 0, offerer: 'host' })")
		host.run("disorder = 200", nil)
		for i := range 10 {
			guest := openTab(t, g, fmt.Sprintf("guest %d", i), g.url())
			guest.run("disorder = 200", nil)
			guest.enter("bellhop.join('fox', { batch: 0 })")
			talk(t, host, guest)
			left := host.background("if (lobby.members.length) await next(lobby, 'leave')", nil)
			guest.run("await lobby.leave()", nil)
			left()
		}
	})
	t.Run("mesh", func(t *testing.T) {
		tabs, in := []*tab{openTab(t, g, "host", g.url())}, []func(){}
		tabs[0].enter("bellhop.host({ lobbyId: 'hen', topology: 'mesh', batch: 0 })")
		for i := range 4 {
			tabs = append(tabs, openTab(t, g, fmt.Sprintf("guest %d", i), g.url()))
		}
		for i, tab := range tabs {
			if tab.run("disorder = 200", nil); i > 0 {
				in = append(in, tab.background("await play(bellhop.join('hen', { batch: 0 }))", nil))
			}
		}
		for _, wait := range in {
			wait()
		}
		talk(t, tabs...)
	})
}

// TestOvertaken checks that a message that overtakes the news of an admission
// is kept, and need not be sent again.
func TestOvertaken(t *testing.T) {
	t.Parallel()
	g := startGateway(t)
	host, guest := openTab(t, g, "host", g.url()), openTab(t, g, "guest", g.url())
	host.enter("bellhop.host({ lobbyId: 'fox', offerer: 'host' })")
	guest.run("late = 'request_accepted'", nil)
	guest.enter("bellhop.join('fox', { offerer: 'host' })")
	talk(t, host, guest)
	for _, tab := range []*tab{host, guest} {
		var said []string
		tab.run("return said.filter((action) => action === 'set_session_description')", &said)
		if len(said) != 1 {
			t.Errorf("%s sent %d descriptions", tab.name, len(said))
		}
	}
}

// TestPeers checks that a Peer works without Bellhop, and applies descriptions
// in the order in which they were made. An offer that overtakes an earlier
// answer is not mistaken for a simultaneous offer. A lost answer is requested
// again, although the two are connected.
func TestPeers(t *testing.T) {
	t.Parallel()
	var made []string
	openTab(t, startGateway(t), "tab", "ws://127.0.0.1:1").run(`
		const made = [];
		let late = null;
		const relay = (name, to) => (action, content) => {
			const what = action === "send_ice_candidate" ? "candidates" : "description";
			if (what === "description") made.push(name + " " + content.session_type);
			if (late && name === "polite" && what === "description" && content.session_type === "answer") late = [what, content];
			else to().receive(what, content);
		};
		const one = new Peer({ polite: false, offers: true, relay: relay("impolite", () => two) });
		const two = new Peer({ polite: true, offers: false, relay: relay("polite", () => one) });
		await Promise.all([next(one, "open"), next(two, "open")]);
		const heard = next(two, "message");
		one.send("hello");
		if ((await heard).data !== "hello") throw Error("not heard");
		for (const most of ["ä".repeat(131_072), new Uint8Array(262_144)]) {
			const last = next(two, "message");
			if (!one.send(most)) throw Error("not sent");
			if (((await last).data.length ?? 262_144) !== (most.length ?? 0)) throw Error("not whole");
		}
		for (const large of ["x".repeat(300_000), "ä".repeat(131_073), new Uint8Array(262_145), new Blob(["x".repeat(262_145)])]) {
			let said = {};
			try { one.send(large) } catch (error) { said = error }
			if (said.code !== "message_too_large" || !said.message.includes("262144")) throw Error("said of what is too large: " + said.message);
		}

		late = true;
		one.restart(true);
		await until(() => late !== true);
		two.restart(true); // which offers, since it has answered
		await until(() => made.length === 5);
		one.receive(...late);
		const agreed = (times) => until(() =>
			made.length === times && [one, two].every(({ connection }) => connection.signalingState === "stable"));
		await agreed(6);

		late = true; // for good
		one.restart(true);
		await until(() => late !== true);
		late = null;
		await agreed(10);
		one.close();
		two.close();
		return made`, &made)
	want := []string{"impolite offer", "polite answer", "impolite offer", "polite answer", "polite offer", "impolite answer",
		"impolite offer", "polite answer", "impolite offer", "polite answer"}
	if !slices.Equal(made, want) {
		t.Errorf("they made %q, want %q", made, want)
	}
}

// TestFormerSession checks that a late description of a peer's former
// connection does not reset the order of those of its new one.
func TestFormerSession(t *testing.T) {
	t.Parallel()
	g := startGateway(t)
	var got string
	openTab(t, g, "tab", g.url()).run(fmt.Sprintf(`
		const { InOrder } = await import("%s/order.js");
		const got = [];
		const order = new InOrder(({ sdp, seq }) => got.push(sdp.split(" ")[1] + seq));
		for (const [session, seq] of [["a", 1], ["b", 1], ["a", 2], ["b", 2]]) {
			order.receive({ seq, sdp: "o=- " + session + " 2 IN IP4 127.0.0.1" }, false);
		}
		order.stop();
		return got.join(" ");`, g.page()), &got)
	if got != "a1 b1 b2" {
		t.Errorf("received in this order: %s", got)
	}
}
