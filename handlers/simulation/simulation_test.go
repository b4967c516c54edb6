package simulation

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"bellhop/handlers"
	"bellhop/handlers/handlerstest"
	"bellhop/lobby"
	"bellhop/store"
	"bellhop/store/dynamodbtest"
)

// How many sequences TestLives plays: on Memory this many times -rapid.checks,
// which is 100 unless set.
var (
	livesRounds   = flag.Int("lives.rounds", 3, "rounds of -rapid.checks sequences on Memory")
	livesDynamoDB = flag.Int("lives.dynamodb", 20, "sequences on DynamoDB")
	livesDrawn    = flag.Bool("lives.drawn", false, "draw other sequences on Memory in each run")
)

// TestLives lets clients do all they can to each other, in two processes over
// one store. Sockets drop, $disconnects are lost, late or repeated, clocks
// jump, and processes crash between any two calls. There are stars and meshes,
// joins by id, list and quick_join, right and wrong passwords. After every
// step, the store and the received events match the rules exactly. After a
// crash, the store is as before the step, as after it, or as after one of its
// writes. In the end every id is free.
func TestLives(t *testing.T) {
	script := rapid.SliceOfN(rapid.Custom(drawStep), 20, 90)
	t.Run("memory", func(t *testing.T) {
		t.Parallel()
		seen := tally{}
		drawn := *livesDrawn || flag.Lookup("rapid.seed").Value.String() != "0"
		for round := range *livesRounds {
			if !drawn {
				flag.Set("rapid.seed", fmt.Sprint(round+1))
			}
			rapid.Check(t, func(t *rapid.T) {
				w := handlerstest.New()
				newSimulation(w, w.Store, seen).play(t, script.Draw(t, "script"))
			})
		}
		seen.report(t, *livesRounds >= 3)
	})
	t.Run("dynamodb", func(t *testing.T) {
		t.Parallel()
		seen, endpoint, table := tally{}, dynamodbtest.Start(t), dynamodbtest.Table()
		for seed := range *livesDynamoDB {
			w := handlerstest.New()
			newSimulation(w, dynamodbtest.OpenTable(t, dynamodbtest.Config(), endpoint, table, w.Clock.Now), seen).play(t, script.Example(seed))
		}
		seen.report(t, false)
	})
}

// A step is an event of a sequence. The meaning of its numbers depends on the
// current state, so any step can follow any other.
type step struct {
	What            string
	By, Whom        int
	N, More         int
	Sensible        bool // by and to a client for which it is likely to succeed
	Process         int
	Dies            int  // at which call; 0: none
	DoneWhenItDies  bool // whether that call is still made
	WithoutAnswerID bool
	Meanwhile       int // number of the next steps that happen while it is handled
	At              int // index of the call of the surrounding step before which it happens
}

func (s step) String() string { return fmt.Sprintf("%+v", struct{ step }{s}) }

var likely = map[string]int{
	"start_lobby": 4, "join_lobby": 12, "accept_request": 12, "reject_join_request": 2, "set_session_description": 3,
	"send_ice_candidate": 2, "leave_lobby": 3, "close_lobby": 1, "remove_player": 3, "update_lobby": 5, "resume": 8, "ping": 1,
	"list_lobbies": 8, "quick_join": 6, "get_lobby": 1, "update_player": 6, "set_host": 6, "send_message": 8,
	"loses its socket": 4, "is said to be gone": 7, "connects anew": 5, "uses its other socket": 2, "time passes": 7,
}

var whats = func() (all []string) {
	for _, what := range slices.Sorted(maps.Keys(likely)) {
		all = append(all, slices.Repeat([]string{what}, likely[what])...)
	}
	return all
}()

func drawStep(t *rapid.T) step {
	draw := func(name string, bits int) int { return handlerstest.Uniform(t, name, bits) }
	s := step{
		What: whats[draw("what", 10)%len(whats)], By: draw("by", 3), Whom: draw("whom", 4), N: draw("n", 10), More: draw("more", 10),
		Sensible: draw("sensible", 2) > 0, Process: draw("process", 1), WithoutAnswerID: draw("without", 2) == 0,
	}
	s.Meanwhile, s.At = max(0, draw("meanwhile", 2)-1), draw("at", 3)
	if draw("dies", 3) == 7 || s.What == "is said to be gone" && s.N%4 == 0 { // a half-done step is noticed late
		s.Dies, s.DoneWhenItDies = 1+draw("at", 3), rapid.Bool().Draw(t, "done")
	}
	return s
}

// Promises of docs/design.md: the time after which a crash no longer makes a
// client count as entering a lobby, and the time after which a missing client
// is noticed.
const (
	onItsWay  = 15 * time.Second
	connected = 3*time.Hour + 30*time.Minute
)

// clients have up to two sockets each: the one in use, and one that they have
// left open.
const clients = 8

type player struct {
	conn, other string
	tokens      []string // that it has received, in order
}

// A simulation is a sequence in progress.
type simulation struct {
	*handlerstest.World
	store      store.Store // unmodified, for the checks
	rules      *rules
	processes  [2]*handlers.Handler
	mortals    [2]*crashingProcess
	players    [clients]player
	conns      []string                // all so far
	ids        map[string]bool         // of lobbies, in lower case, that were ever named
	found      map[string]*lobby.Lobby // those of them that are in the store
	making     string                  // the next generated lobby id
	cursors    []string                // that any client has received, in order
	password   string                  // of the last message
	plain      map[string]string       // the secret behind each stored hash
	owed       map[string]int          // outstanding answers, by connection and request_id
	claims     map[string]time.Time    // time until which a crash can make a connection count as in a lobby
	met        map[string]*acquaintance
	mu         sync.Mutex
	meanwhiles int                  // lobby ids generated while steps overlap; 0: none do
	peerIDs    map[int]map[int]bool // by lobby: all connections ever seen there, true if still there
	past       []string             // the steps so far
	seen       tally
	game       string
}

func newSimulation(w *handlerstest.World, s store.Store, seen tally) *simulation {
	seen["sequences"]++
	l := &simulation{
		World: w, store: s, ids: map[string]bool{}, owed: map[string]int{}, claims: map[string]time.Time{},
		peerIDs: map[int]map[int]bool{}, plain: map[string]string{"": ""}, met: map[string]*acquaintance{}, seen: seen, game: fmt.Sprint("game", seen["sequences"]),
	}
	l.rules = (&rules{
		now: w.Clock.Now(), original: map[string]bool{}, known: map[string]bool{}, tokens: map[string]ticket{}, cursors: map[string]time.Time{},
	}).clone()
	for i := range l.processes {
		l.begin(i)
	}
	l.stranger()
	return l
}

// elapsed is an elapsed timer: while a list might lag, no client does anything
// here.
var elapsed = func() <-chan time.Time {
	c := make(chan time.Time)
	close(c)
	return c
}()

// stranger opens a lobby in another game, of which no client here knows.
func (l *simulation) stranger() {
	l.Handler = l.processes[0]
	l.Connect(l.game+"-stranger", map[string]string{"game": l.game + "-other"})
	l.Invoke(l.game+"-stranger", "$default", `{"action":"start_lobby","content":{"lobby_id":"fox","public":true,"auto_accept":true}}`, "", nil)
	l.Heard()
}

// begin starts a process in place of one that has crashed.
func (l *simulation) begin(i int) {
	l.mortals[i] = &crashingProcess{}
	c := l.Config
	c.Store, c.Poster, c.Rate, c.Burst = crashingStore(l.store, l.mortals[i]), crashingPoster{l.World, l.mortals[i]}, 1e12, 1e12
	c.NewID, c.Now = l.newID, l.ticking
	c.After = func(time.Duration) <-chan time.Time { return elapsed }
	c.Log = slog.New(slog.NewTextHandler(&l.Log, nil))
	l.processes[i] = handlers.New(c)
}

func (l *simulation) play(t rapid.TB, script []step) {
	if overlaps(script) {
		l.playOverlapping(t, script)
		script = nil
	}
	for _, s := range script {
		l.do(t, s)
	}
	l.finish(t)
}

func (l *simulation) do(t rapid.TB, s step) {
	p := &l.players[s.By]
	switch s.What {
	case "time passes":
		seconds := []time.Duration{1, 1, 5, 14, 15, 16, 44, 59, 60, 61, 61, 130}
		l.pass(t, seconds[s.N%len(seconds)]*time.Second)
	case "loses its socket":
		l.Lose(p.conn)
	case "is said to be gone":
		l.disconnect(t, s)
	case "connects anew":
		l.Lose(p.other)
		l.connects(t, s)
	case "uses its other socket":
		p.conn, p.other = p.other, p.conn
	default:
		if s.Sensible {
			s = l.sensible(s)
		}
		if !l.Connected(l.players[s.By].conn) {
			l.connects(t, s)
		}
		if s.mayStart() {
			l.pass(t, time.Second) // so one of two lobbies is older
		}
		l.say(t, &l.players[s.By], s)
	}
}

// connects opens another socket for a client; the previous one stays open, if
// it is.
func (l *simulation) connects(t rapid.TB, s step) {
	p := &l.players[s.By]
	conn := fmt.Sprintf("%s-%c%d", l.game, 'a'+s.By, len(l.conns))
	query := map[string]string{"game": l.game}
	if original := s.N%7 == 0; original {
		query["protocol"], l.rules.original[conn] = "original", true
	}
	l.Handler = l.processes[s.Process]
	l.mortals[s.Process].left = 0
	if status := l.Connect(conn, query); status != 200 {
		l.fatal(t, "%s is refused with %d", conn, status)
	}
	l.conns = append(l.conns, conn)
	l.rules.known[conn] = true
	p.conn, p.other = conn, p.conn
}

// disconnect sends the $disconnect of a lost socket, perhaps for the second
// time, or of one that drops right now.
func (l *simulation) disconnect(t rapid.TB, s step) {
	conn := l.players[s.By].conn
	gone := slices.DeleteFunc(slices.Clone(l.conns), l.Connected)
	if len(gone) > 0 && s.Whom%3 > 0 {
		conn = gone[len(gone)-1-s.N%min(len(gone), 12)]
	}
	if conn == "" {
		return
	}
	l.Lose(conn)
	l.happen(t, s, event{conn: conn, route: "$disconnect", by: func(m *rules) { m.disconnect(conn) }})
}

// pass moves the clock.
func (l *simulation) pass(t rapid.TB, d time.Duration) {
	l.past = append(l.past, fmt.Sprint("clock +", d))
	l.Clock.Move(d)
	l.rules.now = l.Clock.Now()
	if d >= connected { // all its connections have ended by then
		clear(l.rules.rooms)
		clear(l.claims)
	}
	l.look(t)
	l.check(t)
}

// look reads all lobbies.
func (l *simulation) look(t rapid.TB) {
	l.found = map[string]*lobby.Lobby{}
	for id := range l.ids {
		if found, err := l.store.Lobby(context.Background(), lobby.KeyOf(l.game, id)); err == nil {
			l.found[id] = found
			if _, known := l.plain[found.Password]; !known { // generated in this step, so it depends on the message
				l.plain[found.Password] = l.password
			}
		} else if err != store.ErrNotFound {
			l.fatal(t, "Lobby: %v", err)
		}
	}
}

func (l *simulation) fatal(t rapid.TB, format string, args ...any) {
	t.Helper()
	t.Fatalf("%s\nafter\n%s", fmt.Sprintf(format, args...), strings.Join(l.past, "\n"))
}
