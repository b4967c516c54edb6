package web_test

import (
	"sync/atomic"
	"testing"
)

// hasty runs a page's clock five times as fast, for tests of waits of a minute.
const hasty = `
	{
		const [set, now] = [setTimeout, performance.now.bind(performance)];
		window.setTimeout = (f, ms, ...more) => set(f, ms / 5, ...more);
		performance.now = () => now() * 5;
	}`

// TestAsksAgain checks that a joiner does not wait forever if something is lost
// while the line is up: its request, the host's event, or the answer.
func TestAsksAgain(t *testing.T) {
	t.Parallel()
	for _, lost := range []string{"join_lobby", "request_to_join", "request_accepted"} {
		t.Run(lost, func(t *testing.T) {
			t.Parallel()
			g := startGateway(t)
			way := newRelay(t, g)
			urls := map[string]string{"host": g.url(), "guest": way.url()}
			if lost == "request_to_join" {
				urls = map[string]string{"host": way.url(), "guest": g.url()}
			}
			host, guest := openTab(t, g, "host", urls["host"]), openTab(t, g, "guest", urls["guest"])
			guest.run(hasty, nil)
			host.enter("bellhop.host({ lobbyId: 'fox' })")
			var loses atomic.Bool
			loses.Store(true)
			passes := func(name string) bool { return name != lost || !loses.Swap(false) }
			way.does(func(action string) (bool, string) { return passes(action), "" }, passes)
			guest.enter("bellhop.join('fox')")
			talk(t, host, guest)
			if loses.Load() {
				t.Errorf("there was no %s to lose", lost)
			}
		})
	}
}

// TestAsksQuietly checks that a slow host does not get repeated requests of the
// same joiner.
func TestAsksQuietly(t *testing.T) {
	t.Parallel()
	g := startGateway(t)
	host, guest := openTab(t, g, "host", g.url()), openTab(t, g, "guest", g.url())
	guest.run(hasty, nil)
	host.run(`
		globalThis.lobby = await bellhop.host({ lobbyId: "fox" });
		globalThis.requests = [];
		lobby.addEventListener("request", ({ request }) => requests.push(request));
		lobby.addEventListener("cancel", () => requests.push("cancel"));`, nil)
	in := guest.background("globalThis.lobby = await bellhop.join('fox'); return said", new([]string))
	guest.run("await until(() => said.length === 2)", nil)
	var heard int
	if host.run("await requests[0].accept(); return requests.length", &heard); heard != 1 {
		t.Errorf("the host hears of it %d times", heard)
	}
	in()
}
