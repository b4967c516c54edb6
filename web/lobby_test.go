package web_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// TestRequests checks what a host can do with players who ask to join, and
// which events these get.
func TestRequests(t *testing.T) {
	t.Parallel()
	g := startGateway(t)
	host, guest := openTab(t, g, "host", g.url()), openTab(t, g, "guest", g.url())
	host.run(`
		globalThis.lobby = await bellhop.host({ lobbyId: "fox", maxPlayers: 3 });
		globalThis.asked = next(lobby, "request");`, nil)
	var got []any
	join := func() (wait func()) {
		return guest.background(`
			try {
				globalThis.lobby = await bellhop.join("FOX");
				return [lobby.id, lobby.me.peerId, lobby.isHost, lobby.host.peerId, lobby.members.length, lobby.info.maxPlayers];
			} catch (error) {
				return [error instanceof BellhopError, error.code, error.message];
			}`, &got)
	}

	heard := join()
	host.run("const { request } = await asked; globalThis.asked = next(lobby, 'request'); await request.reject('Not you.')", nil)
	if heard(); fmt.Sprint(got) != "[true rejected_by_host Not you.]" {
		t.Errorf("rejected: %v", got)
	}

	heard = join()
	var members []int
	host.run(`
		const { request } = await asked;
		if (lobby.requests[0] !== request) throw Error("no request");
		const peer = await request.accept({ peerId: 7 });
		return [lobby.requests.length, lobby.members.length, peer.peerId];`, &members)
	if heard(); fmt.Sprint(got) != "[fox 7 false 1 1 3]" {
		t.Errorf("accepted: %v", got)
	}
	if !slices.Equal(members, []int{0, 1, 7}) {
		t.Errorf("the host has %v", members)
	}

	var changed string
	hears := guest.background("await next(lobby, 'update'); return `${lobby.info.maxPlayers} ${lobby.info.locked}`", &changed)
	host.run("await lobby.update({ maxPlayers: 2, locked: true })", nil)
	if hears(); changed != "2 true" {
		t.Errorf("the guest hears of %s", changed)
	}

	hears = guest.background("const { reason, message } = await next(lobby, 'close'); return reason + ': ' + message", &changed)
	host.run(`
		const left = next(lobby, "leave");
		await lobby.remove(lobby.peer(7), { reason: "Be nice." });
		const { reason } = await left;
		if (reason !== "removed" || lobby.members.length) throw Error(reason);`, nil)
	if hears(); changed != "removed: Be nice." {
		t.Errorf("the guest hears of %s", changed)
	}
}

// TestErrors checks that a failed action rejects with the protocol's code, and
// leaves the client unchanged.
func TestErrors(t *testing.T) {
	t.Parallel()
	g := startGateway(t)
	tab := openTab(t, g, "tab", g.url())
	for _, test := range []struct{ script, code string }{
		{"bellhop.join('nowhere')", "lobby_not_found"},
		{"bellhop.host({ lobbyId: 'a b' })", "invalid_field"},
		{"bellhop.request('dance')", "unknown_action"},
		{"bellhop.request('leave_lobby')", "not_in_lobby"},
		{"bellhop.resume('nothing')", "resume_failed"},
		{"bellhop.join('fox', { signal: AbortSignal.timeout(100) })", "TimeoutError"},
		{"(bellhop.host(), bellhop.host())", "already_in_lobby"},
		{"new Bellhop('ws://127.0.0.1:1').host()", "unreachable"},
		{"new Bellhop(url, { game: 'a b' }).host()", "invalid_field"},
		{"new Bellhop(url, { game: '' }).connect()", "invalid_field"},
		{"new Bellhop(url + '/?game=a%23b').list()", "invalid_field"},
		{"(bellhop.close(), bellhop.host())", "closed"},
	} {
		if strings.Contains(test.script, "'fox'") {
			openTab(t, g, "host", g.url()).run("await bellhop.host({ lobbyId: 'fox' })", nil) // and it never answers
		}
		var said []string
		tab.run("try { await "+test.script+"; return ['nothing', ''] } catch (error) { return [typeof error.code === 'string' ? error.code : error.name, error.message] }", &said)
		if said[0] != test.code || said[1] == "" {
			t.Errorf("%s rejects with %q, want %s", test.script, said, test.code)
		}
	}
}

// TestClose checks that a closed Bellhop has left its lobby and keeps nothing
// running.
func TestClose(t *testing.T) {
	t.Parallel()
	g := startGateway(t)
	for _, when := range []string{"playing", "reconnecting", "waiting"} {
		t.Run(when, func(t *testing.T) {
			way := newLine(t, g)
			host, guest := openTab(t, g, "host", g.url()), openTab(t, g, "guest", way.url())
			host.run("globalThis.lobby = await bellhop.host({ lobbyId: 'fox', autoAccept: true })", nil)
			guest.run(`
				globalThis.timers = new Set();
				const [set, clear] = [setTimeout, clearTimeout];
				window.setTimeout = (f, ms) => {
					const id = set(() => { timers.delete(id); f(); }, ms);
					timers.add(id);
					return id;
				};
				window.clearTimeout = (id) => { timers.delete(id); clear(id); };
				globalThis.turn = () => new Promise((resolve) => set(resolve, 0)); // what was settled has been dealt with then
				globalThis.until = async (what) => { while (!what()) await new Promise((resolve) => set(resolve, 5)); };
				await play(bellhop.join("fox"));
				await until(() => lobby.host.state === "open");
				globalThis.ended = next(lobby, "close");`, nil)
			left := host.background("return (await next(lobby, 'leave')).reason", new(string))
			switch when {
			case "reconnecting":
				way.down(true)
				guest.run("await until(() => !bellhop.connected)", nil)
			case "waiting":
				guest.run("bellhop.request('dance').catch(() => {})", nil)
			}
			var ended string
			guest.run(`
				bellhop.close();
				bellhop.close();
				const { reason } = await ended;
				await turn();
				if (timers.size > 0) throw Error(timers.size + " timers run on");
				await until(() => sockets.every((socket) => socket.readyState === WebSocket.CLOSED));
				await until(() => connections.every((connection) => connection.connectionState === "closed"));
				return reason`, &ended)
			if ended != "left" {
				t.Errorf("its lobby ended by %q", ended)
			}
			if when != "reconnecting" { // then the host gets it when the grace is over
				left()
			}
			host.run("bellhop.close()", nil)
		})
	}
}

// TestMigrates checks that a lobby goes on with another host when its host
// leaves, and that the members find the new host.
func TestMigrates(t *testing.T) {
	t.Parallel()
	for _, home := range homes {
		t.Run(home.name, func(t *testing.T) {
			g := home.start(t)
			host, second, third := openTab(t, g, "host", g.url()), openTab(t, g, "second", g.url()), openTab(t, g, "third", g.url())
			host.enter("bellhop.host({ lobbyId: 'fox', onHostLeave: 'migrate' })")
			second.enter("bellhop.join('fox', { player: { name: 'Ann' } })")
			third.enter("bellhop.join('fox', { player: { name: 'Bob' } })")
			talk(t, host, second)
			talk(t, host, third)
			for _, tab := range []*tab{second, third} {
				tab.run("globalThis.changed = next(lobby, 'host')", nil)
			}
			host.run("await lobby.leave()", nil)
			var roles string
			second.run("const { peer } = await changed; return `${peer} ${lobby.isHost}`", &roles)
			if roles != "null true" {
				t.Errorf("the second is %s", roles)
			}
			third.run("const { peer } = await changed; return `${peer.peerId} ${lobby.isHost}`", &roles)
			if roles != "2 false" {
				t.Errorf("the third has %s", roles)
			}
			talk(t, second, third)
			var known string
			if second.run("return lobby.members.map((peer) => peer.peerId).join()", &known); known != "3" {
				t.Errorf("the new host has %s", known)
			}
			fourth := openTab(t, g, "fourth", g.url())
			fourth.enter("bellhop.join('fox')")
			talk(t, second, fourth)
		})
	}
}

// TestWire checks that event wire shows each message to and from Bellhop, in
// order and as sent, whether it has an answer or not.
func TestWire(t *testing.T) {
	t.Parallel()
	g := startGateway(t)
	tab := openTab(t, g, "tab", g.url())
	var got []string
	tab.run(`
		const wire = [];
		bellhop.addEventListener("wire", ({ sent, message }) =>
			wire.push([sent ? message.action : message.event, message.request_id ?? "none", message.content?.code ?? message.content?.t].join(" ")));
		await bellhop.request("ping", { t: 1 });
		await bellhop.request("dance").catch(() => {});
		bellhop.send("ping", { t: 2 });
		await until(() => wire.length === 6);
		return wire`, &got)
	want := []string{"ping 1 1", "pong 1 1", "dance 2 ", "error 2 unknown_action", "ping none 2", "pong none 2"}
	if !slices.Equal(got, want) {
		t.Errorf("the wire shows %q, want %q", got, want)
	}
}
