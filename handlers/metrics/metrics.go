// Package metrics counts what players do. Families names every metric, for AWS
// and for the gateway alike: a Set is read by Prometheus (package server), and
// written as CloudWatch's embedded metric format by EMF.
//
// The funnel of a join is asked, accepted, described (relays of the kind
// answer), connected (links that are direct or relay).
package metrics

import (
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

// A Counter is a metric that only grows.
type Counter int

// The counters. Families has their names.
const (
	Connects Counter = iota
	Disconnects
	Actions
	JoinsAsked
	JoinsAccepted
	JoinsRejected
	Relays
	Links
	Undelivered
	LobbiesOpened
	LobbiesClosed
	Guesses
	Throttled
	Faults
	counters
)

// A Timing is a metric of times in milliseconds.
type Timing int

// The timings. TimeFamilies has their names.
const (
	JoinAnswer Timing = iota
	LinkOpen
	timings
)

// A Family describes a metric.
type Family struct {
	Name   string
	Help   string
	Labels []string // at most two
	// Values are those of the only label. Their counters begin at 0. nil: they
	// begin when they count something.
	Values []string
	// Apart keeps the values of the only label apart in CloudWatch, which charges
	// for each. Otherwise they are in the log alone.
	Apart bool
}

// Families describes the counters.
var Families = [counters]Family{
	Connects:      {Name: "bellhop_connects_total", Help: "Handshakes, by HTTP status; 200 is a connection.", Labels: []string{"status"}},
	Disconnects:   {Name: "bellhop_disconnects_total", Help: "Connections that have ended."},
	Actions:       {Name: "bellhop_actions_total", Help: "Messages of clients, by action and result: ok or the code of the error.", Labels: []string{"action", "result"}},
	JoinsAsked:    {Name: "bellhop_joins_asked_total", Help: "Requests to join a lobby."},
	JoinsAccepted: {Name: "bellhop_joins_accepted_total", Help: "Requests that were accepted."},
	JoinsRejected: {Name: "bellhop_joins_rejected_total", Help: "Requests that were rejected, by code.", Labels: []string{"code"}, Apart: true},
	Relays: {Name: "bellhop_relays_total", Help: "Messages passed to a peer, by kind.", Labels: []string{"kind"}, Apart: true,
		Values: []string{"offer", "answer", "pranswer", "rollback", "candidate", "message"}},
	Links: {Name: "bellhop_links_total", Help: "Links that clients have reported, by outcome.", Labels: []string{"outcome"}, Apart: true,
		Values: []string{"direct", "relay", "failed"}},
	Undelivered: {Name: "bellhop_undelivered_total", Help: "Messages that did not reach a client, by reason: it is gone, reads too slowly, or the post failed.",
		Labels: []string{"reason"}, Apart: true, Values: []string{"gone", "busy", "failed"}},
	LobbiesOpened: {Name: "bellhop_lobbies_opened_total", Help: "Lobbies that were started."},
	LobbiesClosed: {Name: "bellhop_lobbies_closed_total", Help: "Lobbies that have closed. Those that expire unnoticed are missing."},
	Guesses:       {Name: "bellhop_guesses_total", Help: "Wrong lobby ids, passwords and resume tokens."},
	Throttled: {Name: "bellhop_throttled_total", Help: "Answers of rate_limited, by the limit: of the client, the lobby, the receiver or the store.",
		Labels: []string{"limit"}, Apart: true, Values: []string{"client", "lobby", "receiver", "store"}},
	Faults: {Name: "bellhop_faults_total", Help: "Faults of Bellhop's own: each has a line in the log."},
}

// TimeFamilies describes the timings.
var TimeFamilies = [timings]Family{
	JoinAnswer: {Name: "bellhop_join_answer_ms", Help: "Milliseconds until a host accepts or rejects a request."},
	LinkOpen:   {Name: "bellhop_link_ms", Help: "Milliseconds until a link was open, as clients report it."},
}

// Bounds are the upper bounds of the buckets of every timing.
var Bounds = [...]float64{10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000, 60_000, 300_000}

// A Set has a value for each metric. Its methods can be called concurrently. A
// nil Set counts nothing.
type Set struct {
	counters [counters]cells
	timings  [timings]timing
}

// New returns a Set that has counted nothing.
func New() *Set {
	s := new(Set)
	for i, f := range Families {
		if len(f.Labels) == 0 {
			s.counters[i].cell(key{})
		}
		for _, value := range f.Values {
			s.counters[i].cell(key{value})
		}
	}
	return s
}

// Count adds 1 to a counter, at the values of its labels.
func (s *Set) Count(c Counter, labels ...string) {
	if s == nil {
		return
	}
	var k key
	copy(k[:], labels)
	s.counters[c].cell(k).n.Add(1)
}

// Time adds a time in milliseconds.
func (s *Set) Time(t Timing, ms int64) {
	if s == nil {
		return
	}
	i := 0
	for i < len(Bounds) && float64(ms) > Bounds[i] {
		i++
	}
	s.timings[t].buckets[i].Add(1)
	s.timings[t].sum.Add(ms)
}

// Each calls f with each value of a counter.
func (s *Set) Each(c Counter, f func(n uint64, labels []string)) {
	for _, cell := range s.counters[c].all() {
		f(cell.n.Load(), cell.key[:len(Families[c].Labels)])
	}
}

// Times returns the number of times in each bucket, the last of which is for
// those above all Bounds, and the sum of the times.
func (s *Set) Times(t Timing) (buckets [len(Bounds) + 1]uint64, sum int64) {
	for i := range buckets {
		buckets[i] = s.timings[t].buckets[i].Load()
	}
	return buckets, s.timings[t].sum.Load()
}

// key holds the values of labels.
type key [2]string

// cells are the values of one counter. They are found without a lock.
type cells struct {
	index  atomic.Pointer[index]
	adding sync.Mutex
}

// An index is not changed once it is in cells.
type index struct {
	by  map[key]*cell
	all []*cell
}

type cell struct {
	key key
	n   atomic.Uint64
}

func (c *cells) all() []*cell {
	if i := c.index.Load(); i != nil {
		return i.all
	}
	return nil
}

func (c *cells) cell(k key) *cell {
	if i := c.index.Load(); i != nil {
		if found := i.by[k]; found != nil {
			return found
		}
	}
	return c.add(k)
}

// add returns the cell of k, which it adds if it is new. The values of labels
// can be parts of a client's message, so it copies them.
func (c *cells) add(k key) *cell {
	c.adding.Lock()
	defer c.adding.Unlock()
	was, is := c.index.Load(), index{by: map[key]*cell{}}
	if was != nil {
		if found := was.by[k]; found != nil {
			return found
		}
		is.all = slices.Clone(was.all)
	}
	is.all = append(is.all, &cell{key: key{strings.Clone(k[0]), strings.Clone(k[1])}})
	for _, cell := range is.all {
		is.by[cell.key] = cell
	}
	c.index.Store(&is)
	return is.all[len(is.all)-1]
}

// timing holds the number of times in each bucket.
type timing struct {
	buckets [len(Bounds) + 1]atomic.Uint64
	sum     atomic.Int64
}
