package store_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/anishathalye/porcupine"

	"bellhop/store"
)

// TestMemoryForgets guards that what expires does not stay in memory, though nobody deletes it.
func TestMemoryForgets(t *testing.T) {
	const hours, perHour = 20, 5000
	c := newClock()
	m := store.NewMemory(c.Now)
	for hour := range hours {
		for i := range perHour {
			l := store.NewLobby("tanks", fmt.Sprint(hour, "-", i), store.Member{Conn: "host"})
			l.ExpiresAt = c.Now().Add(time.Hour)
			wantErr(t, "CreateLobby", m.CreateLobby(t.Context(), l), nil)
			id := fmt.Sprint(hour, "-", i)
			wantErr(t, "PutConnection", m.PutConnection(t.Context(), store.Connection{ID: id, ExpiresAt: l.ExpiresAt}), nil)
		}
		c.Move(time.Hour)
		// As many as a sweep leaves and as many again until the next, with 64 for each of 64 shards, and some to spare.
		if lobbies, connections := m.Len(); max(lobbies, connections) > 3*perHour+64*64 {
			t.Fatalf("%d lobbies and %d connections are kept, though all have expired: %d in each of %d hours",
				lobbies, connections, perHour, hour+1)
		}
	}
}

// TestMemoryKeeps guards that a sweep takes nothing that has not expired.
func TestMemoryKeeps(t *testing.T) {
	c := newClock()
	m := store.NewMemory(c.Now)
	for i := range 2000 {
		put(t, m, connectionOf(fmt.Sprint(i)))
	}
	c.Move(store.ConnectionTTL - time.Second)
	for range 5000 { // more writes than values
		put(t, m, connectionOf("0"))
	}
	if _, connections := m.Len(); connections != 2000 {
		t.Errorf("%d connections are kept, want 2000", connections)
	}
}

// TestMemoryDeletes guards that what is deleted, or closes, is kept no longer, and that nobody's read or failed write
// keeps anything.
func TestMemoryDeletes(t *testing.T) {
	m := store.NewMemory(newClock().Now)
	for i := range 100 {
		put(t, m, connectionOf("a"))
		_, err := m.DeleteConnection(t.Context(), "a")
		wantErr(t, "DeleteConnection", err, nil)
		closed := create(t, m, lobbyOf("blue-fox")).Clone()
		closed.Closed = true
		wantErr(t, "SwapLobby", m.SwapLobby(t.Context(), closed), nil)
		wantNoConnection(t, m, fmt.Sprint("nobody", i))
		wantErr(t, "SwapLobby", m.SwapLobby(t.Context(), closed), store.ErrConflict)
	}
	if lobbies, connections := m.Len(); lobbies != 0 || connections != 0 {
		t.Errorf("%d lobbies and %d connections are kept, want none", lobbies, connections)
	}
}

// TestMemoryLobbies guards that every lobby is yielded once, and none that has closed or expired; that who looks may stop; and
// that others may write while one is looked at.
func TestMemoryLobbies(t *testing.T) {
	c := newClock()
	m := store.NewMemory(c.Now)
	for i := range 200 {
		l := lobbyOf(fmt.Sprint(i))
		l.ExpiresAt = c.Now().Add(time.Duration(1+i%2) * time.Hour) // those of even numbers expire
		create(t, m, l)
	}
	c.Move(time.Hour)
	closed, err := m.Lobby(t.Context(), store.LobbyKey(lobbyOf("1").Game, "1"))
	wantErr(t, "Lobby", err, nil)
	l := closed.Clone()
	l.Closed = true
	wantErr(t, "SwapLobby", m.SwapLobby(t.Context(), l), nil)
	seen := map[string]int{}
	for l := range m.Lobbies() {
		seen[l.ID]++
		l := l.Clone() // as somebody who joins it
		wantErr(t, "SwapLobby", m.SwapLobby(t.Context(), l), nil)
	}
	for i := range 200 {
		want := i % 2
		if i == 1 {
			want = 0
		}
		if got := seen[fmt.Sprint(i)]; got != want {
			t.Errorf("lobby %d is yielded %d times, want %d", i, got, want)
		}
	}
	for range m.Lobbies() {
		break
	}
}

// TestMemoryAtOnce lets the race detector see every method run beside every other, with the sweeps.
func TestMemoryAtOnce(t *testing.T) {
	c := newClock()
	m, ctx := store.NewMemory(c.Now), t.Context()
	atOnce(8, func(worker int) error {
		for i := range 500 {
			id := fmt.Sprint(i % 7)
			l := busy(id)
			l.ExpiresAt = c.Now().Add(time.Second)
			m.CreateLobby(ctx, l)
			store.UpdateLobby(ctx, m, l.Key(), nil, request(fmt.Sprint("guest", worker, i)))
			if read, err := m.Lobby(ctx, l.Key()); err == nil {
				read.Lists("guest") // as a reader who holds no lock
				m.SwapLobby(ctx, read.Clone())
			}
			m.PutConnection(ctx, store.Connection{ID: id, ExpiresAt: l.ExpiresAt})
			m.Point(ctx, id, store.Pointer{}, store.Pointer{LobbyID: id})
			m.Connection(ctx, id)
			if i%10 == worker {
				m.DeleteConnection(ctx, id)
				c.Move(time.Second)
			}
			m.Len()
			for l := range m.Lobbies() {
				l.Lists("guest")
			}
		}
		return nil
	})
}

// TestMemoryOneDelete guards that of many who delete a connection at once one learns what it was.
func TestMemoryOneDelete(t *testing.T) {
	m := store.NewMemory(newClock().Now)
	put(t, m, connectionOf("a"))
	wantOne(t, atOnce(16, func(int) error {
		_, err := m.DeleteConnection(t.Context(), "a")
		return err
	}), store.ErrNotFound)
}

// A contested store has somebody else write before each swap, losses times.
type contested struct {
	store.Store
	losses   int
	attempts int
	onLoss   func()
}

func (c *contested) SwapLobby(ctx context.Context, l store.Lobby) error {
	c.attempts++
	if c.losses == 0 {
		return c.Store.SwapLobby(ctx, l)
	}
	c.losses--
	c.onLoss()
	return fmt.Errorf("somebody was faster: %w", store.ErrConflict)
}

// contest opens a lobby in a store that is contested so often.
func contest(t *testing.T, losses int) (*contested, store.Key) {
	l := lobbyOf("blue-fox")
	c := &contested{Store: store.NewMemory(newClock().Now), losses: losses, onLoss: func() {}}
	create(t, c, l)
	return c, l.Key()
}

// TestUpdateGivesUp guards that UpdateLobby tries again, waits between its attempts and not before the second, and ends.
// Time passes only in the bubble.
func TestUpdateGivesUp(t *testing.T) {
	for name, tt := range map[string]struct {
		losses, attempts int
		err              error
		most             time.Duration
	}{
		"the first wins":        {0, 1, nil, 0},
		"the second, at once":   {1, 2, nil, 0},
		"the 32nd":              {31, 32, nil, 31 * 32 * time.Millisecond},
		"never more than these": {1000, 32, store.ErrConflict, 31 * 32 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, key := contest(t, tt.losses)
				start := time.Now()
				_, err := store.UpdateLobby(t.Context(), s, key, nil, request("guest"))
				wantErr(t, "UpdateLobby", err, tt.err)
				if took := time.Since(start); s.attempts != tt.attempts || took > tt.most {
					t.Errorf("%d attempts in %v, want %d in at most %v", s.attempts, took, tt.attempts, tt.most)
				}
			})
		})
	}
}

// TestUpdateEndsWithContext guards that nobody waits for another attempt once the context has ended, be it before the
// wait or in it.
func TestUpdateEndsWithContext(t *testing.T) {
	for name, wait := range map[string]time.Duration{"before": 0, "meanwhile": time.Nanosecond} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, key := contest(t, 1000)
				ctx, end := context.WithCancel(t.Context())
				defer end()
				s.onLoss = func() {
					switch {
					case wait == 0:
						end()
					case s.attempts == 2: // the first that is followed by a wait
						time.AfterFunc(wait, end)
					}
				}
				_, err := store.UpdateLobby(ctx, s, key, nil, request("guest"))
				wantErr(t, "UpdateLobby", err, context.Canceled)
				if s.attempts > 2 {
					t.Errorf("%d attempts", s.attempts)
				}
			})
		})
	}
}

// TestUpdateBackendFails guards that an error with no name comes back at once.
func TestUpdateBackendFails(t *testing.T) {
	s, key := contest(t, 0)
	broken := &failing{Store: s, err: errors.New("the disk is on fire")}
	_, err := store.UpdateLobby(t.Context(), broken, key, nil, request("guest"))
	if wantErr(t, "UpdateLobby", err, broken.err); broken.calls != 1 {
		t.Errorf("%d attempts, want 1", broken.calls)
	}
}

// A failing store cannot write.
type failing struct {
	store.Store
	err   error
	calls int
}

func (f *failing) SwapLobby(context.Context, store.Lobby) error {
	f.calls++
	return f.err
}

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
	last    *store.Lobby // as it read it
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
		c.last, err = c.s.Lobby(ctx, store.LobbyKey("tanks", "blue-fox"))
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
	l := lobbyOf("blue-fox")
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
	return c.try(in, func() error { return c.s.SwapLobby(ctx, l) }, store.ErrConflict)
}

// TestLinearizable has clients read, create, swap and close one lobby at once, and looks for an order of all that they
// did, one after the other and within the times they saw, in which each got the answer that it got. That there is one
// is what "atomic" and "visible to every later read" mean.
func TestLinearizable(t *testing.T) {
	eachBackend(t, func(t *testing.T, open func(*testing.T) (store.Store, *clock)) {
		for range 5 {
			s, _ := open(t)
			if history := record(t, s, 6, 50); !porcupine.CheckOperations(register, history) {
				t.Fatalf("no order explains these %d operations: %v", len(history), history)
			}
		}
	})
}

// record has clients do steps each at once and returns all that they did.
func record(t *testing.T, s store.Store, clients, steps int) (history []porcupine.Operation) {
	t.Helper()
	var mu sync.Mutex
	var names atomic.Int64
	for _, err := range atOnce(clients, func(i int) error {
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
		wantErr(t, "a client", err, nil)
	}
	return history
}
