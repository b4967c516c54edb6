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

// An operation is a client's request to a store in a history, and an answer its
// result. The host's name identifies a lobby, since it is what each write
// changes.
type (
	operation struct {
		kind string // create, swap, close or read
		host string
		was  string // with swap and close: the host of the lobby as read before
	}
	answer struct {
		host string // with read; empty: no lobby
		ok   bool
	}
)

// register is a Store's promise for one lobby: each operation happens at one
// moment. Its state is the host, or "" if there is no lobby.
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

// A client sends random requests to a store and records the results.
type client struct {
	id      int
	s       store.Store
	last    *lobby.Lobby // as the client read it
	history []porcupine.Operation
}

// started is the origin of a history's times.
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

// try sends a write. refused is the error that means that another client was
// faster.
func (c *client) try(in operation, write func() error, refused error) error {
	return c.ask(in, func() (answer, error) {
		err := write()
		if errors.Is(err, refused) {
			return answer{}, nil
		}
		return answer{ok: err == nil}, err
	})
}

// write writes the name host, which no other client writes.
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

// testLinearizable lets clients read, create, swap and close one lobby at the
// same time. It looks for an order of all operations, within the times that the
// clients measured, that explains each answer. If there is one, writes are
// atomic and visible to every later read.
func testLinearizable(t *testing.T, s store.Store, _ *Clock) {
	if history := record(t, s, 6, 100); !porcupine.CheckOperations(register, history) {
		t.Fatalf("no order explains these %d operations: %v", len(history), history)
	}
}

// record lets clients do steps each at the same time and returns all
// operations.
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
			for err == nil && rand.IntN(3) > 0 { // based on a read of any age
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
