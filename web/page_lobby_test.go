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
// no connection. The host hands its crown on, removes a player and bans another
// one.
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

// TestPageChats checks that players chat while no connection stands, and that
// two tabs of one browser have two names.
func TestPageChats(t *testing.T) {
	t.Parallel()
	g := startGateway(t)
	const apart = "RTCPeerConnection.prototype.setRemoteDescription = () => new Promise(() => {});"
	host := openPage(t, g.page(), "Ada", apart, "")
	host.portrait()
	guest := openPage(t, host.hosted("open"), "Ada", apart, "")
	var name string
	guest.run("await shows('room', 'Ada’s game'); return $('name').value", &name)
	if name == "Ada" {
		t.Error("two tabs have one name")
	}
	host.run("await shown('"+name+"', 'connecting'); fill('say', 'Is anybody there?'); await press('Send'); await shows('log', 'Ada Is anybody there?')", nil)
	guest.run("await shows('log', 'Ada Is anybody there?'); fill('say', 'I am.'); await press('Send')", nil)
	host.run("await shows('log', '"+name+" I am.'); $('say').scrollIntoView({ block: 'end' })", nil)
	host.picture("chat-phone")
}

// TestPageLost checks that players see within 5 s that another one's computer
// has died, and that guests see what happens next if it is the host's. The
// game goes on with another host, and both are back after a reload.
func TestPageLost(t *testing.T) {
	t.Parallel()
	g := startGateway(t)
	host := openPage(t, g.page(), "Ada", "", "")
	link := host.hosted("open")
	guest, third := openPage(t, link, "Grace", "", ""), openPage(t, link, "Linus", "", "")
	together(t, false, host, guest, third)
	host.landscape()
	guest.portrait()
	third.dies()
	for _, tab := range []*tab{host, guest} {
		var took int
		tab.run("const start = Date.now(); await shown('Linus', 'lost'); return Date.now() - start", &took)
	}
	host.picture("lost-desktop")
	host.dies()
	guest.run("await shows('away', 'Ada, the host, is away. The game waits; if Ada stays away, another player becomes the host.'); await shown('Ada', 'lost')", nil)
	guest.picture("away-phone")
}

// dies ends the tab's process.
func (tab *tab) dies() {
	tab.t.Helper()
	go chromedp.Call(tab.ctx, cdppage.Crash, cdp.Empty{}) // which has no answer
}
