package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"

	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/google/go-cmp/cmp"

	"bellhop/gateway/apigateway"
	"bellhop/store"
)

// The stories here are of clients who mean harm, or might as well: over sockets, against the server that the program runs,
// by the hundred. Each says what everybody hears. What one such client hears of one message is a conversation:
// testdata/conversations/abuse-*.txt.

// A target is the program's server, whose clock stands still until it is told to go on: so what a bucket holds, and when
// somebody's time is over, is counted and not measured. At the end all have hung up, and nothing may be left of them.
type target struct {
	*server
	url      string
	kept     *store.Memory
	clock    atomic.Int64 // ms since 1970
	welcomed atomic.Int64 // handshakes that have been dealt with
}

func newTarget(t *testing.T) *target {
	before, log := runtime.NumGoroutine(), newOutput()
	x := &target{}
	x.clock.Store(time.Now().Truncate(time.Second).UnixMilli())
	x.kept = store.NewMemory(x.now)
	x.server = newServer(options{
		now: x.now, stage: "local", rate: 100, grace: time.Minute, idle: 10 * time.Minute, lifetime: 2 * time.Hour,
	}, x.kept, slog.New(slog.NewTextHandler(log, nil)))
	x.sockets.Stall = time.Hour // unless a story is about it: this machine may be slow
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		x.ServeHTTP(w, r)
		x.welcomed.Add(1)
	}))
	x.url = "ws" + strings.TrimPrefix(web.URL, "http")
	t.Cleanup(func() { // after those of all clients
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		if err := x.sockets.Shutdown(ctx); err != nil {
			t.Error(err)
		}
		web.Close()
		x.wait(time.Minute + time.Second) // a place is held until a whole second
		x.kept.Sweep()
		if lobbies, connections := x.kept.Len(); lobbies+connections > 0 {
			t.Errorf("the store is left with %d lobbies and %d connections", lobbies, connections)
		}
		await(t, "more goroutines than before", func() string { return fmt.Sprint(max(0, runtime.NumGoroutine()-before-2)) }, "0")
		if log.String() != "" {
			t.Errorf("the log says\n%.2000s", log)
		}
	})
	return x
}

func (x *target) now() time.Time { return time.UnixMilli(x.clock.Load()) }

func (x *target) wait(d time.Duration) { x.clock.Add(d.Milliseconds()) }

// crowd connects n clients.
func (x *target) crowd(t *testing.T, n int) (all []caller) {
	for range n {
		all = append(all, dial(t, x.url))
	}
	return all
}

// open connects a host, who opens a lobby.
func (x *target) open(t *testing.T, lobby string) (host caller) {
	t.Helper()
	host = dial(t, x.url)
	want(t, "a host", host.ask(opens(lobby)), "lobby_started 1")
	return host
}

// A pair is a host, and a guest whom it has let in.
type pair struct {
	host, guest     caller
	hostID, guestID string
}

func (x *target) pair(t *testing.T, lobby string) pair {
	t.Helper()
	p := pair{host: x.open(t, lobby), guest: dial(t, x.url)}
	p.guest.ask(joins(lobby))
	want(t, "a host", p.host.ask(accepts), "request_to_join", "done 3")
	heard := p.guest.heard()
	want(t, "a guest", heard, "request_accepted 1")
	p.hostID, p.guestID = heard[0].Content.Host, heard[0].Content.ConnectionID
	return p
}

func opens(lobby string) string {
	return `{"action":"start_lobby","content":{"lobby_id":"` + lobby + `"},"request_id":"1"}`
}

func joins(lobby string) string {
	return `{"action":"join_lobby","content":{"lobby_id":"` + lobby + `"},"request_id":"1"}`
}

const (
	leaves  = `{"action":"leave_lobby","request_id":"2"}`
	accepts = `{"action":"accept_request","request_id":"3"}` // the only one who waits
	pings   = `{"action":"ping","request_id":"4"}`
)

func acceptsOne(id string) string {
	return `{"action":"accept_request","content":{"connection_id":"` + id + `"},"request_id":"3"}`
}

// relays is a candidate for a peer, with a number and a filling.
func relays(to string, seq int, filling string) string {
	return fmt.Sprintf(`{"action":"send_ice_candidate","content":{"connection_id":%q,"candidate":"","seq":%d,"x":%q},"request_id":"5"}`, to, seq, filling)
}

// news is what a client hears: an event as the stories need it.
type news struct {
	Event     string
	RequestID string `json:"request_id"`
	Content   struct {
		Code         string
		ConnectionID string `json:"connection_id"`
		Host         string `json:"host_connection_id"`
		Seq          int
	}
}

// String is the event, the code if it has one, and which request it answers.
func (n news) String() string {
	return strings.Join(strings.Fields(n.Event+" "+n.Content.Code+" "+n.RequestID), " ")
}

// tell sends a message. If that fails, what is heard says why.
func (c caller) tell(text string) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	c.Write(ctx, websocket.MessageText, []byte(text))
}

// next returns the next event, or an error as one.
func (c caller) next() (n news) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	_, data, err := c.Read(ctx)
	if err == nil {
		err = json.Unmarshal(data, &n)
	}
	if err != nil {
		n.Event, n.RequestID = err.Error(), fence
	}
	return n
}

// fence is the request id of a ping: what comes before its answer was there already when it was sent.
const fence = "fence"

// heard returns what c has heard so far.
func (c caller) heard() (all []news) {
	c.tell(`{"action":"ping","request_id":"` + fence + `"}`)
	for {
		n := c.next()
		if n.RequestID == fence && (n.Event == "pong" || n.Content.Code != "") {
			return all
		}
		if all = append(all, n); n.RequestID == fence {
			return all
		}
	}
}

// ask sends a message, and returns what is heard until it has been dealt with.
func (c caller) ask(text string) []news {
	c.tell(text)
	return c.heard()
}

// atOnce has all do something at the same time.
func atOnce(all []caller, do func(caller) []news) [][]news {
	heard := make([][]news, len(all))
	var wg sync.WaitGroup
	for i, c := range all {
		wg.Go(func() { heard[i] = do(c) })
	}
	wg.Wait()
	return heard
}

// want compares what somebody has heard.
func want(t *testing.T, who string, heard []news, want ...string) {
	t.Helper()
	got := []string{}
	for _, n := range heard {
		got = append(got, n.String())
	}
	if diff := cmp.Diff(append([]string{}, want...), got); diff != "" {
		t.Fatalf("%s heard (-want +got):\n%.3000s", who, diff)
	}
}

// wantCounts compares how many have heard what, or how often somebody has.
func wantCounts(t *testing.T, who string, heard [][]news, want map[string]int) {
	t.Helper()
	got := map[string]int{}
	for _, all := range heard {
		got[strings.Trim(fmt.Sprint(all), "[]")]++
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("%s heard (-want +got):\n%.3000s", who, diff)
	}
}

// each makes a list of its own of each event, to count events by.
func each(heard []news) (all [][]news) {
	for _, n := range heard {
		all = append(all, []news{n})
	}
	return all
}

// TestTenThousandJoins guards that a host hears of as many as may wait, however many join at once and again and again; that
// each of them gets one answer, also when they withdraw; and that the host may let one of them in.
func TestTenThousandJoins(t *testing.T) {
	const joiners, rounds, places = 400, 25, store.MaxWaiting
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

// TestHostNeverAnswers guards that no more than 64 wait for a host that says nothing, and that those who lose patience, or
// their connection, make room for others.
func TestHostNeverAnswers(t *testing.T) {
	x := newTarget(t)
	host := x.open(t, "fox")
	waiting, late := x.crowd(t, store.MaxWaiting), dial(t, x.url)
	wantCounts(t, "64 who join", atOnce(waiting, func(c caller) []news { return c.ask(joins("fox")) }), map[string]int{"": store.MaxWaiting})
	want(t, "the 65th", late.ask(joins("fox")), "request_rejected lobby_full 1")
	x.wait(time.Hour)
	wantCounts(t, "who leaves after an hour", atOnce(waiting[:32], func(c caller) []news { return c.ask(leaves) }),
		map[string]int{"error not_in_lobby 1 lobby_left 2": 32})
	atOnce(waiting[32:], func(c caller) []news { c.CloseNow(); return nil })
	var heard []news
	for range 2 * store.MaxWaiting {
		heard = append(heard, host.next())
	}
	wantCounts(t, "the host", each(heard), map[string]int{"request_to_join": store.MaxWaiting, "request_cancelled": store.MaxWaiting})
	want(t, "the 65th", late.ask(joins("fox")))
	want(t, "the host", host.heard(), "request_to_join")
}

// TestSlowHost guards that a host which does not read costs the others no more than an answer: who sends to it, or joins,
// is rate_limited and may do something else; another lobby notices nothing; and when the host reads, all that was done is
// there, and it is a host as before.
func TestSlowHost(t *testing.T) {
	const relayed = 200
	x := newTarget(t)
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
	for ; len(answer) == 0; answer = ann.ask(joins("fox")) { // there may be room for some short events yet
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

// TestFloods guards that who sends bytes that say nothing, be each a message or each a fragment of one, is answered as
// often as it has sent messages, costs others nothing, and keeps its connection and its place.
func TestFloods(t *testing.T) {
	x := newTarget(t)
	fox, ann := x.pair(t, "fox"), dial(t, x.url)
	eve := fox.guest
	x.wait(time.Minute) // buckets are full
	answers := map[string]int{}
	for range 4 {
		for range 500 {
			eve.tell("x")
		}
		want(t, "somebody else", ann.ask(pings), "pong 4")
		for range 500 {
			answers[eve.next().String()]++
		}
	}
	if diff := cmp.Diff(map[string]int{"error invalid_json": 500, "error rate_limited": 1500}, answers); diff != "" {
		t.Errorf("who sends 2,000 messages of a byte heard (-want +got):\n%s", diff)
	}
	x.wait(time.Minute)
	want(t, "who was flooding", eve.ask(pings), "pong 4")
	want(t, "its host", fox.host.ask(relays(fox.guestID, 1, "")), "done 5")
	want(t, "who was flooding", eve.heard(), "received_ice_candidate")

	eve.fragments("", pings, func() { want(t, "somebody else", ann.ask(pings), "pong 4") })
	want(t, "who sends a message in fragments of a byte", []news{eve.next()}, "pong 4")
	frame := strings.Repeat("x", apigateway.MaxFrame)
	eve.fragments(frame+frame+frame, frame+"x", func() { want(t, "somebody else", ann.ask(pings), "pong 4") })
	if _, _, err := eve.Read(t.Context()); websocket.CloseStatus(err) != websocket.StatusMessageTooBig {
		t.Errorf("whose fragments are more than 128 KiB heard %v, want status 1009", err)
	}
	want(t, "its host", []news{fox.host.next()}, "peer_disconnected")
}

// fragments sends a message: its first part in long frames, the rest byte by byte, and calls meanwhile in the middle of that.
func (c caller) fragments(first, rest string, meanwhile func()) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	w, err := c.Writer(ctx, websocket.MessageText)
	for part := range slices.Chunk([]byte(first), apigateway.MaxFrame) {
		if err == nil {
			_, err = w.Write(part)
		}
	}
	for i := 0; i < len(rest) && err == nil; i++ {
		if i == len(rest)/2 {
			meanwhile()
		}
		_, err = io.WriteString(w, rest[i:i+1])
	}
	if err == nil {
		w.Close()
	}
}

// TestVanished guards what is heard of somebody who vanishes and says nothing of it, as a phone in a tunnel: until their
// idle time is over all seems well, then their place is held, and then it, or the lobby's id, is free.
func TestVanished(t *testing.T) {
	x := newTarget(t)
	fox, hen, owl := x.pair(t, "fox"), x.pair(t, "hen"), x.open(t, "owl") // the first host vanishes, and the second's guest
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
	x.sockets.Sweep()
	want(t, "the guest", fox.guest.ask(relays(fox.hostID, 2, "")), "peer_disconnected", "error peer_unreachable 5")
	want(t, "the host", hen.host.ask(relays(hen.guestID, 2, "")), "peer_disconnected", "error peer_unreachable 5")
	want(t, "who still waits", ann.heard())
	want(t, "who joins now", bob.ask(joins("fox")), "request_rejected host_unavailable 1")
	want(t, "who was asked to let somebody in", []news{owl.next()}, "request_cancelled")
	want(t, "who lets them in nevertheless", owl.ask(accepts), "error request_not_found 3")
	await(t, "those who have vanished", func() string { return fmt.Sprint(x.sockets.Connections() - len(present)) }, "0")

	x.wait(time.Minute)
	want(t, "the guest", fox.guest.ask(relays(fox.hostID, 3, "")), "lobby_closed", "error peer_not_found 5")
	want(t, "the host", hen.host.ask(relays(hen.guestID, 3, "")), "peer_left", "error peer_not_found 5")
	want(t, "who still waits", ann.heard(), "request_rejected lobby_closed 1")
	want(t, "who starts a lobby of that id", bob.ask(opens("fox")), "lobby_started 1")
}

// TestTalkingToTheVanished guards that somebody who has vanished is noticed by what they do not take, long before their idle
// time is over, if a peer sends them more than fits.
func TestTalkingToTheVanished(t *testing.T) {
	x := newTarget(t)
	x.sockets.Stall = 500 * time.Millisecond
	fox := x.pair(t, "fox")
	tooMuch := relays(fox.hostID, 1, strings.Repeat("x", 27<<10))
	answer := news{}
	for ; answer.Event != "error" && answer.Event != "peer_disconnected"; answer = fox.guest.next() {
		fox.guest.tell(tooMuch)
	}
	if answer.String() == "error rate_limited 5" { // as a rule, or all that was sent has taken longer than Stall
		answer = fox.guest.next()
	}
	want(t, "the guest", []news{answer}, "peer_disconnected")
	heard := fox.guest.ask(tooMuch)
	want(t, "the guest", heard[len(heard)-1:], "error peer_unreachable 5")
}

// TestGuesses guards that who guesses ids or tokens is told of 25 at once and of 5 a second, on each connection, and cannot
// use what is right either when it has to wait; and that those in the lobby hear nothing of it.
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
	for range 60 {
		x.wait(time.Second)
		verdicts = append(verdicts, guess(eve, 20))
	}
	if diff := cmp.Diff(append([]int{25}, slices.Repeat([]int{5}, 60)...), verdicts); diff != "" {
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

// TestPasswords guards that a crowd that guesses a lobby's password is told of at most 50 at once, all together; that who knows
// it comes in when they have been slowed; and that the host hears of nobody else.
func TestPasswords(t *testing.T) {
	x := newTarget(t)
	host, crowd, ann := dial(t, x.url), x.crowd(t, 20), dial(t, x.url)
	want(t, "the host", host.ask(`{"action":"start_lobby","content":{"lobby_id":"fox","password":"right"},"request_id":"1"}`), "lobby_started 1")
	password := func(s string) string {
		return `{"action":"join_lobby","content":{"lobby_id":"fox","password":"` + s + `"},"request_id":"1"}`
	}
	var verdicts, limited atomic.Int64
	guess := func(c caller) []news {
		for range 50 {
			c.tell(password("wrong"))
		}
		for range 50 {
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
	t.Logf("20 who guess 50 times each hear %d verdicts, and %d times to wait", verdicts.Load(), limited.Load())
	if n := verdicts.Load(); n < 1 || n > 50 { // fewer where hashing takes long: then it is given up
		t.Errorf("a crowd heard %d verdicts on passwords, want at most 50", n)
	}
	want(t, "who knows it, while they guess", ann.ask(password("right")), "error rate_limited 1")
	x.wait(100 * time.Millisecond)
	want(t, "who knows it, a moment later", ann.ask(password("right")))
	want(t, "the host", host.heard(), "request_to_join")
}

// TestComingAndGoing guards that nothing is left of a thousand sockets that end as soon as they have begun, most of them on
// their way into a lobby: its host hears of each request that it was taken back, and has room.
func TestComingAndGoing(t *testing.T) {
	const handshake = "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
	join := string([]byte{0x81, 0x80 | byte(len(joins("fox"))), 0, 0, 0, 0}) + joins("fox") // masked by zeros
	ways := []struct {
		sent   string
		waits  bool // for the handshake's answer
		resets bool
	}{
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
				defer func() { <-turn }()
				c, err := net.Dial("tcp", strings.TrimPrefix(x.url, "ws://"))
				if err != nil {
					t.Error(err)
					return
				}
				io.WriteString(c, way.sent)
				if way.waits {
					c.Read(make([]byte, 1))
				}
				if way.resets {
					c.(*net.TCPConn).SetLinger(0)
				}
				c.Close()
			})
		}
	}
	all.Wait()
	await(t, "handshakes, connections, and what is known of them", func() string {
		_, known := x.kept.Len()
		return fmt.Sprint(x.welcomed.Load(), x.sockets.Connections(), known)
	}, fmt.Sprint(2+4*times, 2, 2))
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
