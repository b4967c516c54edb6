package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"bellhop/handlers/metrics"
	"bellhop/store/storetest"
)

// TestWatched replays every conversation, and compares what is counted with
// what clients hear. Then it replays each over a store that often fails, so
// there is a log. No log line, and no line of metrics, has anything that a
// client has sent, or a resume token.
func TestWatched(t *testing.T) {
	files, _ := filepath.Glob("../testdata/conversations/*.txt")
	logged := 0
	for _, file := range files {
		c := readConversation(t, file)
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			w := newWorld()
			w.metrics = metrics.New()
			c.checkCounts(t, w.metrics, c.replayIn(t, w, openMemory))
			text, got := c.watch(t, newWorld())
			for _, private := range c.private(got) {
				if regexp.MustCompile(`\b` + regexp.QuoteMeta(private) + `\b`).MatchString(text) {
					t.Errorf("the log has %q:\n%s", private, text)
				}
			}
			logged += strings.Count(text, "level=ERROR")
		})
	}
	if logged < len(files) {
		t.Errorf("only %d lines are logged", logged)
	}
}

// watch replays c over a store that fails at every third call. It returns the
// log with the metrics, and what clients hear.
func (c *conversation) watch(t *testing.T, w *world) (log string, got []map[string][]string) {
	var out bytes.Buffer
	var calls atomic.Int64
	w.store = storetest.Failing(w.store, func(method string) error {
		if method != "PutConnection" && calls.Add(1)%3 == 0 {
			return errors.New("store: connection refused")
		}
		return nil
	})
	w.log, w.metrics = &out, metrics.New()
	got = c.replayIn(t, w, openMemory)
	e := metrics.EMF{Set: w.metrics, Stack: "bellhop", To: &out}
	if err := e.Flush(w.clock.Now()); err != nil {
		t.Error(err)
	}
	return out.String(), got
}

// public are the members whose values the metrics name.
var public = []string{"session_type", "type", "outcome"}

// private returns the texts of all messages of clients, and their tokens, but
// not the clients' names.
func (c *conversation) private(got []map[string][]string) (texts []string) {
	names := map[string]bool{}
	for _, s := range c.steps {
		name, _, _ := strings.Cut(strings.ReplaceAll(s.text, ">", " "), " ")
		names[name] = true
	}
	var walk func(any)
	walk = func(v any) {
		switch v := v.(type) {
		case string:
			if len(v) > 2 && !names[v] {
				texts = append(texts, v)
			}
		case []any:
			for _, inner := range v {
				walk(inner)
			}
		case map[string]any:
			for name, inner := range v {
				if !slices.Contains(public, name) {
					walk(inner)
				}
			}
		}
	}
	for i, s := range c.steps {
		if m := sendLine.FindStringSubmatch(s.text); m != nil {
			var sent struct{ Content any }
			json.Unmarshal([]byte(m[2]), &sent)
			walk(sent.Content)
		}
		for _, heard := range got[i] {
			for _, m := range token.FindAllStringSubmatch(strings.Join(heard, "\n"), -1) {
				texts = append(texts, m[2])
			}
		}
	}
	return texts
}

// checkCounts compares counters with what the clients of c hear.
func (c *conversation) checkCounts(t *testing.T, counts *metrics.Set, got []map[string][]string) {
	want := map[metrics.Counter]int{}
	for i, s := range c.steps {
		if sendLine.MatchString(s.text) {
			want[metrics.Actions]++
		}
		for _, heard := range got[i] {
			for _, event := range heard {
				switch {
				case strings.Contains(event, `"event":"request_accepted"`), strings.Contains(event, `"event":"join_request_accepted"`):
					want[metrics.JoinsAccepted]++
				case strings.Contains(event, `"event":"request_rejected"`), strings.Contains(event, `"event":"join_request_rejected"`):
					want[metrics.JoinsRejected]++
				case strings.Contains(event, `"event":"lobby_started"`):
					want[metrics.LobbiesOpened]++
				}
			}
		}
	}
	for _, counter := range []metrics.Counter{metrics.Actions, metrics.JoinsAccepted, metrics.JoinsRejected, metrics.LobbiesOpened} {
		n := 0
		counts.Each(counter, func(value uint64, _ []string) { n += int(value) })
		if n != want[counter] {
			t.Errorf("%s is %d, and clients see %d", metrics.Families[counter].Name, n, want[counter])
		}
	}
}
