package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"text/tabwriter"
	"time"

	"github.com/pion/logging"
	pion "github.com/pion/turn/v5"

	"bellhop/internal/turnrest"
)

// packetSize is the size of a relayed packet in bytes, and packetRate how many
// all players send together in a second.
const (
	packetSize = 1000
	packetRate = 10_000
	turnPairs  = 10
)

// A relayer is a TURN server to measure, with the credentials of its players.
type relayer struct {
	name    string
	command []string
	login   func(url string, n int) (names, passwords []string, err error) // of n players
}

// turnCosts measures what it costs to relay a packet between two players who
// are both relayed, here and in coturn, in turns.
func turnCosts(ctx context.Context, bellhop server, dir string) error {
	all := []relayer{{
		name:    "Bellhop",
		command: append(slices.Clone(bellhop.command), "-turn-bandwidth", "0", "-turn-total", "0"),
		login:   func(url string, n int) (names, passwords []string, err error) { return lobbyLogin(bellhop, url, n) },
	}}
	if coturn, err := exec.LookPath("turnserver"); err != nil {
		fmt.Fprintln(os.Stderr, "coturn is left out:", err)
	} else {
		all = append(all, relayer{"coturn", []string{
			coturn, "-n", "--listening-ip=127.0.0.1", "--relay-ip=127.0.0.1", "--listening-port=PORT", "--use-auth-secret", "--static-auth-secret=bench",
			"--realm=bellhop", "--no-tls", "--no-dtls", "--no-cli", "--allow-loopback-peers", "--log-file=" + filepath.Join(dir, "turn.log"),
			"--userdb=" + filepath.Join(dir, "turndb"), "--pidfile=" + filepath.Join(dir, "pid"),
		}, secretLogin})
	}
	costs := map[string][]float64{}
	for range max(1, *rounds) {
		for _, r := range all {
			cpu, lost, err := r.cost(ctx)
			if err != nil {
				return fmt.Errorf("%s: %w", r.name, err)
			}
			fmt.Fprintf(os.Stderr, "%-8s %6.2f µs a packet, %.2f %% lost\n", r.name, cpu, 100*lost)
			costs[r.name] = append(costs[r.name], cpu)
		}
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "CPU of a packet of %d bytes, both players relayed\tmedian\n", packetSize)
	for _, r := range all {
		fmt.Fprintf(w, "%s\t%.2f µs\n", r.name, median(costs[r.name]))
	}
	return w.Flush()
}

// cost returns the CPU time in microseconds of a packet that arrives, and which
// part of the packets was lost.
func (r relayer) cost(ctx context.Context) (cpu, lost float64, err error) {
	p, err := start(ctx, r.command)
	if err != nil {
		return 0, 0, err
	}
	defer p.stop()
	names, passwords, err := r.login(p.url, 2*turnPairs)
	if err != nil {
		return 0, 0, err
	}
	var ends []net.PacketConn
	for i, name := range names {
		relayed, end, err := allocate(strings.TrimPrefix(p.url, "ws://"), name, passwords[i])
		if err != nil {
			return 0, 0, err
		}
		defer end()
		ends = append(ends, relayed)
	}
	var arrived atomic.Int64
	for _, end := range ends {
		go func() {
			for b := make([]byte, 2*packetSize); ; arrived.Add(1) {
				if _, _, err := end.ReadFrom(b); err != nil {
					return
				}
			}
		}()
	}
	if err := sendPackets(ctx, ends, time.Second); err != nil { // in which channels are bound
		return 0, 0, err
	}
	first := arrived.Load()
	used, err := p.cpuOf(func() error { return sendPackets(ctx, ends, *length) })
	n := float64(arrived.Load() - first)
	return used.Seconds() * 1e6 / n, 1 - n/(length.Seconds()*packetRate), err
}

// sendPackets lets each of ends send to the other of its pair, in rotation.
func sendPackets(ctx context.Context, ends []net.PacketConn, d time.Duration) error {
	packet := make([]byte, packetSize)
	began := time.Now()
	for i := 0; i < int(d.Seconds()*packetRate) && ctx.Err() == nil; i++ {
		pause(time.Until(began.Add(time.Duration(i) * time.Second / packetRate)))
		if _, err := ends[i%len(ends)].WriteTo(packet, ends[i%len(ends)^1].LocalAddr()); err != nil {
			return err
		}
	}
	time.Sleep(100 * time.Millisecond) // for the last to arrive
	return ctx.Err()
}

// allocate returns a relayed address of a TURN server, and what ends it.
func allocate(server, name, password string) (relayed net.PacketConn, end func(), err error) {
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		return nil, nil, err
	}
	quiet := logging.NewDefaultLoggerFactory()
	quiet.DefaultLogLevel = logging.LogLevelDisabled
	c, err := pion.NewClient(&pion.ClientConfig{
		STUNServerAddr: server, TURNServerAddr: server, Conn: conn, Username: name, Password: password, LoggerFactory: quiet,
	})
	if err == nil {
		err = c.Listen()
	}
	if err == nil {
		relayed, err = c.Allocate()
	}
	if err != nil {
		conn.Close()
		return nil, nil, err
	}
	return relayed, func() { c.Close(); conn.Close() }, nil
}

// secretLogin makes credentials with the secret of coturn.
func secretLogin(_ string, n int) (names, passwords []string, err error) {
	for i := range n {
		name := turnrest.Username(fmt.Sprint(i), time.Now().Add(time.Hour))
		names, passwords = append(names, name), append(passwords, turnrest.Password([]byte("bench"), name))
	}
	return names, passwords, nil
}

// lobbyLogin gets credentials from Bellhop, for players in lobbies of two.
func lobbyLogin(s server, url string, n int) (names, passwords []string, err error) {
	l, err := connect(s, url, n/2)
	if err != nil {
		return nil, nil, err
	}
	for _, pair := range l {
		for _, e := range []*end{pair.host, pair.joiner} {
			name, password, err := askCredentials(e.conn)
			if err != nil {
				return nil, nil, err
			}
			names, passwords = append(names, name), append(passwords, password)
		}
	}
	return names, passwords, nil
}

func askCredentials(conn net.Conn) (name, password string, err error) {
	conn.Write(appendMasked(nil, []byte(`{"action":"get_ice_servers"}`)))
	for {
		payload, _, err := readText(conn)
		if err != nil {
			return "", "", err
		}
		var e struct {
			Event   string
			Content struct {
				Servers []struct{ Username, Credential string } `json:"ice_servers"`
			}
		}
		if err := json.Unmarshal(payload, &e); err != nil || e.Event != "ice_servers" {
			continue
		}
		for _, s := range slices.Backward(e.Content.Servers) {
			if s.Username != "" {
				return s.Username, s.Credential, nil
			}
		}
		return "", "", errors.New("the gateway has no TURN server")
	}
}
