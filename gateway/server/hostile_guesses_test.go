package server_test

import (
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestGuesses checks the limits for a client that guesses ids or tokens. Each
// connection gets 25 answers in a burst and then 5 a second. While it has to
// wait, even a right guess is refused. The lobby's members get no events of it.
func TestGuesses(t *testing.T) {
	x := newTarget(t)
	fox := x.pair(t, "fox")
	guess := func(c caller, n int) (verdicts int) {
		for i := range n {
			c.tell([]string{
				joins(fmt.Sprint("guess-", i)),
				fmt.Sprintf(`{"action":"resume","content":{"resume_token":"%022d.2.fox"},"request_id":"6"}`, i),
			}[i%2])
		}
		for i := range n {
			switch n := c.next(); n.String() {
			case []string{"request_rejected lobby_not_found 1", "error resume_failed 6"}[i%2]:
				verdicts++
			case []string{"error rate_limited 1", "error rate_limited 6"}[i%2]:
			default:
				t.Errorf("who guesses heard %v", n)
			}
		}
		return verdicts
	}
	eve := dial(t, x.url)
	verdicts := []int{guess(eve, 1000)}
	for range 8 { // whoever goes on for 10 seconds is disconnected
		x.wait(time.Second)
		verdicts = append(verdicts, guess(eve, 20))
	}
	if diff := cmp.Diff(append([]int{25}, slices.Repeat([]int{5}, 8)...), verdicts); diff != "" {
		t.Errorf("verdicts on guesses at once, and in each second after (-want +got):\n%s", diff)
	}
	want(t, "who has guessed right", eve.ask(joins("fox")), "error rate_limited 1")
	x.wait(20 * time.Millisecond)
	want(t, "who has guessed right", eve.ask(joins("fox")))
	want(t, "the host", fox.host.heard(), "request_to_join")

	crowd := x.crowd(t, 40)
	var all atomic.Int64
	atOnce(crowd, func(c caller) []news { all.Add(int64(guess(c, 50))); return nil })
	if all.Load() != 25*40 {
		t.Errorf("40 who guess 50 times each at once heard %d verdicts, want 25 each", all.Load())
	}
	want(t, "the host", fox.host.heard())
	want(t, "the guest", fox.guest.heard())
}

// TestPasswords checks the limit for a crowd that guesses a lobby's password:
// together it gets at most 50 verdicts at once. A player with the right
// password can join all the same, and the host gets no other request.
func TestPasswords(t *testing.T) {
	const guesses = 10 // each is hashed, which takes some 40 ms of a core under the race detector
	x := newTarget(t)
	host, crowd, ann := dial(t, x.url), x.crowd(t, 20), dial(t, x.url)
	want(t, "the host", host.ask(`{"action":"start_lobby","content":{"lobby_id":"fox","password":"right"},"request_id":"1"}`), "lobby_started 1")
	password := func(s string) string {
		return `{"action":"join_lobby","content":{"lobby_id":"fox","password":"` + s + `"},"request_id":"1"}`
	}
	var verdicts, limited atomic.Int64
	guess := func(c caller) []news {
		for range guesses {
			c.tell(password("wrong"))
		}
		for range guesses {
			switch n := c.next(); n.String() {
			case "request_rejected wrong_password 1":
				verdicts.Add(1)
			case "error rate_limited 1":
				limited.Add(1)
			default:
				t.Errorf("who guesses heard %v", n)
			}
		}
		return nil
	}
	atOnce(crowd, guess)
	t.Logf("20 who guess %d times each hear %d verdicts, and %d times to wait", guesses, verdicts.Load(), limited.Load())
	if n := verdicts.Load(); n < 1 || n > 50 { // fewer if hashing takes too long, since it is given up then
		t.Errorf("a crowd heard %d verdicts on passwords, want at most 50", n)
	}
	want(t, "who knows it", ann.ask(password("right")))
	want(t, "the host", host.heard(), "request_to_join")
}
