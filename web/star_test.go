package web_test

import (
	"testing"
)

// TestStar guards that two players who know nothing but a URL and a lobby's id talk to each other, reliably and not.
func TestStar(t *testing.T) {
	g := startGateway(t)
	host, guest := openTab(t, g, "host", g.url()), openTab(t, g, "guest", g.url())
	host.run(`
		globalThis.bellhop = new Bellhop(url, { game: "tanks" });
		globalThis.lobby = await bellhop.host({ lobbyId: "Blue-Fox" });
		lobby.addEventListener("request", ({ request }) => request.accept());
		globalThis.greeted = next(lobby, "message");
	`, nil)
	var heard string
	guest.run(`
		globalThis.bellhop = new Bellhop(url, { game: "tanks" });
		globalThis.lobby = await bellhop.join("blue-fox");
		globalThis.answered = next(lobby, "message");
		const { peer } = await next(lobby, "open");
		if (!lobby.send("hello") || peer !== lobby.host) throw Error("not connected");
	`, nil)
	host.run(`
		const { peer, data } = await greeted;
		peer.send(new TextEncoder().encode(data + " yourself"), { reliable: false });
		return data`, &heard)
	if heard != "hello" {
		t.Errorf("the host hears %q", heard)
	}
	guest.run(`const { data } = await answered; return new TextDecoder().decode(data)`, &heard)
	if heard != "hello yourself" {
		t.Errorf("the guest hears %q", heard)
	}
}
