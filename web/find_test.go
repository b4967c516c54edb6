package web_test

import (
	"fmt"
	"testing"
)

// TestFind checks that list and quickJoin find lobbies and show the documented
// fields, and that a password keeps out players without it.
func TestFind(t *testing.T) {
	t.Parallel()
	for _, home := range homes {
		t.Run(home.name, func(t *testing.T) {
			t.Parallel()
			g := home.start(t)
			var got []any
			for i, mode := range []string{"duel", "race", "duel"} {
				openTab(t, g, mode, g.url()).enter(fmt.Sprintf(
					"bellhop.host({ lobbyId: 'fox-%d', public: true, autoAccept: true, metadata: { mode: %q }, maxPlayers: 4, player: { name: 'host' } })", i, mode))
			}
			noise := openTab(t, g, "noise", g.url())
			noise.run(`
				const others = Array.from({ length: 12 }, () => new Bellhop(url));
				await Promise.all(others.map((other) => other.host({ public: true, metadata: { mode: "noise" } })));
				globalThis.others = others;`, nil)
			noise.run(`const page = await bellhop.list({ filter: { "metadata.mode": "race" }, limit: 1 }); return page.lobbies.map((l) => l.lobbyId);`, &got)
			if fmt.Sprint(got) != "[fox-1]" {
				t.Errorf("behind newer lobbies it found %v", got)
			}
			openTab(t, g, "secret", g.url()).enter("bellhop.host({ lobbyId: 'secret', password: 'sesame', autoAccept: true })")

			guest := openTab(t, g, "guest", g.url())
			guest.run(`
				const page = await bellhop.list({ filter: { "metadata.mode": "duel", free_seats: { $gte: 3 } }, limit: 1 });
				const next = await bellhop.list({ filter: { "metadata.mode": "duel" }, limit: 1, cursor: page.cursor });
				const [lobby] = page.lobbies.concat(next.lobbies).sort((a, b) => (a.lobbyId < b.lobbyId ? -1 : 1));
				return [page.lobbies.length, next.lobbies.length, lobby.lobbyId, lobby.maxPlayers, lobby.hasPassword, lobby.metadata.mode];`, &got)
			if fmt.Sprint(got) != "[1 1 fox-0 4 false duel]" {
				t.Errorf("found %v", got)
			}

			guest.enter("bellhop.quickJoin({ filter: { 'metadata.mode': 'race' }, player: { name: 'Ann' } })")
			guest.run("return [lobby.id, lobby.host.player.name, lobby.me.player.name, lobby.isHost]", &got)
			if fmt.Sprint(got) != "[fox-1 host Ann false]" {
				t.Errorf("joined %v", got)
			}
			guest.run("await lobby.leave()", nil)
			guest.enter("bellhop.quickJoin({ filter: { 'metadata.mode': 'chess' }, orStart: { maxPlayers: 2, metadata: { mode: 'chess' } } })")
			guest.run("return [lobby.isHost, lobby.info.maxPlayers, lobby.info.metadata.mode]", &got)
			if fmt.Sprint(got) != "[true 2 chess]" {
				t.Errorf("opened %v", got)
			}
			guest.run("await lobby.leave()", nil)
			for script, want := range map[string]string{
				"bellhop.quickJoin({ filter: { 'metadata.mode': 'go' } })":              "no_match",
				"bellhop.list({ filter: { mood: 'good' } })":                            "invalid_field",
				"bellhop.join('secret')":                                                "wrong_password",
				"bellhop.join('secret', { password: 'sesame' }).then((l) => l.leave())": "",
			} {
				var code string
				if guest.run("try { await "+script+"; return '' } catch (error) { return error.code }", &code); code != want {
					t.Errorf("%s rejects with %q, want %q", script, code, want)
				}
			}
		})
	}
}

// TestPlayers checks that a host sees each player who asks to join, and that
// all members see whom they play with.
func TestPlayers(t *testing.T) {
	t.Parallel()
	g := startGateway(t)
	host, guest := openTab(t, g, "host", g.url()), openTab(t, g, "guest", g.url())
	host.enter("bellhop.host({ lobbyId: 'fox', player: { name: 'Ann' } })")
	host.run("late = 'done'", nil) // so the guest's offer comes first
	asked := host.background("return (await next(lobby, 'request')).request.player.name", new(string))
	joined := host.background("const { peer } = await next(lobby, 'join'); if (peer.player.name !== 'Bob') throw Error(JSON.stringify(peer.player))", nil)
	guest.enter("bellhop.join('fox', { player: { name: 'Bob' } })")
	asked()
	joined()
	var name string
	if guest.run("return lobby.host.player.name", &name); name != "Ann" {
		t.Errorf("the guest plays with %s", name)
	}
}

// TestMesh checks that five players who join together all talk to each other,
// and go on when the host leaves.
func TestMesh(t *testing.T) {
	t.Parallel()
	for _, home := range homes {
		t.Run(home.name, func(t *testing.T) {
			g := home.start(t)
			tabs := []*tab{openTab(t, g, "host", g.url())}
			tabs[0].enter("bellhop.host({ lobbyId: 'fox', topology: 'mesh', onHostLeave: 'migrate' })")
			var in []func()
			for i := range 4 {
				guest := openTab(t, g, fmt.Sprintf("guest %d", i), g.url())
				tabs = append(tabs, guest)
				in = append(in, guest.background("await play(bellhop.join('fox'))", nil))
			}
			for _, wait := range in {
				wait()
			}
			talk(t, tabs...)
			for _, tab := range tabs {
				var made, members int
				tab.run("return connections.length", &made)
				if tab.run("return lobby.members.length", &members); made != 4 || members != 4 {
					t.Errorf("%s has made %d connections to %d members", tab.name, made, members)
				}
			}
			var changed []func()
			for _, tab := range tabs[1:] {
				changed = append(changed, tab.background("await until(() => lobby.members.length === 3 && lobby.hostPeerId === 2)", nil))
			}
			tabs[0].run("await lobby.leave()", nil)
			for _, wait := range changed {
				wait()
			}
			talk(t, tabs[1:]...)
		})
	}
}
