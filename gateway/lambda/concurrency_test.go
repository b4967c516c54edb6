//go:build unix

package lambda

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
)

// meeting is a server that answers n requests when all of them have arrived.
func meeting(t *testing.T, n int) (url string) {
	var all sync.WaitGroup
	all.Add(n)
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		all.Done()
		all.Wait()
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// TestConcurrency checks that there are as many processes as simultaneous
// events, and no more for the next events.
func TestConcurrency(t *testing.T) {
	const n = 5
	b, _ := open(t, Config{})
	var first []string
	for round := range 3 {
		url, pids := meeting(t, n), make(chan string, n)
		var all sync.WaitGroup
		for range n {
			all.Go(func() {
				pid, err := invoke(t, b, "meet "+url)
				if err != nil {
					t.Error(err)
				}
				pids <- pid
			})
		}
		all.Wait()
		close(pids)
		var these []string
		for pid := range pids {
			these = append(these, pid)
		}
		slices.Sort(these)
		if first == nil {
			first = these
		}
		if len(slices.Compact(slices.Clone(these))) != n || !slices.Equal(these, first) {
			t.Errorf("round %d: processes %v, at first %v", round, these, first)
		}
	}
	last := must(t, b, "pid")
	for range 20 {
		if pid := must(t, b, "pid"); pid != last {
			t.Fatalf("process %s was used after %s, which was used most recently", pid, last)
		}
	}
}

// TestQueue checks that an event waits for a free process for as long as its
// context lasts.
func TestQueue(t *testing.T) {
	b, _ := open(t, Config{Processes: 2})
	entered, leave := make(chan bool, 2), make(chan bool)
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { entered <- true; <-leave }))
	defer server.Close()
	var all sync.WaitGroup
	for range 2 {
		all.Go(func() { must(t, b, "meet "+server.URL) })
	}
	<-entered
	<-entered
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := invokeContext(t, ctx, b, "echo x"); !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "all 2 processes") {
		t.Errorf("who does not wait: %v", err)
	}
	all.Go(func() {
		if got := must(t, b, "echo x"); got != "x" {
			t.Errorf("who has waited: %q", got)
		}
	})
	close(leave)
	all.Wait()
	if b.started != 2 {
		t.Errorf("%d processes were started, want 2", b.started)
	}
}

// TestAbandoned checks that a caller whose context ends gets its error, and
// that the function goes on, as on AWS.
func TestAbandoned(t *testing.T) {
	b, out := open(t, Config{})
	entered, leave := make(chan bool), make(chan bool)
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { entered <- true; <-leave }))
	defer server.Close()
	ctx, cancel := context.WithCancel(t.Context())
	failed := make(chan error, 1)
	go func() { _, err := invokeContext(t, ctx, b, "meet "+server.URL); failed <- err }()
	<-entered
	cancel()
	if err := <-failed; !errors.Is(err, context.Canceled) {
		t.Errorf("the caller hears %v", err)
	}
	if len(b.slots) != 1 {
		t.Errorf("%d processes are busy, want the one that goes on", len(b.slots))
	}
	close(leave)
	for range 3 {
		must(t, b, "say done\n")
	}
	out.Find(t, `\[Function \d\] done\n`)
}
