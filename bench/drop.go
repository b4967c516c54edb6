package main

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"slices"
	"sync"
	"time"
)

// lobbySize is the number of connections in a lobby, the host included.
const lobbySize = 10

// A lobby is a host and its guests.
type lobby struct {
	host   net.Conn
	guests []net.Conn
}

// drops is the result of dropping all hosts together.
type drops struct {
	connections int
	hosts       int
	memory      float64         // of a connection in a lobby, in KiB
	told        []time.Duration // from the first drop until each guest got the event, shortest first
}

func (d drops) String() string {
	n, ms := len(d.told), time.Millisecond
	return fmt.Sprintf("%d connections in lobbies of %d: %.1f KiB each; %d hosts dropped at once, and all %d guests had heard of it after %v (half of them %v, 99 of 100 %v)",
		d.connections, lobbySize, d.memory, d.hosts, n,
		d.told[n-1].Round(ms), d.told[n/2].Round(ms), d.told[n*99/100].Round(ms))
}

// dropHosts holds n connections in lobbies, drops all hosts together, and
// checks that every guest is notified.
func dropHosts(ctx context.Context, s server, n int) (d drops, err error) {
	p, err := start(ctx, s.command)
	if err != nil {
		return d, err
	}
	defer p.stop()
	before, err := p.settledMemory(ctx)
	if err != nil {
		return d, err
	}
	d.hosts, d.connections = n/lobbySize, n/lobbySize*lobbySize
	lobbies := make([]lobby, d.hosts)
	for i := range lobbies {
		defer lobbies[i].close()
		if err := lobbies[i].fill(p.url+s.path(i, "a"), i); err != nil {
			return d, fmt.Errorf("lobby %d: %w", i+1, err)
		}
	}
	after, err := p.settledMemory(ctx)
	if err != nil {
		return d, err
	}
	d.memory = float64(after-before) / float64(d.connections)
	d.told, err = drop(lobbies)
	return d, err
}

// fill opens a lobby's connections and connects its members.
func (l *lobby) fill(url string, number int) (err error) {
	if l.host, err = dial(url); err != nil {
		return err
	}
	if _, err := ask(l.host, "start_lobby", fmt.Sprintf(`{"lobby_id":"bench-%d","auto_accept":true,"max_players":%d}`, number, lobbySize), l.host, "lobby_started"); err != nil {
		return err
	}
	for range lobbySize - 1 {
		guest, err := dial(url)
		if err != nil {
			return err
		}
		l.guests = append(l.guests, guest)
		if _, err := ask(guest, "join_lobby", fmt.Sprintf(`{"lobby_id":"bench-%d"}`, number), guest, "request_accepted"); err != nil {
			return err
		}
	}
	return nil
}

func (l *lobby) close() {
	for _, conn := range append(l.guests, l.host) {
		if conn != nil {
			conn.Close()
		}
	}
}

// drop closes all hosts. It returns the time until each guest was notified,
// shortest first.
func drop(lobbies []lobby) (told []time.Duration, err error) {
	var mu sync.Mutex
	var listening sync.WaitGroup
	began := time.Now()
	for i := range lobbies {
		for _, guest := range lobbies[i].guests {
			listening.Go(func() {
				payload, _, readErr := readText(guest)
				took := time.Since(began)
				if readErr == nil && !bytes.HasPrefix(payload, []byte(`{"event":"peer_disconnected"`)) {
					readErr = fmt.Errorf("a guest hears %s", payload)
				}
				mu.Lock()
				defer mu.Unlock()
				if told = append(told, took); readErr != nil {
					err = readErr
				}
			})
		}
	}
	began = time.Now()
	for i := range lobbies {
		lobbies[i].host.Close()
	}
	listening.Wait()
	slices.Sort(told)
	return told, err
}
