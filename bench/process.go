package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A process is a running server.
type process struct {
	*os.Process
	url  string // ws://HOST:PORT
	stop func() // kills it; it has nothing to save
}

var urlPattern = regexp.MustCompile(`ws://\S+`)

// start runs a server. It waits until the server has printed its URL or, if it
// has a given port, accepts connections.
func start(ctx context.Context, command []string) (*process, error) {
	if strings.Contains(strings.Join(command, " "), "PORT") {
		return startAtPort(ctx, command)
	}
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Stderr = os.Stderr // the server's messages belong beside the numbers
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &process{Process: cmd.Process, stop: func() {
		cmd.Process.Kill()
		cmd.Wait()
	}}
	silent := time.AfterFunc(patience, func() { cmd.Process.Kill() })
	defer silent.Stop()
	for lines := bufio.NewScanner(stdout); lines.Scan(); {
		if p.url = urlPattern.FindString(lines.Text()); p.url != "" {
			go io.Copy(io.Discard, stdout)
			return p, nil
		}
	}
	p.stop()
	return nil, fmt.Errorf("the server did not print a ws:// address in %v; try it by hand: %s", patience, strings.Join(command, " "))
}

// startAtPort runs a server on a free port, which its command calls PORT. It
// drops the log lines of each connection.
func startAtPort(ctx context.Context, command []string) (*process, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	address := listener.Addr().(*net.TCPAddr)
	listener.Close()
	command = slices.Clone(command)
	for i := range command {
		command[i] = strings.ReplaceAll(command[i], "PORT", strconv.Itoa(address.Port))
	}
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	ended := make(chan struct{})
	go func() { cmd.Wait(); close(ended) }()
	p := &process{Process: cmd.Process, url: "ws://" + address.String(), stop: func() { cmd.Process.Kill(); <-ended }}
	for deadline := time.After(patience); ; {
		if conn, err := net.Dial("tcp", address.String()); err == nil {
			conn.Close()
			return p, nil
		}
		select {
		case <-ended:
			return nil, fmt.Errorf("the server ends at once; try it by hand: %s", strings.Join(command, " "))
		case <-deadline:
			p.stop()
			return nil, fmt.Errorf("the server takes no connection within %v; try it by hand: %s", patience, strings.Join(command, " "))
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// cpuOf returns the CPU time that the server takes while do runs.
func (p *process) cpuOf(do func() error) (time.Duration, error) {
	before, err := cpuTime(p.Pid)
	if err != nil {
		return 0, err
	}
	if err := do(); err != nil {
		return 0, err
	}
	after, err := cpuTime(p.Pid)
	return after - before, err
}

// settledMemory waits until the server's memory has not changed for five
// seconds, and returns it in KiB. The memory of a program that makes garbage
// while idle never stops changing; after ten seconds it can vary by a
// twentieth.
func (p *process) settledMemory(ctx context.Context) (int, error) {
	const tolerance = 64 // KiB: among 5,000 connections, a hundredth of one KiB
	var last []int
	for range 300 {
		kib, err := residentMemory(p.Pid)
		if err != nil {
			return 0, err
		}
		last = append(last, kib)
		if n := len(last) - 50; n >= 0 {
			moves, middle := slices.Max(last[n:])-slices.Min(last[n:]), slices.Sorted(slices.Values(last[n:]))[25]
			if moves <= tolerance || n >= 50 && moves <= middle/20 {
				return middle, nil
			}
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
	return 0, errors.New("the server's memory does not settle within 30 seconds; is somebody else connected to it?")
}
