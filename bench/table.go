package main

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
)

// A subject is two or three related measures: a panel of the plot, and as many
// rows of the table.
type subject struct {
	title    string
	more     bool // is better
	measures []measure
}

type measure struct {
	name string
	of   func(round) float64
}

// steadySubjects are those of servers that are not full.
func steadySubjects() []subject {
	at := func(i int, of func(relayed) float64) func(round) float64 {
		return func(r round) float64 {
			if i >= len(r.Steady) || r.Steady[i].PerSecond < 0.95*float64(rates[i]) {
				return math.NaN() // it does not hold the rate
			}
			return of(r.Steady[i])
		}
	}
	cpu := subject{title: "server CPU a message at a steady rate, µs"}
	all := []subject{cpu}
	for i, rate := range rates {
		cpu.measures = append(cpu.measures, measure{number(float64(rate)) + "/s", at(i, func(r relayed) float64 { return r.CPU })})
		all = append(all, subject{title: "latency at " + number(float64(rate)) + " messages a second, ms", measures: []measure{
			{"p50", at(i, func(r relayed) float64 { return r.P50 })},
			{"p99", at(i, func(r relayed) float64 { return r.P99 })},
			{"p99.9", at(i, func(r relayed) float64 { return r.P999 })},
		}})
	}
	all[0] = cpu
	return all
}

// joinSubject is what two clients cost that become a pair.
var joinSubject = subject{"a join, from connecting to talking, ms", false, []measure{
	{"server CPU", func(r round) float64 { return r.Join.CPU }},
	{"time", func(r round) float64 { return 1e3 / r.Join.PerSecond }},
}}

// fullSubjects are those of full servers, and memory.
var fullSubjects = []subject{
	{"server CPU a message when full, µs", false, []measure{
		{"1 in flight", func(r round) float64 { return r.One.CPU }}, {"8 in flight", func(r round) float64 { return r.Eight.CPU }}}},
	{"messages a second when full", true, []measure{
		{"1 in flight", func(r round) float64 { return r.One.PerSecond }}, {"8 in flight", func(r round) float64 { return r.Eight.PerSecond }}}},
	{"latency with 1 in flight, ms", false, []measure{
		{"p50", func(r round) float64 { return r.One.P50 }}, {"p99", func(r round) float64 { return r.One.P99 }}}},
	{"latency with 8 in flight, ms", false, []measure{
		{"p50", func(r round) float64 { return r.Eight.P50 }}, {"p99", func(r round) float64 { return r.Eight.P99 }}}},
	{"memory of an idle connection, KiB", false, []measure{
		{"connected", func(r round) float64 { return r.Idle }}, {"in a pair", func(r round) float64 { return r.Paired }}}},
}

// subjects returns the measured subjects.
func (c *comparison) subjects() []subject {
	all := fullSubjects
	if c.Idle == 0 {
		all = all[:len(all)-1] // without memory
	}
	bellhop, _ := c.bellhop()
	if bellhop.Rounds[0].Join.PerSecond > 0 {
		all = append([]subject{joinSubject}, all...)
	}
	if len(bellhop.Rounds[0].Steady) > 0 {
		all = append(steadySubjects(), all...)
	}
	return all
}

// all returns a measure's value in each round.
func (m *measured) all(of func(round) float64) (values []float64) {
	for _, r := range m.Rounds {
		values = append(values, of(r))
	}
	return values
}

// bellhop returns Bellhop, and all others.
func (c *comparison) bellhop() (bellhop *measured, others []*measured) {
	for _, m := range c.Programs {
		if m.Name == "Bellhop" {
			bellhop = m
		} else {
			others = append(others, m)
		}
	}
	return bellhop, others
}

// table returns the medians and Bellhop's ratios, in Markdown that also reads
// well as text.
func (c *comparison) table() string {
	bellhop, others := c.bellhop()
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 1, ' ', 0)
	head, line := "| median of "+fmt.Sprint(len(bellhop.Rounds)), "|---"
	for _, m := range c.Programs {
		head, line = head+"\t| "+m.Name, line+"\t|---:"
	}
	for _, m := range others {
		head, line = head+"\t| Bellhop / "+m.Name, line+"\t|---:"
	}
	fmt.Fprintf(w, "%s\t|\n%s\t|\n", head, line)
	for _, s := range c.subjects() {
		for _, m := range s.measures {
			fmt.Fprintf(w, "| %s: %s", s.title, m.name)
			for _, p := range c.Programs {
				fmt.Fprintf(w, "\t| %s", number(median(p.all(m.of))))
			}
			for _, p := range others {
				fmt.Fprintf(w, "\t| %s", number(medianRatio(bellhop.all(m.of), p.all(m.of))))
			}
			fmt.Fprintln(w, "\t|")
		}
	}
	w.Flush()
	return b.String()
}

// number writes two digits or more.
func number(v float64) string {
	switch {
	case math.IsNaN(v):
		return "–"
	case v >= 1000:
		return fmt.Sprintf("%d,%03d", int(v)/1000, int(v)%1000)
	case v >= 100:
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	case v >= 0.1:
		return fmt.Sprintf("%.2f", v)
	}
	return fmt.Sprintf("%.2g", v)
}

// behind returns where Bellhop does worse than another.
func (c *comparison) behind(other *measured) string {
	bellhop, _ := c.bellhop()
	var all []string
	for _, s := range c.subjects() {
		for _, m := range s.measures {
			ratio := medianRatio(bellhop.all(m.of), other.all(m.of))
			if s.more {
				ratio = 1 / ratio
			}
			if ratio >= 1.005 { // which the table shows as 1.01
				all = append(all, fmt.Sprintf("%s, %s (%s times)", s.title, m.name, number(ratio)))
			}
		}
	}
	if all == nil {
		return "nowhere"
	}
	return strings.Join(all, "; ")
}

// section returns the part of performance.md with these numbers.
func (c *comparison) section() string {
	var b strings.Builder
	fmt.Fprintf(&b, "Measured on %s on %s", c.Date.Format("2 January 2006"), c.Machine)
	if c.Pinned {
		b.WriteString(", the server on one core and the clients on the other")
	} else {
		b.WriteString(", where server and clients shared all cores")
	}
	fmt.Fprintf(&b, ".\nThe load average before each round was %s. %d pairs, %d bytes a message, %g seconds a measurement, %d idle connections.\n\n%s\n",
		strings.ReplaceAll(strings.Trim(fmt.Sprintf("%.1f", c.Load), "[]"), " ", ", "), c.Pairs, c.MessageSize, c.Seconds, c.Idle, c.table())
	if slices.Max(c.Load) > 2 { // a run leaves less load than that behind, since it mostly waits for memory to settle
		b.WriteString("**Others used the machine meanwhile.** Memory can be trusted. Ratios of CPU time differed by half between\nsuch runs, and messages a second and latency say little.\n\n")
	}
	_, others := c.bellhop()
	b.WriteString("Where Bellhop is behind:\n\n")
	for _, m := range others {
		fmt.Fprintf(&b, "- behind %s: %s\n", m.Name, c.behind(m))
	}
	b.WriteString("\nWhat was run:\n\n")
	for _, m := range c.Programs {
		busy := func(of func(round) float64) float64 { return 100 * median(m.all(of)) }
		fmt.Fprintf(&b, "- **%s** %s: %s. Its core was busy for %.0f %% of the time with 1 in flight, %.0f %% with 8.\n", m.Name, m.Version, m.Settings,
			busy(func(r round) float64 { return r.One.Busy }), busy(func(r round) float64 { return r.Eight.Busy }))
	}
	for _, reason := range c.LeftOut {
		fmt.Fprintf(&b, "- %s\n", reason)
	}
	return b.String()
}

// Function document writes the text between these lines in performance.md.
const measuredBegins, measuredEnds = "<!-- from here on: written by make bench-peers -->\n", "<!-- up to here -->\n"

// document draws performance.svg, and writes the measured part of
// performance.md, from a folder's performance.json.
func document(folder string) error {
	text, err := os.ReadFile(filepath.Join(folder, "performance.json"))
	if err != nil {
		return err
	}
	var c comparison
	if err := json.Unmarshal(text, &c); err != nil {
		return fmt.Errorf("performance.json: %w", err)
	}
	file := filepath.Join(folder, "performance.md")
	page, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	before, rest, begins := strings.Cut(string(page), measuredBegins)
	_, after, ends := strings.Cut(rest, measuredEnds)
	if !begins || !ends {
		return fmt.Errorf("%s needs the two lines %q and %q, between which the numbers go", file, measuredBegins, measuredEnds)
	}
	page = []byte(before + measuredBegins + "\n" + c.section() + "\n" + measuredEnds + after)
	if err := os.WriteFile(file, page, 0o666); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(folder, "performance.svg"), c.plot(), 0o666)
}
