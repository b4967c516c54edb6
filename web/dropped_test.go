package web_test

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"bellhop/store/dynamodbtest"
)

// TestLostMessage checks that players connect although a message of the
// handshake is lost with its line.
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

// TestLostAccept checks a host whose line breaks while it admits a player. When
// the player asks again, the host still admits it: with the broken line Bellhop
// rejects the waiting players.
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

// TestLateResumed checks a player that joins while the answer to a host's
// resume is under way. That answer is older than the player, and must not make
// the player seem gone.
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

// TestDropped checks that the game goes on while a player's signalling is down,
// and that the lobby goes on when it is back.
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

// TestGone checks that a guest finds out that its host is gone for good, even
// if no event says so.
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

// TestRestart checks that a game survives a restart of Bellhop. With a table or
// a state file, its lobby survives too.
func TestRestart(t *testing.T) {
	t.Parallel()
	for name, args := range map[string][]string{
		"with a table": {"-table", dynamodbtest.Table(), "-dynamodb-endpoint", dynamodbtest.Start(t)},
		"with a file":  {"-state", filepath.Join(t.TempDir(), "lobbies")},
	} {
		t.Run(name, func(t *testing.T) {
			g := startGateway(t, args...)
			host, guest := meet(t, g)
			for _, tab := range []*tab{host, guest} {
				tab.run("globalThis.resumed = next(lobby, 'signalling', ({ state }) => state === 'resumed')", nil)
			}
			began := time.Now()
			g.stop()
			talk(t, host, guest)
			g.start()
			host.run("await resumed", nil)
			t.Logf("the host is back %.2f s after the signal", time.Since(began).Seconds())
			guest.run("await resumed", nil)
			third := openTab(t, g, "third", g.url())
			third.enter("bellhop.join('fox')")
			talk(t, host, third)
			talk(t, host, guest)
		})
	}
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
		talk(t, host, guest) // for any time
		host.run("globalThis.ended = next(lobby, 'close')", nil)
		guest.run("bellhop.close()", nil)
		var ending []string
		host.run("const { reason, error } = await ended; return [reason, error.code, lobby.members.length + '']", &ending)
		if fmt.Sprint(ending) != "[resume_failed resume_failed 0]" {
			t.Errorf("the host's lobby ends by %q", ending)
		}
		host.enter("bellhop.host({ lobbyId: 'fox' })") // and go on with the next
	})
}

// TestTakenOver checks that a slot resumed on another page gets its peers
// there, and that the old page stops for good.
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

// TestRenewed checks that clients replace their connections before API Gateway
// closes them, and that nobody seems away meanwhile.
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

// TestIdle checks that a client with nothing to send is not treated as gone.
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

// TestSilence checks that a connection that died silently is noticed and
// replaced.
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
