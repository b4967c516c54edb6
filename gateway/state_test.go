package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"testing"
	"time"
)

// end stops the program and checks its end.
func (p program) end() {
	p.t.Helper()
	p.stop()
	if err := <-p.ended; err != nil || p.stderr.String() != "" {
		p.t.Errorf("it ends by %v, and logs %q", err, p.stderr)
	}
}

// TestState checks that lobbies survive a restart in a file that nobody else
// can read: the host resumes, and is notified when the grace of a guest ends.
func TestState(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "lobbies")
	p := launch(t, "-state", file)
	host, guest := p.dial(), p.dial()
	started := host.Say(t, `{"action":"start_lobby","content":{"lobby_id":"fox","auto_accept":true}}`, `"event":"lobby_started"`)
	token := regexp.MustCompile(`"resume_token":"([^"]+)"`).FindStringSubmatch(started)[1]
	guest.Say(t, `{"action":"join_lobby","content":{"lobby_id":"fox"}}`, `"event":"request_accepted"`)
	p.end()
	p.stdout.Find(t, "Kept 1 lobbies in "+regexp.QuoteMeta(file))
	if info, err := os.Stat(file); err != nil || info.Mode() != 0o600 && runtime.GOOS != "windows" {
		t.Errorf("the file is %v, %v", info, err)
	}

	hasten(t, file)
	if err := run(t.Context(), []string{"-listen", "127.0.0.1:0", "-state", file, "-metrics", "nowhere"}, p.stdout, p.stderr); err == nil {
		t.Fatal("it starts without an address for -metrics")
	}
	p = launch(t, "-state", file) // the start before has failed, and left the file
	p.stdout.Find(t, "Lobbies that are back: 1, from ")
	again := p.dial()
	again.Say(t, `{"action":"resume","content":{"resume_token":"`+token+`"}}`, `"event":"resumed"`)
	again.Hear(t, `"event":"peer_left"`)
	if left, err := filepath.Glob(file + "*"); err != nil || len(left) > 0 {
		t.Errorf("while it runs there are %q, %v; a crash would bring back old lobbies", left, err)
	}
	again.CloseNow() // or the end waits for its close frame
	p.end()
}

// hasten lets the grace of the guest end a second after the program starts.
func hasten(t *testing.T, file string) {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	header, lines, _ := bytes.Cut(data, []byte("\n"))
	var h struct {
		State   int       `json:"bellhop_state"`
		Written time.Time `json:"written"`
		SHA256  string    `json:"sha256"`
	}
	if err := json.Unmarshal(header, &h); err != nil {
		t.Fatal(err)
	}
	lines = regexp.MustCompile(`("PeerID":2.*?"AwayUntil":)"[^"]*"`).ReplaceAll(lines, fmt.Appendf(nil, `$1%q`, h.Written.Add(time.Second).Format(time.RFC3339Nano)))
	h.SHA256 = fmt.Sprintf("%x", sha256.Sum256(lines))
	if header, err = json.Marshal(h); err == nil {
		err = os.WriteFile(file, slices.Concat(header, []byte("\n"), lines), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestStateUnusable checks that a file that cannot be used is kept aside,
// beside those of earlier starts, and that the program says so and serves.
func TestStateUnusable(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "lobbies")
	files := []string{`{"bellhop_state":2,"written":"2030-01-02T03:04:05Z"}`, `{"bellhop_sta`}
	for i, want := range []string{"a newer version of Bellhop has written it", "it is not a state file"} {
		if err := os.WriteFile(file, []byte(files[i]), 0o600); err != nil {
			t.Fatal(err)
		}
		p := launch(t, "-state", file)
		c := p.dial()
		c.Say(t, `{"action":"ping"}`, "pong")
		c.CloseNow()
		p.stderr.Find(t, "level=ERROR.*"+want)
		aside := p.stderr.Find(t, `kept_as=(\S+)`)
		if got, err := os.ReadFile(aside); err != nil || !bytes.Equal(got, []byte(files[i])) {
			t.Errorf("aside is %q, %v", got, err)
		}
		p.stop()
		if err := <-p.ended; err != nil {
			t.Error(err)
		}
	}
	var names []string
	filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		names = append(names, filepath.Base(path))
		return err
	})
	if len(names) != 4 { // the folder, the file, and two aside
		t.Errorf("there are %q", names)
	}
}

// TestStateLink checks that a link to the file stays one.
func TestStateLink(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	link, file := filepath.Join(dir, "link"), filepath.Join(dir, "file")
	p := launch(t, "-state", file)
	p.stdout.Find(t, `ws://\S+`)
	p.end()
	if err := os.Symlink(file, link); err != nil {
		t.Skip("SKIPPED: this system has no links: ", err)
	}
	p = launch(t, "-state", link)
	p.stdout.Find(t, `ws://\S+`)
	p.end()
	if info, err := os.Lstat(link); err != nil || info.Mode().Type() != fs.ModeSymlink {
		t.Errorf("the link is %v, %v", info, err)
	}
}
