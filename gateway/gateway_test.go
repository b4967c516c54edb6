package main

import (
	"context"
	"io"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/coder/websocket"

	"bellhop/gateway/programtest"
	"bellhop/store/dynamodbtest"
)

// start runs the gateway as main does, until the test ends, and returns its
// WebSocket URL.
func start(t *testing.T, args ...string) (url string) {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	stdout, stderr, ended := programtest.NewOutput(), programtest.NewOutput(), make(chan error, 1)
	go func() { ended <- run(ctx, append([]string{"-listen", "127.0.0.1:0"}, args...), stdout, stderr) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if stderr.String() != "" {
			t.Errorf("the gateway complained:\n%s", stderr)
		}
	})
	return stdout.Find(t, `ws://\S+`)
}

// TestProgram builds the program and runs it as people do. It prints its
// address. A second one reports that the port is taken and what to do. At the
// end clients are notified.
func TestProgram(t *testing.T) {
	program := filepath.Join(t.TempDir(), "gateway")
	if out, err := exec.Command("go", "build", "-o", program, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		first, stdout := exec.Command(program, "-listen", "127.0.0.1:0"), programtest.NewOutput()
		first.Stdout, first.Stderr = stdout, stdout
		if err := first.Start(); err != nil {
			t.Fatal(err)
		}
		defer first.Process.Kill()
		url := stdout.Find(t, `ws://\S+`)

		said, err := exec.Command(program, "-listen", strings.TrimPrefix(url, "ws://")).CombinedOutput()
		if err == nil || !strings.Contains(string(said), "is taken") || !strings.Contains(string(said), "-listen") {
			t.Errorf("on a port that is taken: %v\n%s", err, said)
		}

		c, _, err := websocket.Dial(t.Context(), url, nil)
		if err != nil {
			t.Fatal(err)
		}
		first.Process.Signal(signal)
		if _, _, err := c.Read(t.Context()); websocket.CloseStatus(err) != websocket.StatusGoingAway {
			t.Errorf("after %v the client hears %v, want status 1001", signal, err)
		}
		if err := first.Wait(); err != nil {
			t.Errorf("after %v: %v\n%s", signal, err, stdout)
		}
	}
}

// TestArguments checks that -h explains the program, and that a wrong argument
// gets an error with advice.
func TestArguments(t *testing.T) {
	for _, test := range []struct {
		args []string
		want string // of standard error, or of the error
	}{
		{[]string{"-h"}, "open http://127.0.0.1:3000"},
		{[]string{"serve"}, `unknown argument "serve"; -h lists what there is`},
		{[]string{"-rate", "0"}, "-rate must be at least 1"},
		{[]string{"-listen", "3000"}, "give -listen as HOST:PORT"},
		{[]string{"-listen", "127.0.0.1:http!"}, "give -listen as HOST:PORT"},
	} {
		var stderr strings.Builder
		err := run(t.Context(), test.args, io.Discard, &stderr)
		if err == nil || !strings.Contains(stderr.String()+err.Error(), test.want) {
			t.Errorf("gateway %s says %v and\n%s\nwant %s", strings.Join(test.args, " "), err, &stderr, test.want)
		}
	}
}

// TestFidelityPaths checks that a browser gets the page and its files, and that
// clients connect with or without the stage in the path.
func TestFidelityPaths(t *testing.T) {
	address := strings.TrimPrefix(start(t, "-stage", "dev"), "ws://")
	for _, test := range []struct {
		name    string
		path    string
		upgrade bool
		status  int
		body    string
	}{
		{"a page for browsers", "/", false, 200, "Host a game"},
		{"what it is made of", "/page/page.js", false, 200, "import { Bellhop }"},
		{"what it is not made of", "/page/server.go", false, 404, ""},
		{"no list of that", "/page/", false, 404, ""},
		{"a QR code", "/qr.svg?text=fox", false, 200, "<svg "},
		{"no stage, as behind a domain of one's own", "/", true, 101, ""},
		{"the stage", "/dev", true, 101, ""},
		{"the stage and a query", "/dev?game=chess", true, 101, ""},
		{"the stage and a slash", "/dev/", true, 101, ""},
		{"a status of $connect reaches the client, with its body", "/?game=no%20such", true, 400, "game"},
		{"another reason of $connect", "/?protocol=none", true, 400, "protocol"},
		{"a stage that is not there is 403", "/prod", true, 403, `{"message":"Forbidden"}`},
		{"no handshake is 426", "/dev", false, 426, "WebSocket"},
		{"the client for browsers", "/bellhop.js", false, 200, "export class Bellhop "},
		{"a module that it imports", "/peer.js", false, 200, "export class Peer "},
		{"its types", "/bellhop.d.ts", false, 200, "export class Bellhop "},
		{"which is no stage", "/bellhop.js", true, 403, `{"message":"Forbidden"}`},
		{"another path", "/favicon.ico", false, 404, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			conn, err := net.Dial("tcp", address)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			r, _ := http.NewRequest("GET", "http://"+address+test.path, nil)
			if test.upgrade {
				r.Header = http.Header{"Connection": {"Upgrade"}, "Upgrade": {"websocket"},
					"Sec-Websocket-Version": {"13"}, "Sec-Websocket-Key": {"dGhlIHNhbXBsZSBub25jZQ=="}}
			}
			answer, err := (&http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) { return conn, nil }}).RoundTrip(r)
			if err != nil {
				t.Fatal(err)
			}
			body := ""
			if answer.StatusCode != 101 {
				b, _ := io.ReadAll(answer.Body)
				body = string(b)
			}
			if answer.StatusCode != test.status || !strings.Contains(body, test.body) {
				t.Errorf("%d %s; want %d and %q", answer.StatusCode, body, test.status, test.body)
			}
		})
	}
}

// TestTable checks that lobbies in DynamoDB survive the program, which creates
// a missing table, and that an unusable table ends the start.
func TestTable(t *testing.T) {
	at := []string{"-table", dynamodbtest.Table(), "-dynamodb-endpoint", dynamodbtest.Start(t)}
	t.Run("first", func(t *testing.T) {
		host := dial(t, start(t, at...))
		host.say(t, `{"action":"start_lobby","content":{"lobby_id":"fox"}}`, `"event":"lobby_started"`)
	})
	t.Run("second", func(t *testing.T) {
		guest := dial(t, start(t, at...))
		guest.say(t, `{"action":"join_lobby","content":{"lobby_id":"fox"}}`, `"code":"host_unavailable"`)
		guest.say(t, `{"action":"start_lobby","content":{"lobby_id":"fox"}}`, `"code":"lobby_exists"`)
	})
	err := run(t.Context(), []string{"-table", "x", "-dynamodb-endpoint", "http://127.0.0.1:1"}, io.Discard, io.Discard)
	if err == nil || !strings.Contains(err.Error(), `cannot make the table "x" at http://127.0.0.1:1`) {
		t.Errorf("without a DynamoDB: %v", err)
	}
}

// A caller is a client that sends one message and reads the answer.
type caller struct{ *websocket.Conn }

func dial(t *testing.T, url string) caller {
	t.Helper()
	c, _, err := websocket.Dial(t.Context(), url, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.CloseNow() })
	return caller{c}
}

func (c caller) say(t *testing.T, text, want string) {
	t.Helper()
	if err := c.Write(t.Context(), websocket.MessageText, []byte(text)); err != nil {
		t.Fatal(err)
	}
	c.hear(t, want)
}

func (c caller) hear(t *testing.T, want string) {
	t.Helper()
	if _, event, err := c.Read(t.Context()); err != nil || !strings.Contains(string(event), want) {
		t.Fatalf("heard %s, %v; want %s", event, err, want)
	}
}

// TestGraceEnds checks that a player who drops and does not come back loses the
// slot when the grace ends, although no client sends anything.
func TestGraceEnds(t *testing.T) {
	url := start(t, "-grace", "1s")
	host, guest := dial(t, url), dial(t, url)
	host.say(t, `{"action":"start_lobby","content":{"lobby_id":"fox","auto_accept":true}}`, `"event":"lobby_started"`)
	guest.say(t, `{"action":"join_lobby","content":{"lobby_id":"fox"}}`, `"event":"request_accepted"`)
	host.hear(t, `"event":"peer_joined"`)
	guest.CloseNow()
	host.hear(t, `"event":"peer_disconnected"`)
	host.hear(t, `"event":"peer_left"`)
}
