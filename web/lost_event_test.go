package web_test

import (
	"fmt"
	"strings"
	"testing"
)

// TestLostEvent checks that a client which misses an event finds the change by
// itself, since something no longer fits.
func TestLostEvent(t *testing.T) {
	t.Parallel()
	g := startGateway(t)
	for _, test := range []struct {
		event, who string // the client that misses it
		cause      string // the host's or the guest's action
		by         string
		finds      string
	}{
		{"peer_left", "host", "lobby.leave()", "guest", "await until(() => lobby.members.length === 1)"},
		{"lobby_closed", "guest", "lobby.close()", "host", "await ended"},
		{"removed", "guest", "lobby.remove(lobby.peer(2))", "host", "await ended"},
		{"peer_resumed", "host", "sockets.at(-1).close()", "guest", "await until(() => away && !lobby.peer(2).away)"},
		{"peer_resumed", "guest", "sockets.at(-1).close()", "host", "await until(() => away && !lobby.host.away)"},
		{"host_changed", "guest", "lobby.leave()", "host", "await until(() => lobby.isHost && lobby.members.length === 1)"},
		{"host_changed", "third", "lobby.leave()", "host", "await until(() => lobby.hostPeerId === 2 && lobby.members.length === 1)"},
	} {
		t.Run(test.event+" of the "+test.by+" at the "+test.who, func(t *testing.T) {
			t.Parallel()
			r := newRelay(t, g)
			id := strings.ReplaceAll(test.event+"-"+test.who, "_", "-")
			tabs := map[string]*tab{}
			for _, name := range []string{"host", "guest", "third"} {
				url := g.url()
				if name == test.who {
					url = r.url()
				}
				tabs[name] = openTab(t, g, name, url)
				how := "bellhop.join(%q)"
				if name == "host" {
					how = "bellhop.host({ lobbyId: %q, onHostLeave: 'migrate' })"
				}
				tabs[name].enter(fmt.Sprintf(how, id))
				if name != "host" {
					talk(t, tabs["host"], tabs[name])
				}
			}
			lost := r.loses(test.event)
			tabs[test.who].run(`
				globalThis.ended = next(lobby, "close");
				globalThis.away = false;
				lobby.addEventListener("away", () => (away = true));`, nil)
			tabs[test.by].run(test.cause, nil)
			<-lost
			tabs[test.who].run(test.finds, nil)
			if test.event == "host_changed" {
				talk(t, tabs["guest"], tabs["third"])
			}
		})
	}
}

// TestRenewsSeldom checks that a mismatch that never goes away does not cause
// ever more renewals.
func TestRenewsSeldom(t *testing.T) {
	t.Parallel()
	g := startGateway(t)
	host := openTab(t, g, "host", g.url())
	var sockets int
	host.run(`
		globalThis.lobby = await bellhop.host();
		let resumed = 0;
		bellhop.addEventListener("resumed", () => resumed++);
		const doubts = setInterval(() => bellhop.renew(), 100);
		await until(() => resumed === 2);
		clearInterval(doubts);
		return sockets.length`, &sockets)
	if sockets != 3 {
		t.Errorf("it has connected %d times", sockets)
	}
}
