package simulation

import (
	"context"
	"errors"
	"slices"
	"sync"

	"bellhop/handlers"
	"bellhop/store"
	"bellhop/store/storetest"
)

// errDead is the error of all calls of a crashed process, none of which has an
// effect.
var errDead = errors.New("the process has died")

// A mortal is a process with its calls to the store and its posts. It crashes
// at one of them.
type crashingProcess struct {
	mu    sync.Mutex
	left  int  // calls until the crash; 0: none
	done  bool // whether the call at the crash is still made
	dead  bool
	calls int
	tried []string // the lobbies that a connection claimed, in lower case
	// moments happen before some of its calls.
	moments []moment
}

func (m *crashingProcess) call(do func() error) error {
	dies, dead := m.count()
	if dead || dies && !m.done {
		return errDead
	}
	if err := do(); !dies {
		return err
	}
	return errDead
}

// count counts a call, and reports whether the process crashes at it, or has
// crashed.
func (m *crashingProcess) count() (dies, dead bool) {
	for _, now := range m.due() {
		now.what()
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.dead {
		return false, true
	}
	m.calls++
	m.dead = m.calls == m.left
	return m.dead, false
}

// due returns the moments before the next call.
func (m *crashingProcess) due() (due []moment) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.moments = slices.DeleteFunc(m.moments, func(o moment) bool {
		if o.at == m.calls+1 {
			due = append(due, o)
		}
		return o.at == m.calls+1
	})
	return due
}

// rest returns the moments that have not happened.
func (m *crashingProcess) rest() (rest []moment) {
	m.mu.Lock()
	defer m.mu.Unlock()
	rest, m.moments = m.moments, nil
	return rest
}

func (m *crashingProcess) tries(lobby string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.tried = append(m.tried, lobby)
}

// crashingStore returns a real store as a crashing process uses it.
func crashingStore(s store.Store, m *crashingProcess) store.Store {
	return storetest.Intercept(s, func(c storetest.Call) error {
		if c.Method == "Claim" {
			m.tries(c.LobbyID)
		}
		return m.call(c.Do)
	})
}

// A crashingPoster posts to the world's clients for a mortal process.
type crashingPoster struct {
	handlers.Poster
	*crashingProcess
}

func (p crashingPoster) Post(ctx context.Context, conn string, data []byte) error {
	return p.call(func() error { return p.Poster.Post(ctx, conn, data) })
}

func (p crashingPoster) Hangup(ctx context.Context, conn string) error {
	return p.call(func() error { return p.Poster.Hangup(ctx, conn) })
}
