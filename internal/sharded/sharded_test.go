package sharded_test

import (
	"fmt"
	"sync"
	"testing"

	"bellhop/internal/sharded"
)

type part struct {
	sync.Mutex
	of map[string]int
}

// TestParts checks that a key is in one part, and that keys are spread.
func TestParts(t *testing.T) {
	var counts sharded.Parts[part]
	var adding sync.WaitGroup
	for range 4 {
		adding.Go(func() {
			for i := range 1000 {
				key := fmt.Sprint(i)
				p := counts.Of(key)
				p.Lock()
				if p.of == nil {
					p.of = map[string]int{}
				}
				p.of[key]++
				p.Unlock()
			}
		})
	}
	adding.Wait()
	used, keys := 0, 0
	for p := range counts.All() {
		keys += len(p.of)
		used += min(1, len(p.of))
		for key, n := range p.of {
			if n != 4 {
				t.Errorf("%s was counted %d times in its part, want 4", key, n)
			}
		}
	}
	if keys != 1000 || used < sharded.N/2 {
		t.Errorf("%d keys in %d of %d parts", keys, used, sharded.N)
	}
}
