package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"bellhop/gateway/programtest"
)

// TestHelp checks that -h of each command shows for each flag what its value
// is, by one word, and fits a terminal of 120 columns.
func TestHelp(t *testing.T) {
	checkHelp(t, 30, "-h")
	checkHelp(t, 20, "emulate", "-h")
}

func checkHelp(t *testing.T, least int, args ...string) {
	t.Helper()
	var help strings.Builder
	run(t.Context(), args, io.Discard, &help)
	words := map[string]bool{} // whether they are durations
	for word := range strings.FieldsSeq("address on name n path url urls file format id mode NAME=VALUE probability sites") {
		words[word] = false
	}
	words["duration"] = true
	flags := regexp.MustCompile(`(?m)^  (-[a-z-]+)( \S+)?\n((?:    .*\n)+)`).FindAllStringSubmatch(help.String(), -1)
	if len(flags) < least {
		t.Fatalf("only %d flags are found in\n%s", len(flags), &help)
	}
	isDuration := regexp.MustCompile(`\(default [0-9hms]+[hms]\)`)
	for _, f := range flags {
		name, word, text := f[1], strings.TrimSpace(f[2]), f[3]
		takesDuration, known := words[word]
		if word != "" && !known {
			t.Errorf("%s takes a %q, which is no word for a value", name, word)
		}
		if word == "" && !slices.Contains([]string{"-trust-proxy", "-inspect", "-version", "-turn-private", "-tunnel"}, name) {
			t.Errorf("%s does not show that it takes a value", name)
		}
		if isDuration.MatchString(text) && !takesDuration {
			t.Errorf("%s takes a %q, and its default is a duration", name, word)
		}
	}
	for line := range strings.Lines(help.String()) {
		if len(line) > 121 {
			t.Errorf("a line is %d wide: %s", len(line)-1, line)
		}
	}
}

// TestLogJSON checks that with -log json the program writes only lines of JSON.
// One of them says that it has started, where and in which version, and one
// that it has stopped, and why.
func TestLogJSON(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	stdout, stderr, ended := programtest.NewOutput(), programtest.NewOutput(), make(chan error, 1)
	args := []string{"-listen", "127.0.0.1:0", "-log", "json", "-inspect", "-metrics", "127.0.0.1:0", "-gone", "0.5"}
	go func() { ended <- run(ctx, args, stdout, stderr) }()
	websocket := stderr.Find(t, `"websocket":"(ws://127.0.0.1:\d+)"`)
	at := strings.TrimPrefix(websocket, "ws://")
	if r := programtest.Upgrade(t, at, ""); r.StatusCode != 101 {
		t.Errorf("nobody is let in: %d", r.StatusCode)
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	lines := logLines(t, stderr.String())
	started := lines[slices.IndexFunc(lines, func(l map[string]any) bool { return l["msg"] == "started" })]
	if started["page"] != "http://"+at || started["inspect"] != "http://"+at+"/inspect" || started["version"] == "" || started["version"] == nil {
		t.Errorf("of its start it says %v", started)
	}
	if last := lines[len(lines)-1]; last["msg"] != "stopped" || last["level"] != "INFO" {
		t.Errorf("last it says %v", last)
	}
	if stdout.String() != "" {
		t.Errorf("it prints %q", stdout)
	}

	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	var failed strings.Builder
	err = run(t.Context(), []string{"-listen", taken.Addr().String(), "-log", "json"}, io.Discard, &failed)
	if lines := logLines(t, failed.String()); err == nil || len(lines) != 1 || lines[0]["msg"] != "stopped" || !strings.Contains(fmt.Sprint(lines[0]["error"]), "is taken") {
		t.Errorf("on a port that is taken it says %s", &failed)
	}
}

// logLines parses a log in JSON.
func logLines(t *testing.T, log string) (lines []map[string]any) {
	t.Helper()
	for line := range strings.Lines(log) {
		var l map[string]any
		if err := json.Unmarshal([]byte(line), &l); err != nil || l["msg"] == "" {
			t.Errorf("%q is no line of JSON: %v", line, err)
		}
		lines = append(lines, l)
	}
	return lines
}

// TestPingFlag checks that a quiet client gets pings at the interval of -ping.
func TestPingFlag(t *testing.T) {
	conn, err := net.Dial("tcp", strings.TrimPrefix(start(t, "-ping", "1s"), "ws://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	io.WriteString(conn, programtest.Handshake+"\r\n")
	conn.SetDeadline(time.Now().Add(time.Minute))
	in := bufio.NewReader(conn)
	if _, err := http.ReadResponse(in, nil); err != nil {
		t.Fatal(err)
	}
	frame := make([]byte, 2)
	if _, err := io.ReadFull(in, frame); err != nil || frame[0] != 0x89 || frame[1] != 0 {
		t.Errorf("it hears %x, %v, want a ping with nothing in it", frame, err)
	}
}

// TestVersion checks that the version is printed, and nothing else.
func TestVersion(t *testing.T) {
	var stdout strings.Builder
	if err := run(t.Context(), []string{"-version"}, &stdout, io.Discard); err != nil || stdout.String() != "bellhop "+version()+"\n" {
		t.Errorf("-version prints %q, %v", &stdout, err)
	}
}

// TestPageOff checks that -page off leaves out the page and its address, but
// not the client for browsers.
func TestPageOff(t *testing.T) {
	site := strings.Replace(start(t, "-page", "off"), "ws", "http", 1)
	for path, want := range map[string]int{"/": 426, "/page/page.js": 404, "/qr.svg?text=a": 404, "/bellhop.js": 200, "/healthz": 200} {
		answer, err := http.Get(site + path)
		if err != nil {
			t.Fatal(err)
		}
		if answer.Body.Close(); answer.StatusCode != want {
			t.Errorf("%s is answered %s", path, answer.Status)
		}
	}
}
