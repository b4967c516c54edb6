package web_test

import "testing"

// TestWakes checks that a line that died in sleep is noticed and replaced as
// soon as anything shows that the sleep is over.
func TestWakes(t *testing.T) {
	t.Parallel()
	g := startGateway(t)
	host := openTab(t, g, "host", g.url())
	host.run("globalThis.lobby = await bellhop.host({ lobbyId: 'fox', autoAccept: true, maxPlayers: 64 })", nil)
	for _, test := range []struct{ name, wakes string }{
		{"visibilitychange", "document.dispatchEvent(new Event('visibilitychange'))"},
		{"resume", "document.dispatchEvent(new Event('resume'))"},
		{"pageshow", "dispatchEvent(new Event('pageshow'))"},
		{"focus", "dispatchEvent(new Event('focus'))"},
		{"online", "dispatchEvent(new Event('online'))"},
		{"a clock that jumps", "const now = Date.now; Date.now = () => now() + 60000"},
		{"a clock that is set back", "const now = Date.now; Date.now = () => now() - 60000"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			way := newLine(t, g)
			guest := openTab(t, g, "guest", way.url())
			guest.run(`
				globalThis.lobby = await bellhop.join("fox");
				globalThis.resumed = next(lobby, "signalling", ({ state }) => state === "resumed");`, nil)
			way.mute()
			guest.run(test.wakes+"; await resumed; bellhop.close()", nil)
		})
	}
}
