package e2e

import (
	"bufio"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/coder/websocket"

	"bellhop/gateway/programtest"
)

// TestReplay checks that `go run ./internal/record` writes a conversation that
// replays in memory and over sockets. It has generated ids, tokens, a slot that
// is kept and resumed, and a connection that closes because its slot was
// resumed.
func TestReplay(t *testing.T) {
	file := filepath.Join(t.TempDir(), "recorded.txt")
	url, stop := record(t, file)
	client := func(query string) *player { return &player{t, programtest.Dial(t, url+query).Conn} }
	if _, r, err := websocket.Dial(t.Context(), url+"?game=a/b", nil); err == nil || r.StatusCode != 400 {
		t.Errorf("a bad game is answered %v, %v", r, err)
	}
	host, ann := client("?game=chess"), client("?game=chess")
	id := host.says("{\"action\":\"start_lobby\",\n \"content\":{}}").hears(`"lobby_started","content":\{"lobby_id":"([^"]+)"`)
	ann.says(`{"action":"join_lobby","content":{"lobby_id":"` + id + `"}}`)
	host.hears("request_to_join")
	host.says(`{"action":"accept_request"}`)
	token := ann.hears(`"resume_token":"([^"]+)"`)
	ann.CloseNow()
	host.hears("peer_disconnected")
	again := client("?game=chess")
	again.says(`{"action":"resume","content":{"resume_token":"` + token + `"}}`).hears("resumed")
	peer := host.hears(`"peer_resumed".*"new_connection_id":"([^"]+)"`)
	third := client("?game=chess")
	third.says(`{"action":"resume","content":{"resume_token":"` + token + `"}}`).hears("resumed")
	again.hears("replaced")
	if _, _, err := again.Read(t.Context()); websocket.CloseStatus(err) != websocket.StatusNormalClosure {
		t.Errorf("the connection that was replaced ends with %v", err)
	}
	host.hears("peer_resumed")
	host.says(`{"action":"send_ice_candidate","content":{"connection_id":"` + peer + `","candidate":"x"}}`)
	third.hears("received_ice_candidate")
	third.says("no JSON\nat all").hears("invalid_json")
	host.says(`{"action":"close_lobby"}`).hears("lobby_closed")
	third.hears("lobby_closed")
	stop()

	written, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"client1 connects ?game=a%2Fb and is refused with 400\n", "lobby id " + id + "\nclient2> ", "\nclient3 drops\n",
		`"resume_token":"token 1 of client3"`, "\nclient4< (the connection is closed)\n", `"created_at":"2030-01-02T03:04:0`,
		"\n# client5 says 14 bytes that are several lines and not JSON",
	} {
		if !strings.Contains(string(written), want) {
			t.Errorf("the recording lacks %q", want)
		}
	}
	if made := regexp.MustCompile(`[\w-]{15}=`).FindString(string(written)); made != "" {
		t.Errorf("the recording has an id that is in no other run: %s", made)
	}
	c := readConversation(t, file)
	for name, open := range map[string]func(*testing.T, *world) home{"memory": openMemory, "sockets": openSockets} {
		t.Run(name, func(t *testing.T) { c.check(t, c.replay(t, open)) })
	}
	if t.Failed() {
		t.Logf("%s", written)
	}
}

// record runs internal/record. It returns the gateway's address and a
// function that stops it.
func record(t *testing.T, file string) (url string, stop func()) {
	program := filepath.Join(t.TempDir(), "gateway")
	if out, err := exec.Command("go", "build", "-o", program, "../internal/record").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	ctx, kill := context.WithCancel(t.Context())
	t.Cleanup(kill)
	run := exec.CommandContext(ctx, program, "-listen", "127.0.0.1:0", file)
	run.Stderr = os.Stderr
	stdout, err := run.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := run.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(stdout)
	for url == "" && lines.Scan() {
		url = regexp.MustCompile(`ws://\S+`).FindString(lines.Text())
	}
	return url, func() {
		run.Process.Signal(os.Interrupt)
		for lines.Scan() {
		}
		if err := run.Wait(); err != nil {
			t.Error(err)
		}
	}
}

// A player is a client that waits for its events.
type player struct {
	t *testing.T
	*websocket.Conn
}

func (p *player) says(text string) *player {
	p.t.Helper()
	if err := p.Write(p.t.Context(), websocket.MessageText, []byte(text)); err != nil {
		p.t.Fatal(err)
	}
	return p
}

// hears returns the text of the pattern's group in the next event.
func (p *player) hears(pattern string) string {
	p.t.Helper()
	_, event, err := p.Read(p.t.Context())
	m := regexp.MustCompile(pattern).FindSubmatch(event)
	if err != nil || m == nil {
		p.t.Fatalf("heard %s, %v; want %s", event, err, pattern)
	}
	return string(m[len(m)-1])
}
