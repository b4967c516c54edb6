package main

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// docs is the folder with the numbers of the last whole run.
const docs = "../docs"

// TestDocument checks that docs/performance.md and its plot match
// docs/performance.json. After a change to the look of either: go -C bench run
// . -draw ../docs
func TestDocument(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"performance.json", "performance.md"} {
		if err := os.WriteFile(filepath.Join(dir, name), read(t, filepath.Join(docs, name)), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	if err := document(dir); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"performance.md", "performance.svg"} {
		if diff := cmp.Diff(string(read(t, filepath.Join(docs, name))), string(read(t, filepath.Join(dir, name)))); diff != "" {
			t.Errorf("%s is not what is made of its numbers (-there +made):\n%s", name, diff)
		}
	}
}

// TestComparison checks the derived numbers: the medians of each round's
// ratios, where Bellhop is behind, and the programs left out.
func TestComparison(t *testing.T) {
	cpu := func(values ...float64) (rounds []round) {
		for _, v := range values {
			r := relayed{CPU: v, PerSecond: 1e6 / v, Busy: 1, P50: v / 10, P99: v}
			held, slow := r, r
			held.PerSecond, slow.PerSecond = 5_000, 4_000 // which is less than each rate
			rounds = append(rounds, round{Steady: []relayed{held, slow, slow}, One: r, Eight: r, Idle: 5, Paired: 1500})
		}
		return rounds
	}
	c := comparison{Load: []float64{0.5, 2.1}, Idle: 10, LeftOut: []string{"Other is left out: it is not there"}, Programs: []*measured{
		{program: program{Name: "gws"}, Rounds: cpu(5, 20, 5)},
		{program: program{Name: "Bellhop"}, Rounds: cpu(10, 30, 30)}, // ratios 2, 1.5 and 6
	}}
	table, section := c.table(), c.section()
	for _, want := range []string{
		"| server CPU a message at a steady rate, µs: 5,000/s  | 5.00    | 30.0    | 2.00          |\n",
		"| server CPU a message at a steady rate, µs: 20,000/s | –       | –       | –             |\n",
		"| server CPU a message when full, µs: 1 in flight     | 5.00    | 30.0    | 2.00          |\n",
		"| messages a second when full: 8 in flight            | 200,000 | 33,333  | 0.50          |\n",
		"| memory of an idle connection, KiB: in a pair        | 1,500   | 1,500   | 1.00          |\n",
	} {
		if !strings.Contains(table, want) {
			t.Errorf("the table lacks\n%sand is\n%s", want, table)
		}
	}
	for _, want := range []string{
		"- behind gws: server CPU a message at a steady rate, µs, 5,000/s (2.00 times); ",
		"messages a second when full, 1 in flight (2.00 times)",
		"- Other is left out: it is not there\n",
		"**Others used the machine meanwhile.**",
	} {
		if !strings.Contains(section, want) {
			t.Errorf("the section lacks %q and is\n%s", want, section)
		}
	}
	if strings.Contains(section, "memory of an idle connection, KiB, ") {
		t.Errorf("Bellhop is behind where it is not:\n%s", section)
	}
	plot := c.plot()
	for d := xml.NewDecoder(bytes.NewReader(plot)); ; {
		if _, err := d.Token(); err == io.EOF {
			break
		} else if err != nil {
			t.Fatalf("the plot: %v\n%s", err, plot)
		}
	}
	for _, want := range []string{
		`class="first" x="134" y="60" width="36.7"`,           // 5 of 30
		`class="bellhop first" x="134" y="108" width="220.0"`, // 30
		`<title>10.0 to 30.0</title>`,                         // its rounds
		`class="value" x="358.0" y="119">30.0</text>`,         // beside it
		`class="bellhop third" x="134" y="134" width="0.0"`,   // it does not hold the rate
	} {
		if !bytes.Contains(plot, []byte(want)) {
			t.Errorf("the plot lacks %s", want)
		}
	}
}

// TestPeersWithoutPeers checks that without PeerJS and with a broken
// matchbox_server the comparison still measures the relay and Bellhop, and
// names the programs left out.
func TestPeersWithoutPeers(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("bench measures on Linux alone")
	}
	dir := t.TempDir()
	bench := filepath.Join(dir, "bench")
	if out, err := exec.Command("go", "build", "-o", bench, ".").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	if err := os.WriteFile(filepath.Join(dir, "performance.md"), []byte("Before.\n"+measuredBegins+measuredEnds+"After.\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "bin"), 0o777); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{".crates.toml": `"matchbox_server 0.1.2 (somewhere)"`, "bin/matchbox_server": "#!/bin/sh\nexit 1\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o777); err != nil {
			t.Fatal(err)
		}
	}
	out, err := exec.Command(bench, "-peers", dir, "-write", dir, "-pairs", "2", "-time", "30ms", "-rounds", "1", "-idle", "0").CombinedOutput()
	if err != nil {
		t.Fatalf("bench -peers: %v\n%s", err, out)
	}
	var c comparison
	if err := json.Unmarshal(read(t, filepath.Join(dir, "performance.json")), &c); err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, m := range c.Programs {
		names = append(names, m.Name)
		if len(m.Rounds[0].Steady) != len(rates) {
			t.Errorf("%s at steady rates costs %+v", m.Name, m.Rounds[0].Steady)
		}
		for _, r := range []relayed{m.Rounds[0].One, m.Rounds[0].Eight} {
			if r.CPU <= 0 || r.PerSecond <= 0 || r.Busy <= 0 || r.P50 <= 0 || r.P99 < r.P50 {
				t.Errorf("%s costs %+v", m.Name, r)
			}
		}
	}
	if diff := cmp.Diff([]string{"gws", "Bellhop"}, names); diff != "" {
		t.Errorf("measured (-want +got):\n%s", diff)
	}
	page := string(read(t, filepath.Join(dir, "performance.md")))
	for _, want := range []string{"Before.\n", "| median of 1 ", "- matchbox_server is left out: 1 in flight: the server ends at once", "- PeerJS is left out: npm has", "After.\n"} {
		if !strings.Contains(page, want) {
			t.Errorf("performance.md lacks %q:\n%s", want, page)
		}
	}
	if !bytes.Contains(out, []byte("PeerJS is left out")) {
		t.Errorf("bench does not say that PeerJS is left out:\n%s", out)
	}
}

func read(t *testing.T, file string) []byte {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return text
}
