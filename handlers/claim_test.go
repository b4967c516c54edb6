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

// TestSlowWayElsewhere checks that a client that asks for two lobbies at once
// is never in both. One action has seen that the client is out of the lobby
// hen. Before it moves the claim, the client waits there again, and is rejected
// by a write that only half succeeds.
func TestSlowWayElsewhere(t *testing.T) {
	var atPoint func()
	var lost bool // writes of lobbies fail
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

// TestRejectedLongAfter checks the same for a client that has waited for long,
// could not be notified of its rejection, and goes elsewhere while the
// rejection is undone.
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

// TestTwoWaysInOneMillisecond checks the same for a client that asks to join a
// lobby twice in one millisecond. A late entry about the end of the first
// request must not count for the second.
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

// openHen opens the lobby hen, and lets a client wait for it.
func openHen(w *handlerstest.World, waits string) {
	w.Connect("host", nil)
	w.Connect(waits, nil)
	w.Say("host", `{"action":"start_lobby","content":{"lobby_id":"hen"}}`)
	w.Say(waits, join)
	w.Heard()
}
