package web_test

import (
	"context"
	"strings"
	"testing"
)

// TestHiddenPage checks leavePage in Chromium.
func TestHiddenPage(t *testing.T) {
	t.Parallel()
	g := startGateway(t)
	leavePage(t, openTab(t, g, "host", g.url()), openTab(t, g, "guest", g.url()), nil)
}

// leavePage checks that a page that is left, or a closed tab, closes its
// connections, so that the others notice immediately, and that its place is
// held. A page from the back/forward cache comes back by itself. A page can
// also leave the lobby then.
func leavePage(t *testing.T, host, guest *tab, _ *line) {
	host.enter("bellhop.host({ lobbyId: 'left' })")
	guest.enter("bellhop.join('left')")
	talk(t, host, guest)
	gone := func(leave func()) {
		t.Helper()
		var took []int
		noticed := host.background(`
			const began = performance.now();
			const events = [next(lobby, "lost"), next(lobby.peer(2), "close"), next(lobby, "away")];
			const times = await Promise.all(events.map((event) => event.then(() => Math.round(performance.now() - began))));
			if (lobby.peer(2).state === "open" || lobby.send("x") || !lobby.players.get(2).away) throw Error("it is there");
			return times`, &took)
		leave()
		noticed()
		t.Logf("lost, closed and away after %v ms", took)
	}
	elsewhere := "http" + strings.TrimPrefix(guest.url, "ws") + "/healthz"
	gone(func() { guest.visit(elsewhere) })
	guest.run("setTimeout(() => history.back())", nil)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	shown := ""
	for shown == "" && ctx.Err() == nil {
		shown, _ = guest.evaluate(ctx, "Promise.resolve(globalThis.lobby ? 'from its cache' : globalThis.Bellhop ? 'again' : '')")
	}
	t.Log("the browser shows the page ", shown)
	if _, chromium := guest.driver.(chromiumTab); chromium && shown == "again" {
		t.Error("the page was not kept")
	} else if shown == "again" { // Firefox decides before pagehide, and keeps no page with an open connection
		guest.start()
		guest.enter("bellhop.restore()")
	}
	talk(t, host, guest)
	gone(func() { guest.driver.close(t.Context()) })
	host.run("await lobby.close()", nil)
}

// TestGoodbye checks that a page in Chromium can leave its lobby when it is
// closed: by a listener that is older than its client. Firefox may end the
// connection before it has sent anything, so no game can rely on that there.
func TestGoodbye(t *testing.T) {
	t.Parallel()
	g := startGateway(t)
	host, guest := openTab(t, g, "host", g.url()), openTab(t, g, "guest", g.url())
	host.enter("bellhop.host({ lobbyId: 'fox' })")
	guest.run("addEventListener('pagehide', () => bellhop.close()); bellhop = new Bellhop(url)", nil)
	guest.enter("bellhop.join('fox')")
	talk(t, host, guest)
	left := host.background("const { reason } = await next(lobby, 'leave'); if (reason !== 'left' || lobby.players.size > 1) throw Error(reason)", nil)
	guest.driver.close(t.Context())
	left()
}
