package web_test

import (
	"fmt"
	"testing"

	"bellhop/store/dynamodbtest"
)

// TestLostMessage guards that players meet though a message of the handshake gets lost with the line that it was sent by.
func TestLostMessage(t *testing.T) {
	t.Parallel()
	for _, home := range homes {
		g := home.start(t)
		for _, test := range []struct{ who, action string }{
			{"guest", "set_session_description"},
			{"host", "set_session_description"},
			{"guest", "send_ice_candidate"},
			{"host", "send_ice_candidate"},
		} {
			t.Run(home.name+" "+test.who+" "+test.action, func(t *testing.T) {
				tabs := map[string]*tab{}
				for _, name := range []string{"host", "guest"} {
					tabs[name] = openTab(t, g, name, newLine(t, g).url())
				}
				tabs["host"].enter("bellhop.host({ lobbyId: 'fox', batch: 0 })")
				tabs[test.who].run(fmt.Sprintf("lose = %q", test.action), nil)
				tabs["guest"].enter("bellhop.join('fox', { batch: 0 })")
				talk(t, tabs["host"], tabs["guest"])
				var lost bool
				if tabs[test.who].run("return lose === null", &lost); !lost {
					t.Errorf("%s sends no %s", test.who, test.action)
				}
				tabs["host"].run("await until(() => bellhop.connected); await lobby.close()", nil)
			})
		}
	}
}

// TestLostAccept guards that a host whose line breaks while it lets somebody in has them in when they ask once more: with
// the line, Bellhop sends away who waits.
func TestLostAccept(t *testing.T) {
	t.Parallel()
	for _, home := range homes {
		t.Run(home.name, func(t *testing.T) {
			g := home.start(t)
			host, guest := openTab(t, g, "host", newLine(t, g).url()), openTab(t, g, "guest", g.url())
			host.enter("bellhop.host({ lobbyId: 'fox' })")
			host.run("lose = 'accept_request'; globalThis.back = next(lobby, 'signalling', ({ state }) => state === 'resumed')", nil)
			var code string
			if guest.run("return bellhop.join('fox').then(() => 'in', ({ code }) => code)", &code); code != "host_unavailable" {
				t.Errorf("the guest is sent away by %s", code)
			}
			host.run("await back", nil)
			guest.enter("bellhop.join('fox')")
			talk(t, host, guest)
		})
	}
}

// TestLateResumed guards that somebody who joins while the answer to a host's
// resume is under way is not taken for gone by that answer, which is older.
func TestLateResumed(t *testing.T) {
	t.Parallel()
	g := startGateway(t)
	host, guest := openTab(t, g, "host", g.url()), openTab(t, g, "guest", g.url())
	host.enter("bellhop.host({ lobbyId: 'fox', autoAccept: true })")
	host.run("late = 'resumed'; sockets.at(-1).close(); await until(() => late === null)", nil)
	guest.enter("bellhop.join('fox')")
	talk(t, host, guest)
	host.run("if (lobby.members.length !== 1) throw Error('it has ' + lobby.members.length)", nil)
}

// TestDropped guards that the game goes on while a player's signalling is down, and the lobby when it is back.
func TestDropped(t *testing.T) {
	t.Parallel()
	for _, home := range homes {
		g := home.start(t)
		for _, who := range []string{"host", "guest"} {
			t.Run(home.name+" "+who, func(t *testing.T) {
				way := newLine(t, g)
				tabs := map[string]*tab{}
				for _, name := range []string{"host", "guest"} {
					url := g.url()
					if name == who {
						url = way.url()
					}
					tabs[name] = openTab(t, g, name, url)
				}
				host, guest := tabs["host"], tabs["guest"]
				host.enter("bellhop.host({ lobbyId: 'fox' })")
				guest.enter("bellhop.join('fox')")
				talk(t, host, guest)

				other := map[string]*tab{"host": guest, "guest": host}[who]
				other.run("globalThis.away = next(lobby, 'away'); globalThis.back = next(lobby, 'back')", nil)
				tabs[who].run("globalThis.resumed = next(lobby, 'signalling', ({ state }) => state === 'resumed')", nil)
				way.down(true)
				other.run("await away", nil)
				talk(t, host, guest)
				way.down(false)
				other.run("await back", nil)
				tabs[who].run("await resumed", nil)
				talk(t, host, guest)

				third := openTab(t, g, "third", g.url())
				third.enter("bellhop.join('fox')")
				talk(t, host, third)
				host.run("await lobby.close()", nil)
			})
		}
	}
}

// TestGone guards that a guest learns that its host is gone for good, also where nothing tells it unasked.
func TestGone(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		g    *gateway
	}{
		{"in the gateway", startGateway(t, "-grace", "2s")},
		{"in the function", startFunction(t, "RESUME_GRACE=2")},
	} {
		t.Run(test.name, func(t *testing.T) {
			way := newLine(t, test.g)
			host, guest := openTab(t, test.g, "host", way.url()), openTab(t, test.g, "guest", test.g.url())
			host.enter("bellhop.host({ lobbyId: 'fox', autoAccept: true })")
			guest.enter("bellhop.join('fox')")
			talk(t, host, guest)
			guest.run("globalThis.ended = next(lobby, 'close')", nil)
			way.down(true)
			var reason string
			if guest.run("return (await ended).reason", &reason); reason != "timed_out" {
				t.Errorf("the guest's lobby ends by %q", reason)
			}
		})
	}
}

// TestRestart guards that a game outlives Bellhop, and with a table also its lobby.
func TestRestart(t *testing.T) {
	t.Parallel()
	t.Run("with a table", func(t *testing.T) {
		g := startGateway(t, "-table", dynamodbtest.Table(), "-dynamodb-endpoint", dynamodbtest.Start(t))
		host, guest := meet(t, g)
		for _, tab := range []*tab{host, guest} {
			tab.run("globalThis.resumed = next(lobby, 'signalling', ({ state }) => state === 'resumed')", nil)
		}
		g.stop()
		talk(t, host, guest)
		g.start()
		host.run("await resumed", nil)
		guest.run("await resumed", nil)
		third := openTab(t, g, "third", g.url())
		third.enter("bellhop.join('fox')")
		talk(t, host, third)
		talk(t, host, guest)
	})
	t.Run("without", func(t *testing.T) {
		g := startGateway(t)
		host, guest := meet(t, g)
		for _, tab := range []*tab{host, guest} {
			tab.run("globalThis.gone = next(lobby, 'signalling', ({ state }) => state === 'gone')", nil)
		}
		g.stop()
		g.start()
		for _, tab := range []*tab{host, guest} {
			var code string
			if tab.run("return (await gone).error.code", &code); code != "resume_failed" {
				t.Errorf("%s hears of %q", tab.name, code)
			}
		}
		talk(t, host, guest) // as long as they like
		host.run("globalThis.ended = next(lobby, 'close')", nil)
		guest.run("bellhop.close()", nil)
		var ending []string
		host.run("const { reason, error } = await ended; return [reason, error.code, lobby.members.length + '']", &ending)
		if fmt.Sprint(ending) != "[resume_failed resume_failed 0]" {
			t.Errorf("the host's lobby ends by %q", ending)
		}
		host.enter("bellhop.host({ lobbyId: 'fox' })") // and on with the next
	})
}

// TestTakenOver guards that a place that is resumed on another page has its peers there, and that the page which had it
// stops for good.
func TestTakenOver(t *testing.T) {
	t.Parallel()
	for _, who := range []string{"host", "guest"} {
		t.Run(who, func(t *testing.T) {
			g := startGateway(t)
			tabs := map[string]*tab{"host": openTab(t, g, "host", g.url()), "guest": openTab(t, g, "guest", g.url())}
			tabs["host"].enter("bellhop.host({ lobbyId: 'fox' })")
			tabs["guest"].enter("bellhop.join('fox')")
			talk(t, tabs["host"], tabs["guest"])
			var token, reason string
			old := tabs[who]
			old.run("globalThis.ended = next(lobby, 'close'); return bellhop.resumeToken", &token)
			tabs[who] = openTab(t, g, who+" again", g.url())
			tabs[who].enter(fmt.Sprintf("bellhop.resume(%q)", token))
			if old.run("return (await ended).reason", &reason); reason != "replaced" {
				t.Errorf("the old page hears %q", reason)
			}
			talk(t, tabs["host"], tabs["guest"])
			var sockets int
			if old.run("await until(() => !bellhop.connected); return sockets.length", &sockets); sockets != 1 {
				t.Errorf("the old page has connected %d times", sockets)
			}
		})
	}
}

// TestRenewed guards that clients exchange their connections before those are too old, without anybody being away.
func TestRenewed(t *testing.T) {
	t.Parallel()
	g := startGateway(t, "-lifetime", "5s")
	host, guest := openTab(t, g, "host", g.url()), openTab(t, g, "guest", g.url())
	for _, tab := range []*tab{host, guest} {
		tab.run(`
			globalThis.bellhop = new Bellhop(url, { renewAfter: 1000 });
			globalThis.renewed = 0;
			bellhop.addEventListener("resumed", () => renewed++);`, nil)
	}
	host.enter("bellhop.host({ lobbyId: 'fox' })")
	guest.enter("bellhop.join('fox')")
	for _, tab := range []*tab{host, guest} {
		tab.run("for (const type of ['away', 'signalling']) lobby.addEventListener(type, ({ state }) => { if (state !== 'resumed') throw Error(type + ' ' + state); })", nil)
	}
	for _, tab := range []*tab{host, guest} {
		tab.run("await until(() => renewed >= 7)", nil)
	}
	talk(t, host, guest)
}

// TestIdle guards that a client which has nothing to say is not taken for gone.
func TestIdle(t *testing.T) {
	t.Parallel()
	g := startGateway(t, "-idle", "1s")
	host := openTab(t, g, "host", g.url())
	var sockets int
	host.run(`
		const bellhop2 = new Bellhop(url, { keepAlive: 300 });
		await bellhop2.connect();
		for (let pongs = 0; pongs < 8; pongs++) await next(bellhop2, "pong");
		return sockets.length`, &sockets)
	if sockets != 1 {
		t.Errorf("the client has connected %d times", sockets)
	}
}

// TestSilence guards that a connection which is dead though nobody has said so is found out, and exchanged.
func TestSilence(t *testing.T) {
	t.Parallel()
	g := startGateway(t)
	way := newLine(t, g)
	host, guest := openTab(t, g, "host", g.url()), openTab(t, g, "guest", way.url())
	host.enter("bellhop.host({ lobbyId: 'fox' })")
	guest.run("globalThis.bellhop = new Bellhop(url, { keepAlive: 500 })", nil)
	guest.enter("bellhop.join('fox')")
	talk(t, host, guest)
	back := host.background("await next(lobby, 'back')", nil)
	way.mute()
	back()
	talk(t, host, guest)
	third := openTab(t, g, "third", g.url())
	third.enter("bellhop.join('fox')")
	talk(t, host, third)
}
