package web_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"bellhop/gateway/programtest"
)

// TestOwnTURN checks that players in each browser who hide their addresses
// (relayOnly) meet through the gateway's own TURN server: over UDP, TCP and
// TLS. Firefox ignores a TURN server over TLS that has no name.
func TestOwnTURN(t *testing.T) {
	t.Parallel()
	certificate, key := programtest.Certificate(t, 1, "localhost")
	args := []string{"-turn", "127.0.0.1:0", "-turn-tls", "127.0.0.1:0"}
	for name, text := range map[string][]byte{"-tls-cert": certificate, "-tls-key": key} {
		file := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, name, file)
	}
	g := startGateway(t, args...)
	for _, joins := range browsers {
		for by, urls := range map[string]string{"UDP": "^turn:.*=udp$", "TCP": "^turn:.*=tcp$", "TLS": "^turns:localhost:"} {
			t.Run(joins.name+" by "+by, func(t *testing.T) {
				host, guest := openTab(t, g, "host", g.url()), joins.open(t, "guest").open(g, g.url())
				for _, tab := range []*tab{host, guest} {
					tab.run(`
						const Connection = RTCPeerConnection;
						const pick = (all) => all?.map((one) => ({ ...one, urls: [one.urls].flat().filter((u) => /`+urls+`/.test(u)) })).filter((one) => one.urls.length);
						window.RTCPeerConnection = class extends Connection {
							constructor(c) { super({ ...c, iceServers: pick(c?.iceServers) }); }
							setConfiguration(c) { super.setConfiguration({ ...c, iceServers: pick(c.iceServers) }); }
						}`, nil)
				}
				id := strings.ToLower(joins.name + by)
				host.enter("bellhop.host({ lobbyId: '" + id + "', relayOnly: true })")
				guest.enter("bellhop.join('" + id + "', { relayOnly: true })")
				talk(t, host, guest)
				var how, kinds string
				guest.run(`
					const [peer] = lobby.members;
					await until(() => peer.way);
					return peer.connection.getConfiguration().iceTransportPolicy + " " + peer.way`, &how)
				if guest.run(addressKinds, &kinds); how != "relay relay" || !strings.HasPrefix(kinds, "relay,") {
					t.Errorf("they talk by %s, %s", how, kinds)
				}
				host.run("await lobby.close()", nil)
			})
		}
	}
}
