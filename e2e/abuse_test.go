package e2e

import (
	"bytes"
	"log/slog"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestRefusedHandshakes checks that a bad parameter is refused with 400, and
// that the client can connect afterwards.
func TestRefusedHandshakes(t *testing.T) {
	for name, open := range homes {
		t.Run(name, func(t *testing.T) {
			h := open(t, newWorld())
			for _, query := range []string{
				"protocol=klingon", "protocol=Original", "protocol=original%20", "game=", "game=a/b", "game=a%23b", "game=%00", "game=f%C3%BCchse",
				"game=" + strings.Repeat("a", 65), "game=chess&protocol=klingon", "game=chess&game=a/b",
				"protocol=",
			} {
				if status := h.connect("ann", query); status != 400 {
					t.Errorf("?%s: status %d, want 400", query, status)
				}
			}
			if status := h.connect("ann", "game="+strings.Repeat("a", 64)+"&protocol=bellhop&further=1"); status != 101 {
				t.Fatalf("a good handshake's status is %d", status)
			}
			h.send("ann", `{"action":"ping"}`)
			if diff := cmp.Diff([]string{`{"event":"pong","content":{}}`}, h.heard("ann")); diff != "" {
				t.Errorf("heard (-want +got):\n%s", diff)
			}
		})
	}
}

// TestLogs checks that the log has exactly one line for each internal error
// that a client gets. A line tells no more of a message than its sender, its
// action and the reference. Each message is sent twice: while the store fails,
// and when it works again.
func TestLogs(t *testing.T) {
	files, _ := filepath.Glob("../testdata/conversations/*.txt")
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			c := readConversation(t, file)
			names, internal, log := c.replayWithFaults(t)
			line := regexp.MustCompile(`^level=ERROR msg=internal reference=a-reference connection_id=(` + strings.Join(names, "|") +
				`) action=([a-z_]+|""|\$connect) error="store: connection refused"$`)
			lines := strings.FieldsFunc(log, func(r rune) bool { return r == '\n' })
			for _, l := range lines {
				if !line.MatchString(l) {
					t.Errorf("the log says %s", l)
				}
			}
			if len(lines) != internal {
				t.Errorf("%d times something was internal, and the log has %d lines:\n%s", internal, len(lines), log)
			}
		})
	}
}

// replayWithFaults replays c in memory. It returns the clients that send, how
// many internal errors clients get, and the log.
func (c *conversation) replayWithFaults(t *testing.T) (names []string, internal int, log string) {
	var b bytes.Buffer
	w := newWorld()
	w.ids = strings.Split(strings.Repeat("BCDFGH JKLMNP QRSTVW XZ2345 ", 4), " ")
	h := openMemory(t, w)
	w.handler.Log = slog.New(slog.NewTextHandler(&b, &slog.HandlerOptions{ReplaceAttr: withoutTime}))
	var present []string
	do := func(s step) {
		if strings.HasSuffix(s.text, "refused with 500") {
			internal++
		}
		present = w.do(t, h, s, present)
		for _, name := range present {
			// In the original dialect, the answers to start_lobby have no code.
			internal += strings.Count(strings.Join(h.heard(name), ""), "tell whoever runs this server the reference.")
		}
	}
	for _, s := range c.steps {
		if m := sendLine.FindStringSubmatch(s.text); m != nil && !w.failing.Load() {
			if !slices.Contains(present, m[1]) {
				present = w.connect(t, h, s, present, m[1], "", 101)
			}
			w.failing.Store(true)
			do(s)
			w.failing.Store(false)
		}
		name, _, _ := strings.Cut(strings.ReplaceAll(s.text, ">", " "), " ")
		names = append(names, name)
		do(s)
	}
	return names, internal, b.String()
}

func withoutTime(_ []string, a slog.Attr) slog.Attr {
	if a.Key == slog.TimeKey {
		return slog.Attr{}
	}
	return a
}
