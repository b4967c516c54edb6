package web_test

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"bellhop/gateway/programtest"
	"bellhop/store/dynamodbtest"
)

// turnSecret is the secret that the TURN server and Bellhop share.
const turnSecret = "kept between the two"

// A turnServer is coturn on this machine.
type turnServer struct {
	t       *testing.T
	file    string // with its configuration
	url     string
	process *exec.Cmd
	says    *programtest.Output
}

// startTURN starts a TURN server that runs until the test ends.
func startTURN(t *testing.T) *turnServer {
	t.Helper()
	if _, err := exec.LookPath("turnserver"); err != nil {
		dynamodbtest.Missing(t, "no TURN server: run `make tools`, or install coturn")
	}
	free, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(free.LocalAddr().String())
	free.Close()
	folder := t.TempDir()
	s := &turnServer{t: t, file: filepath.Join(folder, "turnserver.conf"), url: "turn:127.0.0.1:" + port}
	configuration := fmt.Sprintf("listening-ip=127.0.0.1\nlistening-port=%s\nrelay-ip=127.0.0.1\nuse-auth-secret\nstatic-auth-secret=%s\n"+
		"realm=bellhop\nno-tcp\nno-tls\nno-dtls\nno-cli\nallow-loopback-peers\nuserdb=%s/turndb\npidfile=%[3]s/pid\nlog-file=stdout\n", port, turnSecret, folder)
	if err := os.WriteFile(s.file, []byte(configuration), 0o600); err != nil {
		t.Fatal(err)
	}
	s.start()
	t.Cleanup(func() {
		s.stop()
		if t.Failed() {
			_, says, _ := strings.Cut(s.says.String(), "Total General servers")
			t.Logf("coturn, since it runs:%s", says)
		}
	})
	return s
}

func (s *turnServer) start() {
	s.t.Helper()
	s.says = programtest.NewOutput()
	s.process = exec.Command("turnserver", "-c", s.file)
	s.process.Stdout, s.process.Stderr = s.says, s.says
	if err := s.process.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.says.Find(s.t, "DB connection success") // which comes last
}

// signal suspends the server with STOP, and resumes it with CONT. Windows has
// no such signals, and syscall has no names for them there.
func (s *turnServer) signal(name string) {
	s.t.Helper()
	if out, err := exec.Command("kill", "-"+name, fmt.Sprint(s.process.Process.Pid)).CombinedOutput(); err != nil {
		s.t.Fatalf("%v\n%s", err, out)
	}
}

func (s *turnServer) stop() {
	s.process.Process.Kill()
	s.process.Wait()
}

// addressKinds returns the kinds of the two addresses that a connection uses.
const addressKinds = `
	for (;; await new Promise((resolve) => setTimeout(resolve, 5))) {
		const all = [...(await lobby.members[0].connection.getStats()).values()];
		const pair = all.find((x) => x.type === "candidate-pair" && x.state === "succeeded" && x.nominated);
		if (pair) return [pair.localCandidateId, pair.remoteCandidateId].map((id) => all.find((x) => x.id === id).candidateType).join();
	}`

// TestTURN checks that players with no path but a TURN server connect with what
// Bellhop sends them, wherever it runs. Credentials made with another secret
// are refused in words.
func TestTURN(t *testing.T) {
	t.Parallel()
	server := startTURN(t)
	turn := server.url
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte(turnSecret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}

	const relayed = "rtc: { iceTransportPolicy: 'relay' }"
	for _, home := range []struct {
		name string
		g    *gateway
	}{
		{"in the gateway", startGateway(t, "-ice-servers", turn, "-turn-secret-file", secret)},
		{"in the function", startFunction(t, "ICE_SERVERS="+turn, "TURN_SECRET="+turnSecret)},
	} {
		t.Run(home.name, func(t *testing.T) {
			host, guest := openTab(t, home.g, "host", home.g.url()), openTab(t, home.g, "guest", home.g.url())
			host.enter("bellhop.host({ lobbyId: 'fox', " + relayed + " })")
			guest.enter("bellhop.join('fox', { " + relayed + " })")
			talk(t, host, guest)
			var kinds string
			guest.run(addressKinds, &kinds)
			if !strings.HasPrefix(kinds, "relay,") {
				t.Errorf("they talk by %s", kinds)
			}
			server.stop() // every path goes with it
			for _, tab := range []*tab{host, guest} {
				tab.run("await until(() => lobby.members[0].connection.connectionState !== 'connected')", nil)
			}
			server.start()
			for _, tab := range []*tab{host, guest} {
				tab.run("await until(() => lobby.members[0].connection.connectionState === 'connected')", nil)
			}
			talk(t, host, guest)
			var servers []any
			guest.run("const { content } = await bellhop.request('get_ice_servers'); return [content.ice_servers[0].urls[0], content.expires_at > '']", &servers)
			if fmt.Sprint(servers) != fmt.Sprintf("[%s true]", turn) {
				t.Errorf("who asks hears of %v", servers)
			}
		})
	}
	t.Run("another secret", func(t *testing.T) {
		if err := os.WriteFile(secret, []byte("another"), 0o600); err != nil {
			t.Fatal(err)
		}
		g := startGateway(t, "-ice-servers", turn, "-turn-secret-file", secret)
		host, guest := openTab(t, g, "host", g.url()), openTab(t, g, "guest", g.url())
		host.run("globalThis.lobby = await bellhop.host({ lobbyId: 'fox', autoAccept: true })", nil)
		var why string
		guest.run("globalThis.lobby = await bellhop.join('fox', { "+relayed+" }); return (await next(lobby, 'failed')).error.message", &why)
		if !strings.Contains(why, "refused its credentials (401") {
			t.Errorf("it says %q", why)
		}
	})
}
