package web_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// TestLeaveOffline checks that a player who leaves while offline has left once
// the line is back, and can enter any lobby then.
func TestLeaveOffline(t *testing.T) {
	t.Parallel()
	g := startGateway(t)
	for _, who := range []string{"host", "guest"} {
		t.Run(who, func(t *testing.T) {
			way := newLine(t, g)
			tabs := map[string]*tab{}
			for _, name := range []string{"host", "guest"} {
				url := g.url()
				if name == who {
					url = way.url()
				}
				tabs[name] = openTab(t, g, name, url)
			}
			id := "fox-" + who
			how := map[string]string{"host": fmt.Sprintf("bellhop.host({ lobbyId: %q, onHostLeave: 'migrate' })", id), "guest": fmt.Sprintf("bellhop.join(%q)", id)}
			tabs["host"].enter(how["host"])
			tabs["guest"].enter(how["guest"])
			talk(t, tabs["host"], tabs["guest"])
			leaver, other := tabs[who], tabs[map[string]string{"host": "guest", "guest": "host"}[who]]
			var reason string
			left := other.background("return (await next(lobby, 'leave')).reason", &reason)
			way.down(true)
			leaver.run(`
				await until(() => !bellhop.connected);
				globalThis.leaving = lobby.leave().catch((error) => { if (error.code !== "unreachable") throw error; });
				if (bellhop.lobby || bellhop.resumeToken) throw Error("the place is kept");`, nil)
			way.down(false)
			// Immediately, before Bellhop can know of it.
			entered := leaver.background("globalThis.lobby = await bellhop.join('"+id+"'); return bellhop.resumeToken", new(string))
			if left(); reason != "left" {
				t.Errorf("the other hears that they have %s", reason)
			}
			entered()
			other.run("await until(() => lobby.members.length === 1 && !lobby.members[0].away)", nil)
		})
	}
}

// TestLateAnswer checks that a lobby whose answer comes after the caller gave
// up is no ghost: the client leaves it when the answer comes, and its id is
// free.
func TestLateAnswer(t *testing.T) {
	t.Parallel()
	g := startGateway(t)
	r := newRelay(t, g)
	host, other := openTab(t, g, "host", r.url()), openTab(t, g, "other", g.url())
	release := make(chan struct{})
	r.does(nil, func(string) bool { <-release; return true })
	var code string
	host.run("return bellhop.host({ lobbyId: 'fox', public: true }).then(() => 'done', ({ code }) => code)", &code)
	if code != "timeout" {
		t.Errorf("the host hears of %s", code)
	}
	close(release)
	host.run("await play(bellhop.host({ lobbyId: 'fox' }))", nil)
	other.run("await play(bellhop.join('fox'))", nil)
	talk(t, host, other)
	var id string
	host.run("await lobby.leave(); return String(bellhop.resumeToken)", &id)
	other.run("if ((await bellhop.list()).lobbies.length) throw Error('there is a ghost')", nil)
}

// TestLateAnswerWhileLeaving checks that a player who gives up a join leaves no
// ghost, even if the join takes effect after the leave that should undo it: two
// processes can handle them in either order.
func TestLateAnswerWhileLeaving(t *testing.T) {
	t.Parallel()
	g := startGateway(t)
	host, guest := openTab(t, g, "host", g.url()), openTab(t, g, "guest", g.url())
	host.enter("bellhop.host({ lobbyId: 'fox', autoAccept: true })")
	host.run("globalThis.left = next(lobby, 'leave')", nil)
	guest.run(`
		let held, wasHeld;
		const holds = new Promise((resolve) => (wasHeld = resolve));
		globalThis.WebSocket = class extends WebSocket {
			set onmessage(f) {
				this.deal = f;
				super.onmessage = (event) => {
					if (JSON.parse(event.data).event !== "request_accepted") return f(event);
					held = event;
					wasHeld();
				};
			}
			send(text) {
				const { action, request_id } = JSON.parse(text);
				if (action !== "leave_lobby" || !held) return super.send(text);
				const error = { event: "error", request_id, content: { code: "not_in_lobby", action, message: "late" } };
				this.deal(held);
				held = null;
				this.deal({ data: JSON.stringify(error) });
			}
		};
		const controller = new AbortController();
		const joined = bellhop.join("fox", { signal: controller.signal }).catch(({ name }) => name);
		await holds;
		controller.abort();
		if ((await joined) !== "AbortError") throw Error(await joined);`, nil)
	host.run("await left", nil)
	guest.run("if (bellhop.lobby || bellhop.resumeToken) throw Error('the guest keeps the place')", nil)
}

// TestSlowClock checks that a guest whose clock is ten minutes slow finds out
// as soon as others that its host is gone, even if no event says so.
func TestSlowClock(t *testing.T) {
	t.Parallel()
	g := startFunction(t, "RESUME_GRACE=2")
	way := newLine(t, g)
	host, guest := openTab(t, g, "host", way.url()), openTab(t, g, "guest", g.url())
	guest.run("const now = Date.now; Date.now = () => now() - 600_000", nil)
	host.enter("bellhop.host({ lobbyId: 'fox', autoAccept: true })")
	guest.enter("bellhop.join('fox')")
	talk(t, host, guest)
	guest.run("globalThis.ended = next(lobby, 'close')", nil)
	way.down(true)
	var reason string
	if guest.run("return (await ended).reason", &reason); reason != "timed_out" {
		t.Errorf("the guest's lobby ends by %q", reason)
	}
}

// TestGoneAlone checks that a lobby that Bellhop has forgotten closes when no
// peer can be reached any more, though none has left.
func TestGoneAlone(t *testing.T) {
	t.Parallel()
	turn := startTURN(t)
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte(turnSecret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	g := startGateway(t, "-ice-servers", turn.url, "-turn-secret-file", secret)
	host, guest := openTab(t, g, "host", g.url()), openTab(t, g, "guest", g.url())
	const relayed = "rtc: { iceTransportPolicy: 'relay' }"
	host.enter("bellhop.host({ lobbyId: 'fox', " + relayed + " })")
	guest.enter("bellhop.join('fox', { " + relayed + " })")
	talk(t, host, guest)
	for _, tab := range []*tab{host, guest} {
		tab.run("globalThis.gone = next(lobby, 'signalling', ({ state }) => state === 'gone'); globalThis.ended = next(lobby, 'close')", nil)
	}
	g.stop()
	g.start()
	for _, tab := range []*tab{host, guest} {
		tab.run("await gone", nil)
	}
	talk(t, host, guest)
	turn.stop()
	for _, tab := range []*tab{host, guest} {
		var reason string
		if tab.run("return (await ended).reason", &reason); reason != "resume_failed" {
			t.Errorf("%s: it ends by %q", tab.name, reason)
		}
	}
}

// TestLeftMeanwhile checks that a lobby that Bellhop has forgotten closes at
// once if all its peers have closed their connections before.
func TestLeftMeanwhile(t *testing.T) {
	t.Parallel()
	for _, b := range browsers {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			g := startGateway(t)
			way := newLine(t, g)
			host, guest := b.open(t, "host").open(g, way.url()), b.open(t, "guest").open(g, g.url())
			host.enter("bellhop.host({ lobbyId: 'fox' })")
			guest.enter("bellhop.join('fox')")
			talk(t, host, guest)
			host.run(`
				globalThis.lost = next(lobby, "lost");
				let closed = false;
				lobby.addEventListener("close", () => (closed = true));
				globalThis.closes = next(lobby, "signalling", ({ state }) => state === "gone").then(() => new Promise(setTimeout)).then(() => closed);`, nil)
			way.down(true)
			guest.run("await lobby.leave()", nil)
			host.run("await lost", nil)
			g.stop()
			g.start()
			way.down(false)
			host.run("if (!await closes) throw Error('the lobby stays open')", nil)
		})
	}
}
