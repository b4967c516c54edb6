package metrics

import (
	"io"
	"strconv"
	"time"
)

// An EMF writes a Set in CloudWatch's embedded metric format: lines of JSON
// that CloudWatch Logs turns into metrics ("Specification: Embedded metric
// format").
// Its namespace is Bellhop. Its dimension stack keeps deployments apart.
type EMF struct {
	*Set
	Stack string
	To    io.Writer

	line    []byte
	changes [counters][]change
}

// A change is what a cell has counted since the last line.
type change struct {
	cell *cell
	n    uint64
}

// Flush writes what was counted since the last call, and starts again from 0.
// That is one line, unless a labelled metric has counted several of its values.
// It writes nothing if nothing was counted. It must not be called concurrently.
func (e *EMF) Flush(now time.Time) error {
	lines := 0
	for c := range counters {
		e.changes[c] = e.changes[c][:0]
		for _, cell := range e.counters[c].all() {
			if n := cell.n.Swap(0); n > 0 {
				e.changes[c] = append(e.changes[c], change{cell, n})
			}
		}
		lines = max(lines, len(e.changes[c]))
	}
	e.line = e.line[:0]
	for i := range lines {
		e.appendLine(i, now)
	}
	if lines == 0 {
		return nil
	}
	_, err := e.To.Write(e.line)
	return err
}

// appendLine appends the line with the i-th change of each counter. The times
// are in the first.
func (e *EMF) appendLine(i int, now time.Time) {
	e.add(`{"level":"INFO","_aws":{"Timestamp":`)
	e.line = strconv.AppendInt(e.line, now.UnixMilli(), 10)
	e.add(`,"CloudWatchMetrics":[`)
	for c, f := range Families {
		switch {
		case i >= len(e.changes[c]):
		case f.Apart:
			e.define(f, "Count", `["stack"],["stack","`, f.Labels[0], `"]`)
		default:
			e.define(f, "Count", `["stack"]`)
		}
	}
	for t, f := range TimeFamilies {
		if count, _ := e.times(Timing(t)); i == 0 && count > 0 {
			e.define(f, "Milliseconds", `["stack"]`)
		}
	}
	e.end(`]},"stack":"`, e.Stack, `"`)
	for c, f := range Families {
		if i < len(e.changes[c]) {
			e.appendChange(f, e.changes[c][i])
		}
	}
	for t, f := range TimeFamilies {
		if i == 0 {
			e.appendTimes(f, Timing(t))
		}
	}
	e.add("}\n")
}

func (e *EMF) add(parts ...string) {
	for _, part := range parts {
		e.line = append(e.line, part...)
	}
}

// define appends a metric's definition and a comma, which end removes from the
// last one.
func (e *EMF) define(f Family, unit string, dimensions ...string) {
	e.add(`{"Namespace":"Bellhop","Dimensions":[`)
	e.add(dimensions...)
	e.add(`],"Metrics":[{"Name":"`, f.Name, `","Unit":"`, unit, `"}]},`)
}

func (e *EMF) end(with ...string) {
	if last := len(e.line) - 1; e.line[last] == ',' {
		e.line = e.line[:last]
	}
	e.add(with...)
}

// appendChange appends a counter's members. The values of labels are names and
// codes of ours, which JSON writes as they are.
func (e *EMF) appendChange(f Family, c change) {
	for i, label := range f.Labels {
		e.add(`,"`, label, `":"`, c.cell.key[i], `"`)
	}
	e.add(`,"`, f.Name, `":`)
	e.line = strconv.AppendUint(e.line, c.n, 10)
}

// appendTimes appends a timing's member. An invocation has one time at most. If
// there are more, each is written as their mean.
func (e *EMF) appendTimes(f Family, t Timing) {
	count, sum := e.times(t)
	if count == 0 {
		return
	}
	e.add(`,"`, f.Name, `":[`)
	for range min(count, 100) { // the format's limit
		e.line = strconv.AppendInt(e.line, sum/count, 10)
		e.add(",")
	}
	e.end("]")
	for i := range e.timings[t].buckets {
		e.timings[t].buckets[i].Store(0)
	}
	e.timings[t].sum.Store(0)
}

func (e *EMF) times(t Timing) (count, sum int64) {
	buckets, sum := e.Times(t)
	for _, n := range buckets {
		count += int64(n)
	}
	return count, sum
}
