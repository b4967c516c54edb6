package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"time"
)

// A process is a running server.
type process struct {
	*os.Process
	url  string // ws://HOST:PORT
	stop func() // kills it: it has nothing to save
}

var urlPattern = regexp.MustCompile(`ws://\S+`)

// start runs a server and waits until it has printed its URL.
func start(ctx context.Context, command []string) (*process, error) {
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Stderr = os.Stderr // what a server has to say while it is measured belongs beside the numbers
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

// settledMemory waits until the server's memory stands still for five seconds, and returns it in KiB.
func (p *process) settledMemory(ctx context.Context) (int, error) {
	const tolerance = 64 // KiB: among 5,000 connections, a hundredth of one KiB
	var last []int
	for range 300 {
		kib, err := residentMemory(p.Pid)
		if err != nil {
			return 0, err
		}
		last = append(last, kib)
		if n := len(last) - 50; n >= 0 && slices.Max(last[n:])-slices.Min(last[n:]) <= tolerance {
			return kib, nil
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
	return 0, errors.New("the server's memory does not settle within 30 seconds; is somebody else connected to it?")
}
