// Package programtest lets tests talk to a running program. Call NewOutput,
// give it to the program, and Find the expected text, such as its address. Dial
// and Upgrade connect to that.
package programtest

import (
	"bytes"
	"regexp"
	"sync"
	"testing"
	"time"
)

// patience is generous for a busy machine.
const patience = 3 * time.Minute

// An Output is the output of a program so far.
type Output struct {
	mu      sync.Mutex
	text    bytes.Buffer
	changed chan struct{}
}

// NewOutput returns an empty Output.
func NewOutput() *Output { return &Output{changed: make(chan struct{}, 1)} }

// Write implements io.Writer.
func (o *Output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	select {
	case o.changed <- struct{}{}:
	default:
	}
	return o.text.Write(b)
}

func (o *Output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// Find waits until a pattern matches, and returns the match of its last group,
// or the whole match if it has none.
func (o *Output) Find(t testing.TB, pattern string) string {
	t.Helper()
	for deadline := time.After(patience); ; {
		if m := regexp.MustCompile(pattern).FindStringSubmatch(o.String()); m != nil {
			return m[len(m)-1]
		}
		select {
		case <-o.changed:
		case <-deadline:
			t.Fatalf("%s was not written; there is only:\n%s", pattern, o)
		}
	}
}
