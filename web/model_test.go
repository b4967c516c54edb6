package web_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

var (
	modelRounds = flag.Int("model.rounds", 100, "how many sequences TestModel plays, in all browsers together")
	modelFirst  = flag.Uint64("model.first", 1, "the seed of the first of these sequences; 0 draws one")
	modelSeed   = flag.Uint64("model.seed", 0, "the one sequence that TestModel plays")
	modelShow   = flag.Bool("model.show", false, "show what happens in sequences that end well, too")
	modelTabs   = flag.Int("model.tabs", 4, "how many worlds there are at once in each browser")
)

// settleTime is how long clients have to recover after all faults. It has to
// pass on the world's clock and in real time, which WebRTC uses.
const settleTime = 30 * time.Second

// TestModel checks that players recover from any sequence of faults of their
// lines, their pages and Bellhop. Within 30 seconds no call waits forever, each
// client shows Bellhop's state, a client keeps a token only for a slot that it
// wants, and all players are connected that can be. The seed decides what
// happens; -model.seed plays it again.
func TestModel(t *testing.T) {
	first, rounds := *modelFirst, *modelRounds/len(browsers)
	if first == 0 {
		first = rand.Uint64N(1 << 40)
	}
	for i, b := range browsers {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			m := newModel(t, i, plant{})
			if *modelSeed != 0 {
				if failure := m.playOne(newSequence(*modelSeed)); failure != nil {
					t.Error(failure)
				}
				return
			}
			failures := m.play(first+uint64(i*rounds), rounds, 3)
			if len(failures) == 0 {
				return
			}
			failures[0] = shrink(failures[0], m.playOne)
			t.Errorf("The shortest that was found:\n%s", failures[0])
		})
	}
}

// A model plays several sequences at the same time in one browser.
type model struct {
	t       *testing.T
	browser string
	site    string
	tabs    []driver
}

// newModel returns a model in a browser. The client has the planted mistake, if
// there is one.
func newModel(t *testing.T, browser int, p plant) *model {
	t.Helper()
	m := &model{t: t, browser: browsers[browser].name, site: modelSite(t, p).URL}
	for i := range *modelTabs {
		m.tabs = append(m.tabs, browsers[browser].open(t, fmt.Sprintf("world %d", i+1)).driver)
	}
	return m
}

// play plays sequences until n have failed, and logs how many it has played.
func (m *model) play(first uint64, rounds, enough int) (failures []failure) {
	var next, played atomic.Int64
	var mu sync.Mutex
	var wait sync.WaitGroup
	began := time.Now()
	for _, tab := range m.tabs {
		wait.Go(func() {
			for round := next.Add(1) - 1; round < int64(rounds); round = next.Add(1) - 1 {
				f := m.playIn(tab, newSequence(first+uint64(round)))
				played.Add(1)
				if f == nil {
					continue
				}
				if enough > 1 {
					m.t.Logf("%s", f) // now, since the next sequence can take long
				}
				mu.Lock()
				failures = append(failures, *f)
				if len(failures) >= enough {
					next.Store(int64(rounds))
				}
				mu.Unlock()
			}
		})
	}
	wait.Wait()
	m.t.Logf("%d sequences from seed %d on in %.0f s, of which %d failed", played.Load(), first, time.Since(began).Seconds(), len(failures))
	return failures
}

// playOne plays a sequence while no other is played.
func (m *model) playOne(s sequence) *failure { return m.playIn(m.tabs[0], s) }

// A failure is a sequence that does not end well.
type failure struct {
	sequence
	browser string
	wrong   []string
	trace   string
}

func (f failure) String() string {
	return fmt.Sprintf("go test ./web -run TestModel/%s -model.seed %d\n%s\n%s\n%s", f.browser, f.seed, strings.Join(f.wrong, "\n"), f.sequence, f.trace)
}

// playIn plays a sequence in a tab. It returns nil if all is well afterwards.
func (m *model) playIn(tab driver, s sequence) *failure {
	w, err := newWorld(m.t, tab, m.site, s)
	defer w.end()
	for _, step := range s.steps {
		if err == nil {
			err = w.do(step)
		}
	}
	if err == nil {
		err = w.calm()
	}
	if err != nil {
		return &failure{s, m.browser, []string{err.Error()}, ""}
	}
	wrong, err := w.settle()
	if err != nil {
		wrong = append(wrong, err.Error())
	}
	if len(wrong) == 0 && *modelShow {
		m.t.Logf("%s\n%s", s, w.trace())
	}
	if len(wrong) == 0 {
		return nil
	}
	return &failure{s, m.browser, wrong, w.trace()}
}

// settle waits until all is well. If the time runs out, it returns what is
// still wrong.
func (w *world) settle() (wrong []string, err error) {
	var is sight
	if err := w.run("return { now: world.now, beat: world.beat }", &is); err != nil {
		return nil, err
	}
	from, began := is, time.Now()
	for {
		if err := w.run("return await world.look()", &is); err != nil {
			return nil, err
		}
		wrong = w.judge(is, from.Beat)
		over := is.Now > from.Now+float64(settleTime.Milliseconds())
		if len(wrong) == 0 || over && time.Since(began) > settleTime {
			return wrong, nil
		}
		if over {
			w.server.set(1)
			if err := w.run("world.speed = 1", nil); err != nil {
				return wrong, err
			}
		}
	}
}

// trace returns each client's actions and events.
func (w *world) trace() string {
	var traces [][]string
	if err := w.run("return world.clients.map(({ trace }) => trace)", &traces); err != nil {
		return err.Error()
	}
	var out strings.Builder
	for i, lines := range traces {
		fmt.Fprintf(&out, "client %d:\n  %s\n", i+1, strings.Join(lines, "\n  "))
	}
	return out.String()
}
