package store_test

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

	"bellhop/store"
	"bellhop/store/dynamodbtest"
)

// backends starts each kind of Store, and returns what opens an empty one. To add one: a row here.
var backends = map[string]func(*testing.T) func(*testing.T, func() time.Time) store.Store{
	"memory": func(*testing.T) func(*testing.T, func() time.Time) store.Store {
		return func(_ *testing.T, now func() time.Time) store.Store { return store.NewMemory(now) }
	},
	"dynamodb": func(t *testing.T) func(*testing.T, func() time.Time) store.Store {
		endpoint := dynamodbtest.Start(t)
		return func(t *testing.T, now func() time.Time) store.Store { return dynamodbtest.Open(t, endpoint, now) }
	},
}

// contract has a row for each sentence of Store's and UpdateLobby's documentation. Times in it are whole seconds: a
// backend need not keep more.
var contract = map[string]func(t *testing.T, s store.Store, c *clock){
	"create: what was created is read":               testCreate,
	"create: one that is there stays":                testCreateExists,
	"create: of 16 at once one succeeds":             testOneCreator,
	"create: a version that no lobby before it had":  testNewVersion,
	"lobby: none is ErrNotFound":                     testNoLobby,
	"lobby: ids that differ only in case share one":  testCase,
	"lobby: games are apart":                         testGames,
	"lobby: what has expired is not there":           testLobbyExpires,
	"swap: the new value is read":                    testSwap,
	"swap: every version grows":                      testVersionGrows,
	"swap: another version is ErrConflict":           testSwapConflict,
	"swap: nothing there is ErrConflict":             testSwapNothing,
	"swap: of 16 at once one succeeds":               testOneSwap,
	"swap: closed frees the id":                      testSwapClosed,
	"swap: closed of another version is ErrConflict": testSwapClosedConflict,
	"swap: not into the next lobby of that id":       testSwapSuccessor,
	"values: copied in":                              testCopiedIn,
	"values: a snapshot never changes":               testSnapshot,
	"values: all fields are kept":                    testFields,
	"reads: every later one sees a write":            testLaterReads,
	"list: of none is empty":                         testListNone,
	"list: both orders":                              testListOrders,
	"list: places stay in Newest, move in Fullest":   testListMoves,
	"list: nor what nobody can come into":            testListLeaves,
	"list: what has closed is not there":             testListClosed,
	"list: what has expired is not there":            testListExpires,
	"list: games are apart":                          testListGames,
	"list: passwords are not in Fullest":             testListPassword,
	"list: behind a position, and whether more":      testListAfter,
	"list: shows what the lobby has":                 testListShows,
	"connection: put, read, delete":                  testConnection,
	"connection: one that is there stays":            testConnectionStays,
	"connection: none is ErrNotFound":                testNoConnection,
	"connection: ids are told apart by case":         testConnectionCase,
	"connection: what has expired is not there":      testConnectionExpires,
	"point: from, to":                                testPoint,
	"point: of 16 at once one succeeds":              testOnePoint,
	"context: an ended one is wrapped":               testEnded,
	"update: the rule's change is kept":              testUpdate,
	"update: nothing there is ErrNotFound":           testUpdateNothing,
	"update: a rule's error writes nothing":          testUpdateError,
	"update: a lobby that closes is gone":            testUpdateClose,
	"update: who is gone":                            testGone,
	"update: of 32 at once all succeed":              testUpdateAtOnce,
	"update: a rule is applied anew after a write":   testUpdateAnew,
	"update: one that loses ten times gets there":    testUpdateLoses,
	"update: one place left, 16 want it":             testUpdateLastPlace,
}

// TestContract holds every backend to the contract.
func TestContract(t *testing.T) {
	eachBackend(t, func(t *testing.T, open func(*testing.T) (store.Store, *clock)) {
		for name, test := range contract {
			t.Run(name, func(t *testing.T) {
				s, c := open(t)
				test(t, s, c)
			})
		}
	})
}

// eachBackend runs test for every backend, with a function that opens an empty one.
func eachBackend(t *testing.T, test func(t *testing.T, open func(*testing.T) (store.Store, *clock))) {
	t.Helper()
	for name, start := range backends {
		t.Run(name, func(t *testing.T) {
			open := start(t)
			test(t, func(t *testing.T) (store.Store, *clock) {
				c := newClock()
				return open(t, c.Now), c
			})
		})
	}
}

// A clock stands still until it is moved.
type clock struct{ nanos atomic.Int64 }

// epoch is when clocks begin.
var epoch = time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)

func newClock() *clock {
	c := &clock{}
	c.nanos.Store(epoch.UnixNano())
	return c
}

func (c *clock) Now() time.Time       { return time.Unix(0, c.nanos.Load()).UTC() }
func (c *clock) Move(d time.Duration) { c.nanos.Add(int64(d)) }

// same compares all that a Store keeps, but versions: how they grow is the backend's.
var same = cmp.Options{
	cmpopts.IgnoreUnexported(store.Lobby{}), cmpopts.IgnoreFields(store.Lobby{}, "Version", "Changes"),
	cmpopts.EquateEmpty(),
}

func wantLobby(t *testing.T, s store.Store, key store.Key, want store.Lobby) *store.Lobby {
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

func wantNoLobby(t *testing.T, s store.Store, key store.Key) {
	t.Helper()
	if l, err := s.Lobby(t.Context(), key); !errors.Is(err, store.ErrNotFound) {
		t.Fatalf("Lobby(%q) = %v, %v, want ErrNotFound", key, l, err)
	}
}

func wantErr(t *testing.T, what string, got, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Fatalf("%s: %v, want %v", what, got, want)
	}
}

// lobbyOf returns a lobby of "tanks" in which only "host" is.
func lobbyOf(id string) store.Lobby {
	l := store.NewLobby("tanks", id, store.Member{Conn: "host", Since: 7})
	l.ExpiresAt = epoch.Add(store.LobbyTTL)
	return l
}

func create(t *testing.T, s store.Store, l store.Lobby) *store.Lobby {
	t.Helper()
	wantErr(t, "CreateLobby", s.CreateLobby(t.Context(), l), nil)
	return wantLobby(t, s, l.Key(), l)
}

// atOnce calls f(0) to f(n-1), as near to each other as can be, and returns their errors.
func atOnce(n int, f func(i int) error) []error {
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

// wantOne checks that one of errs is nil and all others are loss, and returns which one.
func wantOne(t *testing.T, errs []error, loss error) int {
	t.Helper()
	winner := slices.Index(errs, nil)
	for i, err := range errs {
		if winner < 0 || i != winner && !errors.Is(err, loss) {
			t.Fatalf("want one success and %v for all others, got %v", loss, errs)
		}
	}
	return winner
}

// testEnded guards that whoever gave up waiting is told so, and not that something was not found.
func testEnded(t *testing.T, s store.Store, _ *clock) {
	l, c := lobbyOf("blue-fox"), connectionOf("a")
	create(t, s, l)
	put(t, s, c)
	ctx, end := context.WithCancel(t.Context())
	end()
	for name, call := range map[string]func() error{
		"CreateLobby":      func() error { return s.CreateLobby(ctx, lobbyOf("red-fox")) },
		"Lobby":            func() error { _, err := s.Lobby(ctx, l.Key()); return err },
		"SwapLobby":        func() error { return s.SwapLobby(ctx, l) },
		"List":             func() error { _, _, err := s.List(ctx, "tanks", store.Newest, "", 5); return err },
		"PutConnection":    func() error { return s.PutConnection(ctx, c) },
		"Connection":       func() error { _, err := s.Connection(ctx, "a"); return err },
		"Point":            func() error { _, err := s.Point(ctx, "a", c.Pointer, c.Pointer); return err },
		"DeleteConnection": func() error { _, err := s.DeleteConnection(ctx, "a"); return err },
		"UpdateLobby":      func() error { _, err := store.UpdateLobby(ctx, s, l.Key(), nil, lapse(epoch)); return err },
	} {
		wantErr(t, name, call(), context.Canceled)
	}
}
