package web_test

import (
	"strings"
	"testing"
)

// TestOwnTURN checks that players in each browser who hide their addresses
// (relayOnly) meet through the gateway's own TURN server, over UDP and TCP.
func TestOwnTURN(t *testing.T) {
	t.Parallel()
	g := startGateway(t, "-turn", "127.0.0.1:0")
	for _, joins := range browsers {
		for _, by := range []string{"udp", "tcp"} {
			t.Run(joins.name+" by "+by, func(t *testing.T) {
				host, guest := openTab(t, g, "host", g.url()), joins.open(t, "guest").open(g, g.url())
				for _, tab := range []*tab{host, guest} {
					tab.run(`
						const Connection = RTCPeerConnection;
						const pick = (all) => all?.map((one) => ({ ...one, urls: [one.urls].flat().filter((u) => u.endsWith("=`+by+`")) })).filter((one) => one.urls.length);
						window.RTCPeerConnection = class extends Connection {
							constructor(c) { super({ ...c, iceServers: pick(c?.iceServers) }); }
							setConfiguration(c) { super.setConfiguration({ ...c, iceServers: pick(c.iceServers) }); }
						}`, nil)
				}
				id := strings.ToLower(joins.name + by)
				host.enter("bellhop.host({ lobbyId: '" + id + "', relayOnly: true })")
				guest.enter("bellhop.join('" + id + "', { relayOnly: true })")
				talk(t, host, guest)
				var kinds string
				guest.run(`
					const { connection } = lobby.members[0];
					const all = [...(await connection.getStats()).values()];
					const pair = all.find((x) => x.type === "candidate-pair" && x.state === "succeeded" && x.nominated);
					await until(() => lobby.members[0].way);
					return connection.getConfiguration().iceTransportPolicy + lobby.members[0].way + [pair.localCandidateId, pair.remoteCandidateId].map((id) => all.find((x) => x.id === id).candidateType)`, &kinds)
				if !strings.HasPrefix(kinds, "relayrelayrelay,") {
					t.Errorf("they talk by %s", kinds)
				}
				host.run("await lobby.close()", nil)
			})
		}
	}
}
