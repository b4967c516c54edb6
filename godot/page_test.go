package godot_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// pageScript is the player in a page. It keeps what it hears in heard.
const pageScript = `(async () => {
	if (!globalThis.enter) {
		const { Bellhop } = await import("/bellhop.js");
		globalThis.enter = async (entering) => {
			globalThis.heard = [];
			const lobby = globalThis.lobby = await entering(globalThis.bellhop ??= new Bellhop(location.origin.replace("http", "ws")));
			lobby.addEventListener("message", ({ peerId, data }) => heard.push(peerId + " " + (data.byteLength ? data.byteLength + " bytes" : data)));
			lobby.addEventListener("chat", ({ peerId, data }) => heard.push("chat " + peerId + " " + data));
			return lobby.id;
		};
	}
	%s
})().catch((error) => "error: " + error)`

// restartScript restarts ICE in all connections of the page, and waits for the
// answers.
const restartScript = `
	const names = () => lobby.members.map(({ connection }) => /ice-ufrag:(\S+)/.exec(connection.currentRemoteDescription?.sdp)?.[1]);
	const before = names();
	for (const { connection } of lobby.members) connection.restartIce();
	const end = performance.now() + 60_000;
	while (names().some((name) => !name || before.includes(name))) {
		if (performance.now() > end) return "no answer";
		await new Promise((resolve) => setTimeout(resolve, 20));
	}
	return "restarted " + before.length;`

// page does something in a page with bellhop.js, and returns what the page
// answers.
func (w *world) page(t *testing.T, what string) string {
	if w.tab == nil {
		ctx, err := chromium.Start()
		if err != nil {
			return err.Error()
		}
		tab, closeTab := chromedp.NewContext(ctx, chromedp.WithNewWindow(true))
		t.Cleanup(closeTab)
		if err := chromedp.Do(tab, chromedp.Navigate(w.URL+"/healthz")); err != nil {
			return err.Error()
		}
		w.tab = tab
	}
	script := `return await enter((bellhop) => bellhop.host({ topology: "mesh", autoAccept: true, player: { name: "Page" } }))`
	if code, ok := strings.CutPrefix(what, "join-"); ok {
		script = fmt.Sprintf(`return await enter((bellhop) => bellhop.join(%q, { player: { name: "Page" } }))`, code)
	} else if text, ok := strings.CutPrefix(what, "say-"); ok {
		script = fmt.Sprintf(`lobby.send(%q); await lobby.chat(%[1]q); return ""`, text)
	} else if what == "restart" {
		script = restartScript
	} else if what == "heard" {
		script = `return heard.join("\n")`
	}
	answer, err := chromedp.Run(w.tab, chromedp.Evaluate[string](fmt.Sprintf(pageScript, script), chromedp.EvalAwaitPromise))
	if err != nil {
		return err.Error()
	}
	return answer
}
