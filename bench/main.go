// Command bench measures what Bellhop costs on this machine: server CPU per
// relayed message and memory per idle connection. It compares them with a bare
// WebSocket relay without any protocol, the floor, measured in the same minutes
// with the same clients. It also compares the start of its function with two
// that do less. With -peers, it measures other signalling servers. A time alone
// says little about another machine; a ratio carries over better.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"
)

const usage = `What Bellhop costs on this machine, beside a bare relay (the floor): microseconds of server CPU for one relayed
1500-byte message, and memory for one idle connection; what happens when a tenth of many connections drop at once, and
when one client does not read; and the start of the Lambda function. Close what else keeps the machine busy, and trust
the ratio more than the times. All of it takes about two minutes.

  go -C bench run .                                  the whole table
  go -C bench run . -rounds 1 -idle 0 -drop 0        a first look, in half a minute
  go -C bench run . -rounds 0 -idle 0 -drop 0        the function alone
  go -C bench run . -time 10s -rounds 5              less noise

  go -C bench run . -long 10m                        whether many messages for long all arrive, and what memory they take
  go -C bench run . -turn                            a packet relayed by TURN, beside coturn
  make bench-peers                                   Bellhop beside other signalling servers, in ten minutes
  go -C bench run . -draw ../docs                    their table and plot, from docs/performance.json

Flags:
`

var (
	pairs  = flag.Int("pairs", 50, "`number` of pairs of clients, who send to each other")
	length = flag.Duration("time", 3*time.Second, "`time` that each measurement sends, after a sixth of it to warm up")
	rounds = flag.Int("rounds", 3, "`number` of times that the floor and Bellhop take turns")
	idle   = flag.Int("idle", 10000, "`number` of connections for the measurement of idle memory; 0 skips it")
	fill   = flag.Int("drop", 10000, "`number` of connections in lobbies, whose hosts then drop together; 0 skips it")
	cold   = flag.Int("cold", 41, "`number` of times that each function is started; 0 skips it")
	peers  = flag.String("peers", "", "`folder` with other signalling servers, to compare relays and idle memory alone")
	write  = flag.String("write", "../docs", "`folder` for performance.json, .svg and .md, which -peers writes")
	draw   = flag.String("draw", "", "`folder` with performance.json, from which performance.svg and .md are written; nothing is measured")
	relays = flag.Bool("turn", false, "show only what a packet relayed by TURN costs, here and in coturn")
	long   = flag.Duration("long", 0, "`time` for which 20,000 messages a second go between 5,000 connections, alone: none may be lost")
	floor  = flag.Bool("serve-floor", false, "only the server that the floor is measured with, as bench itself starts it")
)

// depths are the numbers of messages that each pair keeps in flight. With many,
// a server can handle several together; with one, it cannot.
var depths = [...]int{8, 1}

func main() {
	flag.Usage = func() {
		fmt.Fprint(os.Stderr, usage)
		flag.PrintDefaults()
	}
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := run(ctx)
	if err != nil && ctx.Err() != nil {
		err = errors.New("interrupted") // shows first as a lost connection
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	switch {
	case flag.NArg() > 0:
		return fmt.Errorf("unknown argument %q; -h lists what there is", flag.Arg(0))
	case *floor:
		return serveFloor()
	case *draw != "":
		return document(*draw)
	case *peers != "" && *rounds < 1:
		return errors.New("-peers wants -rounds of at least 1")
	case *pairs < 1 || *rounds < 0 || *length <= 0 || *idle < 0 || *fill < 0 || *cold < 0 || *cold == 1:
		return errors.New("-pairs must be at least 1, -time more than 0, -rounds, -idle and -drop at least 0, and -cold 0 or at least 2")
	}
	if err := allowFiles(max(2**pairs, *idle, *fill, 2*longPairs) + 200); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "bellhop-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if *peers != "" {
		return comparePeers(ctx, dir, *peers, *write)
	}
	servers, err := build(ctx, dir)
	if err != nil {
		return err
	}
	if *long > 0 {
		return longRun(ctx, servers[1], *long)
	}
	if *relays {
		return turnCosts(ctx, servers[1], dir)
	}
	if err := serverCosts(ctx, servers); err != nil || *cold == 0 {
		return err
	}
	return functionCosts(ctx, dir)
}

// serverCosts measures relays and idle connections.
func serverCosts(ctx context.Context, servers []server) error {
	var costs [2][len(depths)][]float64 // µs a message, by server, depth and round
	var memory []string
	for round := range *rounds {
		for i, s := range servers {
			for d, depth := range depths {
				r, err := relayCost(ctx, s, inFlight(depth))
				if err != nil {
					return fmt.Errorf("%s, %d in flight: %w", s.name, depth, err)
				}
				fmt.Fprintf(os.Stderr, "round %d of %d  %-8s %d in flight  %6.2f µs\n", round+1, *rounds, s.name, depth, r.CPU)
				costs[i][d] = append(costs[i][d], r.CPU)
			}
		}
	}
	for _, s := range servers {
		if *idle == 0 {
			break
		}
		kib, err := idleMemory(ctx, s, false)
		if err != nil {
			return fmt.Errorf("%s, %d idle: %w", s.name, *idle, err)
		}
		fmt.Fprintf(os.Stderr, "memory        %-8s %d idle  %6.1f KiB each\n", s.name, *idle, kib)
		memory = append(memory, fmt.Sprintf("%s %.1f KiB", s.name, kib))
	}
	if *rounds > 0 {
		printRelays(servers, costs)
	}
	if memory != nil {
		fmt.Printf("idle memory per connection (%d): %s\n", *idle, strings.Join(memory, ", "))
	}
	return bellhopCosts(ctx, servers[1])
}

// bellhopCosts measures what only Bellhop has.
func bellhopCosts(ctx context.Context, bellhop server) error {
	if *rounds > 0 {
		for _, slow := range []bool{false, true} {
			took, err := latencies(ctx, bellhop, slow)
			if err != nil {
				return fmt.Errorf("latencies: %w", err)
			}
			n := len(took)
			fmt.Printf("%-36s %d messages of others took %v (half of them), %v (99 of 100)\n",
				map[bool]string{false: "while all clients read:", true: "while one client does not read:"}[slow], n,
				took[n/2].Round(time.Microsecond), took[n*99/100].Round(time.Microsecond))
		}
	}
	if *fill < lobbySize {
		return nil
	}
	d, err := dropHosts(ctx, bellhop, *fill)
	if err == nil {
		fmt.Println(d)
	}
	return err
}

func printRelays(servers []server, costs [2][len(depths)][]float64) {
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 4, ' ', 0)
	fmt.Fprintf(w, "server CPU per relayed %d-byte message (%d pairs), µs", messageSize, *pairs)
	for _, depth := range depths {
		fmt.Fprintf(w, "\t%d in flight", depth)
	}
	for i, s := range servers {
		fmt.Fprintf(w, "\n  %s", s.name)
		for d := range depths {
			fmt.Fprintf(w, "\t%s", strings.Trim(fmt.Sprintf("%.2f", costs[i][d]), "[]"))
		}
	}
	fmt.Fprint(w, "\n  bellhop / floor (median)")
	for d := range depths {
		fmt.Fprintf(w, "\t%.2f", medianRatio(costs[1][d], costs[0][d]))
	}
	fmt.Fprintln(w)
	w.Flush()
}

// medianRatio compares results of the same round: a slow moment slows down
// both.
func medianRatio(a, b []float64) float64 {
	ratios := make([]float64, len(a))
	for i := range a {
		ratios[i] = a[i] / b[i]
	}
	return median(ratios)
}

// relayed is the cost of relaying.
type relayed struct {
	CPU       float64 `json:"cpu_us"`     // server CPU for one message
	PerSecond float64 `json:"per_second"` // messages
	Busy      float64 `json:"busy"`       // share of one core that the server used: CPU time over time
	P50       float64 `json:"p50_ms"`     // half of the messages took at most this
	P99       float64 `json:"p99_ms"`     // 99 of 100 took at most this
	P999      float64 `json:"p99.9_ms"`   // 999 of 1,000 took at most this
}

// relayCost measures relays. Each measurement starts a new server.
func relayCost(ctx context.Context, s server, send traffic) (r relayed, err error) {
	p, err := start(ctx, s.command)
	if err != nil {
		return r, err
	}
	defer p.stop()
	l, err := connect(s, p.url, *pairs)
	defer l.close()
	if err != nil {
		return r, err
	}
	if _, err := send(ctx, l, *length/6); err != nil { // fills pools and grows stacks
		return r, err
	}
	began := time.Now()
	var took []time.Duration
	used, err := p.cpuOf(func() (err error) { took, err = send(ctx, l, *length); return err })
	if err != nil {
		return r, err
	}
	elapsed, cpu, n := time.Since(began).Seconds(), used.Seconds(), len(took)
	slices.Sort(took)
	return relayed{
		CPU: cpu * 1e6 / float64(n), PerSecond: float64(n) / elapsed, Busy: cpu / elapsed,
		P50: took[n/2].Seconds() * 1e3, P99: took[n*99/100].Seconds() * 1e3, P999: took[n*999/1000].Seconds() * 1e3,
	}, nil
}

// idleMemory returns the resident memory, in KiB, that an idle connection adds
// to the server. It counts the server's process, garbage of the handshakes
// included, but not the kernel's socket buffers. If met, each connection
// belongs to a connected pair.
func idleMemory(ctx context.Context, s server, met bool) (float64, error) {
	p, err := start(ctx, s.command)
	if err != nil {
		return 0, err
	}
	defer p.stop()
	const first = 50 // memory that a server allocates once, with its first clients, is not counted
	var before int
	var host net.Conn
	for i := range first + *idle {
		if i == first {
			if before, err = p.settledMemory(ctx); err != nil {
				return 0, err
			}
		}
		conn, err := dial(p.url + s.path(i/2, string("ab"[i%2])))
		if err != nil {
			return 0, fmt.Errorf("connection %d: %w", i+1, err)
		}
		defer conn.Close()
		if met && i%2 == 1 {
			if _, _, err := s.meet(host, conn, i/2); err != nil {
				return 0, fmt.Errorf("connections %d and %d: %w", i, i+1, err)
			}
		}
		host = conn
	}
	after, err := p.settledMemory(ctx)
	return float64(after-before) / float64(*idle), err
}
