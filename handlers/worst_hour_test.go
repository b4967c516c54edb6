package handlers_test

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"bellhop/handlers"
	"bellhop/handlers/handlerstest"
	"bellhop/handlers/metrics"
	"bellhop/lobby"
	"bellhop/store"
	"bellhop/store/dynamodbtest"
)

// machineConns is how many connections one machine has in the worst hour.
const machineConns = 64

// A flood is one machine that costs as much as it can. Only limits that hold
// for all processes together are on: those of the stage and the table, and
// those that are kept in a lobby. Its clock moves with its messages, which come
// as fast as the stage lets them.
type flood struct {
	*handlerstest.World
	limits    limits
	meter     *dynamodbtest.Meter
	invoked   int
	messages  int
	connects  int
	posts     atomic.Int64
	sent      atomic.Int64 // bytes of posts
	logged    tally        // bytes of metrics
	metrics   metrics.EMF
	names     int
	requestID string   // a field of each message, which lets more of them be answered
	ids       []string // of the lobbies that lobbies opened
	began     time.Time
}

// A tally counts the bytes that are written to it.
type tally int

func (n *tally) Write(p []byte) (int, error) {
	*n += tally(len(p))
	return len(p), nil
}

func newFlood(l limits) *flood {
	f := &flood{limits: l, requestID: `"request_id":"r",`}
	f.metrics = metrics.EMF{Set: metrics.New(), Stack: "bellhop", To: &f.logged}
	f.World = handlerstest.NewOver(func(s store.Store) store.Store {
		f.meter = dynamodbtest.NewMeter(s)
		return f.meter
	})
	f.Config.Poster, f.Config.LobbyPace, f.Config.Metrics = f, l.pace, f.metrics.Set
	f.Config.Rate, f.Config.Messages, f.Config.NewSecret = 1e6, 1e6, func() string { return "s" }
	f.Config.After = func(time.Duration) <-chan time.Time {
		now := make(chan time.Time, 1)
		now <- f.Clock.Now()
		return now
	}
	f.Restart()
	return f
}

// Post implements handlers.Poster.
func (f *flood) Post(_ context.Context, conn string, data []byte) error {
	f.posts.Add(1)
	f.sent.Add(int64(len(data)))
	if !f.Connected(conn) {
		return handlers.ErrGone
	}
	return nil
}

// name returns a connection id as long as API Gateway's.
func (f *flood) name() string {
	f.names++
	return fmt.Sprintf("Conn%012d", f.names)
}

// connect opens a connection. ConnectRate is a limit of its own, so its time
// passes only in floods that do nothing else with it.
func (f *flood) connect() (conn string) {
	conn = f.name()
	f.connects++
	f.Connect(conn, nil)
	f.count()
	return conn
}

func (f *flood) drop(conn string) {
	f.Drop(conn)
	f.count()
}

// count counts an invocation, and the metrics that it writes.
func (f *flood) count() {
	f.invoked++
	f.metrics.Flush(f.Clock.Now())
}

// say sends a message, and lets the time pass until the next.
func (f *flood) say(conn, action, content string) {
	f.messages++
	f.Say(conn, fmt.Sprintf(`{"action":%q,%s"content":{%s}}`, action, f.requestID, content))
	f.count()
	f.Clock.Move(time.Duration(float64(time.Second) / f.limits.rate))
}

// lobbies opens lobbies of n, with a roster, with all connections.
func (f *flood) lobbies(n int, settings string) (all [][]string) {
	f.Config.LobbyPace = 0
	f.Restart()
	for range machineConns / n {
		members := []string{f.connect()}
		id := "lobby-" + members[0]
		f.ids = append(f.ids, id)
		f.say(members[0], "start_lobby", fmt.Sprintf(`"lobby_id":%q,"auto_accept":true,"max_players":64,"player":%s%s`, id, longPlayer, settings))
		for len(members) < n {
			guest := f.connect()
			f.say(guest, "join_lobby", fmt.Sprintf(`"lobby_id":%q,"player":%s`, id, longPlayer))
			members = append(members, guest)
		}
		all = append(all, members)
	}
	f.owe(n * 3 / 4) // half of what its next change costs
	f.Config.LobbyPace = f.limits.pace
	f.Restart()
	f.reset()
	return all
}

// owe sets the accounts of all lobbies. Whatever they have saved up is soon
// spent in an hour.
func (f *flood) owe(notices int) {
	for _, id := range f.ids {
		store.UpdateLobby(context.Background(), f.meter.Store, lobby.KeyOf("default", id), func(l *lobby.Lobby) error {
			l.PaidAt = f.Clock.Now().UnixMilli() + int64(1000*notices/max(1, int(f.limits.pace)))
			return nil
		})
	}
}

// reset begins the time that is counted.
func (f *flood) reset() {
	f.meter.Take()
	f.invoked, f.messages, f.connects, f.logged = 0, 0, 0, 0
	f.posts.Store(0)
	f.sent.Store(0)
	f.Log.Reset()
	f.began = f.Clock.Now()
}

// Values of the most bytes that are allowed.
var (
	longPlayer   = `{"name":"` + strings.Repeat("n", 240) + `"}`
	longMetadata = `{"mode":"` + strings.Repeat("m", 1000) + `"}`
	longData     = `"` + strings.Repeat("d", 4000) + `"`
	longSDP      = strings.Repeat("s", 27<<10)
)

// floods are what one machine can do, each in lobbies of the size given.
var floods = []struct {
	what  string
	sizes []int // of lobbies: those that cost most, and the largest
	run   func(f *flood, size int)
}{
	{"descriptions of 27 KiB, relayed", []int{2, 64}, func(f *flood, n int) {
		all := f.lobbies(n, "")
		for i := range f.limits.count {
			l := all[i%len(all)]
			f.say(l[1], "set_session_description", fmt.Sprintf(`"connection_id":%q,"type":"offer","sdp":%q`, l[0], longSDP))
		}
	}},
	{"`update_player`", []int{5, 8, 64}, func(f *flood, n int) {
		all := f.lobbies(n, `,"roster":true`)
		for i := range f.limits.count {
			l := all[i%len(all)]
			f.say(l[i/len(all)%n], "update_player", `"player":`+longPlayer)
		}
	}},
	{"`update_lobby`, of public lobbies", []int{2, 3, 64}, func(f *flood, n int) {
		all := f.lobbies(n, `,"public":true`)
		for i := range f.limits.count {
			f.say(all[i%len(all)][0], "update_lobby", fmt.Sprintf(`"metadata":%s`, strings.Replace(longMetadata, "m", fmt.Sprint(i%10), 2)))
		}
	}},
	{"`send_message` to all, of 4 KiB", []int{4, 5, 10, 64}, func(f *flood, n int) {
		all := f.lobbies(n, "")
		for i := range f.limits.count {
			l := all[i%len(all)]
			f.say(l[i/len(all)%n], "send_message", `"data":`+longData)
		}
	}},
	{"`set_host`, back and forth", []int{5, 8, 64}, func(f *flood, n int) {
		all := f.lobbies(n, "")
		for i := range f.limits.count {
			l := all[i%len(all)]
			f.say(l[i/len(all)%2], "set_host", fmt.Sprintf(`"connection_id":%q`, l[1-i/len(all)%2]))
		}
	}},
	{"a filter that picks none of 1,000 lobbies", []int{1}, func(f *flood, _ int) {
		f.strangers(1000)
		conn := f.connect()
		for range f.limits.count / 40 {
			f.say(conn, "list_lobbies", `"filter":{"metadata.mode":"none"}`)
		}
	}},
	{"`quick_join` by such a filter", []int{1}, func(f *flood, _ int) {
		f.strangers(1000)
		conn := f.connect()
		for range f.limits.count / 40 {
			f.say(conn, "quick_join", `"filter":{"metadata.mode":"none"}`)
		}
	}},
	{"joining and leaving public lobbies", []int{3, 5, 8, 64}, func(f *flood, n int) {
		all := f.lobbies(n, `,"public":true,"roster":true`)
		for i := range f.limits.count / 2 {
			l := all[i%len(all)]
			f.say(l[1], "leave_lobby", "")
			f.say(l[1], "join_lobby", fmt.Sprintf(`"lobby_id":"lobby-%s","player":%s`, l[0], longPlayer))
		}
	}},
	{"public lobbies, opened, filled and closed", []int{6, 8, 64}, func(f *flood, n int) {
		var all []string
		for range machineConns {
			all = append(all, f.connect())
		}
		f.reset()
		for i := 0; f.messages < f.limits.count; i++ {
			members := all[i*n%machineConns:][:min(n, machineConns-i*n%machineConns)]
			for j, conn := range members {
				if content := fmt.Sprintf(`"lobby_id":"lobby-%d"`, i); j == 0 {
					f.say(conn, "start_lobby", content+`,"auto_accept":true,"public":true,"roster":true,"max_players":64,"player":`+longPlayer)
				} else {
					f.say(conn, "join_lobby", content+`,"player":`+longPlayer)
				}
			}
			f.say(members[0], "close_lobby", "")
		}
	}},
	{"connections that drop and resume", []int{32, 64}, func(f *flood, n int) {
		all := f.lobbies(n, `,"roster":true`)
		f.owe(2 * n * n) // as much as does not keep out those who come back
		for i := range machineConns + 6*int(f.limits.connects) {
			if i == machineConns { // each has dropped once
				f.reset()
			}
			l, j := all[i%len(all)], i/len(all)%n
			f.drop(l[j])
			l[j] = f.connect()
			f.say(l[j], "resume", fmt.Sprintf(`"resume_token":"s.%d.%s"`, j+1, f.ids[i%len(all)]))
			f.Clock.Move(time.Duration(float64(time.Second) * (1/f.limits.connects - 1/f.limits.rate)))
		}
	}},
}

// strangers opens that many public lobbies of others.
func (f *flood) strangers(n int) {
	for range n {
		f.say(f.connect(), "start_lobby", `"public":true,"auto_accept":true,"metadata":`+longMetadata)
	}
	f.reset()
}
