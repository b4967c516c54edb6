package web_test

import (
	"fmt"
	"strings"
	"testing"
)

// TestPageFind checks that a player finds games in the list, with filters and
// with quick play. The page asks for a password where needed. It polls the
// server only while the list is visible.
func TestPageFind(t *testing.T) {
	t.Parallel()
	g := startGateway(t)
	openPage(t, g.page(), "Ada", "", "").hosted("public", "open")
	secret := openPage(t, g.page(), "Barbara", "", "")
	secret.run("await shows('status', 'Connected'); fill('password', 'sesame')", nil)
	secret.hosted("public", "open", "mesh")

	guest := openPage(t, g.page(), "Grace", `
		globalThis.pauses = [];
		const set = setTimeout;
		globalThis.setTimeout = (f, ms, ...rest) => {
			if (ms === 10_000) pauses.push(f);
			return set(f, ms, ...rest);
		};
		globalThis.looks = () => rows().filter((row) => row.endsWith("list_lobbies")).length;`, "")
	guest.run(`
		await shows("status", "Connected");
		if (looks() !== 0) throw Error("it has asked for a list that nobody sees");
		$("find").open = true;
		await shows("found", "2 to join.");
		if (looks() !== 1 || pauses.length !== 1) throw Error("it has looked " + looks() + " times");
		pauses[0](); // when its time comes
		await until(() => looks() === 2 && pauses.length === 2);
		$("find").open = false;
		await until(() => !seen($("games")));
		pauses[1]();
		$("find").open = true;
		await until(() => looks() === 3);

		const titles = () => [...$("games").children].map((row) => seen(row.querySelector("bdi"))).join();
		await until(() => titles() === "Barbara’s game,Ada’s game");
		if (!seen($("games").firstChild).includes("1 of 8 players · mesh · open")) throw Error(seen($("games").firstChild));
		if (!seen($("games").firstChild).includes("password") || seen($("games").lastChild).includes("password")) throw Error("which one has a password?");
		check("no-password");
		await until(() => titles() === "Ada’s game");
		check("no-password");
		fill("free", "8");
		await shows("found", "No game to join");
		fill("free", "1");
		await until(() => titles() === "Barbara’s game,Ada’s game");`, nil)

	guest.run(`
		$("games").querySelector("[aria-label='Join Barbara’s game']").click();
		await shows("trouble", "This game has a password");
		if (document.activeElement.id !== "join-password") throw Error("the focus is elsewhere");
		fill("join-password", "open"); button("Join").click();
		await shows("trouble", "That is not the password.");
		fill("join-password", "sesame"); button("Join").click();`, nil)
	together(t, true, secret, guest)
	guest.run("await press('Leave'); await until(() => seen($('start'))); await press('Quick play'); await shows('room', 'Ada’s game')", nil)
	guest.run("await press('Leave'); await until(() => seen($('start')))", nil)

	first := openPage(t, g.page()+"/?game=nobody-plays", "Linus", "", "")
	first.run("await shows('status', 'Connected'); await press('Quick play'); await shows('room', 'Your game')", nil)
	second := openPage(t, g.page()+"/?game=nobody-plays", "Edsger", "", "")
	second.run("await shows('status', 'Connected'); await press('Quick play')", nil)
	together(t, false, first, second)
}

// nonsense holds messages that no page sends.
const nonsense = `["", "null", "7", "{", "[]", '{"t":"world","phase":"play","key":5,"at":7,"scores":"x","winner":{}}', '{"t":"at","at":"x"}',
	'{"t":"world","phase":"x"}', '{"t":"world","phase":"won","winner":9,"wins":[{}]}', '{"t":"chat","text":{}}', '{"t":"chat","text":"from","from":1e99}',
	'{"t":"constructor"}', '{"t":"world","phase":"lobby","key":[null,-1,1.5],"scores":{"1":"<b>"},"at":{"1":[1e300]}}',
	'{"t":"world","key":[{"valueOf":1,"toString":1}]}', '{"t":"world","scores":{"2":{"valueOf":1,"toString":1}}}']`

// TestPageText checks that a stranger's name and text stay in their place: no
// markup, no characters that reverse the text, no pile of accents over the
// lines above. Nonsense from a peer stops nothing.
func TestPageText(t *testing.T) {
	t.Parallel()
	g := startGateway(t)
	const markup = "<img src=x onerror=document.title=1>"
	stranger := openTab(t, g, "stranger", g.url())
	stranger.enter(fmt.Sprintf(`bellhop.host({ public: true, autoAccept: true, onHostLeave: "migrate",
		metadata: { title: "\u202e" + %q }, player: { name: %[1]q } })`, markup))
	openTab(t, g, "second", g.url()).enter(`bellhop.host({ public: true, metadata: { title: { not: "text" } } })`)

	guest := openPage(t, g.page(), "Grace", "", "")
	var shown []string
	guest.run(`
		await shows("status", "Connected");
		$("find").open = true;
		await shows("games", "<img");
		return [...$("games").querySelectorAll("bdi")].map((bdi) => bdi.textContent)`, &shown)
	if !strings.HasPrefix(shown[1], "<img src=x") || len(shown[0]) != 6 {
		t.Errorf("the list shows %q", shown)
	}
	guest.run("$('games').lastChild.querySelector('button').click(); await shows('room', 'host')", nil)
	stranger.run(`
		await until(() => lobby.members[0]?.state === "open");
		const say = (text) => lobby.send({ t: "chat", text });
		say(`+"`"+markup+"`"+`);
		say("a" + "\u0301".repeat(10_000));
		say("\u202eturned\u2066");
		say("x".repeat(10_000));
		for (const nonsense of `+nonsense+`) lobby.send(nonsense.startsWith("{\"") ? JSON.parse(nonsense) : nonsense);
		lobby.send(new Uint8Array(100));
		say("the end");`, nil)
	guest.run(`
		await shows("log", "the end");
		await new Promise(requestAnimationFrame);
		const lines = [...$("log").querySelectorAll("p:not(.note)")];
		for (const line of lines) {
			const rows = line.textContent.length > 200 ? 20 : 1;
			if (line.getBoundingClientRect().height > 60 * rows) throw Error(line.textContent.slice(0, 30) + " is " + line.getBoundingClientRect().height + " high");
			if (getComputedStyle(line).overflowY !== "clip" || getComputedStyle(line.lastChild).unicodeBidi !== "isolate") throw Error("it gets out");
			if (/[\u202a-\u202e\u2066-\u2069]|\p{M}{4}/u.test(line.textContent) || line.textContent.length > 400) throw Error(line.textContent);
		}
		if (!lines.some((line) => line.textContent.endsWith("`+markup+`"))) throw Error("no markup as text");
		if (document.querySelectorAll("img").length !== 2) throw Error("markup got in"); // the icon and the QR code
		if (document.title === "1") throw Error("a script ran");
		if (document.documentElement.scrollWidth > document.documentElement.clientWidth) throw Error("it is too wide");`, nil)
	guest.press("field", 0.99, 0.5, click)
	guest.run("await until(() => dot('Grace') > 95)", nil)
	guest.run("fill('say', '<b>hello'); await press('Send')", nil)
	stranger.run("await until(() => heard.some((line) => line.includes('<b>hello')))", nil)

	stranger.run(`lobby.send({ t: "world", phase: "lobby", scores: 7 }); lobby.send({ t: "chat", text: "bye" })`, nil)
	guest.run("await shows('log', 'bye')", nil)
	stranger.run("await lobby.leave()", nil)
	guest.run(chase+`
		await press("Ready");
		await phase("play");
		await until(() => { // it is the host now, and counts from the start
			goTo($("key"));
			return /[1-9] s/.test(seen($("players")));
		})`, nil)
}
