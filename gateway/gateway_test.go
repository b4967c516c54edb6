package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"

	"bellhop/gateway/programtest"
	"bellhop/gateway/server"
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
		{[]string{"-page", "none"}, "-page is on or off"},
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

// TestTable checks that lobbies in DynamoDB survive the program, which creates
// a missing table, and that an unusable table ends the start.
func TestTable(t *testing.T) {
	at := []string{"-table", dynamodbtest.Table(), "-dynamodb-endpoint", dynamodbtest.Start(t)}
	t.Run("first", func(t *testing.T) {
		host := programtest.Dial(t, start(t, at...))
		host.Say(t, `{"action":"start_lobby","content":{"lobby_id":"fox"}}`, `"event":"lobby_started"`)
	})
	t.Run("second", func(t *testing.T) {
		guest := programtest.Dial(t, start(t, at...))
		guest.Say(t, `{"action":"join_lobby","content":{"lobby_id":"fox"}}`, `"code":"host_unavailable"`)
		guest.Say(t, `{"action":"start_lobby","content":{"lobby_id":"fox"}}`, `"code":"lobby_exists"`)
	})
	err := run(t.Context(), []string{"-table", "x", "-dynamodb-endpoint", "http://127.0.0.1:1"}, io.Discard, io.Discard)
	if err == nil || !strings.Contains(err.Error(), `cannot make the table "x" at http://127.0.0.1:1`) {
		t.Errorf("without a DynamoDB: %v", err)
	}
}

// TestGraceEnds checks that a player who drops and does not come back loses the
// slot when the grace ends, although no client sends anything.
func TestGraceEnds(t *testing.T) {
	url := start(t, "-grace", "1s")
	host, guest := programtest.Dial(t, url), programtest.Dial(t, url)
	host.Say(t, `{"action":"start_lobby","content":{"lobby_id":"fox","auto_accept":true}}`, `"event":"lobby_started"`)
	guest.Say(t, `{"action":"join_lobby","content":{"lobby_id":"fox"}}`, `"event":"request_accepted"`)
	host.Hear(t, `"event":"peer_joined"`)
	guest.CloseNow()
	host.Hear(t, `"event":"peer_disconnected"`)
	host.Hear(t, `"event":"peer_left"`)
}

// TestNoDescriptors checks that a program that cannot open more files goes on
// serving its clients, and logs it once. Waiting clients connect when there is
// room.
func TestNoDescriptors(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("ulimit is tried on Linux alone")
	}
	const limit, clients = 48, 100
	program, stdout, stderr := exec.Command("sh", "-c", `ulimit -n "$1" && exec "$2" -listen 127.0.0.1:0`, "sh", "48", compile(t, ".")), programtest.NewOutput(), programtest.NewOutput()
	program.Stdout, program.Stderr = stdout, stderr
	if err := program.Start(); err != nil {
		t.Fatal(err)
	}
	defer program.Wait()
	defer program.Process.Kill()
	address := strings.TrimPrefix(stdout.Find(t, `ws://\S+`), "ws://")
	in, conns := make(chan net.Conn, clients), make([]net.Conn, clients)
	for i := range conns {
		conn, err := net.Dial("tcp", address) // the system accepts it, though the program does not yet
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		conn.SetDeadline(time.Now().Add(30 * time.Second))
		io.WriteString(conn, programtest.Handshake+"\r\n")
		go func() {
			if r, err := http.ReadResponse(bufio.NewReader(conn), nil); err == nil && r.StatusCode == 101 {
				in <- conn
			}
		}()
		conns[i] = conn
	}
	stderr.Find(t, "nobody else can connect until somebody leaves")
	ping := append([]byte{0x89, 0x82, 0, 0, 0, 0}, "hi"...)
	for range clients { // a client leaves once it has been served, and so lets in another
		conn := <-in
		conn.Write(ping)
		pong := make([]byte, 4)
		if _, err := io.ReadFull(conn, pong); err != nil || !bytes.Equal(pong, []byte("\x8a\x02hi")) {
			t.Fatalf("who is in hears %q, %v", pong, err)
		}
		conn.Close()
	}
	if n := strings.Count(stderr.String(), "\n"); n != 1 {
		t.Errorf("of %d files for %d clients it said, in %d lines:\n%s", limit, clients, n, stderr)
	}
}

// TestInspectFlag checks that -inspect prints the address of a page that shows
// lobbies in memory, and connections.
func TestInspectFlag(t *testing.T) {
	p := launch(t, "-inspect")
	page := p.stdout.Find(t, `http://\S+/inspect`)
	p.dial().Say(t, `{"action":"ping"}`, "pong")
	answer, err := http.Get(page + ".json")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	var s server.Snapshot
	if err := json.NewDecoder(answer.Body).Decode(&s); err != nil || len(s.Connections) != 1 || s.Connections[0].Game != "default" || s.Lobbies == nil || s.Nowhere != "" {
		t.Errorf("it shows %+v, %v", s, err)
	}
	p.stop()
	if err := <-p.ended; err != nil {
		t.Error(err)
	}
}

// TestMetricsFlag checks that -metrics prints the address of the figures.
func TestMetricsFlag(t *testing.T) {
	p := launch(t, "-metrics", "127.0.0.1:0")
	answer, err := http.Get(p.stdout.Find(t, `http://\S+/metrics`))
	if err != nil || answer.StatusCode != 200 {
		t.Errorf("it is answered %v, %v", answer, err)
	}
	p.stop()
	if err := <-p.ended; err != nil {
		t.Error(err)
	}
}
