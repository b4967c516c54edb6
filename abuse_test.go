package main

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/coder/websocket"
	"github.com/google/go-cmp/cmp"
)

// What clients hear of several mistakes alike.
const (
	noJSON     = `{"event":"error","content":{"code":"invalid_json","message":"Send one JSON object a message: in UTF-8, each name once, nothing after it."`
	noMessage  = `{"event":"error","content":{"code":"invalid_message","message":`
	noObject   = noMessage + `"Send a JSON object with \"action\" and \"content\"."}}`
	noAction   = noMessage + `"Name what to do in \"action\", a string."}}`
	noField    = `{"event":"error","content":{"code":"missing_field","message":`
	badField   = `{"event":"error","content":{"code":"invalid_field","message":`
	tooLarge   = `{"event":"error","content":{"code":"message_too_large","message":`
	noID       = `"Make \"request_id\" a string of at most 128 bytes."`
	lobbyChars = `"Make \"lobby_id\" 1 to 64 of the characters A-Z a-z 0-9 _ and -."`
	batch      = `"Make \"candidates\" an array of 1 to 64 candidates, each an object.","action":"send_ice_candidate","field":"candidates"}}`
	integer    = `"Make \"peer_id\" an integer from 2 to 2147483647.","action":"accept_request","field":"peer_id"}}`
)

// mistakes are messages of host, who is in a lobby with guest, each with the one event that answers it.
var mistakes = []struct{ what, send, hear string }{
	{"empty", ``, noJSON + `}}`},
	{"not JSON", `hello`, noJSON + `}}`},
	{"half of a message", `{"request_id":"r","action":"ping","content":{`, noJSON + `,"action":"ping"},"request_id":"r"}`},
	{"two messages", `{"action":"ping"}{"action":"ping"}`, noJSON + `,"action":"ping"}}`},
	{"not a number", `{"action":"ping","content":{"x":NaN}}`, noJSON + `,"action":"ping"}}`},
	{"a name twice", `{"action":"ping","content":{"x":1,"x":2}}`, noJSON + `,"action":"ping"}}`},
	{"a name twice, by an escape", `{"action":"ping","content":{"x":1,"\u0078":2}}`, noJSON + `,"action":"ping"}}`},
	{"a name twice, deep down", `{"action":"ping","content":{"x":[{"y":1,"y":2}]}}`, noJSON + `,"action":"ping"}}`},
	{"action twice", `{"action":"ping","action":"ping"}`, noJSON + `,"action":"ping"}}`},
	{"not UTF-8", "{\"action\":\"ping\",\"content\":{\"x\":\"\xff\"}}", noJSON + `,"action":"ping"}}`},
	{"not UTF-8, a surrogate", "{\"action\":\"ping\",\"content\":{\"x\":\"\xed\xa0\x80\"}}", noJSON + `,"action":"ping"}}`},
	{"not UTF-8, an action", "{\"action\":\"p\xffng\"}", noJSON + `}}`},
	{"half a surrogate pair", `{"action":"ping","content":{"x":"\ud83d"}}`, noJSON + `,"action":"ping"}}`},
	{"a null byte", "{\"action\":\"ping\"}\x00", noJSON + `,"action":"ping"}}`},

	{"an array", `[]`, noObject},
	{"a string", `"ping"`, noObject},
	{"a number", `7`, noObject},
	{"null", `null`, noObject},
	{"no action", `{}`, noAction},
	{"an empty action", `{"action":""}`, noAction},
	{"action in capitals", `{"ACTION":"ping"}`, noAction},
	{"action is null", `{"action":null}`, noMessage + `"Make \"action\" a string."}}`},
	{"action is a number", `{"action":1}`, noMessage + `"Make \"action\" a string."}}`},
	{"action is an object", `{"action":{"action":"ping"},"request_id":"r"}`, noMessage + `"Make \"action\" a string."},"request_id":"r"}`},
	{"unknown action", `{"action":"drop table","request_id":"r"}`, unknown(`,"action":"drop table"},"request_id":"r"}`)},
	{"an action of another case", `{"action":"Ping"}`, unknown(`,"action":"Ping"}}`)},
	{"a long action", `{"action":"` + strings.Repeat("a", 65) + `"}`, unknown(`,"action":"` + strings.Repeat("a", 64) + `"}}`)},
	{"a wrong action and a long request_id", `{"action":5,"request_id":"` + strings.Repeat("r", 129) + `"}`, noMessage + `"Make \"action\" a string."}}`},
	{"content is an array", `{"action":"ping","content":[]}`, noMessage + `"Make \"content\" an object, or leave it out.","action":"ping"}}`},
	{"content is text", `{"action":"ping","content":"{}"}`, noMessage + `"Make \"content\" an object, or leave it out.","action":"ping"}}`},
	{"request_id is a number", `{"action":"ping","request_id":1}`, noMessage + noID + `,"action":"ping"}}`},
	{"a long request_id", `{"action":"ping","request_id":"` + strings.Repeat("r", 129) + `"}`, badField + noID + `,"action":"ping","field":"request_id"}}`},
	{"a long request_id in few letters", `{"action":"ping","request_id":"` + strings.Repeat("é", 65) + `"}`, badField + noID + `,"action":"ping","field":"request_id"}}`},

	{"no lobby_id", `{"action":"join_lobby"}`, noField + `"Add \"lobby_id\" to \"content\".","action":"join_lobby","field":"lobby_id"}}`},
	{"lobby_id is null", `{"action":"join_lobby","content":{"lobby_id":null}}`, noField + `"Add \"lobby_id\" to \"content\".","action":"join_lobby","field":"lobby_id"}}`},
	{"lobby_id is a number", `{"action":"start_lobby","content":{"lobby_id":7}}`, badField + `"Make \"lobby_id\" a string.","action":"start_lobby","field":"lobby_id"}}`},
	{"lobby_id of other letters", `{"action":"start_lobby","content":{"lobby_id":"füchse"}}`, badField + lobbyChars + `,"action":"start_lobby","field":"lobby_id"}}`},
	{"lobby_id like a key", `{"action":"join_lobby","content":{"lobby_id":"chess#fox"}}`, badField + lobbyChars + `,"action":"join_lobby","field":"lobby_id"}}`},
	{"a long lobby_id", `{"action":"start_lobby","content":{"lobby_id":"` + strings.Repeat("a", 65) + `"}}`, badField + lobbyChars + `,"action":"start_lobby","field":"lobby_id"}}`},
	{"no connection_id", `{"action":"reject_join_request"}`, noField + `"Add \"connection_id\" to \"content\".","action":"reject_join_request","field":"connection_id"}}`},
	{"connection_id is an object", `{"action":"accept_request","content":{"connection_id":{}}}`, badField + `"Make \"connection_id\" a string.","action":"accept_request","field":"connection_id"}}`},
	{"a long connection_id", `{"action":"accept_request","content":{"connection_id":"` + strings.Repeat("a", 129) + `"}}`,
		badField + `"Make \"connection_id\" an id that an event has named.","action":"accept_request","field":"connection_id"}}`},
	{"connection_id of nobody", `{"action":"accept_request","content":{"connection_id":"\u0000"}}`,
		`{"event":"error","content":{"code":"request_not_found","message":"Nobody with that id waits for your lobby.","action":"accept_request"}}`},
	{"connection_id twice, by case", `{"action":"send_ice_candidate","content":{"connection_id":"guest","Connection_ID":"host","candidate":""}}`,
		badField + `"Write \"connection_id\" once, in lower case.","action":"send_ice_candidate","field":"connection_id"}}`},
	{"peer_id is no integer", `{"action":"accept_request","content":{"peer_id":2.5}}`, badField + `"Make \"peer_id\" an integer.","action":"accept_request","field":"peer_id"}}`},
	{"peer_id is the host's", `{"action":"accept_request","content":{"peer_id":1}}`, badField + integer},
	{"peer_id over 32 bits", `{"action":"accept_request","content":{"peer_id":2147483648}}`, badField + integer},
	{"peer_id over a double", `{"action":"accept_request","content":{"peer_id":1e400}}`, badField + `"Make \"peer_id\" an integer.","action":"accept_request","field":"peer_id"}}`},
	{"peer_id of 30,000 digits", `{"action":"accept_request","content":{"peer_id":` + strings.Repeat("9", 30000) + `}}`,
		badField + `"Make \"peer_id\" an integer.","action":"accept_request","field":"peer_id"}}`},
	{"a long reason", `{"action":"reject_join_request","content":{"connection_id":"guest","reason":"` + strings.Repeat("é", 129) + `"}}`,
		tooLarge + `"Make \"reason\" at most 256 bytes long.","action":"reject_join_request","field":"reason"}}`},

	{"no session_type", describe(`"sdp":"v=0"`), noField + `"Add \"session_type\" to \"content\".","action":"set_session_description","field":"session_type"}}`},
	{"session_type unknown", describe(`"type":"Offer","sdp":"v=0"`), badField + `"Make \"type\" one of offer, answer, pranswer and rollback.","action":"set_session_description","field":"type"}}`},
	{"no sdp", describe(`"type":"offer"`), noField + `"Add \"sdp\" to \"content\".","action":"set_session_description","field":"sdp"}}`},
	{"sdp is an object", describe(`"type":"offer","sdp":{}`), badField + `"Make \"sdp\" a string, the session description as your WebRTC library gives it.","action":"set_session_description","field":"sdp"}}`},
	{"sdp over 28 KiB", describe(`"type":"offer","sdp":"` + strings.Repeat("s", 32<<10-120) + `"`), tooLarge + `"Make \"sdp\" at most 28 KiB long, as JSON.","action":"set_session_description","field":"sdp"}}`},
	{"sdp over 28 KiB by a byte", describe(`"type":"offer","sdp":"` + strings.Repeat("s", 28<<10+1) + `"`), tooLarge + `"Make \"sdp\" at most 28 KiB long, as JSON.","action":"set_session_description","field":"sdp"}}`},
	{"a short sdp in long company", describe(`"type":"offer","sdp":"s","x":"` + strings.Repeat("x", 32<<10-140) + `"`),
		tooLarge + `"Make \"content\" at most 31.5 KiB long, as JSON.","action":"set_session_description","field":"content"}}`},
	{"no candidate", candidate(`"sdpMid":"0"`), noField + `"Add \"candidate\", or \"media\", \"index\" and \"name\", or \"candidates\" to \"content\".","action":"send_ice_candidate","field":"candidate"}}`},
	{"half of Godot's candidate", candidate(`"media":"0","name":"n"`), noField + `"Add \"index\" to \"content\".","action":"send_ice_candidate","field":"index"}}`},
	{"candidate as toJSON gives it", candidate(`"candidate":{"candidate":"c"}`),
		badField + `"Make \"candidate\" a string; spread RTCIceCandidate.toJSON() into \"content\".","action":"send_ice_candidate","field":"candidate"}}`},
	{"65 candidates", candidate(`"candidates":[{"candidate":""}` + strings.Repeat(`,{"candidate":""}`, 64) + `]`), badField + batch},
	{"no candidates", candidate(`"candidates":[]`), badField + batch},
	{"candidates is no array", candidate(`"candidates":{"candidate":""}`), badField + batch},
	{"candidates over 28 KiB", candidate(`"candidates":[{"candidate":"` + strings.Repeat("c", 28<<10) + `"}]`),
		tooLarge + `"Make \"content\" at most 28 KiB long, as JSON; send the candidates in several messages.","action":"send_ice_candidate","field":"content"}}`},
	{"a ping over 28 KiB", `{"action":"ping","content":{"x":"` + strings.Repeat("x", 28<<10) + `"},"request_id":"r"}`,
		tooLarge + `"Make \"content\" at most 28 KiB long, as JSON.","action":"ping","field":"content"},"request_id":"r"}`},
	{"10,000 levels", `{"action":"ping","content":{"x":` + strings.Repeat("[", 10000) + strings.Repeat("]", 10000) + `}}`,
		tooLarge + `"Nest objects and arrays at most 64 levels deep.","action":"ping"}}`},
	{"7,500 levels that never end", `{"action":"ping","content":` + strings.Repeat(`{"":`, 7500), tooLarge + `"Nest objects and arrays at most 64 levels deep.","action":"ping"}}`},
	{"10,000 levels beside content", `{"action":"ping","x":` + strings.Repeat("[", 10000) + strings.Repeat("]", 10000) + `}`,
		tooLarge + `"Nest objects and arrays at most 64 levels deep.","action":"ping"}}`},
}

func describe(rest string) string {
	return `{"action":"set_session_description","content":{"connection_id":"guest",` + rest + `}}`
}

func candidate(rest string) string {
	return `{"action":"send_ice_candidate","content":{"connection_id":"guest",` + rest + `}}`
}

func unknown(rest string) string {
	return `{"event":"error","content":{"code":"unknown_action","message":"Use one of …."` + rest
}

// withoutActions leaves out which actions there are: a new one changes that.
func withoutActions(events []string) []string {
	for i, e := range events {
		events[i] = knownActions.ReplaceAllString(e, `"Use one of …."`)
	}
	return events
}

var knownActions = regexp.MustCompile(`"Use one of accept_join_request, [a-z_, ]*, start_lobby[a-z_, ]*\."`)

// TestMistakes guards that a connection survives every mistake: it hears exactly what was wrong, its peer hears nothing,
// and its next message works.
func TestMistakes(t *testing.T) {
	for name, open := range homes {
		t.Run(name, func(t *testing.T) {
			h := open(t, newWorld())
			h.connect("host", "")
			h.connect("guest", "")
			h.send("host", `{"action":"start_lobby","content":{"lobby_id":"fox"}}`)
			h.send("guest", `{"action":"join_lobby","content":{"lobby_id":"fox"}}`)
			h.send("host", `{"action":"accept_request"}`)
			h.heard("host")
			h.heard("guest")
			for _, m := range mistakes {
				if name == "built" && !utf8.ValidString(m.send) {
					continue // an event for a function is JSON, which cannot hold it
				}
				h.send("host", m.send)
				h.send("host", `{"action":"ping","request_id":"next"}`)
				want := []string{m.hear, `{"event":"pong","content":{},"request_id":"next"}`}
				if diff := cmp.Diff(want, withoutActions(h.heard("host"))); diff != "" {
					t.Errorf("%s: %.200s\nheard (-want +got):\n%s", m.what, m.send, diff)
				}
				if heard := h.heard("guest"); len(heard) > 0 {
					t.Errorf("%s: %.200s\nthe guest hears %q", m.what, m.send, heard)
				}
			}
			h.send("host", candidate(`"candidate":""`))
			want := []string{`{"event":"received_ice_candidate","content":{"connection_id":"host","candidate":""}}`}
			if diff := cmp.Diff(want, h.heard("guest")); diff != "" {
				t.Errorf("after all that the guest hears (-want +got):\n%s", diff)
			}
		})
	}
}

// TestRefusedHandshakes guards that a bad parameter is refused with 400, and that the client may then connect.
func TestRefusedHandshakes(t *testing.T) {
	for name, open := range homes {
		t.Run(name, func(t *testing.T) {
			h := open(t, newWorld())
			for _, query := range []string{
				"protocol=klingon", "protocol=Original", "protocol=original%20", "game=", "game=a/b", "game=a%23b", "game=%00", "game=f%C3%BCchse",
				"game=" + strings.Repeat("a", 65), "game=chess&protocol=klingon", "game=chess&game=a/b",
				"protocol=",
			} {
				if status := h.connect("ann", query); status != 400 {
					t.Errorf("?%s: status %d, want 400", query, status)
				}
			}
			if status := h.connect("ann", "game="+strings.Repeat("a", 64)+"&protocol=bellhop&further=1"); status != 101 {
				t.Fatalf("a good handshake's status is %d", status)
			}
			h.send("ann", `{"action":"ping"}`)
			if diff := cmp.Diff([]string{`{"event":"pong","content":{}}`}, h.heard("ann")); diff != "" {
				t.Errorf("heard (-want +got):\n%s", diff)
			}
		})
	}
}

const rivals, rounds = 16, 1000

// TestOneHostWins guards that of any number who start one lobby at once exactly one becomes its host, and that the
// others, and the winner once it has left, may start the next at once: a pointer left behind would be already_in_lobby,
// since the clock stands still.
func TestOneHostWins(t *testing.T) {
	for name, open := range map[string]func(*testing.T, *world) func(rival int, text string) string{
		"memory": askInMemory, "sockets": askOverSockets,
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			ask := open(t, w)
			for round := range rounds {
				start := fmt.Sprintf(`{"action":"start_lobby","content":{"lobby_id":"lobby-%d"}}`, round)
				var answers [rivals]string
				var wg sync.WaitGroup
				for i := range rivals {
					wg.Go(func() { answers[i] = ask(i, start) })
				}
				wg.Wait()
				winners := []int{}
				for i, answer := range answers {
					if strings.HasPrefix(answer, `{"event":"lobby_started",`) {
						winners = append(winners, i)
					} else if !strings.Contains(answer, `"code":"lobby_exists"`) {
						t.Fatalf("round %d: rival %d hears %s", round, i, answer)
					}
				}
				if len(winners) != 1 {
					t.Fatalf("round %d: the winners are %v, want one", round, winners)
				}
				if left := ask(winners[0], `{"action":"leave_lobby"}`); !strings.HasPrefix(left, `{"event":"lobby_left",`) {
					t.Fatalf("round %d: the winner leaves and hears %s", round, left)
				}
			}
		})
	}
}

// askInMemory connects rivals to a Handler. What it returns sends a message for one and returns the first answer.
func askInMemory(t *testing.T, w *world) func(int, string) string {
	h := openMemory(t, w)
	w.handler.Burst = 50 * rounds
	for i := range rivals {
		h.connect(fmt.Sprint(i), "")
	}
	return func(rival int, text string) string {
		h.send(fmt.Sprint(rival), text)
		return strings.Join(h.heard(fmt.Sprint(rival)), "\n")
	}
}

// askOverSockets is askInMemory over a gateway's sockets.
func askOverSockets(t *testing.T, w *world) func(int, string) string {
	h := openSockets(t, w).(*socketHome)
	w.handler.Burst = 50 * rounds
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	var sockets [rivals]*websocket.Conn
	for i := range rivals {
		h.connect(fmt.Sprint(i), "")
		sockets[i] = h.clients[fmt.Sprint(i)].Conn
	}
	return func(rival int, text string) string {
		if err := sockets[rival].Write(ctx, websocket.MessageText, []byte(text)); err != nil {
			return err.Error()
		}
		_, data, err := sockets[rival].Read(ctx)
		if err != nil {
			return err.Error()
		}
		return string(data)
	}
}

// TestLogs guards that the log has one line for each internal that somebody hears, and no others; and that a line says
// no more of a message than who sent it, which action of the table it was, and the reference. Each message is sent twice:
// while the store fails, and when it works again.
func TestLogs(t *testing.T) {
	files, _ := filepath.Glob("testdata/conversations/*.txt")
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			c := readConversation(t, file)
			names, internal, log := c.replayWithFaults(t)
			line := regexp.MustCompile(`^level=ERROR msg=internal reference=a-reference connection_id=(` + strings.Join(names, "|") +
				`) action=([a-z_]+|""|\$connect) error="store: connection refused"$`)
			lines := strings.FieldsFunc(log, func(r rune) bool { return r == '\n' })
			for _, l := range lines {
				if !line.MatchString(l) {
					t.Errorf("the log says %s", l)
				}
			}
			if len(lines) != internal {
				t.Errorf("%d times something was internal, and the log has %d lines:\n%s", internal, len(lines), log)
			}
		})
	}
}

// replayWithFaults replays c in memory. It returns who sends anything, how often somebody heard of a fault, and the log.
func (c *conversation) replayWithFaults(t *testing.T) (names []string, internal int, log string) {
	var b bytes.Buffer
	w := newWorld()
	w.ids = strings.Split(strings.Repeat("BCDFGH JKLMNP QRSTVW XZ2345 ", 4), " ")
	h := openMemory(t, w)
	w.handler.Log = slog.New(slog.NewTextHandler(&b, &slog.HandlerOptions{ReplaceAttr: withoutTime}))
	var present []string
	do := func(s step) {
		if strings.HasSuffix(s.text, "refused with 500") {
			internal++
		}
		present = w.do(t, h, s, present)
		for _, name := range present {
			// In the original dialect what becomes of start_lobby has no code.
			internal += strings.Count(strings.Join(h.heard(name), ""), "tell whoever runs this server the reference.")
		}
	}
	for _, s := range c.steps {
		if m := sendLine.FindStringSubmatch(s.text); m != nil && !w.store.failing.Load() {
			if !slices.Contains(present, m[1]) {
				present = w.connect(t, h, s, present, m[1], "", 101)
			}
			w.store.failing.Store(true)
			do(s)
			w.store.failing.Store(false)
		}
		name, _, _ := strings.Cut(strings.ReplaceAll(s.text, ">", " "), " ")
		names = append(names, name)
		do(s)
	}
	return names, internal, b.String()
}

func withoutTime(_ []string, a slog.Attr) slog.Attr {
	if a.Key == slog.TimeKey {
		return slog.Attr{}
	}
	return a
}
