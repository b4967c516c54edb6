package handlers_test

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"pgregory.net/rapid"

	"bellhop/events"
	"bellhop/handlers"
	"bellhop/handlers/handlerstest"
	"bellhop/lobby"
)

// FuzzConversation checks the invariants for any actions of four clients, in
// two processes over one store. An event is valid JSON of at most 32 KiB. No
// error is internal, and the log stays empty. A request_id comes back exactly
// once, to its sender, or when a wait ends. A waiting client gets only the end
// of its wait. A client in no lobby can start or join one. Clients get events
// only of their own lobby.
func FuzzConversation(f *testing.F) {
	files, _ := filepath.Glob("../testdata/conversations/*.txt")
	if len(files) == 0 {
		f.Fatal("no conversations found")
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(script(string(data)))
	}
	const join, accept = `{"action":"join_lobby","content":{"lobby_id":"fox"}}`, `{"action":"accept_request"}`
	f.Add([]byte{ // a lobby of three for which one waits
		stepByte(0, `{"action":"start_lobby","content":{"lobby_id":"Fox"}}`), stepByte(1, join), stepByte(0, accept),
		stepByte(2, join), stepByte(0, accept), stepByte(3, join),
	})
	f.Fuzz(func(t *testing.T, script []byte) { converse(t, handlerstest.New(), script) })
}

// maxSteps of a minute each are shorter than the life of an idle connection or
// lobby.
const maxSteps = 150

// steps are the meanings of a byte in a script: the client is its remainder by
// 4, the step the quotient. In a message @2 is the connection id of client 2,
// $2 the last resume token that it received, and # the number of the step.
var steps = []string{
	"says", // what follows: the length in two bytes, and the text
	"drops", "drops unnoticed", "connects", "connects original", "connects chess", "clock +1s", "clock +16s", "clock +61s",
	"other process",
	`{"action":"start_lobby","content":{"lobby_id":"fox"},"request_id":"#"}`,
	`{"action":"start_lobby","content":{"lobby_id":"Fox"}}`,
	`{"action":"start_lobby","content":{"lobby_id":"hen"},"request_id":"#"}`,
	`{"action":"start_lobby","request_id":"#"}`,
	`{"action":"join_lobby","content":{"lobby_id":"fox"},"request_id":"#"}`,
	`{"action":"join_lobby","content":{"lobby_id":"FOX"},"request_id":"#"}`,
	`{"action":"join_lobby","content":{"lobby_id":"fox"}}`,
	`{"action":"join_lobby","content":{"lobby_id":"hen"},"request_id":"#"}`,
	`{"action":"accept_request","request_id":"#"}`,
	`{"action":"accept_request"}`,
	`{"action":"accept_request","content":{"connection_id":"@0"},"request_id":"#"}`,
	`{"action":"accept_request","content":{"connection_id":"@1"},"request_id":"#"}`,
	`{"action":"accept_request","content":{"connection_id":"@2","peer_id":3},"request_id":"#"}`,
	`{"action":"accept_join_request","content":{"player_connection_id":"@3","player_peer_id":2.0},"request_id":"#"}`,
	`{"action":"reject_join_request","content":{"connection_id":"@0"},"request_id":"#"}`,
	`{"action":"reject_join_request","content":{"connection_id":"@1","reason":"No."}}`,
	`{"action":"reject_join_request","content":{"player_connection_id":"@2"},"request_id":"#"}`,
	`{"action":"set_session_description","content":{"connection_id":"@0","session_type":"offer","sdp":"v=0","seq":[#]},"request_id":"#"}`,
	`{"action":"set_session_description","content":{"connection_id":"@1","type":"answer","sdp":"v=0"}}`,
	`{"action":"set_session_description","content":{"connection_id":"@2","type":"rollback"},"request_id":"#"}`,
	`{"action":"send_session_description","content":{"connection_id":"@3","session_type":"offer","sdp":"v=0"},"request_id":"#"}`,
	`{"action":"set_session_description","content":{"connection_id":"@0","type":"offer","sdp":"` + strings.Repeat("s", events.MaxRelayed) + `"}}`,
	`{"action":"set_session_description","content":{"connection_id":"@1","type":"offer","sdp":"s","x":"` + strings.Repeat("x", events.MaxEvent-600) + `"}}`,
	`{"action":"send_ice_candidate","content":{"connection_id":"@0","candidate":""},"request_id":"#"}`,
	`{"action":"send_ice_candidate","content":{"connection_id":"@1","media":"0","index":0.0,"name":"n"},"request_id":"#"}`,
	`{"action":"send_ice_candidate","content":{"connection_id":"@2","candidates":[{"candidate":"c"}]}}`,
	`{"action":"send_ice_candidate","content":{"connection_id":"nobody","candidate":""},"request_id":"#"}`,
	`{"action":"start_lobby","content":{"lobby_id":"fox","on_host_leave":"migrate"},"request_id":"#"}`,
	`{"action":"start_lobby","content":{"lobby_id":"fox","auto_accept":true,"max_players":3,"on_host_leave":"migrate"}}`,
	`{"action":"update_lobby","content":{"auto_accept":true},"request_id":"#"}`,
	`{"action":"update_lobby","content":{"auto_accept":false,"locked":false,"max_players":2}}`,
	`{"action":"update_lobby","content":{"locked":true},"request_id":"#"}`,
	`{"action":"remove_player","content":{"connection_id":"@1"},"request_id":"#"}`,
	`{"action":"remove_player","content":{"connection_id":"@2","ban":true},"request_id":"#"}`,
	`{"action":"resume","content":{"resume_token":"$0"},"request_id":"#"}`,
	`{"action":"resume","content":{"resume_token":"$1"},"request_id":"#"}`,
	`{"action":"resume","content":{"resume_token":"$2"}}`,
	`{"action":"resume","content":{"resume_token":"$3"},"request_id":"#"}`,
	`{"action":"leave_lobby","request_id":"#"}`,
	`{"action":"leave_lobby"}`,
	`{"action":"close_lobby","request_id":"#"}`,
	`{"action":"close_lobby"}`,
	`{"action":"ping","content":{"x":"` + strings.Repeat("\u2028", events.MaxRelayed/3-3) + `"},"request_id":"#"}`,
	`{"action":"dance","request_id":"#"}`,
	`{"request_id":"#","action":"start_lobby","content":{"lobby_id":`,
	`{"request_id":"#","action":"start_lobby","content":[]}`,
}

func stepByte(client int, step string) byte { return byte(4*slices.Index(steps, step) + client) }

// script turns a golden conversation into a script. The fifth client of a
// conversation is again the first.
func script(golden string) (script []byte) {
	var names []string
	line := regexp.MustCompile(`(?m)^([\w-]+)(> ?| connects \?protocol=| )(.*)$`)
	for _, m := range line.FindAllStringSubmatch(golden, -1) {
		if !slices.Contains(names, m[1]) {
			names = append(names, m[1])
		}
	}
	for _, m := range line.FindAllStringSubmatch(golden, -1) {
		client, step := slices.Index(names, m[1])%4, m[3]
		switch {
		case m[2][0] == '>':
			for i, name := range names {
				step = strings.ReplaceAll(step, `"`+name+`"`, fmt.Sprintf(`"@%d"`, i%4))
			}
			script = append(binary.BigEndian.AppendUint16(append(script, stepByte(client, "says")), uint16(len(step))), step...)
		case m[1] == "clock":
			script = append(script, stepByte(0, "clock +61s"))
		case m[2] != " ":
			script = append(script, stepByte(client, "connects original"))
		case slices.Contains(steps, step):
			script = append(script, stepByte(client, step))
		}
	}
	return script
}

// A conversation is four clients and their remaining steps.
type conversation struct {
	*handlerstest.World
	processes [2]*handlers.Handler
	ids       [4]string // of the clients' current or last connections
	tokens    [4]string // the last that each client received
	opened    int       // connections so far
	step      int
	owed      map[string]map[string]int // of each connection, by request_id: outstanding answers
}

func converse(t rapid.TB, w *handlerstest.World, script []byte) {
	c := &conversation{World: w, owed: map[string]map[string]int{}}
	c.Burst = 100
	made := 0
	c.NewID = func() string { made++; return fmt.Sprint("made-", made) }
	c.processes = [2]*handlers.Handler{c.Handler, handlers.New(c.Config)}
	for ; len(script) > 0 && c.step < maxSteps; c.step++ {
		client, step := int(script[0]%4), steps[int(script[0]/4)%len(steps)]
		if script = script[1:]; step == "says" && len(script) >= 2 {
			n := min(int(binary.BigEndian.Uint16(script)), len(script)-2)
			step, script = string(script[2:2+n]), script[2+n:]
		}
		c.do(t, client, step)
	}
}

func (c *conversation) do(t rapid.TB, client int, step string) {
	switch step {
	case "drops", "drops unnoticed":
		c.drop(t, client, step == "drops")
	case "connects", "says":
		c.open(t, client, nil)
	case "connects original":
		c.open(t, client, map[string]string{"protocol": "original"})
	case "connects chess":
		c.open(t, client, map[string]string{"game": "chess"})
	case "clock +1s":
		c.Clock.Move(time.Second)
	case "clock +16s":
		c.Clock.Move(16 * time.Second)
	case "clock +61s":
		c.Clock.Move(61 * time.Second)
	case "other process":
		c.processes[0], c.processes[1] = c.processes[1], c.processes[0]
		c.Handler = c.processes[0]
	default:
		if !c.Connected(c.ids[client]) {
			c.open(t, client, nil)
		}
		replace := []string{"#", fmt.Sprint(c.step)}
		for i, id := range c.ids {
			replace = append(replace, fmt.Sprint("@", i), id, fmt.Sprint("$", i), c.tokens[i])
		}
		c.say(t, c.ids[client], strings.NewReplacer(replace...).Replace(step))
	}
}

func (c *conversation) open(t rapid.TB, client int, query map[string]string) {
	c.drop(t, client, true)
	conn := fmt.Sprintf("%c%d", 'a'+client, c.opened) // ids are never used again
	if c.opened++; c.Connect(conn, query) != 200 {
		t.Fatalf("step %d: the connection is refused", c.step)
	}
	c.ids[client], c.owed[conn] = conn, map[string]int{}
}

func (c *conversation) drop(t rapid.TB, client int, noticed bool) {
	conn := c.ids[client]
	if !c.Connected(conn) {
		return
	}
	before := c.places(t)
	c.Lose(conn)
	if noticed {
		c.check(t, conn, "$disconnect", "", before, "")
	}
}

func (c *conversation) say(t rapid.TB, conn, text string) {
	var m events.Message
	var j events.JoinLobby
	var r events.Resume
	m.Decode(text)
	if m.Content.Read(&j); m.RequestID != "" {
		c.owed[conn][m.RequestID]++
	}
	if m.Content.Read(&r); r.ResumeToken != "" {
		j.LobbyID = r.ResumeToken[strings.LastIndex(r.ResumeToken, ".")+1:]
	}
	c.check(t, conn, "$default", text, c.places(t), j.LobbyID)
}

// A place is the lobby that a connection is in, or waits for; the zero place is
// none.
type place struct {
	game    string
	lobby   *lobby.Lobby
	waits   bool
	dialect bool // uses the original dialect
}

// host is the connection of the lobby's host.
func (p place) host() string {
	if p.lobby == nil {
		return ""
	}
	return p.lobby.Host().Conn
}

func (p place) is(key lobby.Key) bool { return p.lobby != nil && p.lobby.Key() == key }

// places returns the place of every connected client.
func (c *conversation) places(t rapid.TB) map[string]place {
	all := map[string]place{}
	for _, conn := range c.ids {
		if !c.Connected(conn) {
			continue
		}
		at, err := c.Store.Connection(context.Background(), conn)
		if err != nil {
			t.Fatalf("step %d: %s: %v", c.step, conn, err)
		}
		p := place{game: at.Game, dialect: at.Original}
		if l, err := c.Store.Lobby(context.Background(), at.Key()); err == nil && l.Has(conn) {
			_, in := l.Member(conn)
			p.lobby, p.waits = l, !in
		}
		all[conn] = p
	}
	return all
}

// A line is an event with the fields that the checks need.
type line struct {
	Event     string `json:"event"`
	RequestID string `json:"request_id"`
	Content   struct {
		Code         string `json:"code"`
		ConnectionID string `json:"connection_id"`
		ResumeToken  string `json:"resume_token"`
	} `json:"content"`
}

// check handles the sender's event, which can name a lobby, and checks
// everybody's events that follow.
func (c *conversation) check(t rapid.TB, sender, route, text string, before map[string]place, named string) {
	fail := func(format string, args ...any) {
		t.Helper()
		t.Fatalf("step %d, %s by %s: %.300s\n%s", c.step, route, sender, text, fmt.Sprintf(format, args...))
	}
	if status := c.Invoke(sender, route, text, "reference", nil); status != 200 {
		fail("status %d", status)
	}
	after := c.places(t)
	keys := []lobby.Key{lobby.KeyOf(before[sender].game, named)}
	for _, p := range []place{before[sender], after[sender]} {
		if p.lobby != nil {
			keys = append(keys, p.lobby.Key())
		}
	}
	for _, p := range before {
		if p.lobby != nil && p.lobby.Due(c.Clock.Now()) { // its next reader ends the grace
			keys = append(keys, p.lobby.Key())
		}
	}
	for conn, inbox := range c.Heard() {
		for _, data := range inbox {
			var e line
			if err := json.Unmarshal([]byte(data), &e); err != nil || !jsontext.Value(data).IsValid() || e.Event == "" || len(data) > events.MaxEvent {
				fail("%s hears %d bytes (%v): %s", conn, len(data), err, data)
			}
			if e.RequestID != "" {
				c.owed[conn][e.RequestID]--
			}
			if client := slices.Index(c.ids[:], conn); client >= 0 && e.Content.ResumeToken != "" {
				c.tokens[client] = e.Content.ResumeToken
			}
			if why := mayNotHear(conn, sender, e, before[conn], before[sender], after[conn], keys); why != "" {
				fail("%s hears %s\nthough %s", conn, data, why)
			}
		}
	}
	for conn, p := range after {
		open := 0
		for id, n := range c.owed[conn] {
			if open += n; n < 0 {
				fail("%s hears request_id %q once too often", conn, id)
			}
		}
		if open > 1 && !p.dialect || open == 1 && !p.waits && !p.dialect {
			fail("%s lacks an answer: %v", conn, c.owed[conn])
		}
	}
	if lines := c.Logged(); len(lines) > 0 {
		fail("the log says %q", lines)
	}
}

// mayNotHear explains why conn should not have received e, which the sender has
// caused in a lobby; keys are the possible lobbies.
func mayNotHear(conn, sender string, e line, at, from, after place, keys []lobby.Key) string {
	relayed := strings.HasPrefix(e.Event, "received_session") || strings.HasPrefix(e.Event, "received_ice")
	_, waitEnds := slices.BinarySearch([]string{"join_request_accepted", "join_request_rejected", "request_accepted", "request_rejected"}, e.Event)
	_, hostOnly := slices.BinarySearch([]string{"received_join_request", "request_cancelled", "request_to_join"}, e.Event)
	switch {
	case e.Content.Code == string(events.Internal):
		return "nothing is wrong with the store"
	case e.Content.Code == string(events.AlreadyInLobby) && at.lobby == nil:
		return "it is in no lobby"
	case conn == sender && relayed:
		return "it is the sender"
	case conn == sender:
		return ""
	case at.lobby == nil:
		return "it is in no lobby"
	case !slices.ContainsFunc(keys, at.is):
		return "it is in another lobby"
	case e.Event == "error":
		return "it did nothing"
	case at.waits != waitEnds:
		return fmt.Sprintf("it waits: %v", at.waits)
	case hostOnly && at.host() != conn && after.host() != conn:
		return "it is not the host"
	case relayed && (e.Content.ConnectionID != sender || from.waits || from.lobby == nil || !from.is(at.lobby.Key())):
		return "the sender is not its peer"
	case relayed && !at.lobby.Mesh && after.host() != conn && after.host() != sender:
		return "neither is the host"
	case e.Content.ConnectionID != "" && !at.lobby.Has(e.Content.ConnectionID) && !(after.lobby != nil && after.lobby.Has(e.Content.ConnectionID)):
		return "that connection is not in the lobby"
	}
	return ""
}
