package metrics_test

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"bellhop/handlers/metrics"
)

var noon = time.UnixMilli(1893553445678)

// TestEMF checks the line of an invocation, and that a further value of a label
// gets a line of its own.
func TestEMF(t *testing.T) {
	var out bytes.Buffer
	e := metrics.EMF{Set: metrics.New(), Stack: "tanks", To: &out}
	flush := func() string {
		t.Helper()
		out.Reset()
		if err := e.Flush(noon); err != nil {
			t.Fatal(err)
		}
		return out.String()
	}
	if got := flush(); got != "" {
		t.Errorf("without anything to count it writes %s", got)
	}
	e.Count(metrics.Actions, "join_lobby", "lobby_full")
	e.Count(metrics.JoinsRejected, "lobby_full")
	e.Time(metrics.JoinAnswer, 1500)
	const want = `{"level":"INFO","_aws":{"Timestamp":1893553445678,"CloudWatchMetrics":[` +
		`{"Namespace":"Bellhop","Dimensions":[["stack"]],"Metrics":[{"Name":"bellhop_actions_total","Unit":"Count"}]},` +
		`{"Namespace":"Bellhop","Dimensions":[["stack"],["stack","code"]],"Metrics":[{"Name":"bellhop_joins_rejected_total","Unit":"Count"}]},` +
		`{"Namespace":"Bellhop","Dimensions":[["stack"]],"Metrics":[{"Name":"bellhop_join_answer_ms","Unit":"Milliseconds"}]}]},` +
		`"stack":"tanks","action":"join_lobby","result":"lobby_full","bellhop_actions_total":1,` +
		`"code":"lobby_full","bellhop_joins_rejected_total":1,"bellhop_join_answer_ms":[1500]}` + "\n"
	if diff := cmp.Diff(want, flush()); diff != "" {
		t.Errorf("a join that is rejected (-want +got):\n%s", diff)
	}
	if got := flush(); got != "" {
		t.Errorf("the same is written again: %s", got)
	}
	for _, code := range []string{"lobby_closed", "lobby_closed", "host_unavailable"} {
		e.Count(metrics.JoinsRejected, code)
	}
	e.Time(metrics.LinkOpen, 400)
	e.Time(metrics.LinkOpen, 600)
	lines := strings.Split(strings.TrimSpace(flush()), "\n")
	for i, part := range []string{`"code":"lobby_closed","bellhop_joins_rejected_total":2,"bellhop_link_ms":[500,500]}`,
		`"code":"host_unavailable","bellhop_joins_rejected_total":1}`} {
		if len(lines) != 2 || !strings.HasSuffix(lines[i], part) || !json.Valid([]byte(lines[i])) {
			t.Errorf("two codes are written as %q", lines)
		}
	}
}

// TestAllocations checks that counting, and writing it, costs no memory once
// the labels are known.
func TestAllocations(t *testing.T) {
	e := metrics.EMF{Set: metrics.New(), Stack: "tanks", To: io.Discard}
	if n := testing.AllocsPerRun(100, func() {
		e.Count(metrics.Actions, "join_lobby", "ok")
		e.Count(metrics.Relays, "offer")
		e.Time(metrics.LinkOpen, 400)
		e.Flush(noon)
	}); n != 0 {
		t.Errorf("it allocates %v times", n)
	}
}

// TestDocumented checks that docs/operations.md has exactly the metrics of this
// package, with their labels.
func TestDocumented(t *testing.T) {
	text, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	var want, got []string
	for _, f := range slices.Concat(metrics.Families[:], metrics.TimeFamilies[:]) {
		name := f.Name
		if len(f.Labels) > 0 {
			name += "{" + strings.Join(f.Labels, ",") + "}"
		}
		want = append(want, name)
	}
	for _, row := range regexp.MustCompile("(?m)^\\| `(bellhop_[^`]+)`").FindAllSubmatch(text, -1) {
		got = append(got, string(row[1]))
	}
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("docs/operations.md (-counted +documented):\n%s", diff)
	}
}
