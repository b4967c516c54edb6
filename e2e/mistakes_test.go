package e2e

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

// A mistake is a message, and the event that answers it.
type mistake struct{ what, send, hear string }

const (
	refused  = `{"event":"error","content":{"code":`
	noCursor = refused + `"invalid_field","message":"Leave \"cursor\" out to start the list anew; this one is of another.","action":"list_lobbies","field":"cursor"}}`
)

// mistakes are sent by host, in whose lobby guest is. Package events has a row
// for each thing that can be wrong with a message. These rows show that the
// wire carries such an error, and what the handlers find wrong.
var mistakes = []mistake{
	{"empty", ``, refused + `"invalid_json","message":"Send a JSON object, made by a JSON library; this is none."}}`},
	{"half of a message", `{"request_id":"r","action":"ping","content":{`,
		refused + `"invalid_json","message":"Send a JSON object, made by a JSON library; this is none.","action":"ping"},"request_id":"r"}`},
	{"not UTF-8", "{\"action\":\"ping\",\"content\":{\"x\":\"\xff\"}}", refused + `"invalid_json","message":"Send text in UTF-8; some bytes are not.","action":"ping"}}`},
	{"a null byte", "{\"action\":\"ping\"}\x00", refused + `"invalid_json","message":"Send one JSON object a message; something follows it.","action":"ping"}}`},
	{"no action", `{}`, refused + `"invalid_message","message":"Name what to do in \"action\", a string."}}`},
	{"no lobby_id", `{"action":"join_lobby"}`, refused + `"missing_field","message":"Add \"lobby_id\" to \"content\".","action":"join_lobby","field":"lobby_id"}}`},
	{"a lobby_id that is a number", `{"action":"start_lobby","content":{"lobby_id":7},"request_id":"r"}`,
		refused + `"invalid_field","message":"Make \"lobby_id\" a string.","action":"start_lobby","field":"lobby_id"},"request_id":"r"}`},
	{"a lobby_id that looks like another", `{"action":"join_lobby","content":{"lobby_id":"ｆｏｘ"}}`,
		refused + `"invalid_field","message":"Make \"lobby_id\" 1 to 64 of the characters A-Z a-z 0-9 _ and -.","action":"join_lobby","field":"lobby_id"}}`},
	{"a ping over 28 KiB", `{"action":"ping","content":{"x":"` + strings.Repeat("x", 28<<10) + `"},"request_id":"r"}`,
		refused + `"message_too_large","message":"Make \"content\" at most 28 KiB long, as JSON.","action":"ping","field":"content"},"request_id":"r"}`},
	{"10,000 levels", `{"action":"ping","content":{"x":` + strings.Repeat("[", 10000) + strings.Repeat("]", 10000) + `}}`,
		refused + `"message_too_large","message":"Nest objects and arrays at most 64 levels deep.","action":"ping"}}`},

	{"unknown action", `{"action":"drop table","request_id":"r"}`, unknown(`,"action":"drop table"},"request_id":"r"}`)},
	{"an action of another case", `{"action":"Ping"}`, unknown(`,"action":"Ping"}}`)},
	{"a long action", `{"action":"` + strings.Repeat("a", 65) + `"}`, unknown(`,"action":"` + strings.Repeat("a", 64) + `"}}`)},
	{"connection_id of nobody", `{"action":"accept_request","content":{"connection_id":"\u0000"}}`,
		refused + `"request_not_found","message":"Nobody with that id waits for your lobby.","action":"accept_request"}}`},
}

func unknown(rest string) string {
	return refused + `"unknown_action","message":"Use one of …."` + rest
}

// withoutActions leaves out the list of actions, which changes with every new
// action.
func withoutActions(events []string) []string {
	for i, e := range events {
		events[i] = knownActions.ReplaceAllString(e, `"Use one of …."`)
	}
	return events
}

var knownActions = regexp.MustCompile(`"Use one of accept_join_request, [a-z_, ]*, start_lobby[a-z_, ]*\."`)

// cursors are none of this list.
var cursors = []string{
	"x", "AAAA", "!", " ", "../../etc", strings.Repeat("A", 10000), "MSNkZWZhdWx0IzA", "\\u0000", "____", "AAAAAAAA\\n",
}

// TestMistakes checks that a connection survives every mistake. It gets exactly
// the expected error, its peer gets nothing, and its next message is answered;
// the last message is correct.
func TestMistakes(t *testing.T) {
	all := slices.Clone(mistakes)
	for _, cursor := range cursors {
		all = append(all, mistake{"cursor " + cursor, `{"action":"list_lobbies","content":{"cursor":"` + cursor + `"}}`, noCursor})
	}
	survive(t, all)
}

// survive lets host, in a lobby with guest, make all the mistakes.
func survive(t *testing.T, all []mistake) {
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
			tried := 0
			for _, m := range all {
				if name == "built" && !utf8.ValidString(m.send) {
					continue // a function's event is JSON, which cannot hold it
				}
				tried++
				h.send("host", m.send)
				if diff := cmp.Diff([]string{m.hear}, withoutActions(h.heard("host"))); diff != "" {
					t.Errorf("%s: %.200s\nheard (-want +got):\n%s", m.what, m.send, diff)
				}
				if heard := h.heard("guest"); len(heard) > 0 {
					t.Errorf("%s: %.200s\nthe guest hears %q", m.what, m.send, heard)
				}
			}
			t.Logf("%d mistakes", tried)
			h.send("host", `{"action":"send_ice_candidate","content":{"connection_id":"guest","candidate":""}}`)
			want := []string{`{"event":"received_ice_candidate","content":{"connection_id":"host","peer_id":1,"candidate":""}}`}
			if diff := cmp.Diff(want, h.heard("guest")); diff != "" {
				t.Errorf("after all that the guest hears (-want +got):\n%s", diff)
			}
		})
	}
}

// kept are objects of players and lobbies that others get byte for byte.
var kept = []string{
	`{}`, `{"__proto__":{"admin":true},"constructor":1,"toString":null}`, `{"name":"<script>alert(1)</script>&amp;"}`,
	"{\"name\":\"\u202eevil\u2066\u200f\"}", "{\"name\":\"a" + strings.Repeat("\u0301", 100) + "\"}", `{"name":"\u0000\ud83e\udd8a\/"}`,
	`{"a":[1.0,1e2,-0]}`, strings.Repeat(`{"a":`, 40) + `1` + strings.Repeat(`}`, 40), `{"x":"` + strings.Repeat("x", 256-len(`{"x":""}`)) + `"}`,
}

// TestKeptAsWritten checks that metadata and players arrive byte for byte,
// whatever is in them.
func TestKeptAsWritten(t *testing.T) {
	for name, open := range homes {
		t.Run(name, func(t *testing.T) {
			h := open(t, newWorld())
			h.connect("host", "")
			h.connect("guest", "")
			for i, object := range kept {
				h.send("host", fmt.Sprintf(`{"action":"start_lobby","content":{"lobby_id":"l%d","public":true,"auto_accept":true,"metadata":%s,"player":%s}}`, i, object, object))
				h.send("guest", `{"action":"list_lobbies"}`)
				h.send("guest", fmt.Sprintf(`{"action":"join_lobby","content":{"lobby_id":"l%d","player":%s}}`, i, object))
				h.send("guest", `{"action":"leave_lobby"}`)
				h.send("host", `{"action":"close_lobby"}`)
				host, guest := strings.Join(h.heard("host"), "\n"), strings.Join(h.heard("guest"), "\n")
				for what, has := range map[string]bool{
					"the host of its metadata":   strings.Contains(host, `"metadata":`+object),
					"the host, of the newcomer":  strings.Contains(host, `"event":"peer_joined"`) && strings.Contains(host, `"player":`+object),
					"a list of the metadata":     strings.Contains(guest, `"event":"lobby_list"`) && strings.Count(guest, `"metadata":`+object) == 2,
					"who comes of the host":      strings.Contains(guest, `"player":`+object),
					"nobody of an error (guest)": !strings.Contains(guest, `"error"`),
					"nobody of an error (host)":  !strings.Contains(host, `"error"`),
				} {
					if !has {
						t.Errorf("%.100s: %s\nhost hears\n%.1500s\nguest hears\n%.1500s", object, what, host, guest)
					}
				}
			}
		})
	}
}
