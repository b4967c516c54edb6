package web_test

import (
	"testing"

	"github.com/chromedp/cdproto/cdp"
	cdppage "github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// portrait and landscape give a tab the window of a phone and of a desktop.
func (tab *tab) portrait()  { tab.looks(360, 640, true, "light") }
func (tab *tab) landscape() { tab.looks(1280, 800, false, "light") }

// TestPageLobby checks what players see of each other before a round: names,
// colours, ready marks and the host's crown, in a star, where two guests have
// no connection. Phones have hints for fingers, and share the link. The host
// hands its crown on, removes a player and bans another one.
func TestPageLobby(t *testing.T) {
	t.Parallel()
	g := startGateway(t)
	host := openPage(t, g.page(), "Ada", "", "")
	link := host.hosted("open")
	guest, third := openPage(t, link, "Grace", "", ""), openPage(t, link, "Linus", "", "")
	together(t, false, host, guest, third)
	tabs := []*tab{host, guest, third}
	host.landscape()
	guest.portrait()

	guest.run("await press('Ready')", nil)
	third.run(`
		chip("Linus").querySelector("summary").click();
		fill("my-name", "Grace"); // there is one
		document.querySelector(".swatch [aria-label=purple]").click();`, nil)
	for _, tab := range tabs {
		tab.run(`
			await shown("Ada", "host", "not ready");
			await shown("Grace", "✓ ready");
			await shown("Grace 2", "not ready");
			await until(() => chip("Grace 2").querySelector(".spot.c4") && [...document.querySelectorAll(".dot.c4")].some(({ title }) => title === "Grace 2"));
			if ([...document.querySelectorAll("#players .crown")].filter(seen).length !== 1) throw Error("there is one host");`, nil)
	}
	host.picture("lobby-desktop")
	guest.picture("lobby-phone")
	host.run("await shows('room', 'WASD'); if (seen($('room')).includes('finger')) throw Error('a desktop has hints for fingers')", nil)
	guest.run("await shows('room', 'Your dot follows your finger'); await shows('field', 'Press here and drag'); if (seen($('room')).includes('WASD')) throw Error('a phone has hints for keys')", nil)
	guest.press("field", 0.5, 0.5, chromedp.TapXY)
	guest.run(`
		await until(() => !seen($("finger")));
		navigator.share = async ({ url }) => { globalThis.shared = url; }; // a phone has it
		await press("Share");
		if (shared !== $("link").value) throw Error("it shares " + shared);`, nil)
	host.press("share", 0.5, 0.5, click)
	host.run("await shows('share', 'Copied'); await shows('share', 'Share')", nil)
	guest.run("if (seen($('players')).includes('Make host')) throw Error('a guest can')", nil)

	host.run("chip('Grace').firstChild.open = true", nil)
	host.picture("menu-desktop")
	host.run("await menu('Grace', 'Make host'); await shown('Grace', 'host'); if (seen(chip('Ada').querySelector('.who')).includes('host')) throw Error('two hosts')", nil)
	for _, tab := range tabs {
		tab.run("await shows('log', 'host now.'); await shown('Grace', 'host')", nil)
	}
	third.name = "Grace 2"
	together(t, false, guest, host, third)
	guest.run("await menu('Ada', 'Remove'); await until(() => !chip('Ada'))", nil)
	host.run("await shows('trouble', 'The host has taken you out of the game.')", nil)
	guest.run("await menu('Grace 2', 'Remove for good'); await until(() => !chip('Grace 2'))", nil)
	third.run("await shows('trouble', 'The host has taken you out'); $('code').value = '"+link[len(link)-6:]+"'; await press('Join'); await shows('trouble', 'banned')", nil)
}

// TestPageAsks checks that nobody overlooks a player who asks to join: it
// shows at the top of the window, however far the page is scrolled, in the
// tab's title and in its icon. The player who waits sees which game it is.
func TestPageAsks(t *testing.T) {
	t.Parallel()
	g := startGateway(t)
	host := openPage(t, g.page(), "Ada", "", "")
	link := host.hosted()
	host.portrait()
	host.run("$('say').scrollIntoView()", nil)
	guest := openPage(t, link, "Grace", "", "")
	guest.portrait()
	const at = `document.elementFromPoint(innerWidth / 2, 30).closest("#requests")`
	host.run(`
		await shows("requests", "Grace asks to join");
		if (document.title !== "● Grace asks to join.") throw Error(document.title);
		if (!$("icon").href.endsWith("icon-asks.svg") || !(await fetch($("icon").href)).ok) throw Error($("icon").href);
		if (!`+at+`) throw Error("it is out of sight");`, nil)
	host.picture("asks-phone")
	host.landscape()
	host.picture("asks-desktop")
	guest.run("await shows('looked', 'Ada’s game · 1 of 8 players are in')", nil)
	guest.picture("waits-phone")
	host.run(`
		await press("Let in");
		await until(() => document.title === "Bellhop: play together" && $("icon").href.endsWith("icon.svg"));`, nil)
}

// held gives scripts a press that holds back the page's messages until the
// button shows that it waits.
const held = `
	let held = null;
	const { send } = WebSocket.prototype;
	WebSocket.prototype.send = function (text) { held ? held.push(() => send.call(this, text)) : send.call(this, text); };
	globalThis.waits = async (label) => {
		const pressed = await until(() => button(label));
		held = [];
		pressed.click();
		await until(() => pressed.ariaBusy === "true" && held.length);
		for (const go of held) go();
		held = null;
		await until(() => pressed.ariaBusy === "false");
	};`

// TestPageChats checks that players chat while no connection stands, that two
// tabs of one browser have two names, and that each button that waits for
// Bellhop shows so.
func TestPageChats(t *testing.T) {
	t.Parallel()
	g := startGateway(t)
	const apart = "RTCPeerConnection.prototype.setRemoteDescription = () => new Promise(() => {});"
	host := openPage(t, g.page(), "Ada", apart+held, "")
	host.portrait()
	var code, name string
	host.run("await shows('status', 'Connected'); await waits('Host a game'); return $('tag').textContent", &code)
	guest := openPage(t, g.page(), "Ada", apart+held, "")
	entered := guest.background("await shows('status', 'Connected'); fill('code', '"+code+"'); await waits('Join')", nil)
	host.run("await waits('Let in')", nil)
	entered()
	guest.run("await shows('room', 'Ada’s game'); return $('name').value", &name)
	if name == "Ada" {
		t.Error("two tabs have one name")
	}
	host.run("await shown('"+name+"', 'connecting'); fill('say', 'Is anybody there?'); await waits('Send'); await shows('log', 'Ada Is anybody there?')", nil)
	guest.run("await shows('log', 'Ada Is anybody there?'); fill('say', 'I am.'); await press('Send')", nil)
	host.run("await shows('log', '"+name+" I am.'); $('say').scrollIntoView({ block: 'end' })", nil)
	host.picture("chat-phone")
	host.run("await waits('Ready'); chip('"+name+"').firstChild.open = true; await waits('Make host')", nil)
	guest.run("await shown('"+name+"', 'host'); chip('Ada').firstChild.open = true; await waits('Remove')", nil)
	host.run("await until(() => seen($('start'))); await waits('Quick play'); await shows('room', 'Your game')", nil)
}

// TestPageLost checks that players see that another one's computer has died.
// If it is the host's, they see what happens next, in a banner that leaves the
// page's title in sight, and then one of them is the host.
func TestPageLost(t *testing.T) {
	t.Parallel()
	g := startGateway(t, "-grace", "10s")
	host := openPage(t, g.page(), "Ada", "", "")
	link := host.hosted("open")
	guest, third := openPage(t, link, "Grace", "", ""), openPage(t, link, "Linus", "", "")
	together(t, false, host, guest, third)
	host.landscape()
	guest.portrait()
	guest.run("await shown('Grace', 'you · not ready'); const { scrollWidth, clientWidth } = chip('Grace').querySelector('small'); if (scrollWidth > clientWidth) throw Error('it is cut off')", nil)
	const lost = "await shown('Linus', 'lost')"
	seen := []func(){host.background(lost, nil), guest.background(lost, nil)}
	third.dies()
	for _, wait := range seen {
		wait()
	}
	host.picture("lost-desktop")
	away := guest.background(`
		await shows("away", "Ada, the host, is away, and the game waits. If that lasts, another player takes over.");
		await shown("Ada", "lost");
		const [banner, title] = [$("away"), $("room-title")].map((element) => element.getBoundingClientRect());
		if (banner.bottom > title.top) throw Error("it covers the title");`, nil)
	host.dies()
	away()
	guest.picture("away-phone")
	guest.run("await shows('log', 'You are the host now.'); await until(() => !seen($('away')) && $('players').children.length === 1)", nil)
}

// dies ends the tab's process.
func (tab *tab) dies() {
	tab.t.Helper()
	go chromedp.Call(tab.ctx, cdppage.Crash, cdp.Empty{}) // which has no answer
}
