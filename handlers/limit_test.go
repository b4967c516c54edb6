package handlers_test

import (
	"testing"
	"time"

	"bellhop/handlers/handlerstest"
)

// TestFlood checks that a client that is refused for ten seconds, and goes on,
// is disconnected. One that pauses is not.
func TestFlood(t *testing.T) {
	for _, tt := range []struct {
		every  time.Duration // two seconds are allowed
		floods bool
	}{
		{100 * time.Millisecond, true},
		{500 * time.Millisecond, true},
		{1100 * time.Millisecond, false},
		{2 * time.Second, false},
	} {
		w := handlerstest.New()
		w.Config.Rate, w.Config.Burst = 0.5, 3
		w.Restart()
		w.Connect("ann", nil)
		began := w.Clock.Now()
		for w.Connected("ann") && w.Clock.Now().Sub(began) < time.Minute {
			w.Say("ann", `{"action":"ping"}`)
			w.Clock.Move(tt.every)
		}
		lasted, lines := w.Clock.Now().Sub(began), len(w.Logged())
		if floods := lasted < time.Minute; floods != tt.floods || floods && (lasted < 10*time.Second || lasted > 14*time.Second || lines != 1) {
			t.Errorf("a message every %v: connected for %v, and %d lines of log", tt.every, lasted, lines)
		}
	}
}
