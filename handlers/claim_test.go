package handlers_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"bellhop/handlers"
	"bellhop/handlers/handlerstest"
	"bellhop/store"
	"bellhop/store/storetest"
)

// TestSlowWayElsewhere guards that nobody is in two lobbies who asks for both at once: one action has seen that they are out of
// the lobby hen, and before it moves them they wait there anew, and are rejected by a write that only half comes about.
func TestSlowWayElsewhere(t *testing.T) {
	var atPoint func()
	var lost bool // writes of lobbies are
	w := handlerstest.NewOver(func(s store.Store) store.Store {
		return storetest.Failing(s, func(method string) error {
			switch do := atPoint; {
			case method == "Claim" && do != nil:
				atPoint = nil
				do()
			case method == "SwapLobby" && lost:
				return errors.New("no store")
			}
			return nil
		})
	})
	openHen(w, "ann")
	w.Say("host", reject)
	w.Heard()
	w.Clock.Move(time.Millisecond)
	atPoint = func() {
		w.Say("ann", join)
		lost = true
		w.Say("host", reject)
		lost = false
	}
	w.Say("ann", `{"action":"start_lobby","content":{"lobby_id":"own"}}`)
	want := map[string][]string{"ann": {"error already_in_lobby"}, "host": {"request_to_join", "error internal X"}}
	if diff := cmp.Diff(want, brief(w.Heard())); diff != "" {
		t.Errorf("heard (-want +got):\n%s", diff)
	}
	wantListed(t, w, []string{"host", "ann"}, false)
}

// TestRejectedLongAfter guards the same of one who has waited for long, could not be told that they are rejected, and goes
// elsewhere while that is undone.
func TestRejectedLongAfter(t *testing.T) {
	var atLobby func()
	w := handlerstest.NewOver(func(s store.Store) store.Store {
		return storetest.Failing(s, func(method string) error {
			if do := atLobby; method == "Lobby" && do != nil {
				atLobby = nil
				do()
			}
			return nil
		})
	})
	openHen(w, "ann")
	w.Clock.Move(handlers.ClaimTTL)
	w.Meanwhile = func(string, string) error {
		w.Meanwhile = nil
		atLobby = func() { w.Say("ann", `{"action":"start_lobby","content":{"lobby_id":"own"}}`) }
		return handlers.ErrBusy
	}
	w.Say("host", reject)
	want := map[string][]string{"ann": {"error already_in_lobby"}, "host": {"error rate_limited X"}}
	if diff := cmp.Diff(want, brief(w.Heard())); diff != "" {
		t.Errorf("heard (-want +got):\n%s", diff)
	}
	wantListed(t, w, []string{"host", "ann"}, false)
}

// TestTwoWaysInOneMillisecond guards the same of one who asks a lobby twice in one millisecond: that they are out of it again
// by the first time, which is noted late, says nothing of the second.
func TestTwoWaysInOneMillisecond(t *testing.T) {
	var atPoint, atSwap func() error
	w := handlerstest.NewOver(func(s store.Store) store.Store {
		return storetest.Failing(s, func(method string) error {
			var do func() error
			switch method {
			case "Claim":
				do, atPoint = atPoint, nil
			case "SwapLobby":
				do, atSwap = atSwap, nil
			}
			if do == nil {
				return nil
			}
			return do()
		})
	})
	openHen(w, "ann")
	lost, noting, late, noted := make(chan bool), make(chan bool), make(chan bool), make(chan bool)
	atSwap = func() error { close(lost); return errors.New("no store") }
	atPoint = func() error { <-lost; close(noting); <-late; return nil }
	go func() {
		defer close(noted)
		w.Say("host", strings.Replace(reject, "X", "lost", 1))
	}()
	<-noting
	w.Say("host", reject)
	w.Heard()
	atSwap = func() error {
		close(late)
		<-noted
		w.Say("ann", `{"action":"start_lobby","content":{"lobby_id":"own"}}`)
		return nil
	}
	w.Say("ann", join)
	want := map[string][]string{"ann": {"error already_in_lobby"}, "host": {"error internal lost", "request_to_join"}}
	if diff := cmp.Diff(want, brief(w.Heard())); diff != "" {
		t.Errorf("heard (-want +got):\n%s", diff)
	}
	wantListed(t, w, []string{"host", "ann"}, false)
}

// openHen has the lobby hen begin, and somebody wait for it.
func openHen(w *handlerstest.World, waits string) {
	w.Connect("host", nil)
	w.Connect(waits, nil)
	w.Say("host", `{"action":"start_lobby","content":{"lobby_id":"hen"}}`)
	w.Say(waits, join)
	w.Heard()
}
