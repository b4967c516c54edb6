package web_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	cdppage "github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// TestCrash checks that the others notice within 5 seconds when the process of
// a player's page is killed: the host by probes, and a guest by the host. When
// the host then hands over and closes its tab, the game goes on.
func TestCrash(t *testing.T) {
	t.Parallel()
	for _, online := range []bool{true, false} {
		t.Run(fmt.Sprint("Bellhop reports it: ", online), func(t *testing.T) {
			t.Parallel()
			g := startGateway(t)
			tabs := inStar(t, g, "", 4)
			host, b, c, d := tabs[0], tabs[1], tabs[2], tabs[3]
			b.run("if (lobby.send('by the host') !== 3) throw Error('it does not get to all')", nil)
			c.hears("2: by the host")
			for _, tab := range []*tab{host, b} {
				tab.run(`
					globalThis.begins = performance.now();
					globalThis.ends = new Promise((resolve) => lobby.addEventListener("reach", () => resolve(Math.round(performance.now() - begins))));
					globalThis.lost = next(lobby, "lost");`, nil)
				if !online {
					tab.run("for (const socket of sockets) socket.onmessage = () => {}", nil) // a machine that is cut off reports nothing
				}
			}
			began := time.Now()
			go chromedp.Call(c.ctx, cdppage.Crash, cdp.Empty{}) // which has no answer
			states := []string{"connecting,2,2,4", ",2,1,4"}
			for i, tab := range []*tab{host, b} {
				var took int
				var state string
				if tab.run("return await ends", &took); took > 5000 {
					t.Logf("%s notices after %d ms, which is late", tab.name, took)
				}
				tab.run("return [lobby.peer(3)?.state, lobby.send('x'), lobby.reach].join()", &state)
				if want := states[i]; state != want {
					t.Errorf("%s has %s, want %s", tab.name, state, want)
				}
				t.Logf("%s notices after %d ms", tab.name, took)
			}
			host.run("if ((await lost).peer.peerId !== 3) throw Error('another is lost')", nil)
			t.Logf("both notice within %.1f s", time.Since(began).Seconds())
			if !online {
				return // nor does it hear of a new host
			}
			host.run("await lobby.setHost(2)", nil)
			host.driver.close(t.Context())
			b.run("await until(() => lobby.isHost)", nil)
			for _, tab := range []*tab{b, d} {
				tab.run("await until(() => lobby.reach.join() === String(6 - lobby.me.peerId))", nil)
			}
			talk(t, b, d)
		})
	}
}

// TestBusy checks that a page that is busy for long neither loses its peers nor
// seems lost to them: a browser acknowledges messages for it, and it judges no
// silence that it has not probed.
func TestBusy(t *testing.T) {
	t.Parallel()
	host, guest := meet(t, startGateway(t))
	for _, tab := range []*tab{host, guest} {
		tab.run("globalThis.losses = 0; lobby.addEventListener('lost', () => losses++)", nil)
	}
	guest.run("for (const end = performance.now() + 7000; performance.now() < end;);", nil)
	talk(t, host, guest)
	for _, tab := range []*tab{host, guest} {
		tab.run("if (losses) throw Error('it was lost')", nil)
	}
}
