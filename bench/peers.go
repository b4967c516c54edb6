package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A comparison is the result of one run of comparePeers, as stored in
// docs/performance.json. The tables and the plot use nothing else.
type comparison struct {
	Date        time.Time   `json:"date"`
	Machine     string      `json:"machine"`
	Pinned      bool        `json:"pinned"`       // the servers on one core, the clients on another
	Load        []float64   `json:"load_average"` // load average before each round
	Pairs       int         `json:"pairs"`
	MessageSize int         `json:"message_bytes"`
	Seconds     float64     `json:"seconds"` // of each relay's measurement
	Idle        int         `json:"idle_connections"`
	Programs    []*measured `json:"programs"` // the relay without a protocol first, Bellhop second
	LeftOut     []string    `json:"left_out,omitempty"`
}

// A program is the software of a server.
type program struct {
	Name     string `json:"name"`
	Version  string `json:"version"`
	Settings string `json:"settings"`
}

// measured is a program with its rounds. The first round of each belongs to the
// first of all others: they took turns.
type measured struct {
	program
	server server
	Rounds []round `json:"rounds"`
}

// A round is the result of one program's turn.
type round struct {
	Steady []relayed `json:"steady"` // at each of rates
	One    relayed   `json:"one_in_flight"`
	Eight  relayed   `json:"eight_in_flight"`
	Join   joined    `json:"join"`
	Idle   float64   `json:"idle_kib"`   // of a connection without a peer
	Paired float64   `json:"paired_kib"` // of a connection in a pair
}

// comparePeers measures the relay without a protocol, Bellhop and other
// signalling servers in turns, with the same clients. It writes
// performance.json, .svg and the measured part of performance.md into folder.
// It names and leaves out a server that is not installed or fails.
func comparePeers(ctx context.Context, dir, installed, folder string) error {
	c := comparison{
		Date: time.Now().UTC().Truncate(time.Second), Machine: machine(),
		Pairs: *pairs, MessageSize: messageSize, Seconds: length.Seconds(), Idle: *idle,
	}
	own, err := build(ctx, dir)
	if err != nil {
		return err
	}
	// The last commit that changed the measured code.
	commit, _ := exec.CommandContext(ctx, "git", "-C", bellhop, "log", "-1", "--format=%h", "--", "gateway", "handlers", "store", "events", "go.mod").Output()
	c.Programs = []*measured{
		{server: own[0], program: program{"gws", gwsVersion(), "a relay of some fifty lines that passes on what it gets"}},
		{server: own[1], program: program{"Bellhop", "at commit " + strings.TrimSpace(string(commit)), "`-rate 1000000000`, so that no client is told to be slower"}},
	}
	for _, peer := range []func(string) (server, program, error){matchbox, peerJS} {
		s, p, err := peer(installed)
		if err != nil {
			c.leaveOut(p.Name, err)
			continue
		}
		c.Programs = append(c.Programs, &measured{server: s, program: p})
	}
	if c.Pinned, err = pin(c.Programs); err != nil {
		return err
	}
	for n := range *rounds {
		c.Load = append(c.Load, loadAverage())
		for _, m := range slices.Clone(c.Programs) {
			err := m.measure(ctx)
			switch {
			case ctx.Err() != nil || err != nil && m.Name == "Bellhop":
				return fmt.Errorf("%s: %w", m.Name, err)
			case err != nil:
				c.leaveOut(m.Name, err)
				c.Programs = slices.DeleteFunc(c.Programs, func(other *measured) bool { return other == m })
			default:
				r := m.Rounds[n]
				fmt.Fprintf(os.Stderr, "round %d of %d  %-16s %6.2f µs at %d a second, %6.2f with 1 in flight, %6.2f with 8; %5.1f KiB idle, %5.1f in a pair\n",
					n+1, *rounds, m.Name, r.Steady[0].CPU, rates[0], r.One.CPU, r.Eight.CPU, r.Idle, r.Paired)
			}
		}
	}
	text, err := json.MarshalIndent(c, "", "\t")
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(folder, "performance.json"), append(text, '\n'), 0o666); err != nil {
		return err
	}
	fmt.Println(c.table())
	return document(folder)
}

// leaveOut reports that a program is missing, here and beside the numbers.
func (c *comparison) leaveOut(name string, err error) {
	reason := fmt.Sprintf("%s is left out: %v", name, err)
	fmt.Fprintln(os.Stderr, reason)
	c.LeftOut = append(c.LeftOut, reason)
}

// measure adds a round.
func (m *measured) measure(ctx context.Context) (err error) {
	var r round
	for _, rate := range rates {
		s, err := relayCost(ctx, m.server, atRate(rate))
		if err != nil && ctx.Err() == nil {
			fmt.Fprintf(os.Stderr, "%s does not hold %d messages a second: %v\n", m.Name, rate, err)
		}
		r.Steady = append(r.Steady, s)
	}
	if r.One, err = relayCost(ctx, m.server, inFlight(1)); err != nil {
		return fmt.Errorf("1 in flight: %w", err)
	}
	if r.Eight, err = relayCost(ctx, m.server, inFlight(8)); err != nil {
		return fmt.Errorf("8 in flight: %w", err)
	}
	if r.Join, err = joinCost(ctx, m.server); err != nil {
		return fmt.Errorf("joins: %w", err)
	}
	if *idle > 0 {
		if r.Idle, err = idleMemory(ctx, m.server, false); err != nil {
			return fmt.Errorf("%d idle: %w", *idle, err)
		}
		if r.Paired, err = idleMemory(ctx, m.server, true); err != nil {
			return fmt.Errorf("%d idle, in pairs: %w", *idle, err)
		}
	}
	m.Rounds = append(m.Rounds, r)
	return nil
}

// pin gives the servers one core and this process another, so neither takes
// time from the other. Runtimes then see one core. Without two cores, or
// without taskset, it does nothing.
func pin(all []*measured) (bool, error) {
	cores, err := exec.Command("taskset", "-c", "-p", strconv.Itoa(os.Getpid())).Output()
	if errors.Is(err, exec.ErrNotFound) || runtime.NumCPU() < 2 {
		return false, nil
	}
	// It answers "pid 1's current affinity list: 0-3,8".
	allowed := strings.FieldsFunc(string(cores[strings.LastIndexByte(string(cores), ' ')+1:]), func(r rune) bool { return r < '0' || r > '9' })
	if err != nil || len(allowed) < 2 {
		return false, fmt.Errorf("taskset says %q of this process's cores: %w", cores, err)
	}
	for _, m := range all {
		m.server.command = append([]string{"taskset", "-c", allowed[0]}, m.server.command...)
	}
	runtime.GOMAXPROCS(1)
	return true, exec.Command("taskset", "-a", "-c", "-p", allowed[1], strconv.Itoa(os.Getpid())).Run()
}

// gwsVersion is the version in go.mod.
func gwsVersion() string {
	about, _ := debug.ReadBuildInfo()
	for _, dependency := range about.Deps {
		if dependency.Path == "github.com/lxzan/gws" {
			return strings.TrimPrefix(dependency.Version, "v")
		}
	}
	return "unknown"
}
