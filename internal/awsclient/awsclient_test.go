package awsclient_test

import (
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"bellhop/internal/awsclient"
)

// TestTransport checks that a burst of requests shares a few connections, and
// that a next burst uses them again.
func TestTransport(t *testing.T) {
	var opened atomic.Int32
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			opened.Add(1)
		}
	}
	s.Start()
	defer s.Close()
	client := awsclient.Transport(10*time.Second, 16)
	for range 3 {
		var all sync.WaitGroup
		for range 63 {
			all.Go(func() {
				r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL, nil)
				if err == nil {
					var answer *http.Response
					if answer, err = client.Do(r); err == nil {
						answer.Body.Close()
					}
				}
				if err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
	}
	if n := opened.Load(); n > 16 {
		t.Errorf("3 times 63 requests opened %d connections, want 16 at most", n)
	}
}

// TestBackoff checks that waits are random, and grow.
func TestBackoff(t *testing.T) {
	for attempt, most := range map[int]time.Duration{1: 25 * time.Millisecond, 2: 50 * time.Millisecond} {
		seen := map[time.Duration]bool{}
		for range 100 {
			d, err := awsclient.Backoff{}.BackoffDelay(attempt, nil)
			if err != nil || d < 0 || d >= most {
				t.Fatalf("attempt %d waits %v, %v; want less than %v", attempt, d, err, most)
			}
			seen[d] = true
		}
		if len(seen) < 90 {
			t.Errorf("attempt %d waits for %d different times of 100", attempt, len(seen))
		}
	}
}
