package handlers

import (
	"fmt"
	"testing"

	"bellhop/internal/sharded"
)

// TestSessionsAreForgotten checks that a process that runs for long remembers
// only a limited number of connections.
func TestSessionsAreForgotten(t *testing.T) {
	var s sessions
	for i := range maxSessions * sharded.N {
		s.of(fmt.Sprint(i))
	}
	for shard := range s.shards.All() {
		if n := len(shard.of); n > maxSessions {
			t.Fatalf("a shard holds %d sessions", n)
		}
	}
	first := s.of("ann")
	if s.of("ann") != first {
		t.Error("a session is forgotten at once")
	}
	if s.forget("ann"); s.of("ann") == first {
		t.Error("a session outlives its connection")
	}
}
