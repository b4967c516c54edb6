package web_test

import (
	"fmt"
	"strings"
	"testing"
)

// showPlayers is a script that defines show, which returns lobby.players as one
// text, and keeps the names of the lobby's events about players in news.
const showPlayers = `
	globalThis.show = () => [lobby.info.players + ":", ...[...lobby.players].map(([id, { peerId, player, isHost, isMe, away, resumeUntil, peer }]) =>
		[id === peerId ? id : "wrong", player.name, player.ready && "ready", isHost && "host", isMe && "me", away && "away", away !== resumeUntil > Date.now() && "wrong", peer && "linked"]
			.filter(Boolean).join(" "))].join(", ");
	globalThis.news = [];
	for (const type of ["playerjoin", "playerleave", "join", "leave"]) {
		lobby.addEventListener(type, ({ peerId, peer, reason }) => news.push([type, peerId ?? peer.peerId, reason].filter(Boolean).join(" ")));
	}
`

// enterAs enters a lobby in a tab as a player with the tab's name.
func (tab *tab) enterAs(how string) {
	tab.t.Helper()
	tab.enter(strings.ReplaceAll(how, "NAME", fmt.Sprintf("player: { name: %q }", tab.name)))
	tab.run(showPlayers, nil)
}

// sees waits until the tab shows these players.
func (tab *tab) sees(want string) {
	tab.t.Helper()
	var last string
	tab.run(fmt.Sprintf("for (let i = 0; show() !== %q && i < 6000; i++) await new Promise((r) => setTimeout(r, 5)); return show()", want), &last)
	if last != want {
		tab.t.Errorf("%s sees %q, want %q", tab.name, last, want)
	}
}

// TestEverybodySeesAll checks that every member of a star and of a mesh sees
// all others while they come, change, drop, return, hand over and leave.
func TestEverybodySeesAll(t *testing.T) {
	t.Parallel()
	g := startGateway(t)
	for _, topology := range []string{"star", "mesh"} {
		t.Run(topology, func(t *testing.T) {
			t.Parallel()
			way := newLine(t, g)
			a, b, c := openTab(t, g, "Ann", g.url()), openTab(t, g, "Bob", way.url()), openTab(t, g, "Cat", g.url())
			a.enterAs("bellhop.host({ lobbyId: '" + topology + "', topology: '" + topology + "', NAME })")
			b.enterAs("bellhop.join('" + topology + "', { NAME })")
			c.enterAs("bellhop.join('" + topology + "', { NAME })")
			linked := map[bool]string{true: " linked"}[topology == "mesh"]
			a.sees("3:, 1 Ann host me, 2 Bob linked, 3 Cat linked")
			b.sees("3:, 1 Ann host linked, 2 Bob me, 3 Cat" + linked)
			c.sees("3:, 1 Ann host linked, 2 Bob" + linked + ", 3 Cat me")
			way.down(true)
			a.sees("3:, 1 Ann host me, 2 Bob away linked, 3 Cat linked")
			c.sees("3:, 1 Ann host linked, 2 Bob away" + linked + ", 3 Cat me")
			b.run("globalThis.updated = lobby.updatePlayer({ name: 'Bob', ready: true })", nil)
			b.sees("3:, 1 Ann host linked, 2 Bob ready me, 3 Cat" + linked)
			way.down(false)
			b.run("await updated", nil)
			a.sees("3:, 1 Ann host me, 2 Bob ready linked, 3 Cat linked")
			c.sees("3:, 1 Ann host linked, 2 Bob ready" + linked + ", 3 Cat me")
			a.run("await lobby.setHost(3)", nil)
			a.sees("3:, 1 Ann me, 2 Bob ready" + linked + ", 3 Cat host linked")
			b.sees("3:, 1 Ann" + linked + ", 2 Bob ready me, 3 Cat host linked")
			c.sees("3:, 1 Ann linked, 2 Bob ready linked, 3 Cat host me")
			b.run("await lobby.leave()", nil)
			a.sees("2:, 1 Ann me, 3 Cat host linked")
			c.sees("2:, 1 Ann linked, 3 Cat host me")
			var news string
			a.run("return news.join()", &news)
			want := "join 2,playerjoin 2,join 3,playerjoin 3,playerleave 2 left"
			if topology == "mesh" {
				want = "join 2,playerjoin 2,join 3,playerjoin 3,leave 2 left,playerleave 2 left"
			}
			if news != want {
				t.Errorf("Ann hears %s, want %s", news, want)
			}
		})
	}
}

// TestPlayersInAnyOrder checks that events about players that overtake each
// other leave the truth.
func TestPlayersInAnyOrder(t *testing.T) {
	t.Parallel()
	g := startGateway(t)
	tab := openTab(t, g, "Ann", g.url())
	for _, test := range []struct{ name, events, want string }{
		{"joined after updated", "player_updated { player: { name: 'new' } }; player_joined { player: { name: 'old' } }", "2 new"},
		{"linked after updated", "player_updated { player: { name: 'new' } }; peer_joined { connection_id: 'b', player: { name: 'old' } }", "2 new linked"},
		{"linked and updated", "peer_joined { connection_id: 'b', player: { name: 'old' } }; player_updated { player: { name: 'new' } }", "2 new linked"},
		{"joined after left", "player_left { reason: 'left' }; player_joined { player: { name: 'old' } }", ""},
		{"updated after left", "player_joined { player: {} }; player_left { reason: 'left' }; player_updated { player: { name: 'new' } }", ""},
		{"away before joined", "player_away {}; player_joined { player: { name: 'old' } }", "2 old away"},
		{"back before away", "player_joined { player: { name: 'old' } }; player_back {}; player_away {}", "2 old"},
		{"an old host", "host_changed { host_connection_id: 'b', term: 3 }; host_changed { peer_id: 1, host_connection_id: 'a', term: 2 }", "2 host linked"},
		{"host again", "peer_joined { connection_id: 'b', player: {} }; host_changed { host_connection_id: 'b', term: 2 }; host_changed { peer_id: 1, host_connection_id: 'a', term: 3 }", "2 linked"},
		{"linked no longer", "peer_joined { connection_id: 'b', player: { name: 'old' } }; host_changed { peer_id: 3, host_connection_id: 'c', term: 2 }; player_away {}", "2 old away, 3 host linked"},
		{"linked no longer, and gone", "peer_joined { connection_id: 'b', player: {} }; host_changed { peer_id: 3, host_connection_id: 'c', term: 2 }; peer_left { connection_id: 'b', reason: 'left' }", "3 host linked"},
	} {
		script := ""
		for event := range strings.SplitSeq(test.events, "; ") {
			name, content, _ := strings.Cut(event, " ")
			script += fmt.Sprintf("lobby.receive(%q, { peer_id: 2, ...%s }); await null;\n", name, content)
		}
		var is string
		tab.run("globalThis.lobby = await bellhop.host();"+showPlayers+script+`
			const is = show().split(", ").filter((text) => /^[23]/.test(text) && !text.endsWith(":")).join(", ");
			await lobby.leave();
			return is`, &is)
		if is != test.want {
			t.Errorf("%s: Ann sees %q, want %q", test.name, is, test.want)
		}
	}
}

// TestNoRoster checks what a client knows in a star without a roster.
func TestNoRoster(t *testing.T) {
	t.Parallel()
	g := startGateway(t)
	a, b, c := openTab(t, g, "Ann", g.url()), openTab(t, g, "Bob", g.url()), openTab(t, g, "Cat", g.url())
	a.enterAs("bellhop.host({ lobbyId: 'fox', roster: false, NAME })")
	b.enterAs("bellhop.join('fox', { NAME })")
	c.enterAs("bellhop.join('fox', { NAME })")
	a.sees("3:, 1 Ann host me, 2 Bob linked, 3 Cat linked")
	b.sees("2:, 1 Ann host linked, 2 Bob me")
	a.run("await lobby.update({ locked: true }); await lobby.setHost(lobby.peer(2))", nil)
	a.sees("3:, 1 Ann me, 2 Bob host linked")
	b.sees("3:, 1 Ann linked, 2 Bob host me, 3 Cat linked")
	c.sees("3:, 2 Bob host linked, 3 Cat me")
	var news string
	if c.run("return news.join()", &news); news != "join 2,playerleave 1 unlinked,playerjoin 2" && news != "join 2,playerjoin 2" {
		t.Errorf("Cat hears %s", news)
	}
}

// TestUpdatePlayer checks that one update is on its way at a time, that the
// latest wins, and that a lost or refused one leaves the truth.
func TestUpdatePlayer(t *testing.T) {
	t.Parallel()
	g := startGateway(t)
	way := newLine(t, g)
	a, b := openTab(t, g, "Ann", g.url()), openTab(t, g, "Bob", way.url())
	a.enterAs("bellhop.host({ lobbyId: 'fox', NAME })")
	b.enterAs("bellhop.join('fox', { NAME })")
	var sent int
	b.run(`
		said.length = 0;
		const all = ["one", "two", "three", "Ben"].map((name) => lobby.updatePlayer({ name }));
		if (lobby.me.player.name !== "Ben" || lobby.players.get(2).player.name !== "Ben") throw Error("it is not shown at once");
		await Promise.all(all);
		return said.filter((action) => action === "update_player").length`, &sent)
	if a.sees("2:, 1 Ann host me, 2 Ben linked"); sent != 2 {
		t.Errorf("%d updates were sent for four", sent)
	}
	b.run("lose = 'update_player'; await lobby.updatePlayer({ name: 'Bea' })", nil)
	a.sees("2:, 1 Ann host me, 2 Bea linked")
	var code string
	b.run("return lobby.updatePlayer({ name: 'x'.repeat(300) }).catch(({ code }) => code)", &code)
	if b.sees("2:, 1 Ann host linked, 2 Bea me"); code != "message_too_large" {
		t.Errorf("too long a name is %q", code)
	}
}

// TestSetHost checks that a game goes on while its host hands it over and back:
// no message is lost, nobody is said to leave, and players who wait are the new
// host's.
func TestSetHost(t *testing.T) {
	t.Parallel()
	for _, home := range homes {
		t.Run(home.name, func(t *testing.T) {
			g := home.start(t)
			tabs := make([]*tab, 3)
			for i, name := range []string{"Ann", "Bob", "Cat"} {
				tabs[i] = openTab(t, g, name, g.url())
				tabs[i].enterAs(map[bool]string{true: "bellhop.host({ lobbyId: 'fox', NAME })", false: "bellhop.join('fox', { NAME })"}[i == 0])
			}
			talk(t, tabs[0], tabs[1])
			talk(t, tabs[0], tabs[2])
			a, b, c, d := tabs[0], tabs[1], tabs[2], openTab(t, g, "Dan", g.url())
			a.run("globalThis.hold = true", nil)
			joined := d.background("await play(bellhop.join('fox'))", nil)
			a.run("await until(() => lobby.requests.length); globalThis.cancelled = next(lobby, 'cancel')", nil)
			c.run("for (let i = 0; i < 100; i++) lobby.host.send('from Cat'.padEnd(10000))", nil)
			a.run(`
				for (let i = 0; i < 100; i++) lobby.peer(3).send("from Ann".padEnd(10000));
				await lobby.setHost(2);
				await cancelled;
				if (lobby.requests.length) throw Error("somebody waits for a former host");`, nil)
			joined()
			talk(t, b, a)
			talk(t, b, c)
			talk(t, b, d)
			for _, tab := range []*tab{a, c} {
				tab.run("await until(() => heard.filter((text) => text.includes('from ')).length === 100)", nil)
			}
			b.run("await lobby.setHost(lobby.players.get(3)); if (lobby.isHost) throw Error('still the host')", nil)
			talk(t, c, a)
			talk(t, c, b)
			c.run("await lobby.setHost(lobby.peer(1))", nil) // lower than all of them
			talk(t, a, b)
			talk(t, a, c)
			talk(t, a, d)
			for _, tab := range tabs {
				var news string
				if tab.run("return news.filter((one) => /leave/.test(one)).join()", &news); news != "" {
					t.Errorf("%s hears %s", tab.name, news)
				}
			}
		})
	}
}

// TestJoinOrHost checks that of many clients that want one lobby at the same
// time exactly one opens it, and that anybody can look at it.
func TestJoinOrHost(t *testing.T) {
	t.Parallel()
	g := startGateway(t)
	a, b := openTab(t, g, "Ann", g.url()), openTab(t, g, "Bob", g.url())
	var looked string
	look := `const is = await bellhop.look("FOX"); return is && [is.lobbyId, is.players, is.metadata.mode, is.hasPassword, is.roster, is.hostAway].join(" ")`
	if a.run(look, &looked); looked != "" {
		t.Errorf("there is %s already", looked)
	}
	enter := `
		globalThis.all = [...Array(8)].map(() => new Bellhop(url, { storage: null }));
		const options = { maxPlayers: 17, autoAccept: true, password: "x", player: { name: "P" }, metadata: { mode: "duel" } };
		const lobbies = await Promise.all(all.map((one) => one.joinOrHost("fox", options)));
		return lobbies.filter(({ isHost }) => isHost).length`
	var hosts [2]int
	others := b.background(enter, &hosts[1])
	a.run(enter, &hosts[0])
	if others(); hosts[0]+hosts[1] != 1 {
		t.Errorf("%d opened a lobby", hosts)
	}
	if a.run(look, &looked); looked != "fox 16 duel true true false" {
		t.Errorf("it is %s", looked)
	}
	for _, tab := range []*tab{a, b} {
		tab.run("await until(() => all.every(({ lobby: { players, info } }) => players.size === 16 && info.players === 16))", nil)
	}
	var code string
	if a.run("return bellhop.joinOrHost('fox', { password: 'y' }).catch(({ code }) => code)", &code); code != "wrong_password" {
		t.Errorf("with another password it is %s", code)
	}
}

// TestChat checks that messages through Bellhop reach all players, linked or
// not, before any of them is connected, and what a failure is.
func TestChat(t *testing.T) {
	t.Parallel()
	g := startGateway(t)
	const offline = ", offerer: 'joiner', rtc: { iceTransportPolicy: 'relay' }" // and there is no relay
	a, b, c := openTab(t, g, "Ann", g.url()), openTab(t, g, "Bob", g.url()), openTab(t, g, "Cat", g.url())
	a.enterAs("bellhop.host({ lobbyId: 'fox', NAME" + offline + " })")
	b.enterAs("bellhop.join('fox', { NAME" + offline + " })")
	c.enterAs("bellhop.join('fox', { NAME" + offline + " })")
	for _, tab := range []*tab{a, b, c} {
		tab.run("globalThis.chats = []; lobby.addEventListener('chat', ({ peerId, player, data }) => chats.push([peerId, player.name, JSON.stringify(data)].join(' ')))", nil)
	}
	b.run("await lobby.chat({ text: 'hi', at: [1, null] }); await lobby.chat(null, { to: lobby.host }); await lobby.chat('so', { to: 1 })", nil)
	a.run("await lobby.chat(false); await lobby.chat('you', { to: lobby.players.get(3) })", nil)
	for _, test := range []struct {
		tab  *tab
		want string
	}{
		{a, `2 Bob {"text":"hi","at":[1,null]},2 Bob null,2 Bob "so"`},
		{b, `1 Ann false`},
		{c, `2 Bob {"text":"hi","at":[1,null]},1 Ann false,1 Ann "you"`},
	} {
		var got string
		n := strings.Count(test.want, ",1 ") + strings.Count(test.want, ",2 ") + 1
		if test.tab.run(fmt.Sprintf("await until(() => chats.length >= %d); return chats.join()", n), &got); got != test.want {
			t.Errorf("%s hears %s, want %s", test.tab.name, got, test.want)
		}
	}
	for _, test := range []struct{ script, code string }{
		{"lobby.chat(1, { to: 3 })", "peer_not_found"},
		{"lobby.chat('x'.repeat(5000))", "message_too_large"},
		{"lobby.chat(undefined)", "missing_field"},
		{"lobby.setHost(9)", "peer_not_found"},
		{"lobby.setHost(1)", "not_host"},
	} {
		var code string
		if b.run("return "+test.script+".then(() => 'none', ({ code }) => code)", &code); code != test.code {
			t.Errorf("%s is %s, want %s", test.script, code, test.code)
		}
	}
}

// TestRestore checks that a page that was reloaded takes its place back by one
// line, for as long as it is there.
func TestRestore(t *testing.T) {
	t.Parallel()
	g := startGateway(t)
	a, b := openTab(t, g, "Ann", g.url()), openTab(t, g, "Bob", g.url())
	a.enterAs("bellhop.host({ lobbyId: 'fox', NAME })")
	b.enterAs("bellhop.join('fox', { NAME })")
	talk(t, a, b)
	for _, tab := range []*tab{b, a, b} {
		tab.reload()
		tab.enter("bellhop.restore()")
		tab.run(showPlayers, nil)
		talk(t, a, b)
	}
	a.sees("2:, 1 Ann host me, 2 Bob linked")
	b.sees("2:, 1 Ann host linked, 2 Bob me")
	gone := func(tab *tab, why string) {
		t.Helper()
		var is string
		tab.run("const kept = sessionStorage.length; sessionStorage.removeItem('token'); return [kept, sessionStorage.length, await bellhop.restore()].join(' ')", &is)
		if is != "0 0 " && is != "1 0 " {
			t.Errorf("%s: %s", why, is)
		}
	}
	b.reload()
	b.run("await play(bellhop.restore()); globalThis.ended = next(lobby, 'close')", nil)
	a.run("await lobby.remove(lobby.members[0])", nil)
	b.run("await ended", nil)
	gone(b, "removed")
	b.enter("bellhop.join('fox')")
	b.run("await lobby.leave()", nil)
	gone(b, "left")
	b.enter("bellhop.join('fox')")
	a.run("bellhop.close()", nil)
	gone(a, "closed")
	b.run("await until(() => !bellhop.lobby)", nil)
	gone(b, "over")
	// Where it is kept is the game's choice.
	b.run(`
		const kept = new Map();
		const storage = { getItem: (key) => kept.get(key) ?? null, setItem: (key, value) => kept.set(key, value), removeItem: (key) => kept.delete(key) };
		const broken = { getItem() { throw Error("no") }, setItem() { throw Error("no") }, removeItem() { throw Error("no") } };
		for (const [which, size] of [[storage, 1], [null, 0], [broken, 0]]) {
			const one = new Bellhop(url, { storage: which });
			await one.host();
			if (kept.size !== size) throw Error(kept.size + " are kept");
			one.close();
			if (kept.size) throw Error("it is kept for ever");
		}
		// A place that Bellhop has forgotten is none.
		storage.setItem("bellhop " + new URL(url).href, JSON.stringify({ token: "x.y", at: Date.now() }));
		if (await new Bellhop(url, { storage }).restore()) throw Error("it is back");
		if (kept.size) throw Error("a place that is gone is kept");`, nil)
}
