package handlers

import (
	"fmt"
	"testing"
	"time"

	"bellhop/internal/sharded"
)

// TestClientsAreForgotten checks that a process that runs for long remembers no
// more than so many connections.
func TestClientsAreForgotten(t *testing.T) {
	var clients remembered[client]
	for i := range maxRemembered * sharded.N {
		clients.add(fmt.Sprint(i), new(client))
	}
	for part := range clients.parts.All() {
		if n := len(part.of); n > maxRemembered {
			t.Fatalf("a part holds %d clients", n)
		}
	}
	first := clients.add("ann", new(client))
	if clients.find("ann") != first || clients.add("ann", new(client)) != first {
		t.Error("a client is forgotten immediately")
	}
	if clients.forget("ann"); clients.find("ann") != nil {
		t.Error("a client outlives its connection")
	}
}

// TestLimiter checks that charges beyond the size of the bucket leave it in
// debt, and that a sender who waits for as long as it was told can go on.
func TestLimiter(t *testing.T) {
	var l limiter
	now := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
	l.fill(100, 5)
	for i := range 5 {
		if wait := l.spend(now); wait > 0 {
			t.Fatalf("action %d of a burst of 5 waits %v", i+1, wait)
		}
	}
	l.pay(now, 19)
	if wait := l.spend(now); wait != 200*time.Millisecond {
		t.Fatalf("after 5 actions and a charge of 19, an action waits %v, want 200ms", wait)
	}
	if wait := l.spend(now.Add(199 * time.Millisecond)); wait == 0 {
		t.Error("a refused action was not waited for")
	}
	if wait := l.spend(now.Add(200 * time.Millisecond)); wait > 0 {
		t.Errorf("after the wait, an action waits %v more", wait)
	}
	later := now.Add(time.Hour)
	for i := range 5 {
		if wait := l.spend(later); wait > 0 {
			t.Fatalf("after an hour, action %d of a burst of 5 waits %v", i+1, wait)
		}
	}
	if l.spend(later) == 0 {
		t.Error("after an hour there are more actions than a burst")
	}
}
