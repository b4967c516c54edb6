package web_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// refusedConnection is the browser's console message when it cannot connect to
// a server.
const refusedConnection = "WebSocket connection to|ERR_CONNECTION_REFUSED"

// TestPageWithoutServer checks that a page whose server is gone says so and
// says what to do, and that it goes on when the server is back.
func TestPageWithoutServer(t *testing.T) {
	t.Parallel()
	g := startGateway(t)
	tab := openPage(t, g.page(), "Ada", "", refusedConnection)
	tab.run("await shows('status', 'Connected')", nil)
	g.stop()
	tab.run("await shows('status', 'No connection'); await shows('trouble', 'Is Bellhop still running? Start it again. Trying again in')", nil)
	g.start()
	tab.run("await press('Try now'); await shows('status', 'Connected'); await until(() => !seen($('trouble')))", nil)
	tab.hosted()
}

// TestPageElsewhereWithoutServer checks that a page from another computer does
// not ask its reader to start the server.
func TestPageElsewhereWithoutServer(t *testing.T) {
	t.Parallel()
	g := startGateway(t)
	tab := openPage(t, strings.Replace(g.page(), "127.0.0.1", "play.test", 1), "Ada", "", refusedConnection)
	tab.run("await shows('status', 'Connected')", nil)
	g.stop()
	tab.run(`
		await shows("trouble", "Nobody answers at " + location.host + ". Trying again in");
		for (const word of ["go run", "gateway"]) if (seen($("trouble")).includes(word)) throw Error(seen($("trouble")));`, nil)
	tab.looks(1280, 800, false, "light")
	tab.picture("elsewhere-desktop")
	tab.looks(390, 844, true, "light")
	tab.picture("elsewhere-phone")
	g.start()
	tab.run("await press('Try now'); await shows('status', 'Connected')", nil)
}

// TestPageOutlivesServer checks that two players play on without a path to
// Bellhop, and that the page tells them. Nobody can be invited any more into a
// game that a restarted server does not know.
func TestPageOutlivesServer(t *testing.T) {
	t.Parallel()
	g := startGateway(t)
	host := openPage(t, g.page(), "Ada", "", refusedConnection)
	guest := openPage(t, host.hosted("open"), "Grace", "", refusedConnection)
	together(t, false, host, guest)
	g.stop()
	for _, tab := range []*tab{host, guest} {
		tab.run("await shows('trouble', 'The line to Bellhop is cut. You play on')", nil)
	}
	guest.run("fill('say', 'Still there?'); await press('Send')", nil)
	host.run("await shows('log', 'Still there?')", nil)
	g.start()
	for _, tab := range []*tab{host, guest} {
		tab.run("await shows('trouble', 'Bellhop has forgotten this game'); if (seen($('invite'))) throw Error('it invites still')", nil)
	}
	host.looks(1280, 800, false, "light")
	host.picture("forgotten-desktop")
	host.looks(390, 844, true, "light")
	host.picture("forgotten-phone")
	guest.run("await press('Leave'); await until(() => seen($('start')))", nil)
	host.run("await shows('trouble', 'nobody is connected any more. Host a new one.'); await until(() => seen($('start')))", nil)
	host.hosted()
	host.run("if (!seen($('invite'))) throw Error('the next game invites nobody')", nil)
}

// TestPageRefused checks that the page distinguishes a server that refuses
// WebSockets from one that is gone.
func TestPageRefused(t *testing.T) {
	t.Parallel()
	g := startGateway(t, "-origins", "https://a.example")
	openPage(t, g.page(), "Ada", "", refusedConnection).run("await shows('trouble', 'If it runs with -origins, list '+location.origin+' there')", nil)
	openPage(t, g.page()+"/?game=no%20name", "Ada", "", "").run("await shows('trouble', 'The game \"no name\" is not a valid name: use 1 to 64'); await shows('status', 'No connection')", nil)
}

// TestPageWrongCode checks that a code without a game gives a message, with the
// focus on the code field.
func TestPageWrongCode(t *testing.T) {
	t.Parallel()
	g := startGateway(t)
	tab := openPage(t, g.page()+"/#join=NOPE", "Ada", "", "")
	tab.run(`
		await shows("trouble", "There is no game with the code NOPE. Check the spelling");
		if (document.activeElement.id !== "code" || $("code").value !== "NOPE") throw Error("not at the code");
		fill("code", "NOTTHIS"); await press("Join");
		await shows("trouble", "the code NOTTHIS");
		fill("code", "a b"); await press("Join");
		if ($("code").checkValidity()) throw Error("a b is taken for a code");`, nil)
}

// TestPageWaits checks that a waiting player can cancel, even after the page's
// address has changed. A refusal is shown without characters that reverse the
// text.
func TestPageWaits(t *testing.T) {
	t.Parallel()
	g := startGateway(t)
	host := openTab(t, g, "host", g.url())
	var code string
	host.run("globalThis.lobby = await bellhop.host(); return lobby.id", &code)
	guest := openPage(t, g.page()+"/#join="+code, "Grace", "", "")
	host.run("await until(() => lobby.requests.length === 1)", nil)
	guest.run(fmt.Sprintf(`
		await shows("waiting", %q);
		location.hash = "#join=ANOTHER";
		await new Promise((resolve) => addEventListener("hashchange", () => setTimeout(resolve)));
		await shows("waiting", %[1]q);
		await press("Do not wait"); await until(() => seen($("start")));`, code), nil)
	host.run("await until(() => lobby.requests.length === 0)", nil)

	guest.run(fmt.Sprintf("fill('code', %q); await press('Join')", strings.ToLower(code)), nil)
	host.run("await until(() => lobby.requests.length === 1); await lobby.requests[0].reject('\\u202eturned')", nil)
	guest.run("await shows('trouble', 'turned'); if (seen($('trouble')).includes('\\u202e')) throw Error('it is turned around')", nil)
}

// TestPageTwice checks that a player with two copies of the page is told where
// the game goes on, and can take it back. A page that reloads has its slot
// again.
func TestPageTwice(t *testing.T) {
	t.Parallel()
	g := startGateway(t)
	host := openPage(t, g.page(), "Ada", "", "")
	link := host.hosted("open")
	guest := openPage(t, link, "Grace", "", "")
	together(t, false, host, guest)

	if err := chromedp.Do(guest.ctx, chromedp.Reload()); err != nil {
		t.Fatal(err)
	}
	together(t, false, host, guest)
	var slot map[string]string
	guest.run("return { ...sessionStorage }", &slot)
	copied, _ := json.Marshal(slot)

	// A duplicated tab also has a copy of the tab's session storage.
	again := openPage(t, link, "Grace", fmt.Sprintf("if (location.protocol !== 'about:') Object.assign(sessionStorage, %s);", copied), "")
	guest.run("await shows('trouble', 'Your game goes on in another tab'); await until(() => seen($('start')))", nil)
	together(t, false, host, again)
	guest.run("await press('Play here instead')", nil)
	again.run("await shows('trouble', 'Your game goes on in another tab')", nil)
	together(t, false, host, guest)
	var players string
	if host.run("await until(() => $('players').children.length === 2); return seen($('players'))", &players); strings.Count(players, "Grace") != 1 {
		t.Errorf("the host plays with %s", players)
	}
}

// TestPageWithoutWebRTC checks that a browser without WebRTC says so, and that
// its list and message log still work.
func TestPageWithoutWebRTC(t *testing.T) {
	t.Parallel()
	g := startGateway(t)
	openPage(t, g.page(), "Ada", "", "").hosted("public")
	openPage(t, g.page(), "Grace", "delete globalThis.RTCPeerConnection;", "").run(`
		await shows("trouble", "This browser has no WebRTC, so it cannot play. Use a current Chrome");
		if (button("Host a game") || button("Quick play")) throw Error("there are buttons for what cannot be done");
		$("find").open = true;
		await shows("games", "Ada");
		await until(() => rows().includes("Bellhop to You: lobby_list, lobby_list"));`, nil)
}

// TestPageByHTTP checks that the page works over http from another machine,
// where browsers allow less: the link can be copied, and two players meet.
func TestPageByHTTP(t *testing.T) {
	t.Parallel()
	g := startGateway(t)
	at := strings.Replace(g.page(), "127.0.0.1", "play.test", 1)
	host := openPage(t, at, "Ada", "", "")
	link := host.hosted("open")
	host.run(`
		if (navigator.clipboard) throw Error("this is no such page");
		await press("Copy link");
		const { selectionStart, selectionEnd, value } = await until(() => seen($("copied")) && document.activeElement);
		if (value.slice(selectionStart, selectionEnd) !== $("link").value) throw Error("not selected");
		if (seen($("here-only"))) throw Error("it does work elsewhere");`, nil)
	guest := openPage(t, link, "Grace", "", "")
	together(t, false, host, guest)
}

// TestPageKeepsNothing checks that the page works in a browser that stores
// nothing.
func TestPageKeepsNothing(t *testing.T) {
	t.Parallel()
	g := startGateway(t)
	const nothing = `for (const name of ["localStorage", "sessionStorage"])
		Object.defineProperty(globalThis, name, { get() { throw new DOMException("not allowed", "SecurityError"); } });`
	tab := openPage(t, g.page(), "Ada", nothing, "")
	tab.hosted()
	tab.run("await shows('players', 'you · not ready')", nil)
}

// TestPageReloads checks that a page has its slot again after a reload, even if
// the line breaks meanwhile.
func TestPageReloads(t *testing.T) {
	t.Parallel()
	g := startGateway(t)
	r := newRelay(t, g)
	host := openPage(t, g.page(), "Ada", "", "")
	link := host.hosted("open")
	guest := openPage(t, r.URL+link[strings.Index(link, "/#"):], "Grace", "", "WebSocket connection to")
	together(t, false, host, guest)
	for cuts := range 3 {
		cut := 0
		r.does(func(action string) (bool, string) {
			if action == "resume" && cut <= cuts*3 {
				cut++
				return false, "cut"
			}
			return true, ""
		}, nil)
		if err := chromedp.Do(guest.ctx, chromedp.Reload()); err != nil {
			t.Fatal(err)
		}
		together(t, false, host, guest)
	}
	var players int
	if host.run("return $('players').children.length", &players); players != 2 {
		t.Errorf("the host shows %d players", players)
	}
}

// TestPageLeavesOffline checks that a player who leaves while offline can host
// as soon as the line is back, and that the other player sees them leave.
func TestPageLeavesOffline(t *testing.T) {
	t.Parallel()
	g := startGateway(t)
	way := newLine(t, g)
	host := openPage(t, g.page(), "Ada", "", "")
	link := host.hosted("open")
	guest := openPage(t, "http://"+way.Addr().String()+link[strings.Index(link, "/#"):], "Grace", "", refusedConnection+"|ERR_EMPTY_RESPONSE")
	together(t, false, host, guest)
	way.down(true)
	guest.run("await shows('status', 'No connection'); await press('Leave'); await until(() => seen($('start'))); await shows('trouble', 'You have left')", nil)
	way.down(false)
	guest.hosted()
	guest.run("if ($('players').children.length !== 1) throw Error('the last game is shown')", nil)
	host.run("await until(() => $('players').children.length === 1)", nil)
}

// TestPageQuickReloads checks that a page that reloads again and again, before
// it has its slot back, has the slot in the end. It leaves no ghost in another
// slot.
func TestPageQuickReloads(t *testing.T) {
	t.Parallel()
	for _, b := range browsers {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			g := startGateway(t)
			host := openPage(t, g.page(), "Ada", "", "")
			link := host.hosted("open")
			guest := b.open(t, "Grace")
			guest.visit(g.page())
			guest.run("sessionStorage.setItem('bellhop-name', JSON.stringify('Grace'))", nil)
			guest.visit("about:blank") // a link to the same page would not load it
			guest.visit(link)
			guest.run(hand, nil)
			together(t, false, host, guest)
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			for range 5 {
				for guest.driver.reload(ctx) != nil && ctx.Err() == nil { // Chromium ignores a reload while it begins another
				}
			}
			guest.run(hand, nil)
			together(t, false, host, guest)
			host.run("await until(() => $('players').children.length === 2 && !seen($('players')).includes('no line'))", nil)
		})
	}
}
