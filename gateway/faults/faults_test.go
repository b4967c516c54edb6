package faults

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	awsevents "github.com/aws/aws-lambda-go/events"
	"github.com/google/go-cmp/cmp"

	"bellhop/gateway/apigateway"
)

// A timer keeps delayed calls until a test makes them.
type timer struct {
	after []time.Duration
	later []func()
}

func (t *timer) After(d time.Duration, f func()) {
	t.after, t.later = append(t.after, d), append(t.later, f)
}

// TestReorder checks that messages of one connection overtake each other by one
// position. Each is handled once, other connections are not affected, and a
// seed decides which.
func TestReorder(t *testing.T) {
	order := func(seed uint64) (dealt []string) {
		timer := new(timer)
		f := New(Config{Seed: seed, Reorder: 0.3, After: timer.After})
		for i := range 30 {
			for _, conn := range []string{"a", "b"} {
				f.Hooks().Arrive(conn, "", func() { dealt = append(dealt, fmt.Sprint(conn, i)) })
			}
		}
		for _, release := range timer.later {
			release()
		}
		return dealt
	}
	first := order(1)
	if diff := cmp.Diff(first, order(1)); diff != "" {
		t.Errorf("the same seed deals otherwise:\n%s", diff)
	}
	if slices.Equal(first, order(2)) {
		t.Error("another seed deals the same")
	}
	for _, conn := range []string{"a", "b"} {
		at, moved := map[int]int{}, 0
		for _, m := range first {
			var i int
			if _, err := fmt.Sscanf(m, conn+"%d", &i); err == nil {
				at[i] = len(at)
			}
		}
		for i, place := range at {
			if d := place - i; d < -1 || d > 1 {
				t.Errorf("message %d of %s is dealt with as number %d", i, conn, place)
			} else if d != 0 {
				moved++
			}
		}
		if len(at) != 30 || moved == 0 {
			t.Errorf("%d messages of %s are dealt with, %d of them out of order", len(at), conn, moved)
		}
	}
}

// TestReorderLast checks that a message that nothing overtakes is still
// handled, and only once.
func TestReorderLast(t *testing.T) {
	timer, dealt := new(timer), 0
	f := New(Config{Reorder: 1, After: timer.After})
	f.Hooks().Arrive("a", "", func() { dealt++ })
	if dealt != 0 || len(timer.later) != 1 || timer.after[0] != holdTime {
		t.Fatalf("%d dealt with, %v", dealt, timer.after)
	}
	timer.later[0]()
	timer.later[0]()
	if dealt != 1 {
		t.Errorf("it is dealt with %d times", dealt)
	}
}

// TestDelay checks that messages and posts wait for a random time below the
// limit, and that a post stops waiting when its context ends.
func TestDelay(t *testing.T) {
	var drawn []time.Duration
	f := New(Config{Seed: 7, Delay: time.Second, After: func(d time.Duration, f func()) { drawn = append(drawn, d); f() }})
	dealt := 0
	for range 100 {
		f.Hooks().Arrive("a", "", func() { dealt++ })
		if err := f.Hooks().Posting(t.Context(), "a"); err != nil {
			t.Fatal(err)
		}
	}
	slices.Sort(drawn)
	if dealt != 100 || len(drawn) != 200 || drawn[0] < 0 || drawn[199] >= time.Second || drawn[100] < 300*time.Millisecond || drawn[100] > 700*time.Millisecond {
		t.Errorf("%d dealt with, %d delays, from %v by %v to %v", dealt, len(drawn), drawn[0], drawn[100], drawn[199])
	}
	f.After = func(time.Duration, func()) {}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := f.Hooks().Posting(ctx, "a"); !errors.Is(err, context.Canceled) {
		t.Errorf("a post whose time is over: %v", err)
	}
}

// TestChances checks how often posts, events and ends meet a fault, and which:
// at 0 never, at 1 always.
func TestChances(t *testing.T) {
	invoked := 0
	event := func(f *Faults, kind string) error {
		e := awsevents.APIGatewayWebsocketProxyRequest{}
		e.RequestContext.EventType = kind
		before := invoked
		_, err := f.Invoker(func(context.Context, awsevents.APIGatewayWebsocketProxyRequest) (awsevents.APIGatewayProxyResponse, error) {
			invoked++
			return awsevents.APIGatewayProxyResponse{}, nil
		})(t.Context(), e)
		if err == nil && invoked == before {
			return errDropped
		}
		return err
	}
	post := func(f *Faults, _ string) error { return f.Hooks().Posting(t.Context(), "a") }
	for _, test := range []struct {
		name   string
		config Config
		do     func(*Faults, string) error
		kind   string
		want   error
		often  int // of 1000
	}{
		{"nothing", Config{}, post, "", nil, 1000},
		{"gone", Config{Gone: 1}, post, "", apigateway.ErrGone, 1000},
		{"sometimes gone", Config{Gone: 0.1}, post, "", apigateway.ErrGone, 100},
		{"throttled post", Config{Throttle: 0.5}, post, "", apigateway.ErrLimitExceeded, 500},
		{"throttled message", Config{Throttle: 0.5}, event, "MESSAGE", apigateway.ErrThrottled, 500},
		{"throttled handshake", Config{Throttle: 1}, event, "CONNECT", apigateway.ErrThrottled, 1000},
		{"no end is throttled", Config{Throttle: 1}, event, "DISCONNECT", nil, 1000},
		{"dropped end", Config{DropDisconnect: 0.2}, event, "DISCONNECT", errDropped, 200},
		{"nothing else is dropped", Config{DropDisconnect: 1}, event, "MESSAGE", nil, 1000},
	} {
		f, n := New(test.config), 0
		for range 1000 {
			if errors.Is(test.do(f, test.kind), test.want) {
				n++
			}
		}
		if test.often == 1000 && n != 1000 || n < test.often*3/4 || n > test.often*5/4 {
			t.Errorf("%s: %d times of 1000, want about %d", test.name, n, test.often)
		}
	}
}

var errDropped = errors.New("dropped")
