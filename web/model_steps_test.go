package web_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"bellhop/gateway/faults"
)

// A sequence is a list of events in a world, all drawn from the seed.
type sequence struct {
	seed    uint64
	clients int
	options []string // of each client, as JavaScript
	faults  faults.Config
	steps   []step
}

// A step is an event, followed by a time that passes.
type step struct {
	what   string
	client int
	given  string // as JavaScript, or a name
	pause  time.Duration
}

func (s step) String() string {
	return fmt.Sprintf("client %d: %s %s, then %.1f s", s.client+1, s.what, s.given, s.pause.Seconds())
}

func (s sequence) String() string {
	lines := []string{fmt.Sprintf("seed %d, %d clients %v, faults %+v:", s.seed, s.clients, s.options, s.faults)}
	for _, step := range s.steps {
		lines = append(lines, "  "+step.String())
	}
	return strings.Join(lines, "\n")
}

// lostEvents are the events that the client can do without.
var lostEvents = []string{"peer_resumed", "peer_left", "host_changed", "lobby_closed", "removed", "peer_joined", "peer_disconnected"}

// gatewayFrames are the frames that API Gateway sends on its own.
var gatewayFrames = []string{"Too Many Requests", "Internal server error", "Forbidden", "Endpoint request timed out"}

// stepKinds are the kinds of steps: how often each occurs compared with the
// others, whether any sequence can have it, and its values.
var stepKinds = []struct {
	what   string
	often  int
	always bool
	given  func(r *rand.Rand) string
}{
	{"host", 6, false, hostOptions},
	{"join", 14, true, func(r *rand.Rand) string { return pick(r, "null", "null", "null", "4000", "20000") }},
	{"quickJoin", 6, false, hostOptions},
	{"leave", 10, true, nothing},
	{"close", 4, false, nothing},
	{"update", 5, false, func(r *rand.Rand) string {
		return pick(r, "{locked: true}", "{locked: false}", "{maxPlayers: 5}", "{maxPlayers: 6}")
	}},
	{"remove", 5, false, nothing},
	{"setHost", 6, false, func(r *rand.Rand) string { return pick(r, "0", "-1") }},
	{"updatePlayer", 8, false, func(r *rand.Rand) string { return fmt.Sprint(r.IntN(1000)) }},
	{"chat", 3, false, func(r *rand.Rand) string { return pick(r, "null", "{text: 'hello'}") }},
	{"reload", 8, false, nothing},
	{"sleep", 8, false, nothing},
	{"wake", 7, false, func(r *rand.Rand) string { return pick(r, "visibilitychange", "pageshow", "focus", "resume", "") }},
	{"online", 3, false, nothing},
	{"cut", 8, false, nothing},
	{"down", 8, false, nothing},
	{"stall", 8, false, nothing},
	{"slow", 6, false, func(r *rand.Rand) string { return pick(r, "1s", "5s", "18s") }},
	{"up", 8, true, nothing},
	{"lose", 12, false, func(r *rand.Rand) string { return pick(r, lostEvents...) }},
	{"frame", 8, false, func(r *rand.Rand) string { return pick(r, gatewayFrames...) }},
	{"faults", 5, false, nothing},
}

func pick(r *rand.Rand, of ...string) string { return of[r.IntN(len(of))] }

func nothing(*rand.Rand) string { return "" }

func hostOptions(r *rand.Rand) string {
	return fmt.Sprintf("{autoAccept: %s, topology: '%s', onHostLeave: '%s', roster: %s}",
		pick(r, "true", "false"), pick(r, "star", "mesh"), pick(r, "close", "migrate"), pick(r, "true", "true", "false"))
}

// newSequence draws a sequence.
func newSequence(seed uint64) sequence {
	r := rand.New(rand.NewPCG(seed, 1))
	s := sequence{seed: seed, clients: 2 + r.IntN(2), faults: faults.Config{Seed: seed}}
	for range s.clients {
		s.options = append(s.options, fmt.Sprintf("{skew: %s, keepAlive: %s}", pick(r, "0", "0", "-600000", "600000"), pick(r, "5000", "480000")))
	}
	chance := func(p float64) float64 { return p * float64(r.IntN(2)) * r.Float64() }
	s.faults.Throttle, s.faults.Gone, s.faults.DropDisconnect, s.faults.Reorder = chance(0.3), chance(0.2), chance(1), chance(0.5)
	s.faults.Delay = time.Duration(r.IntN(2)) * time.Duration(r.IntN(3000)) * time.Millisecond
	// Most sequences begin with a lobby, and some have trouble on the way into it.
	for client, enter := range []step{{"host", 0, hostOptions(r), s.pause(r)}, {"join", 1, "null", s.pause(r)}} {
		if r.IntN(4) == 0 {
			trouble := pick(r, "slow 18s", "stall ", "down ", "frame Too Many Requests", "frame Internal server error", "faults ")
			what, given, _ := strings.Cut(trouble, " ")
			s.steps = append(s.steps, step{what, client, given, 0})
		}
		s.steps = append(s.steps, enter)
	}
	kinds := swarm(r)
	for range 6 + r.IntN(14) {
		s.steps = append(s.steps, step{"", r.IntN(s.clients), "", s.pause(r)}.draw(r, kinds))
	}
	return s
}

// swarm draws how often each kind occurs in one sequence. Half of the kinds do
// not occur, since a bug often needs the same few kinds again and again.
func swarm(r *rand.Rand) (often []int) {
	often = make([]int, len(stepKinds))
	for i, kind := range stepKinds {
		if kind.always || r.IntN(2) == 0 {
			often[i] = kind.often
		}
	}
	return often
}

// draw draws the value of a step.
func (s step) draw(r *rand.Rand, often []int) step {
	all := 0
	for _, n := range often {
		all += n
	}
	n := r.IntN(all)
	for i, kind := range stepKinds {
		if n -= often[i]; n < 0 {
			s.what, s.given = kind.what, kind.given(r)
			break
		}
	}
	return s
}

// pause draws how much time passes: often none, sometimes more than any
// timeout.
func (s *sequence) pause(r *rand.Rand) time.Duration {
	longest := []int{1, 300, 3000, 8000, 30000}[r.IntN(5)]
	return time.Duration(r.IntN(longest)) * time.Millisecond
}

// do carries out a step in a world.
func (w *world) do(s step) error {
	script := fmt.Sprintf("const client = world.clients[%d]; client.note(%q);", s.client, s.what+" "+s.given)
	line := w.lines[s.client]
	switch s.what {
	case "cut":
		line.cut()
	case "down":
		line.down(true)
	case "stall":
		line.stall(true)
		w.stalled[s.client] = true
	case "slow":
		d, _ := time.ParseDuration(s.given)
		line.delay(d / modelSpeed)
	case "up":
		line.up()
	case "faults":
		w.server.faulty.Store(!w.server.faulty.Load())
	case "reload":
		script += "await client.load();"
	case "sleep":
		script += "client.life.sleep();"
	case "wake":
		script += fmt.Sprintf("await client.life.game.wake(%q);", s.given)
	case "online":
		script += "client.life.game.event('online');"
	case "lose":
		script += fmt.Sprintf("client.life.lose.push(%q);", s.given)
	case "frame":
		script += fmt.Sprintf("client.life.frames.push(%q);", s.given)
	default:
		script += fmt.Sprintf("if (!client.life.asleep) client.life.game.act(%q, %s);", s.what, orNull(s.given))
	}
	return w.run(script+fmt.Sprintf("await world.pass(%d);", s.pause.Milliseconds()), nil)
}

func orNull(given string) string {
	if given == "" {
		return "null"
	}
	return given
}

// calm ends all faults. A page whose line has stalled gets a network change:
// otherwise only its next ping would find the stall, which can be minutes
// later.
func (w *world) calm() error {
	w.server.faulty.Store(false)
	w.server.set(settleSpeed)
	script := fmt.Sprintf("world.speed = %d;", settleSpeed)
	for i, l := range w.lines {
		l.up()
		script += fmt.Sprintf("{ const { life } = world.clients[%d]; life.lose = []; life.frames = []; await life.game.wake('visibilitychange');", i)
		if w.stalled[i] {
			script += "life.game.event('online');"
		}
		script += "}"
	}
	return w.run(script, nil)
}
