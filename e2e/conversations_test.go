package e2e

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite what clients hear in testdata/conversations from a run in memory")

// A home is a place where a conversation can run. Clients have names, which are
// also their connection ids.
type home interface {
	// connect opens a connection and returns the status of the handshake, 101 if
	// it succeeded.
	connect(name, query string) (status int)
	send(name, text string)
	// drop ends a connection. If it is silent, Bellhop gets no $disconnect and
	// notices the end on its next post.
	drop(name string, silent bool)
	// heard returns the client's messages since the last call, once Bellhop has
	// handled everything sent so far. It ends with hungUp if the connection was
	// closed after that.
	heard(name string) []string
}

// hungUp marks the end of a connection that Bellhop closed.
const hungUp = "(the connection is closed)"

// homes are the places where every conversation is replayed.
var homes = map[string]func(*testing.T, *world) home{
	"memory":  openMemory,
	"sockets": openSockets,
	"built":   openBuilt,
}

// TestConversations replays testdata/conversations. A file begins with a
// comment that says what it shows. Its lines are:
//
//	NAME connects [?QUERY] [and is refused with STATUS]
//	NAME> MESSAGE    a new NAME connects first
//	NAME< EVENT      in order for one client; clients in any order
//	NAME drops       or "drops unnoticed": $disconnect never comes
//	clock +DURATION
//	store fails, store works
//	bursts of N      the burst of each client that connects later
//	lobby id ID      the id of the next lobby
func TestConversations(t *testing.T) {
	files, _ := filepath.Glob("../testdata/conversations/*.txt")
	if len(files) == 0 {
		t.Fatal("no conversations found")
	}
	for _, file := range files {
		c := readConversation(t, file)
		if *update {
			c.rewrite(t, c.replay(t, openMemory))
			continue
		}
		for name, open := range homes {
			if name == "built" && c.isTimed() {
				continue
			}
			t.Run(strings.TrimSuffix(filepath.Base(file), ".txt")+"/"+name, func(t *testing.T) {
				c.check(t, c.replay(t, open))
			})
		}
	}
}

// A conversation is a parsed file.
type conversation struct {
	file  string
	steps []step
}

// A step is one action of a conversation, with the messages that follow from
// it.
type step struct {
	number int      // line number
	text   string   // the line itself
	before []string // comments and empty lines
	want   map[string][]string
}

// isTimed reports whether c counts milliseconds. Another process does not stop
// for those.
func (c *conversation) isTimed() bool {
	return slices.ContainsFunc(c.steps, func(s step) bool { return burstLine.MatchString(s.text) })
}

var heardLine = regexp.MustCompile(`^([\w-]+)< (.*)$`)

func readConversation(t *testing.T, file string) conversation {
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(string(data), "# ") {
		t.Errorf("%s: the first line must be a comment that says what the conversation shows", file)
	}
	c := conversation{file: file}
	var before []string
	for i, line := range strings.Split(strings.TrimRight(string(data), "\n"), "\n") {
		if m := heardLine.FindStringSubmatch(line); m != nil {
			want := c.steps[len(c.steps)-1].want
			want[m[1]] = append(want[m[1]], m[2])
		} else if line == "" || strings.HasPrefix(line, "#") {
			before = append(before, line)
		} else {
			c.steps = append(c.steps, step{number: i + 1, text: line, before: before, want: map[string][]string{}})
			before = nil
		}
	}
	return c
}

// replay carries out every step in a new home and returns the messages after
// each.
func (c *conversation) replay(t *testing.T, open func(*testing.T, *world) home) (got []map[string][]string) {
	return c.replayIn(t, newWorld(), open)
}

func (c *conversation) replayIn(t *testing.T, w *world, open func(*testing.T, *world) home) (got []map[string][]string) {
	h := open(t, w)
	var present []string
	tokens := tokens{}
	for _, s := range c.steps {
		s.text = tokens.outward(s.text)
		present = w.do(t, h, s, present)
		heard := map[string][]string{}
		for _, name := range slices.Clone(present) {
			events := h.heard(name)
			if len(events) == 0 {
				continue
			}
			if heard[name] = tokens.inward(w, name, events); slices.Contains(events, hungUp) {
				present = slices.DeleteFunc(present, func(other string) bool { return other == name })
			}
		}
		got = append(got, heard)
	}
	return got
}

// tokens maps the resume tokens, cursors and lobby ids that Bellhop has
// generated to their placeholders. A placeholder names the receiver and a
// number, as in "token 1 of host", or is one of the world's ids.
type tokens map[string]string

var (
	token  = regexp.MustCompile(`"(?:resume_)?(token|cursor)":"([^"]+)"`)
	madeID = regexp.MustCompile(`"lobby_started","content":{"lobby_id":"([B-DF-HJ-NP-TV-XZ2-9]{6})"`)
)

// inward replaces tokens in the client's received messages with placeholders.
func (all tokens) inward(w *world, name string, events []string) []string {
	for i, event := range events {
		if m := madeID.FindStringSubmatch(event); m != nil {
			all[w.nextID()] = m[1]
		}
		for stand, token := range all {
			event = strings.ReplaceAll(event, `"`+token+`"`, `"`+stand+`"`)
		}
		events[i] = event
		m := token.FindStringSubmatch(event)
		if m == nil {
			continue
		}
		number := 1
		for ; all[fmt.Sprintf("%s %d of %s", m[1], number, name)] != ""; number++ {
		}
		stand := fmt.Sprintf("%s %d of %s", m[1], number, name)
		all[stand] = m[2]
		events[i] = strings.Replace(event, m[2], stand, 1)
	}
	return events
}

// outward replaces placeholders in a client's message with tokens.
func (all tokens) outward(text string) string {
	for stand, token := range all {
		text = strings.ReplaceAll(text, stand, token)
	}
	return text
}

var (
	sendLine    = regexp.MustCompile(`^([\w-]+)> ?(.*)$`)
	connectLine = regexp.MustCompile(`^([\w-]+) connects(?: \?(\S+))?(?: and is refused with (\d+))?$`)
	dropLine    = regexp.MustCompile(`^([\w-]+) drops( unnoticed)?$`)
	clockLine   = regexp.MustCompile(`^clock \+(\w+)$`)
	storeLine   = regexp.MustCompile(`^store (fails|works)$`)
	burstLine   = regexp.MustCompile(`^bursts of (\d+)$`)
	idLine      = regexp.MustCompile(`^lobby id (\S+)$`)
)

// do carries out one step, and returns the clients connected after it.
func (w *world) do(t *testing.T, h home, s step, present []string) []string {
	t.Helper()
	if m := sendLine.FindStringSubmatch(s.text); m != nil {
		if !slices.Contains(present, m[1]) {
			present = w.connect(t, h, s, present, m[1], "", 101)
		}
		h.send(m[1], m[2])
	} else if m := connectLine.FindStringSubmatch(s.text); m != nil {
		status := 101
		if m[3] != "" {
			status, _ = strconv.Atoi(m[3])
		}
		present = w.connect(t, h, s, present, m[1], m[2], status)
	} else if m := dropLine.FindStringSubmatch(s.text); m != nil {
		h.drop(m[1], m[2] != "")
		present = slices.DeleteFunc(present, func(name string) bool { return name == m[1] })
	} else if m := clockLine.FindStringSubmatch(s.text); m != nil {
		d, err := time.ParseDuration(m[1])
		if err != nil {
			t.Fatalf("line %d: %v", s.number, err)
		}
		w.clock.Move(d)
		if w.elapses != nil {
			w.elapses(t, d)
		}
	} else if m := storeLine.FindStringSubmatch(s.text); m != nil {
		w.failing.Store(m[1] == "fails")
	} else if m := burstLine.FindStringSubmatch(s.text); m != nil {
		w.handler.Burst, _ = strconv.ParseFloat(m[1], 64)
	} else if m := idLine.FindStringSubmatch(s.text); m != nil {
		w.ids = slices.Insert(w.ids, 0, m[1])
	} else {
		t.Fatalf("line %d is not understood: %s", s.number, s.text)
	}
	return present
}

func (w *world) connect(t *testing.T, h home, s step, present []string, name, query string, want int) []string {
	t.Helper()
	if got := h.connect(name, query); got != want {
		t.Fatalf("line %d: the handshake's status is %d, want %d", s.number, got, want)
	}
	if want == 101 {
		present = append(present, name)
	}
	return present
}

func (c *conversation) check(t *testing.T, got []map[string][]string) {
	for i, s := range c.steps {
		if diff := cmp.Diff(s.want, got[i]); diff != "" {
			t.Errorf("%s:%d: %s\nheard (-want +got):\n%s", c.file, s.number, s.text, diff)
		}
	}
}

// rewrite writes the received messages into the file, in the order in which it
// first names the clients.
func (c *conversation) rewrite(t *testing.T, got []map[string][]string) {
	var b strings.Builder
	var names []string
	for i, s := range c.steps {
		for _, line := range append(s.before, s.text) {
			fmt.Fprintln(&b, line)
		}
		if name, _, _ := strings.Cut(strings.ReplaceAll(s.text, ">", " "), " "); !slices.Contains(names, name) {
			names = append(names, name)
		}
		for _, name := range names {
			for _, event := range got[i][name] {
				fmt.Fprintf(&b, "%s< %s\n", name, event)
			}
		}
	}
	if err := os.WriteFile(c.file, []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}
