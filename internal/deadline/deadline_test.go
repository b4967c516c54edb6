package deadline

import (
	"context"
	"runtime"
	"testing"
	"time"
)

type key struct{}

// TestContext checks that a Context ends like one of context.WithDeadline, both
// for Done and for Err.
func TestContext(t *testing.T) {
	for name, tt := range map[string]struct {
		until time.Duration
		then  func(c *Context, endParent context.CancelFunc)
		want  error
	}{
		"goes on":                  {time.Hour, func(*Context, context.CancelFunc) {}, nil},
		"ends":                     {time.Hour, func(c *Context, _ context.CancelFunc) { c.End() }, context.Canceled},
		"ends twice":               {time.Hour, func(c *Context, _ context.CancelFunc) { c.End(); c.End() }, context.Canceled},
		"ends with its parent":     {time.Hour, func(_ *Context, end context.CancelFunc) { end() }, context.Canceled},
		"ends by its time":         {-time.Second, func(*Context, context.CancelFunc) {}, context.DeadlineExceeded},
		"ended by its time before": {-time.Second, func(c *Context, _ context.CancelFunc) { c.Err(); c.End() }, context.DeadlineExceeded},
	} {
		for way, look := range map[string]func(context.Context) error{
			"asked": context.Context.Err,
			"waited for": func(c context.Context) error {
				if tt.want != nil {
					<-c.Done()
				}
				return c.Err()
			},
			"asked, then waited for": func(c context.Context) error {
				asked := c.Err()
				if asked != nil {
					<-c.Done()
				}
				if c.Err() != asked {
					t.Errorf("%s: says %v, and then %v", name, asked, c.Err())
				}
				return c.Err()
			},
			"by what is derived": func(c context.Context) error {
				child, end := context.WithCancel(c)
				defer end()
				if tt.want != nil {
					<-child.Done()
				}
				return child.Err()
			},
		} {
			parent, end := context.WithCancel(context.WithValue(context.Background(), key{}, "kept"))
			at := time.Now().Add(tt.until)
			c := At(parent, at)
			tt.then(c, end)
			if got := look(c); got != tt.want {
				t.Errorf("%s, %s: %v, want %v", name, way, got, tt.want)
			}
			if got, ok := c.Deadline(); !ok || !got.Equal(at) {
				t.Errorf("%s, %s: deadline %v, want %v", name, way, got, at)
			}
			if c.Value(key{}) != "kept" {
				t.Errorf("%s, %s: its parent's value is lost", name, way)
			}
			c.End()
			end()
		}
	}
}

// TestWakes checks that only the time and End close Done.
func TestWakes(t *testing.T) {
	c := At(context.Background(), time.Now().Add(time.Millisecond))
	<-c.Done()
	if c.Err() != context.DeadlineExceeded {
		t.Error(c.Err())
	}
	c = At(context.Background(), time.Now().Add(time.Hour))
	done := c.Done()
	c.End()
	<-done
	if c.Err() != context.Canceled {
		t.Error(c.Err())
	}
}

// TestNoGoroutine checks that contexts derived from a Context need no
// goroutine.
func TestNoGoroutine(t *testing.T) {
	c := At(At(t.Context(), time.Now().Add(time.Hour)), time.Now().Add(time.Minute))
	defer c.End()
	before := runtime.NumGoroutine()
	for range 100 {
		_, end := context.WithTimeout(c, time.Minute)
		defer end()
	}
	if n := runtime.NumGoroutine(); n > before {
		t.Errorf("%d goroutines, and %d before", n, before)
	}
}

// BenchmarkAt measures a Context that nobody waits for, compared with
// context.WithDeadline.
func BenchmarkAt(b *testing.B) {
	at := time.Now().Add(time.Hour)
	b.Run("deadline", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			c := At(context.Background(), at)
			c.Err()
			c.End()
		}
	})
	b.Run("context", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			c, end := context.WithDeadline(context.Background(), at)
			c.Err()
			end()
		}
	})
}
