package server_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"bellhop/gateway/programtest"
)

// TestVanished checks the events after a client vanishes silently, as a phone
// does in a tunnel. Until its idle timeout all seems well. Then its slot is
// kept for the grace, and then the slot, or the lobby's id, is free.
func TestVanished(t *testing.T) {
	x := newTarget(t)
	fox, hen, owl := x.pair(t, "fox"), x.pair(t, "hen"), x.open(t, "owl") // the first pair's host vanishes, and the second's guest
	ann, bob, cid := dial(t, x.url), dial(t, x.url), dial(t, x.url)
	cid.tell(joins("owl")) // and vanishes too
	present := []caller{fox.guest, hen.host, owl, ann, bob}

	want(t, "who waits for who has vanished", ann.ask(joins("fox")))
	want(t, "the guest", fox.guest.ask(relays(fox.hostID, 1, "")), "done 5")
	want(t, "the host", hen.host.ask(relays(hen.guestID, 1, "")), "done 5")
	want(t, "who was asked to let somebody in", []news{owl.next()}, "request_to_join")

	x.wait(9 * time.Minute)
	wantCounts(t, "who is there", atOnce(present, caller.heard), map[string]int{"": len(present)})
	x.wait(time.Minute)
	x.Sockets.Sweep()
	want(t, "the guest", fox.guest.ask(relays(fox.hostID, 2, "")), "peer_disconnected", "error peer_unreachable 5")
	want(t, "the host", hen.host.ask(relays(hen.guestID, 2, "")), "peer_disconnected", "error peer_unreachable 5")
	want(t, "who waited", []news{ann.next()}, "request_rejected host_unavailable 1")
	want(t, "who joins now", bob.ask(joins("fox")), "request_rejected host_unavailable 1")
	want(t, "who was asked to let somebody in", []news{owl.next()}, "request_cancelled")
	want(t, "who lets them in nevertheless", owl.ask(accepts), "error request_not_found 3")
	programtest.Await(t, "those who have vanished", func() string { return fmt.Sprint(x.Sockets.Connections() - len(present)) }, "0")

	x.wait(time.Minute)
	want(t, "the guest", fox.guest.ask(relays(fox.hostID, 3, "")), "lobby_closed", "error peer_not_found 5")
	want(t, "the host", hen.host.ask(relays(hen.guestID, 3, "")), "peer_left", "error peer_not_found 5")
	want(t, "who waited", ann.ask(opens("elk")), "lobby_started 1")
	want(t, "who starts a lobby of that id", bob.ask(opens("fox")), "lobby_started 1")
}

// TestTalkingToTheVanished checks that a vanished client is noticed long before
// its idle timeout if a peer sends it more than fits, since it reads nothing.
func TestTalkingToTheVanished(t *testing.T) {
	x := newTarget(t)
	x.Sockets.Stall = 500 * time.Millisecond
	fox := x.pair(t, "fox")
	tooMuch := relays(fox.hostID, 1, strings.Repeat("x", 27<<10))
	answer := news{}
	for ; answer.Event != "error" && answer.Event != "peer_disconnected"; answer = fox.guest.next() {
		fox.guest.tell(tooMuch)
	}
	if answer.String() == "error rate_limited 5" { // usually; otherwise all messages took longer than Stall
		answer = fox.guest.next()
	}
	want(t, "the guest", []news{answer}, "peer_disconnected")
	heard := fox.guest.ask(tooMuch)
	want(t, "the guest", heard[len(heard)-1:], "error peer_unreachable 5")
}
