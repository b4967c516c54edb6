package server_test

import (
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"bellhop/gateway/programtest"
	"bellhop/lobby"
)

// A visit is a socket that ends soon.
type visit struct {
	sent   string
	waits  bool // for the handshake's answer
	resets bool
}

func (v visit) make(t *testing.T, url string) {
	c, err := net.Dial("tcp", strings.TrimPrefix(url, "ws://"))
	if err != nil {
		t.Error(err)
		return
	}
	io.WriteString(c, v.sent)
	if v.waits {
		c.Read(make([]byte, 1))
	}
	if v.resets {
		c.(*net.TCPConn).SetLinger(0)
	}
	c.Close()
}

// TestComingAndGoing checks that nothing is left of a thousand sockets that end
// as soon as they open, most of them while they join a lobby. The host gets a
// cancellation for each request, and has room for others.
func TestComingAndGoing(t *testing.T) {
	const handshake = programtest.Handshake + "\r\n"
	join := string([]byte{0x81, 0x80 | byte(len(joins("fox"))), 0, 0, 0, 0}) + joins("fox") // masked by zeros
	ways := []visit{
		{sent: handshake[:60]},
		{sent: handshake},
		{sent: handshake + join[:30]},
		{sent: handshake + join},
		{sent: handshake + join, waits: true, resets: true},
	}
	const times = 200
	x := newTarget(t)
	host, ann := x.open(t, "fox"), dial(t, x.url)
	turn := make(chan bool, 20)
	var all sync.WaitGroup
	for range times {
		for _, way := range ways {
			turn <- true
			all.Go(func() {
				way.make(t, x.url)
				<-turn
			})
		}
	}
	all.Wait()
	programtest.Await(t, "handshakes, ends, connections, and what is known of them", func() string {
		_, known := x.kept.Len()
		return fmt.Sprint(x.welcomed.Load(), x.left.Load(), x.Sockets.Connections(), known)
	}, fmt.Sprint(2+4*times, 4*times, 2, 2))
	waiting, requests := map[string]bool{}, 0
	for _, n := range host.heard() {
		id := n.Content.ConnectionID
		switch {
		case n.String() == "request_to_join":
			waiting[id] = true
			requests++
		case n.String() == "request_cancelled" && waiting[id]:
			delete(waiting, id)
		default:
			t.Errorf("the host heard %v of %q", n, id)
		}
	}
	if t.Logf("the host heard of %d requests", requests); requests == 0 || len(waiting) > 0 {
		t.Errorf("and %d of them were not taken back", len(waiting))
	}
	want(t, "who joins then", ann.ask(joins("fox")))
	want(t, "the host that accepts", host.ask(accepts), "request_to_join", "done 3")
}

// TestTenThousandJoins checks that a host gets at most the limit of requests,
// however many clients join at once and repeatedly. Each client gets one
// answer, even if it cancels, and the host can admit one of them.
func TestTenThousandJoins(t *testing.T) {
	const joiners, rounds, places = 400, 25, lobby.MaxWaiting
	x := newTarget(t)
	host, crowd := x.open(t, "fox"), x.crowd(t, joiners)
	for range rounds {
		heard := atOnce(crowd, func(c caller) []news { return c.ask(joins("fox")) })
		wantCounts(t, "400 who join", heard, map[string]int{"": places, "request_rejected lobby_full 1": joiners - places})
		requests := host.heard()
		wantCounts(t, "their host", each(requests), map[string]int{"request_to_join": places})
		want(t, "the host that accepts one", host.ask(acceptsOne(requests[0].Content.ConnectionID)), "done 3")
		var waiting []caller
		for i, answers := range heard {
			if len(answers) == 0 {
				waiting = append(waiting, crowd[i])
			}
		}
		left := atOnce(waiting, func(c caller) []news { return c.ask(leaves) })
		wantCounts(t, "64 who leave", left, map[string]int{"error not_in_lobby 1 lobby_left 2": places - 1, "request_accepted 1 lobby_left 2": 1})
		wantCounts(t, "their host", each(host.heard()), map[string]int{"request_cancelled": places - 1, "peer_left": 1})
	}
}

// TestHostNeverAnswers checks that at most 64 players wait for a silent host,
// and that players who cancel or disconnect make room for others.
func TestHostNeverAnswers(t *testing.T) {
	x := newTarget(t)
	host := x.open(t, "fox")
	waiting, late := x.crowd(t, lobby.MaxWaiting), dial(t, x.url)
	wantCounts(t, "64 who join", atOnce(waiting, func(c caller) []news { return c.ask(joins("fox")) }), map[string]int{"": lobby.MaxWaiting})
	want(t, "the 65th", late.ask(joins("fox")), "request_rejected lobby_full 1")
	x.wait(time.Hour)
	wantCounts(t, "who leaves after an hour", atOnce(waiting[:32], func(c caller) []news { return c.ask(leaves) }),
		map[string]int{"error not_in_lobby 1 lobby_left 2": 32})
	atOnce(waiting[32:], func(c caller) []news { c.CloseNow(); return nil })
	var heard []news
	for range 2 * lobby.MaxWaiting {
		heard = append(heard, host.next())
	}
	wantCounts(t, "the host", each(heard), map[string]int{"request_to_join": lobby.MaxWaiting, "request_cancelled": lobby.MaxWaiting})
	want(t, "the 65th", late.ask(joins("fox")))
	want(t, "the host", host.heard(), "request_to_join")
}

// TestSlowHost checks that a host that does not read costs others only an
// answer. A client that sends to it, or joins, is rate_limited and can go on.
// Another lobby notices nothing. When the host reads again, all events are
// there, and it is a host as before.
func TestSlowHost(t *testing.T) {
	const relayed = 200
	x := newTarget(t)
	x.busy = 1
	fox, hen, ann := x.pair(t, "fox"), x.pair(t, "hen"), dial(t, x.url)
	var others sync.WaitGroup
	others.Go(func() {
		for seq := range relayed {
			hen.guest.tell(relays(hen.hostID, seq, ""))
		}
	})
	filling, taken := strings.Repeat("x", 27<<10), 0
	for ; ; taken++ {
		fox.guest.tell(relays(fox.hostID, taken, filling))
		if answer := fox.guest.next(); answer.String() != "done 5" {
			want(t, "the guest of who does not read", []news{answer}, "error rate_limited 5")
			break
		}
	}
	answer := ann.ask(joins("fox"))
	for ; len(answer) == 0; answer = ann.ask(joins("fox")) { // there might be room for some short events still
		ann.ask(leaves)
		x.wait(time.Second)
	}
	want(t, "who joins one that does not read", answer, "error rate_limited 1")
	want(t, "who goes elsewhere then", ann.ask(opens("owl")), "lobby_started 1")
	want(t, "who comes again then", ann.ask(leaves), "lobby_left 2")

	others.Wait()
	heard := hen.host.heard()
	wantCounts(t, "another host", each(heard), map[string]int{"received_ice_candidate": relayed})
	for seq, n := range heard {
		if n.Content.Seq != seq {
			t.Fatalf("another host heard number %d as the %dth", n.Content.Seq, seq)
		}
	}
	for seq := 0; seq < taken; {
		switch n := fox.host.next(); {
		case n.Event == "request_to_join", n.Event == "request_cancelled":
		case n.String() != "received_ice_candidate", n.Content.Seq != seq:
			t.Fatalf("the host that reads again heard %v, number %d; want number %d of %d", n, n.Content.Seq, seq, taken)
		default:
			seq++
		}
	}
	fox.host.heard()
	ann.ask(leaves)
	want(t, "who joins once it reads", ann.ask(joins("fox")))
	want(t, "the host that accepts", fox.host.ask(accepts), "request_to_join", "done 3")
	want(t, "who is let in", ann.heard(), "request_accepted 1")
	want(t, "the guest", fox.guest.ask(relays(fox.hostID, taken, filling)), "done 5")
	want(t, "the host", fox.host.heard(), "received_ice_candidate")
}
