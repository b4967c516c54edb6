package storetest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"bellhop/lobby"
	"bellhop/store"
)

// An operation is what a client asked a store in a history, and an answer what it heard. Lobbies are told apart by who
// their host is: that is what is written.
type (
	operation struct {
		kind string // create, swap, close or read
		host string
		was  string // with swap and close: the host of the lobby that was read before
	}
	answer struct {
		host string // with read; empty: there was none
		ok   bool
	}
)

// register is what a Store promises of one lobby, each operation at one moment: its state is the host, or "" if there
// is no lobby.
var register = porcupine.Model{
	Init: func() any { return "" },
	Step: func(state, input, output any) (bool, any) {
		is, in, out := state.(string), input.(operation), output.(answer)
		switch in.kind {
		case "create":
			if out.ok != (is == "") {
				return false, is
			}
			return true, pick(out.ok, in.host, is)
		case "swap", "close":
			if out.ok != (is != "" && is == in.was) {
				return false, is
			}
			return true, pick(out.ok, pick(in.kind == "swap", in.host, ""), is)
		}
		return out.host == is, is
	},
	DescribeOperation: func(input, output any) string { return fmt.Sprintf("%+v: %+v", input, output) },
}

func pick(first bool, a, b string) string {
	if first {
		return a
	}
	return b
}

// A client of a store asks at random and writes down what it hears.
type client struct {
	id      int
	s       store.Store
	last    *lobby.Lobby // as it read it
	history []porcupine.Operation
}

// started is what a history's times are relative to.
var started = time.Now()

func (c *client) ask(in operation, call func() (answer, error)) error {
	from := time.Since(started).Nanoseconds()
	out, err := call()
	c.history = append(c.history, porcupine.Operation{
		ClientId: c.id, Input: in, Call: from, Output: out, Return: time.Since(started).Nanoseconds(),
	})
	return err
}

func (c *client) read(ctx context.Context) error {
	return c.ask(operation{kind: "read"}, func() (out answer, err error) {
		c.last, err = c.s.Lobby(ctx, lobby.KeyOf("tanks", "blue-fox"))
		if errors.Is(err, store.ErrNotFound) {
			return out, nil
		} else if err != nil {
			return out, err
		}
		return answer{host: c.last.Host().Conn}, nil
	})
}

// try asks for a write. Refused is the error that says that somebody was faster.
func (c *client) try(in operation, write func() error, refused error) error {
	return c.ask(in, func() (answer, error) {
		err := write()
		if errors.Is(err, refused) {
			return answer{}, nil
		}
		return answer{ok: err == nil}, err
	})
}

// write writes the name host, which nobody else writes.
func (c *client) write(ctx context.Context, host string) error {
	l := LobbyOf("blue-fox")
	if c.last == nil {
		l.Members[0].Conn = host
		return c.try(operation{kind: "create", host: host}, func() error { return c.s.CreateLobby(ctx, l) }, store.ErrExists)
	}
	in := operation{kind: "swap", host: host, was: c.last.Host().Conn}
	l = c.last.Clone()
	l.Members[0].Conn = host
	if rand.IntN(4) == 0 {
		in.kind, l.Closed = "close", true
	}
	return c.try(in, func() error { return Swap(ctx, c.s, l) }, store.ErrConflict)
}

// testLinearizable has clients read, create, swap and close one lobby at the same
// time. It looks for an order of all operations, within the times that the
// clients saw, in which each gets the answer that it got. That such an order
// exists is what "atomic" and "visible to every later read" mean.
func testLinearizable(t *testing.T, s store.Store, _ *Clock) {
	if history := record(t, s, 6, 100); !porcupine.CheckOperations(register, history) {
		t.Fatalf("no order explains these %d operations: %v", len(history), history)
	}
}

// record has clients do steps each at once and returns all that they did.
func record(t *testing.T, s store.Store, clients, steps int) (history []porcupine.Operation) {
	t.Helper()
	var mu sync.Mutex
	var names atomic.Int64
	for _, err := range AtOnce(clients, func(i int) error {
		c := &client{id: i, s: s}
		defer func() {
			mu.Lock()
			defer mu.Unlock()
			history = append(history, c.history...)
		}()
		for range steps {
			err := c.read(t.Context())
			for err == nil && rand.IntN(3) > 0 { // with what was read, however long ago
				err = c.write(t.Context(), fmt.Sprint("host", names.Add(1)))
			}
			if err != nil {
				return err
			}
		}
		return nil
	}) {
		WantErr(t, "a client", err, nil)
	}
	return history
}
