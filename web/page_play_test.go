package web_test

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/security"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// fast runs the clock of a page's game ten times as fast.
const fast = "const now = performance.now.bind(performance); performance.now = () => 10 * now();"

func click(x, y float64) chromedp.Action[chromedp.Void] { return chromedp.MouseClickXY(x, y) }

// press presses a place in an element, given in parts of its width and height,
// with a mouse or a finger.
func (tab *tab) press(id string, x, y float64, how func(x, y float64) chromedp.Action[chromedp.Void]) {
	tab.t.Helper()
	var at [2]float64
	tab.run(fmt.Sprintf("$(%q).scrollIntoView({ block: 'center' }); const box = $(%[1]q).getBoundingClientRect(); return [box.x + %v * box.width, box.y + %v * box.height]", id, x, y), &at)
	if err := chromedp.Do(tab.ctx, how(at[0], at[1])); err != nil {
		tab.t.Fatal(err)
	}
}

// TestPageStar checks that two players play and chat once the host has admitted
// the other, and that the message log shows all messages without secrets.
func TestPageStar(t *testing.T) {
	t.Parallel()
	for _, home := range homes {
		t.Run(home.name, func(t *testing.T) {
			g := home.start(t)
			host, guest, third := openPage(t, g.page(), "Ada", fast, ""), openPage(t, g.page(), "Grace", "", ""), (*tab)(nil)
			link := host.hosted()
			guest.visit(link)
			guest.run("await shows('waiting', 'decides whether to let you in')", nil)
			host.run("await shows('requests', 'Grace asks to join'); await press('Let in')", nil)
			together(t, false, host, guest)
			host.run("await shows('way', 'directly'); chip('Grace').firstChild.open = true; await shows('players', 'direct, UDP')", nil)

			third = openPage(t, link, "Linus", "", "")
			host.run("await shows('requests', 'Linus'); await press('Refuse')", nil)
			third.run("await shows('trouble', 'The host has refused.'); await until(() => seen($('start')))", nil)
			third.visit(strings.Replace(link, "#", "?x#", 1)) // another address, so the page reloads
			host.run("await shows('requests', 'Linus'); await press('Let in')", nil)
			together(t, false, host, guest, third)

			guest.run("fill('say', 'Catch me!'); await press('Send'); await shows('log', 'Grace Catch me!')", nil)
			host.run("await shows('log', 'Grace Catch me!')", nil)
			third.run("await shows('players', 'Grace'); await shows('log', 'Grace Catch me!')", nil) // by the host
			guest.press("field", 0.99, 0.5, click)
			for _, tab := range []*tab{host, third} {
				tab.run("await until(() => dot('Grace') > 90)", nil)
			}
			host.press("field", 0.01, 0.5, click)
			guest.run("await until(() => dot('Ada') < 10)", nil)

			var rows []string
			guest.run("await shows('messages', 'direct with'); return rows()", &rows)
			for _, want := range []string{"You to Bellhop: join_lobby, join_lobby", "Bellhop to You: request_accepted, request_accepted",
				"You to Ada: set_session_description, offer", "Ada to You: received_session_description, answer", "The direct connection with Ada stands."} {
				if !slices.Contains(rows, want) {
					t.Errorf("the guest's wire has no %q but %q", want, rows)
				}
			}
			var shown string
			guest.run(`
				const row = [...$("messages").children].find((row) => row.innerText.includes("request_accepted"));
				row.querySelector("summary").click();
				return await until(() => row.querySelector("pre")?.textContent)`, &shown)
			if !strings.Contains(shown, `"resume_token": "•••"`) || !strings.Contains(shown, `"peer_id": 2`) {
				t.Errorf("the guest's wire shows %s", shown)
			}

			host.run("await press('Leave'); await shows('start', 'Host a game')", nil)
			guest.run("await shows('log', 'You are the host now')", nil)
			third.run("await shows('way', 'Grace')", nil)
			guest.run("await shows('way', 'Linus')", nil)
		})
	}
}

// TestPageMesh checks that five pages form a mesh in which every two are
// connected.
func TestPageMesh(t *testing.T) {
	t.Parallel()
	for _, home := range homes {
		t.Run(home.name, func(t *testing.T) {
			g := home.start(t)
			tabs := []*tab{openPage(t, g.page(), "Ada", "", "")}
			link := tabs[0].hosted("mesh", "open")
			for _, name := range []string{"Grace", "Linus", "Barbara", "Edsger"} {
				tabs = append(tabs, openPage(t, link, name, "", ""))
			}
			together(t, true, tabs...)
			tabs[3].run("fill('say', 'Hello all'); await press('Send')", nil)
			tabs[4].looks(390, 844, true, "dark")
			tabs[4].press("field", 0.99, 0.5, chromedp.TapXY)
			for _, tab := range tabs {
				tab.run("await shows('log', 'Barbara Hello all'); await until(() => dot('Edsger') > 90)", nil)
			}
		})
	}
}

// chase moves the player to a place in the window, or to an element.
const chase = `
		const field = $("field");
		field.setPointerCapture = () => {};
		const box = (element) => element.getBoundingClientRect();
		const go = (clientX, clientY) => field.dispatchEvent(new PointerEvent("pointerdown", { clientX, clientY, isPrimary: true }));
		const goTo = (element) => go(box(element).x + box(element).width / 2, box(element).y + box(element).height / 2);
		const phase = (name) => until(() => field.dataset.phase === name);`

// listen notes the frequencies that a page plays.
const listen = `
		globalThis.played = [];
		globalThis.OscillatorNode = class extends OscillatorNode {
			constructor(audio, options) {
				super(audio, options);
				played.push(options.frequency);
			}
		};`

// TestPageGame checks that players who meet bump into each other, with a sound
// for a player who has turned that on. A round begins when all are ready, the
// host decides who has the key and who has won, and all pages show the same.
// Nothing leaves the field. Another round follows, and the next game shows
// nothing of the last.
func TestPageGame(t *testing.T) {
	t.Parallel()
	g := startGateway(t)
	host := openPage(t, g.page(), "Ada", fast+listen, "")
	guest := openPage(t, host.hosted("open"), "Grace", listen, "")
	together(t, false, host, guest)
	host.landscape()
	guest.portrait()
	host.press("field", 0.5, 0.5, click)
	guest.run(chase+`
		await until(() => Math.hypot(dot("Ada") - 50, dot("Ada", "--y") - 50) < 1);
		if (played.length) throw Error("sound is on");
		await press("♪ off"); await press("♪ on"); await press("♪ off");
		goTo(document.querySelector("[title=Ada]")); // and stays there: Ada's page sees it even if the first bump was between two messages
		await until(() => played.includes(110)); // a bump`, nil)
	host.run("await until(() => Math.hypot(dot('Ada') - 50, dot('Ada', '--y') - 50) > 4.5); if (played.length) throw Error('its sound is on')", nil)
	host.run("await press('Ready'); await shown('Ada', 'ready'); await shows('goal', 'Waiting for Grace')", nil)
	seen := guest.background("await shown('Ada', 'ready'); await press('Ready'); await shows('won', 'wins!'); return seen($('won'))", new(string))
	host.run(chase+`
		await phase("play");
		// It goes after the key, then flees with it, until somebody has won.
		while (field.dataset.phase === "play") {
			const [other, all] = [box(document.querySelector("[title=Grace]")), box(field)];
			if (!seen($("goal")).startsWith("You")) goTo($("key"));
			else go(other.x > all.x + all.width / 2 ? all.x : all.right, other.y > all.y + all.height / 2 ? all.y : all.bottom);
			for (const { x, y, width, height } of [...document.querySelectorAll(".dot, .dot bdi, #key")].map(box)) {
				if (x < all.x || y < all.y || x + width > all.right || y + height > all.bottom) throw Error("it leaves the field at " + [x, y, width, height]);
			}
			await new Promise(requestAnimationFrame);
		}
		await shows("won", "You win!");
		await shows("why", "20 seconds with the key.");
		await shown("Ada", "1 won", "not ready");`, nil)
	seen()
	guest.picture("winner-phone")
	guest.run("await press('Play again')", nil)
	host.run("await press('Play again')", nil)
	guest.run(chase+`
		await phase("play");
		while (!seen($("goal")).startsWith("You have")) {
			goTo($("key"));
			await new Promise(requestAnimationFrame);
		}`, nil)
	host.run("await shows('goal', 'Grace has')", nil)
	host.picture("game-desktop")
	host.run(`
		await press("Leave"); await press("Host a game");
		await until(() => seen($("goal")).includes("practise") && !seen($("players")).includes("won"))`, nil)
}

// TestPageKeyboard checks that the page works without a mouse: to host, to
// admit, to move, to chat and to read a message. The focus is always visible.
func TestPageKeyboard(t *testing.T) {
	t.Parallel()
	g := startGateway(t)
	host := openPage(t, g.page(), "Ada", "", "")
	host.run("await shows('status', 'Connected')", nil)
	host.reach(t, "element.textContent === 'Host a game'")
	host.keys(t, kb.Enter)
	var link string
	host.run("await until(() => seen($('room'))); return $('link').value", &link)
	guest := openPage(t, g.page(), "Grace", fast, "")
	guest.run("await shows('status', 'Connected')", nil)
	guest.reach(t, "element.id === 'code'")
	guest.keys(t, link[strings.LastIndex(link, "=")+1:]+kb.Enter)
	host.run("await shows('requests', 'Grace')", nil)
	host.reach(t, "element.ariaLabel === 'Let in: Grace'")
	host.keys(t, kb.Enter)
	together(t, false, host, guest)
	guest.reach(t, "element.id === 'field'")
	guest.keys(t, strings.Repeat(kb.ArrowLeft, 3)+"l ")
	guest.run("await until(() => /^Press Ready/.test($('live').textContent))", nil)
	guest.run(`
		const edges = [["--x", 4.4], ["--x", 95.6], ["--y", 6.29], ["--y", 93.71]];
		for (const [i, code] of ["KeyA", "KeyD", "KeyW", "KeyS", "ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown"].entries()) {
			const [of, edge] = edges[i % 4];
			$("field").dispatchEvent(new KeyboardEvent("keydown", { code }));
			await until(() => Math.abs(dot("Grace", of) - edge) < 0.02);
			$("field").dispatchEvent(new KeyboardEvent("keyup", { code }));
		}`, nil)
	host.run("await until(() => dot('Grace') > 95 && dot('Grace', '--y') > 93)", nil)
	guest.reach(t, "element.id === 'say'")
	guest.keys(t, "Hello"+kb.Enter)
	host.run("await shows('log', 'Grace Hello')", nil)
	host.reach(t, "element.matches('#messages summary')")
	host.keys(t, kb.Enter)
	host.run("await until(() => document.querySelector('#messages pre'))", nil)
}

// keys presses keys at the focused element.
func (tab *tab) keys(t *testing.T, keys string) {
	t.Helper()
	if err := chromedp.Do(tab.ctx, chromedp.KeyEvent(keys)); err != nil {
		t.Fatal(err)
	}
}

// reach presses Tab until the element has the focus.
func (tab *tab) reach(t *testing.T, what string) {
	t.Helper()
	for range 60 {
		tab.keys(t, kb.Tab)
		var there bool
		tab.run(fmt.Sprintf(`
			const element = document.activeElement;
			if (!(%s)) return false;
			if (getComputedStyle(element).outlineStyle === "none" || parseFloat(getComputedStyle(element).outlineWidth) < 2) throw Error("the focus is not to be seen");
			return true`, what), &there)
		if there {
			return
		}
	}
	t.Fatalf("%s: no way to %s by Tab", tab.name, what)
}

// TestPageWay checks that the page says so when the data goes through a TURN
// server.
func TestPageWay(t *testing.T) {
	t.Parallel()
	turn := startTURN(t)
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte(turnSecret), 0o600); err != nil {
		t.Fatal(err)
	}
	g := startGateway(t, "-ice-servers", turn.url, "-turn-secret-file", secret)
	const relayed = "globalThis.RTCPeerConnection = class extends RTCPeerConnection { constructor(c) { super({ ...c, iceTransportPolicy: 'relay' }); } };"
	host := openPage(t, g.page(), "Ada", relayed, "")
	guest := openPage(t, host.hosted("open"), "Grace", relayed, "")
	for _, tab := range []*tab{host, guest} {
		tab.run("await shows('way', 'through a TURN server'); $('players').lastChild.firstChild.open = $('players').firstChild.firstChild.open = true; await until(() => $('players').textContent.includes('through TURN')); await shows('messages', 'TURN with')", nil)
	}
}

// TestPageBehindProxy checks that the page works over https and wss, below a
// path, behind a proxy that ends TLS.
func TestPageBehindProxy(t *testing.T) {
	t.Parallel()
	g := startGateway(t, "-stage", "prod")
	at, err := url.Parse(g.page())
	if err != nil {
		t.Fatal(err)
	}
	proxy := httptest.NewUnstartedServer(http.StripPrefix("/play", httputil.NewSingleHostReverseProxy(at)))
	proxy.Config.ErrorLog = log.New(io.Discard, "", 0) // the browser tries again after a certificate error
	proxy.StartTLS()
	t.Cleanup(proxy.Close)
	open := func(address, name string) *tab {
		tab := openPage(t, "about:blank", name, "", "")
		if _, err := chromedp.Call(tab.ctx, security.SetIgnoreCertificateErrors, security.SetIgnoreCertificateErrorsParams{Ignore: true}); err != nil {
			t.Fatal(err)
		}
		tab.visit(address)
		return tab
	}
	host := open(proxy.URL+"/play/?game=chess", "Ada")
	link := host.hosted("open")
	if !strings.HasPrefix(link, proxy.URL+"/play/?game=chess#join=") {
		t.Errorf("the link is %s", link)
	}
	guest := open(link, "Grace")
	together(t, false, host, guest)
	host.run("if (!$('snippet').textContent.includes(`wss://${location.host}/play/?game=chess`)) throw Error($('snippet').textContent)", nil)
	host.run("await until(() => $('qr').complete && $('qr').naturalWidth > 0)", nil)
}
