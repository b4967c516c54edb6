package main

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/coder/websocket"
	"github.com/coder/websocket/wsjson"
	"github.com/pion/ice/v4"
	"github.com/pion/stun/v4"

	"bellhop/gateway/programtest"
	"bellhop/internal/browser"
	"bellhop/store/dynamodbtest"
)

// playTime limits how long two players take to meet.
const playTime = time.Minute

// A meeting is how a player meets the other one of a test. Only, if set, is
// what the URLs of the servers contain that the player uses, for relays alone.
type meeting struct{ URL, Lobby, Only string }

// A description is what a player tells the other: all that ICE needs.
type description struct {
	User, Password string
	Candidates     []string
}

type meetingEvent struct {
	Event   string
	Content struct {
		Host    string `json:"host_connection_id"`
		Conn    string `json:"connection_id"`
		SDP     string
		Message string
		Servers []struct {
			URLs                 []string
			Username, Credential string
		} `json:"ice_servers"`
	}
}

// play meets the other player, and returns how they talk: the kinds of their
// addresses, this player's first.
func (m meeting) play(ctx context.Context) (kinds string, err error) {
	ws, _, err := websocket.Dial(ctx, m.URL, &websocket.DialOptions{HTTPClient: &http.Client{
		Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}},
	}})
	if err != nil {
		return "", err
	}
	defer ws.CloseNow()
	first := map[string]any{"action": "join_lobby", "content": map[string]any{
		"lobby_id": m.Lobby, "or_start": map[string]any{"auto_accept": true},
	}}
	var agent *ice.Agent
	host := false
	for err = wsjson.Write(ctx, ws, first); err == nil; {
		var e meetingEvent
		if err = wsjson.Read(ctx, ws, &e); err != nil {
			break
		}
		switch e.Event {
		case "lobby_started", "request_accepted":
			if agent, err = m.gather(e); err != nil {
				break
			}
			defer agent.Close()
			if host = e.Event == "lobby_started"; !host {
				err = describe(ctx, ws, agent, "offer", e.Content.Host)
			}
		case "received_session_description":
			connect := agent.Accept
			if host {
				connect, err = agent.Dial, describe(ctx, ws, agent, "answer", e.Content.Conn)
			}
			if err == nil {
				return talk(ctx, agent, connect, e.Content.SDP)
			}
		case "error", "request_rejected":
			err = errors.New(e.Content.Message)
		}
	}
	return "", err
}

// gather returns an agent that knows all its addresses.
func (m meeting) gather(e meetingEvent) (*ice.Agent, error) {
	//lint:ignore SA1019 no option of an agent accepts the test's certificate
	c := &ice.AgentConfig{NetworkTypes: []ice.NetworkType{ice.NetworkTypeUDP4}, InsecureSkipVerify: true}
	for _, s := range e.Content.Servers {
		for _, text := range s.URLs {
			u, err := stun.ParseURI(text)
			if err != nil {
				return nil, err
			}
			if u.Username, u.Password = s.Username, s.Credential; strings.Contains(text, m.Only) {
				c.Urls = append(c.Urls, u)
			}
		}
	}
	if m.Only != "" {
		c.CandidateTypes = []ice.CandidateType{ice.CandidateTypeRelay}
	}
	//lint:ignore SA1019 as above
	agent, err := ice.NewAgent(c)
	if err != nil {
		return nil, err
	}
	all := make(chan struct{})
	agent.OnCandidate(func(c ice.Candidate) {
		if c == nil {
			close(all)
		}
	})
	if err := agent.GatherCandidates(); err != nil {
		return nil, err
	}
	<-all
	return agent, nil
}

// describe sends an agent's description to the other player.
func describe(ctx context.Context, ws *websocket.Conn, agent *ice.Agent, kind, to string) error {
	var d description
	var err error
	if d.User, d.Password, err = agent.GetLocalUserCredentials(); err != nil {
		return err
	}
	all, err := agent.GetLocalCandidates()
	for _, c := range all {
		d.Candidates = append(d.Candidates, c.Marshal())
	}
	text, _ := json.Marshal(d)
	return errors.Join(err, wsjson.Write(ctx, ws, map[string]any{"action": "set_session_description", "content": map[string]any{
		"connection_id": to, "session_type": kind, "sdp": string(text),
	}}))
}

// talk connects to the other player, and exchanges a word.
func talk(ctx context.Context, agent *ice.Agent, connect func(context.Context, string, string) (*ice.Conn, error), sdp string) (kinds string, err error) {
	var d description
	if err := json.Unmarshal([]byte(sdp), &d); err != nil {
		return "", err
	}
	for _, text := range d.Candidates {
		c, err := ice.UnmarshalCandidate(text)
		if err == nil {
			err = agent.AddRemoteCandidate(c)
		}
		if err != nil {
			return "", err
		}
	}
	conn, err := connect(ctx, d.User, d.Password)
	if err != nil {
		return "", fmt.Errorf("no way to %v: %w", d.Candidates, err)
	}
	conn.SetDeadline(time.Now().Add(playTime))
	for word := make([]byte, 5); string(word) != "hello"; { // packets can be lost
		if _, err := conn.Write([]byte("hello")); err != nil {
			return "", err
		}
		if _, err := conn.Read(word); err != nil {
			return "", err
		}
	}
	pair, err := agent.GetSelectedCandidatePair()
	if err != nil {
		return "", err
	}
	return pair.Local.Type().String() + "-" + pair.Remote.Type().String(), nil
}

// TestRelayOnly checks that two players whose only way is the gateway's TURN
// meet through it, by each way to it.
func TestRelayOnly(t *testing.T) {
	dir := t.TempDir()
	files := pemPair{filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")}
	files.write(t, 1)
	p := launch(t, "-turn", "127.0.0.1:0", "-turn-tls", "127.0.0.1:0", "-tls-cert", files.certificate, "-tls-key", files.key)
	plain := launch(t, "-turn", "127.0.0.1:0")
	for i, by := range []struct {
		p    program
		only string
	}{{plain, "transport=udp"}, {plain, "transport=tcp"}, {p, "turns:127.0.0.1"}} {
		t.Run(by.only, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), playTime)
			defer cancel()
			m := meeting{URL: by.p.stdout.Find(t, `wss?://\S+`), Lobby: fmt.Sprint("fox", i), Only: by.only}
			started := time.Now()
			other := make(chan error, 1)
			go func() {
				_, err := m.play(ctx)
				other <- err
			}()
			kinds, err := m.play(ctx)
			if err := errors.Join(err, <-other); err != nil || kinds != "relay-relay" {
				t.Errorf("they meet by %s, %v", kinds, err)
			}
			t.Logf("they met in %v", time.Since(started).Round(time.Millisecond))
		})
	}
}

// TestTwoHomes checks that players in two homes, each behind a router of its
// own, meet by a gateway on the internet that was started without a flag but
// -listen: directly if the routers keep a port for each of theirs, and through
// the gateway if they do not.
func TestTwoHomes(t *testing.T) {
	if at := os.Getenv("BELLHOP_MEETING"); at != "" { // in a home
		var m meeting
		json.Unmarshal([]byte(at), &m)
		ctx, cancel := context.WithTimeout(t.Context(), playTime)
		defer cancel()
		kinds, err := m.play(ctx)
		fmt.Printf("KINDS %s %v\n", kinds, err)
		return
	}
	for _, program := range []string{"ip", "iptables"} {
		if _, err := exec.LookPath(program); err != nil {
			dynamodbtest.Missing(t, "no "+program+": install iproute2 and iptables")
		}
	}
	bellhop := compile(t, ".")
	for _, test := range []struct{ name, nat, kinds, way string }{
		{"direct", "MASQUERADE", "^KINDS (host|srflx)-(srflx|prflx) <nil>$", "direct"},
		{"symmetric", "MASQUERADE --random-fully", "^KINDS .*relay.* <nil>$", "relay"},
	} {
		t.Run(test.name, func(t *testing.T) {
			g := newInternet(t, test.nat)
			out := programtest.NewOutput()
			server := exec.Command("ip", "netns", "exec", g+"g", bellhop, "-listen", ":3000")
			server.Stdout, server.Stderr = out, out
			if err := server.Start(); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { server.Process.Signal(os.Interrupt); server.Wait() })
			out.Find(t, "TURN       turn:9.9.1.1:3000")
			t.Run("pion", func(t *testing.T) { playAtHome(t, g, test.kinds) })
			t.Run("Chromium", func(t *testing.T) { browseAtHome(t, g, test.way) })
		})
	}
}

// playAtHome checks that this program's players, one in each home, meet by
// addresses of kinds.
func playAtHome(t *testing.T, names, kinds string) {
	at, _ := json.Marshal(meeting{URL: "ws://9.9.1.1:3000", Lobby: "fox"})
	said := [2]*programtest.Output{}
	for i := range said {
		said[i] = programtest.NewOutput()
		player := exec.Command("ip", "netns", "exec", fmt.Sprint(names, "p", i+1), os.Args[0], "-test.run", "^TestTwoHomes$", "-test.v")
		player.Env = append(os.Environ(), "BELLHOP_MEETING="+string(at))
		player.Stdout, player.Stderr = said[i], said[i]
		if err := player.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { player.Process.Kill(); player.Wait() })
	}
	for i := range said {
		if got := said[i].Find(t, `KINDS .*`); !regexp.MustCompile(kinds).MatchString(got) {
			t.Errorf("player %d says %s, want %s", i+1, got, kinds)
		}
	}
}

// browseAtHome checks that Chromiums, one in each home, meet on the gateway's
// page, and know their way.
func browseAtHome(t *testing.T, names, way string) {
	said := make(chan string, 2)
	for i := range 2 {
		home := fmt.Sprint(names, "p", i+1)
		chromium := browser.Chromium{Options: []chromedp.ExecAllocatorOption{
			chromedp.DisableGPU,
			chromedp.Flag("disable-features", "Translate"), // hides the addresses, as a player's browser does
			chromedp.ModifyCmdFunc(func(cmd *exec.Cmd) {
				in := exec.Command("ip", append([]string{"netns", "exec", home, cmd.Path}, cmd.Args[1:]...)...)
				cmd.Path, cmd.Args = in.Path, in.Args
			}),
		}}
		ctx, err := chromium.Start()
		if errors.Is(err, browser.ErrMissing) {
			dynamodbtest.Missing(t, err.Error())
		} else if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(chromium.Stop)
		go func() {
			ctx, cancel := context.WithTimeout(ctx, playTime)
			defer cancel()
			chromedp.Do(ctx, chromedp.Navigate("http://9.9.1.1:3000"))
			got, err := chromedp.Run(ctx, chromedp.Evaluate[string](fmt.Sprintf(meetInBrowser, way), chromedp.EvalAwaitPromise))
			said <- fmt.Sprintln(got, err)
		}()
	}
	for range 2 {
		if got, want := <-said, fmt.Sprintln("hello", way, nil); got != want {
			t.Errorf("a player says %swant %s", got, want)
		}
	}
}

// meetInBrowser meets the other player, exchanges a word, and waits for a way.
const meetInBrowser = `(async (way) => {
	const { Bellhop } = await import("/bellhop.js");
	const lobby = await new Bellhop("ws://" + location.host).joinOrHost("hare", { autoAccept: true });
	let heard, why = "";
	lobby.addEventListener("open", ({ peer }) => peer.send("hello"));
	lobby.addEventListener("message", ({ data }) => { heard = data; });
	lobby.addEventListener("failed", ({ error }) => { why = " " + error.message; });
	for (let i = 0; i < 2000 && !why && !(heard && lobby.members[0].way === way); i++) await new Promise((resolve) => setTimeout(resolve, 20));
	return heard + " " + lobby.members[0].way + why;
})(%q)`

// newInternet makes the networks of two homes with a router each, and of a
// gateway between them, and returns the beginning of their names: g is the
// gateway's, and p1 and p2 are the players'.
func newInternet(t *testing.T, nat string) (names string) {
	t.Helper()
	names = fmt.Sprintf("bh%d-", os.Getpid())
	commands := "set -e\nip netns add Ng\nip netns exec Ng sysctl -qw net.ipv4.ip_forward=1\nip -n Ng link set lo up\n"
	for _, home := range []string{"1", "2"} {
		commands += strings.ReplaceAll(`ip netns add Nn@
ip netns add Np@
ip -n Ng link add w@ type veth peer name wan netns Nn@
ip -n Nn@ link add lan type veth peer name eth0 netns Np@
ip -n Ng addr add 9.9.@.1/24 dev w@
ip -n Nn@ addr add 9.9.@.2/24 dev wan
ip -n Nn@ addr add 10.@.0.1/24 dev lan
ip -n Np@ addr add 10.@.0.2/24 dev eth0
for at in "Ng w@" "Nn@ wan" "Nn@ lan" "Nn@ lo" "Np@ eth0" "Np@ lo"; do ip -n ${at% *} link set ${at#* } up; done
ip -n Nn@ route add default via 9.9.@.1
ip -n Np@ route add default via 10.@.0.1
ip netns exec Nn@ sysctl -qw net.ipv4.ip_forward=1
ip netns exec Nn@ iptables -t nat -A POSTROUTING -o wan -p udp -j NAT
ip netns exec Nn@ iptables -t nat -A POSTROUTING -o wan -j MASQUERADE
ip netns exec Nn@ iptables -A INPUT -i wan -m conntrack --ctstate NEW -j DROP
ip netns exec Nn@ iptables -A FORWARD -i wan -m conntrack --ctstate NEW -j DROP
`, "@", home)
	}
	t.Cleanup(func() {
		for _, name := range []string{"g", "n1", "p1", "n2", "p2"} {
			exec.Command("ip", "netns", "del", names+name).Run()
		}
	})
	script := strings.NewReplacer(" Ng", " "+names+"g", "\"Ng", "\""+names+"g", " Nn", " "+names+"n", "\"Nn", "\""+names+"n",
		" Np", " "+names+"p", "\"Np", "\""+names+"p", "-j NAT", "-j "+nat).Replace(commands)
	if out, err := exec.Command("sh", "-c", script).CombinedOutput(); err != nil {
		if strings.Contains(string(out), "not permitted") || strings.Contains(string(out), "Permission denied") {
			t.Skipf("SKIPPED: networks of a test's own need root: %s", out)
		}
		t.Fatalf("%v\n%s", err, out)
	}
	return names
}
