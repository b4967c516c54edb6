package web_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// inStar returns tabs of a lobby, a star unless how says otherwise, of which
// all can send to all. The first is the host.
func inStar(t *testing.T, g *gateway, how string, n int) (tabs []*tab) {
	t.Helper()
	for i := range n {
		tab := openTab(t, g, fmt.Sprint("player ", i+1), g.url())
		if i == 0 {
			tab.enter("bellhop.host({ lobbyId: 'star', autoAccept: true, " + how + " })")
		} else {
			tab.enter("bellhop.join('star', {" + how + "})")
		}
		tabs = append(tabs, tab)
	}
	reachable(t, tabs...)
	return tabs
}

// reachable waits until all tabs can send to all others.
func reachable(t *testing.T, tabs ...*tab) {
	t.Helper()
	for _, tab := range tabs {
		tab.run(fmt.Sprintf("await until(() => lobby.reach.length === %d)", len(tabs)-1), nil)
	}
}

// hears waits until a tab has heard all of what is wanted.
func (tab *tab) hears(want ...string) {
	tab.t.Helper()
	for _, one := range want {
		tab.run(fmt.Sprintf("await until(() => heard.includes(%q))", one), nil)
	}
}

// TestEverybody checks that a guest's message reaches every member of a star:
// in order, with the sender's number, as text, bytes or JSON. The host can
// filter, a new host forwards, and a member can be addressed alone.
func TestEverybody(t *testing.T) {
	t.Parallel()
	g := startGateway(t)
	tabs := inStar(t, g, "onHostLeave: 'migrate', player: { name: 'p' }", 4)
	host, b, c, d := tabs[0], tabs[1], tabs[2], tabs[3]
	var sent []int
	b.run(`
		const big = "x".repeat(262_144);
		return ["hello", { a: [1, null, "ä"] }, [true], 7, null, false, new Uint8Array([1, 2]), big].map((data) => lobby.send(data))
			.concat(lobby.send("quiet", { to: "linked" }), lobby.send("psst", { to: 3 }), lobby.send("host", { to: 1 }), lobby.send("nobody", { to: 9 }), lobby.send("end"));`, &sent)
	if want := []int{3, 3, 3, 3, 3, 3, 3, 3, 1, 1, 1, 0, 3}; !slices.Equal(sent, want) {
		t.Errorf("send returns %v, want %v", sent, want)
	}
	all := `2: hello|2: {"a":[1,null,"ä"]}|2: [true]|2: 7|2: null|2: false|2: {}|2: big|`
	for tab, own := range map[*tab]string{host: "2: quiet|2: host|", c: "2: psst|", d: ""} {
		var heard string
		tab.hears("2: end")
		tab.run("return heard.join('|').replace('x'.repeat(262_144), 'big')", &heard)
		if want := all + own + "2: end"; heard != want {
			t.Errorf("%s hears %s, want %s", tab.name, heard, want)
		}
	}
	var sender string
	next := c.background("const { peer, peerId, player, reliable, data } = await next(lobby, 'message'); return [peer === lobby.host, peerId, reliable, [...new Uint8Array(data)]].join()", &sender)
	b.run("lobby.send(new Uint8Array([5, 6]), { reliable: false })", nil)
	if next(); sender != "true,2,false,5,6" {
		t.Errorf("the third hears %s", sender)
	}

	var asked string
	host.run(`
		globalThis.asked = [];
		lobby.onforward = ({ from, to, data, reliable }) => {
			asked.push([from, to, data, reliable]);
			return data !== "dropped";
		};`, nil)
	b.run("lobby.send('dropped'); lobby.send('passed'); lobby.send('private', { to: 4 })", nil)
	c.hears("2: passed")
	d.hears("2: private")
	if host.run("return JSON.stringify(asked)", &asked); asked != `[[2,null,"dropped",true],[2,null,"passed",true],[2,4,"private",true]]` {
		t.Errorf("onforward is asked %s", asked)
	}
	for _, tab := range []*tab{c, d} {
		tab.run("if (heard.includes('2: dropped')) throw Error('it was forwarded')", nil)
	}

	host.run("await lobby.leave()", nil)
	reachable(t, b, c, d)
	c.run("if (lobby.send('news') !== 2) throw Error('not to all')", nil)
	b.hears("3: news")
	d.hears("3: news")
}

// TestHandOver checks that while the host changes, twice in a row, each message
// of each member gets to each other exactly once, and that the former hosts'
// connections with guests close then.
func TestHandOver(t *testing.T) {
	t.Parallel()
	tabs := inStar(t, startGateway(t), "", 4)
	var done []func()
	counts := make([]int, len(tabs))
	for i, tab := range tabs {
		done = append(done, tab.background(`
			globalThis.isOver = false;
			for (let n = 0; ; n++) {
				if (lobby.send(n) !== 3) throw Error("message " + n + " gets to " + lobby.reach);
				if (isOver) return n;
				await new Promise((resolve) => setTimeout(resolve, 3));
			}`, &counts[i]))
	}
	tabs[0].run("await lobby.setHost(3)", nil)
	tabs[2].run("await until(() => lobby.isHost); await lobby.setHost(2)", nil)
	for _, tab := range tabs {
		tab.run(`
			await until(() => lobby.hostPeerId === 2 && lobby.members.length === (lobby.isHost ? 3 : 1) && lobby.members.every(({ state }) => state === "open"));
			await until(() => connections.filter(({ connectionState }) => connectionState === "connected").length === lobby.members.length);`, nil)
	}
	for _, tab := range tabs {
		tab.run("isOver = true", nil)
	}
	for _, wait := range done {
		wait()
	}
	for i, tab := range tabs {
		for id := range len(tabs) {
			if id == i {
				continue
			}
			tab.hears(fmt.Sprintf("%d: %d", id+1, counts[id]))
			var wrong string
			tab.run(fmt.Sprintf(`
				const times = Array(%d).fill(0);
				for (const one of heard) if (one.startsWith("%d: ")) times[one.slice(3)]++;
				return times.map((n, i) => (n === 1 ? "" : i + " x" + n)).filter(Boolean).join()`, counts[id]+1, id+1), &wrong)
			if wrong != "" {
				t.Errorf("%s hears %s of %s's %d messages", tab.name, wrong, tabs[id].name, counts[id]+1)
			}
		}
	}
	t.Logf("%d messages", counts)
}

// TestPretender checks that the host corrects a guest that pretends to be
// another, and that nobody believes a guest that pretends to be the host's
// client.
func TestPretender(t *testing.T) {
	t.Parallel()
	tabs := inStar(t, startGateway(t), "", 3)
	tabs[1].run(`
		// Frames of its own making, of text: up to a member, or down from one.
		const to = (route, id, text) => new Uint8Array([1 | route << 2, 0, 0, 0, id, ...new TextEncoder().encode(text)]);
		const channel = channels.find(({ id }) => id === 201);
		channel.send(to(2, 3, "from 3"));
		channel.send(to(1, 0, "up"));
		for (const nonsense of ["text", new Uint8Array(0), new Uint8Array([255]), new Uint8Array([3]), to(3, 9, "9"), new Uint8Array([4, 0]), new Uint8Array([2, 123])]) channel.send(nonsense);
		lobby.send("end");`, nil)
	for _, tab := range []*tab{tabs[0], tabs[2]} {
		var heard []string
		tab.hears("2: end")
		tab.run("return heard", &heard)
		want := "2: from 3, 2: up, 2: end"
		if tab == tabs[2] {
			want = "2: up, 2: end"
		}
		if got := strings.Join(heard, ", "); got != want {
			t.Errorf("%s hears %s, want %s", tab.name, got, want)
		}
	}
}

// TestUnsendable checks that a message that cannot go as it is goes nowhere.
func TestUnsendable(t *testing.T) {
	t.Parallel()
	host, guest := meet(t, startGateway(t))
	var codes []string
	guest.run(`
		const cycle = {};
		cycle.cycle = cycle;
		const code = (data) => {
			try { return lobby.send(data) + " sent"; } catch (error) { return error instanceof BellhopError && error.message && error.code; }
		};
		return [() => 1, cycle, 1n, undefined, { f() {} }, [NaN], new Map(), { bytes: new Uint8Array(1) }, "x".repeat(262_145),
			["x".repeat(262_144)], new Uint8Array(262_145), { fine: undefined }].map(code);`, &codes)
	if got := strings.Join(codes, " "); got != strings.Repeat("not_json ", 8)+strings.Repeat("message_too_large ", 3)+"1 sent" {
		t.Errorf("send throws %s", got)
	}
	host.hears("2: {}")
	host.run("if (heard.filter((one) => one.startsWith('2: ')).length !== 2) throw Error(heard)", nil)
}

// TestSlowGuest checks that a guest misses messages while too much waits for it
// at the host, holds up nobody, and is counted again once it has caught up.
func TestSlowGuest(t *testing.T) {
	t.Parallel()
	g := startGateway(t)
	host, b, c := openTab(t, g, "host", g.url()), openTab(t, g, "b", g.url()), openTab(t, g, "c", g.url())
	host.enter("bellhop.host({ lobbyId: 'star', autoAccept: true, maxBuffered: 1000 })")
	b.enter("bellhop.join('star')")
	c.enter("bellhop.join('star')")
	reachable(t, host, b, c)
	var sent, missed, most int
	c.run("globalThis.got = 0; lobby.addEventListener('message', ({ data }) => (got += data.byteLength > 0))", nil)
	host.run(`
		globalThis.most = 0;
		lobby.addEventListener("message", () => (most = Math.max(most, lobby.peer(3).buffered)));
		setInterval(() => { // what comes while its script is busy is forwarded all at once
			for (const end = performance.now() + 200; performance.now() < end;);
		}, 400);`, nil)
	b.run(`
		let sent = 0;
		let slow = false;
		lobby.addEventListener("reach", ({ peerIds }) => (slow ||= !peerIds.includes(3)));
		while (!slow) {
			for (let i = 0; i < 10; i++) sent += lobby.send(new Uint8Array(250_000)) > 0;
			await until(() => lobby.host.buffered === 0);
		}
		await until(() => lobby.reach.includes(3));
		setInterval(() => lobby.send("end"), 100); // the host might still be busy with what came before
		return sent;`, &sent)
	host.hears("2: end")
	c.hears("2: end")
	c.run("return "+fmt.Sprint(sent)+" - got", &missed)
	if host.run("return most", &most); missed == 0 || most > 300_000 {
		t.Errorf("%d of %d messages are missed, and at most %d bytes wait", missed, sent, most)
	}
}
