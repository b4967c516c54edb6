package web_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	cdppage "github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// hand is the set of functions with which scripts use a page as a player does.
const hand = `
	globalThis.$ = (id) => document.getElementById(id);
	globalThis.until = async (what) => { for (let got; ; await new Promise((resolve) => setTimeout(resolve, 10))) if ((got = what())) return got; };
	globalThis.seen = (element) => element?.checkVisibility() ? element.innerText.trim() : "";
	globalThis.shows = (id, text) => until(() => seen($(id)).includes(text));
	globalThis.button = (label) => [...document.querySelectorAll("button")].find((b) => seen(b) === label && !b.disabled);
	globalThis.press = async (label) => (await until(() => button(label))).click();
	globalThis.check = (...ids) => { for (const id of ids) { const open = $(id).closest("details"); if (open) open.open = true; $(id).click(); } };
	globalThis.fill = (id, text) => { $(id).value = text; $(id).dispatchEvent(new Event("change", { bubbles: true })); };
	globalThis.dot = (name, of = "--x") => 100 * parseFloat([...document.querySelectorAll(".dot")].find(({ title }) => title === name)?.style.getPropertyValue(of));
	globalThis.chip = (name) => [...document.querySelectorAll("#players li")].find((item) => seen(item.querySelector(".who")).startsWith(name));
	globalThis.shown = (name, ...texts) => until(() => chip(name) && texts.every((text) => seen(chip(name).querySelector(".who")).includes(text)));
	globalThis.menu = (name, label) => { chip(name).querySelector("details").open = true; return press(label); };
	globalThis.rows = () => [...$("messages").children].map((row) => row.querySelector(".unseen").textContent);
`

// openPage opens the gateway's page as a named player. Script before runs
// before the page's own scripts. Any error on the console fails the test, and
// so does a breach of the page's Content-Security-Policy, unless expected
// matches it.
func openPage(t *testing.T, url, name, before, expected string) *tab {
	t.Helper()
	tab := emptyTab(t, name)
	said := chromedp.Console(tab.ctx)
	go func() {
		for message, err := range said {
			if err != nil || t.Context().Err() != nil {
				return
			}
			if message.Type == chromedp.ConsoleError && (expected == "" || !regexp.MustCompile(expected).MatchString(message.Text)) {
				t.Errorf("%s has on its console: %s", name, message)
			}
		}
	}()
	source := hand + fmt.Sprintf("try { sessionStorage.setItem('bellhop-name', JSON.stringify(%q)) } catch {}\n", name) + before
	if _, err := chromedp.Call(tab.ctx, cdppage.AddScriptToEvaluateOnNewDocument, cdppage.AddScriptToEvaluateOnNewDocumentParams{Source: source}); err != nil {
		t.Fatal(err)
	}
	tab.visit(url)
	return tab
}

// hosted hosts a game in a tab, with the given boxes ticked, and returns the
// link to it.
func (tab *tab) hosted(ticked ...string) (link string) {
	tab.t.Helper()
	for _, id := range ticked {
		tab.run(fmt.Sprintf("check(%q)", id), nil)
	}
	tab.run("await shows('status', 'Connected'); await press('Host a game'); await until(() => seen($('room'))); return $('link').value", &link)
	return link
}

// together waits until each tab is connected with all others; in a star, with
// the host.
func together(t *testing.T, mesh bool, tabs ...*tab) {
	t.Helper()
	for i, tab := range tabs {
		for j, other := range tabs {
			if i != j && (mesh || i == 0 || j == 0) {
				tab.run(fmt.Sprintf("await shows('way', 'Connected with'); await shows('way', %q)", other.name), nil)
			}
		}
	}
}

// looks gives a tab's window a size, and a light or dark theme.
func (tab *tab) looks(width, height int64, phone bool, scheme string) {
	tab.t.Helper()
	options := []chromedp.EmulateViewportOption{chromedp.EmulateScale(2)}
	if phone {
		options = append(options, chromedp.EmulateMobile, chromedp.EmulateTouch, chromedp.EmulatePortrait)
	}
	if err := chromedp.Do(tab.ctx, chromedp.EmulateViewport(width, height, options...)); err != nil {
		tab.t.Fatal(err)
	}
	media := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme},
		{Name: "prefers-reduced-motion", Value: "reduce"}}}
	if _, err := chromedp.Call(tab.ctx, emulation.SetEmulatedMedia, media); err != nil {
		tab.t.Fatal(err)
	}
}

// picture saves a screenshot of a tab in .cache/screenshots.
func (tab *tab) picture(name string) {
	tab.t.Helper()
	png, err := chromedp.Run(tab.ctx, chromedp.CaptureScreenshot())
	if err == nil {
		err = os.MkdirAll("../.cache/screenshots", 0o777)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join("../.cache/screenshots", name+".png"), png, 0o666)
	}
	if err != nil {
		tab.t.Fatal(err)
	}
}

// TestPageLooks checks that the page fits the windows of a desktop and a phone,
// light and dark. Nothing is wider than the window, and everything that can be
// pressed has room for a finger. The screenshots are in .cache/screenshots.
func TestPageLooks(t *testing.T) {
	g := startGateway(t)
	host, guest := openPage(t, g.page(), "Ada", "", ""), openPage(t, g.page(), "Grace", "", "")
	look := func(tab *tab, name string) {
		t.Helper()
		for _, size := range []struct {
			name          string
			width, height int64
			phone         bool
		}{{"desktop", 1280, 800, false}, {"phone", 390, 844, true}, {"small", 320, 640, true}} {
			for _, scheme := range []string{"light", "dark"} {
				tab.looks(size.width, size.height, size.phone, scheme)
				tab.run("await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)))", nil)
				tab.picture(strings.Join([]string{name, size.name, scheme}, "-"))
				var wrong []string
				tab.run(fit, &wrong)
				for _, what := range wrong {
					t.Errorf("%s, %s, %s: %s", name, size.name, scheme, what)
				}
			}
		}
	}
	host.run("await shows('status', 'Connected')", nil)
	look(host, "start")
	host.run("for (const details of document.querySelectorAll('#start details')) details.open = true; await shows('found', 'No game')", nil)
	look(host, "start-open")
	link := host.hosted("public")
	look(host, "hosting")
	guest.run("check('find'); $('find').open = true; await shows('games', 'Ada')", nil)
	look(guest, "list")
	guest.visit(link)
	host.run("await shows('requests', 'Grace')", nil)
	look(host, "asked")
	guest.run("await shows('waiting', 'decides')", nil)
	look(guest, "waiting")
	host.run("await press('Let in')", nil)
	together(t, false, host, guest)
	third := openPage(t, link, "Linus", "", "")
	host.run("await shows('requests', 'Linus'); await press('Let in')", nil)
	together(t, false, host, guest, third)
	guest.run("fill('say', 'Catch me if you can!'); await press('Send')", nil)
	third.run("await shows('log', 'Catch me'); fill('say', 'Watch out, Grace'); await press('Send')", nil)
	guest.run("await shows('log', 'Watch out')", nil)
	for _, tab := range []*tab{host, guest, third} {
		tab.run("await press('Ready')", nil)
	}
	guest.run(chase+"await phase('play'); goTo($('key')); await shows('goal', 'You have the key')", nil)
	look(guest, "playing")
	host.run("$('messages').querySelectorAll('summary')[1].click()", nil)
	look(host, "playing-host")
}

// fit returns what does not fit into the window, and what is too small. The
// minimum is 44 CSS pixels for a finger and 24 for a mouse (WCAG 2.2, 2.5.5 and
// 2.5.8); a label counts with its control. It also returns text with too little
// contrast (1.4.3).
const fit = `
	const wrong = [];
	const least = matchMedia("(pointer: coarse)").matches ? 44 : 24;
	const width = document.documentElement.clientWidth; // innerWidth grows with what is too wide
	if (document.documentElement.scrollWidth > width) wrong.push("it is " + document.documentElement.scrollWidth + " wide");
	for (const element of document.querySelectorAll("button, input, select, summary, a")) {
		const box = element.getBoundingClientRect();
		if (!element.checkVisibility() || element.matches(".skip")) continue;
		if (box.right > width + 1 || box.left < -1) wrong.push(element.outerHTML.slice(0, 80) + " is outside");
		const height = Math.max(box.height, element.labels?.[0]?.getBoundingClientRect().height ?? 0);
		if (height < least || Math.max(box.width, element.labels?.[0]?.getBoundingClientRect().width ?? 0) < least) wrong.push(element.outerHTML.slice(0, 80) + " is " + box.width + " x " + box.height);
	}
	const colour = (text) => { // of 0 to 1, with how much of it there is
		const [r, g, b, a = 1] = text.match(/[\d.]+/g).map(Number);
		return text.startsWith("color") ? [r, g, b, a] : [r / 255, g / 255, b / 255, a];
	};
	const light = (text) => colour(text).slice(0, 3).map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)).reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
	for (const element of document.body.querySelectorAll("*")) {
		const style = getComputedStyle(element);
		const says = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
		if (!says || !element.checkVisibility({ visibilityProperty: true }) || element.closest(".unseen, :disabled")) continue;
		let under = element;
		while (colour(getComputedStyle(under).backgroundColor)[3] < 1) under = under.parentElement;
		const [dark, bright] = [light(style.color), light(getComputedStyle(under).backgroundColor)].sort((a, b) => a - b);
		const contrast = (bright + 0.05) / (dark + 0.05);
		if (contrast < 4.5) wrong.push(element.textContent.trim().slice(0, 40) + " has a contrast of " + contrast.toFixed(1));
	}
	return wrong`
