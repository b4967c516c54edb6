package web_test

import (
	"fmt"
	"testing"
)

// browsers are the browsers that players use. The first, Chromium, runs all
// other tests.
var browsers = []struct {
	name string
	open func(t *testing.T, name string) *tab
}{
	{"Chromium", emptyTab},
	{"Firefox", func(t *testing.T, name string) *tab {
		return &tab{t: t, name: name, driver: needFirefox(t).newTab(t, name)}
	}},
}

// TestBrowsers checks that players in any two browsers connect, and stay
// connected through everything that can happen to a connection.
func TestBrowsers(t *testing.T) {
	t.Parallel()
	g := startGateway(t)
	for _, hosts := range browsers {
		for _, joins := range browsers {
			if hosts.name == "Chromium" && joins.name == "Chromium" {
				continue // as in all other tests
			}
			t.Run(hosts.name+" hosts, "+joins.name+" joins", func(t *testing.T) {
				for _, test := range []struct {
					name string
					do   func(t *testing.T, host, guest *tab, way *line)
				}{
					{"either offers", offersEitherWay},
					{"mesh", meetInMesh},
					{"bytes", sendBytes},
					{"everybody", func(t *testing.T, host, guest *tab, _ *line) {
						sendToEverybody(t, host, guest, joins.open(t, "third").open(g, g.url()))
					}},
					{"dropped", dropAndResume},
					{"reloaded", reloadAndResume},
					{"network changes", changeNetwork},
					{"left", leavePage},
				} {
					t.Run(test.name, func(t *testing.T) {
						way := newLine(t, g)
						test.do(t, hosts.open(t, "host").open(g, g.url()), joins.open(t, "guest").open(g, way.url()), way)
					})
				}
			})
		}
	}
}

func offersEitherWay(t *testing.T, host, guest *tab, _ *line) {
	for _, offerer := range []string{"host", "joiner"} {
		host.enter("bellhop.host({ lobbyId: 'offers', offerer: '" + offerer + "' })")
		guest.enter("bellhop.join('offers', { offerer: '" + offerer + "' })")
		talk(t, host, guest)
		host.run("await lobby.close()", nil)
		guest.run("await until(() => !bellhop.lobby)", nil)
	}
}

func meetInMesh(t *testing.T, host, guest *tab, _ *line) {
	host.enter("bellhop.host({ lobbyId: 'mesh', topology: 'mesh', batch: 0 })")
	guest.enter("bellhop.join('mesh', { batch: 0 })")
	talk(t, host, guest)
	host.run("await lobby.close()", nil)
}

func sendBytes(t *testing.T, host, guest *tab, _ *line) {
	host.enter("bellhop.host({ lobbyId: 'bytes' })")
	guest.enter("bellhop.join('bytes')")
	talk(t, host, guest)
	for _, way := range [][2]*tab{{host, guest}, {guest, host}} {
		var got []int
		heard := way[1].background("return [...new Uint8Array((await next(lobby, 'message')).data)]", &got)
		way[0].run("lobby.send(new Uint8Array([1, 2, 3]))", nil)
		if heard(); len(got) != 3 || got[2] != 3 {
			t.Errorf("%s hears %v", way[1].name, got)
		}
	}
	host.run("await lobby.close()", nil)
}

// sendToEverybody checks that each of three in a star hears all that the others
// send: JSON, text of the largest size, and a Blob.
func sendToEverybody(t *testing.T, tabs ...*tab) {
	for i, tab := range tabs {
		tab.enter([]string{"bellhop.host({ lobbyId: 'all' })", "bellhop.join('all')", "bellhop.join('all')"}[i])
	}
	reachable(t, tabs...)
	for _, tab := range tabs {
		tab.run(`
			for (const data of [{ by: lobby.me.peerId, all: [null, "ä", 0.5] }, "x".repeat(262_144), new Blob(["end"])]) {
				if (lobby.send(data) !== 2) throw Error("it does not get to both");
			}`, nil)
	}
	for i, tab := range tabs {
		for id := range len(tabs) {
			if id != i {
				tab.hears(fmt.Sprintf(`%d: {"by":%[1]d,"all":[null,"ä",0.5]}`, id+1), fmt.Sprintf("%d: {}", id+1))
				tab.run(fmt.Sprintf("if (!heard.includes('%d: ' + 'x'.repeat(262_144))) throw Error('not whole')", id+1), nil)
			}
		}
	}
	tabs[0].run("await lobby.close()", nil)
}

func dropAndResume(t *testing.T, host, guest *tab, way *line) {
	host.enter("bellhop.host({ lobbyId: 'dropped' })")
	guest.enter("bellhop.join('dropped')")
	talk(t, host, guest)
	host.run("globalThis.away = next(lobby, 'away'); globalThis.back = next(lobby, 'back')", nil)
	way.down(true)
	host.run("await away", nil)
	talk(t, host, guest)
	way.down(false)
	host.run("await back", nil)
	talk(t, host, guest)
	host.run("await lobby.close()", nil)
}

func reloadAndResume(t *testing.T, host, guest *tab, _ *line) {
	host.enter("bellhop.host({ lobbyId: 'reloaded' })")
	guest.enter("bellhop.join('reloaded')")
	talk(t, host, guest)
	for _, tab := range []*tab{guest, host} {
		tab.reload()
		tab.enter("bellhop.resume(sessionStorage.token)")
		talk(t, host, guest)
	}
	host.run("await lobby.close()", nil)
}

func changeNetwork(t *testing.T, host, guest *tab, _ *line) {
	host.enter("bellhop.host({ lobbyId: 'network' })")
	guest.enter("bellhop.join('network')")
	talk(t, host, guest)
	guest.run("dispatchEvent(new Event('online'))", nil)
	talk(t, host, guest)
	host.run("await lobby.close()", nil)
}
