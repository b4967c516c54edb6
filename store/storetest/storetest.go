// Package storetest is the contract of store.Store as a test suite: Run has a
// row for each sentence of the interface's documentation. Call it from a test
// of your own Store. The other functions are fixtures that such tests share.
package storetest

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"bellhop/lobby"
	"bellhop/store"
)

// contract has a row for each sentence of Store's and UpdateLobby's
// documentation. Times in it are whole seconds: a backend need not keep more.
var contract = map[string]func(t *testing.T, s store.Store, c *Clock){
	"create: what was created is read":                testCreate,
	"create: one that is there stays":                 testCreateExists,
	"create: of 16 at once one succeeds":              testOneCreator,
	"create: a version that no lobby before it had":   testNewVersion,
	"lobby: none is ErrNotFound":                      testNoLobby,
	"lobby: ids that differ only in case share one":   testCase,
	"lobby: games are apart":                          testGames,
	"lobby: what has expired is not there":            testLobbyExpires,
	"swap: the new value is read":                     testSwap,
	"swap: every version grows":                       testVersionGrows,
	"swap: another version is ErrConflict":            testSwapConflict,
	"swap: nothing there is ErrConflict":              testSwapNothing,
	"swap: of 16 at once one succeeds":                testOneSwap,
	"swap: closed frees the id":                       testSwapClosed,
	"swap: closed of another version is ErrConflict":  testSwapClosedConflict,
	"swap: not into the next lobby of that id":        testSwapSuccessor,
	"values: copied in":                               testCopiedIn,
	"values: strings are copied in":                   testStringsCopiedIn,
	"connections: strings are copied in":              testConnectionStringsCopiedIn,
	"values: a snapshot never changes":                testSnapshot,
	"values: all fields are kept":                     testFields,
	"reads: every later one sees a write":             testLaterReads,
	"list: of none is empty":                          testListNone,
	"list: both orders":                               testListOrders,
	"list: places stay in Newest, move in Fullest":    testListMoves,
	"list: nor what nobody can come into":             testListLeaves,
	"list: what has closed is not there":              testListClosed,
	"list: what has expired is not there":             testListExpires,
	"list: games are apart":                           testListGames,
	"list: passwords are not in Fullest":              testListPassword,
	"list: behind a position, and whether more":       testListAfter,
	"list: shows what the lobby has":                  testListShows,
	"connection: put, read, delete":                   testConnection,
	"connection: one that is there stays":             testConnectionStays,
	"connection: none is ErrNotFound":                 testNoConnection,
	"connection: ids are told apart by case":          testConnectionCase,
	"connection: what has expired is not there":       testConnectionExpires,
	"connection: of 16 who delete it one succeeds":    testOneDelete,
	"point: from, to":                                 testPoint,
	"point: of 16 at once one succeeds":               testOnePoint,
	"context: an ended one is wrapped":                testEnded,
	"update: the rule's change is kept":               testUpdate,
	"update: nothing there is ErrNotFound":            testUpdateNothing,
	"update: a rule's error writes nothing":           testUpdateError,
	"update: a lobby that closes is gone":             testUpdateClose,
	"update: a Swap of the caller's is called":        testUpdateSwap,
	"all: a linear history explains what clients saw": testLinearizable,
	"update: of 32 at once all succeed":               testUpdateAtOnce,
	"update: a rule is applied anew after a write":    testUpdateAnew,
	"update: one that loses ten times gets there":     testUpdateLoses,
	"update: one place left, 16 want it":              testUpdateLastPlace,
}

// Run tests a Store against its contract. open returns an empty Store that
// reads the time from now.
func Run(t *testing.T, open func(t *testing.T, now func() time.Time) store.Store) {
	for name, test := range contract {
		t.Run(name, func(t *testing.T) {
			c := NewClock()
			test(t, open(t, c.Now), c)
		})
	}
}

// A Clock stands still until a test moves it.
type Clock struct{ nanos atomic.Int64 }

// Epoch is the first time of each Clock.
var Epoch = time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)

func NewClock() *Clock {
	c := &Clock{}
	c.nanos.Store(Epoch.UnixNano())
	return c
}

func (c *Clock) Now() time.Time       { return time.Unix(0, c.nanos.Load()).UTC() }
func (c *Clock) Move(d time.Duration) { c.nanos.Add(int64(d)) }

// same compares everything that a Store keeps, except for versions: each
// backend counts them in its own way.
var same = cmp.Options{
	cmpopts.IgnoreUnexported(lobby.Lobby{}), cmpopts.IgnoreFields(lobby.Lobby{}, "Version", "Events", "Stored"),
	cmpopts.EquateEmpty(),
}

func WantLobby(t *testing.T, s store.Store, key lobby.Key, want lobby.Lobby) *lobby.Lobby {
	t.Helper()
	got, err := s.Lobby(t.Context(), key)
	if err != nil {
		t.Fatalf("Lobby(%q): %v", key, err)
	}
	if diff := cmp.Diff(want, *got, same); diff != "" {
		t.Fatalf("Lobby(%q) (-want +got):\n%s", key, diff)
	}
	return got
}

func WantNoLobby(t *testing.T, s store.Store, key lobby.Key) {
	t.Helper()
	if l, err := s.Lobby(t.Context(), key); !errors.Is(err, store.ErrNotFound) {
		t.Fatalf("Lobby(%q) = %v, %v, want ErrNotFound", key, l, err)
	}
}

func WantErr(t *testing.T, what string, got, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Fatalf("%s: %v, want %v", what, got, want)
	}
}

// Swap replaces l, as it was read or with its version, with itself.
func Swap(ctx context.Context, s store.Store, l lobby.Lobby) error { return s.SwapLobby(ctx, &l, &l) }

// LobbyOf returns a lobby of "tanks" with only "host" in it.
func LobbyOf(id string) lobby.Lobby {
	l := lobby.New("tanks", id, lobby.Member{Conn: "host", ClaimID: 7, ClaimedAt: 7})
	l.ExpiresAt = Epoch.Add(lobby.TTL)
	return l
}

func Create(t *testing.T, s store.Store, l lobby.Lobby) *lobby.Lobby {
	t.Helper()
	WantErr(t, "CreateLobby", s.CreateLobby(t.Context(), l), nil)
	return WantLobby(t, s, l.Key(), l)
}

// AtOnce calls f(0) to f(n-1), as nearly simultaneously as possible, and
// returns their errors.
func AtOnce(n int, f func(i int) error) []error {
	errs, start := make([]error, n), make(chan struct{})
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			<-start
			errs[i] = f(i)
		})
	}
	close(start)
	wg.Wait()
	return errs
}

// WantOne checks that one of errs is nil and all others are loss. It returns
// the index of the nil.
func WantOne(t *testing.T, errs []error, loss error) int {
	t.Helper()
	winner := slices.Index(errs, nil)
	for i, err := range errs {
		if winner < 0 || i != winner && !errors.Is(err, loss) {
			t.Fatalf("want one success and %v for all others, got %v", loss, errs)
		}
	}
	return winner
}

// testEnded checks that a call whose context has ended returns the context's
// error, and not ErrNotFound.
func testEnded(t *testing.T, s store.Store, _ *Clock) {
	l, c := LobbyOf("blue-fox"), ConnectionOf("a")
	Create(t, s, l)
	Put(t, s, c)
	ctx, end := context.WithCancel(t.Context())
	end()
	for name, call := range map[string]func() error{
		"CreateLobby":      func() error { return s.CreateLobby(ctx, LobbyOf("red-fox")) },
		"Lobby":            func() error { _, err := s.Lobby(ctx, l.Key()); return err },
		"SwapLobby":        func() error { return Swap(ctx, s, l) },
		"List":             func() error { _, _, err := s.List(ctx, "tanks", lobby.Newest, "", 5); return err },
		"PutConnection":    func() error { return s.PutConnection(ctx, c) },
		"Connection":       func() error { _, err := s.Connection(ctx, "a"); return err },
		"Claim":            func() error { _, err := s.Claim(ctx, "a", c.Claim, c.Claim); return err },
		"DeleteConnection": func() error { _, err := s.DeleteConnection(ctx, "a"); return err },
		"UpdateLobby": func() error {
			_, err := store.UpdateLobby(ctx, s, l.Key(), func(*lobby.Lobby) error { return nil })
			return err
		},
	} {
		WantErr(t, name, call(), context.Canceled)
	}
}
