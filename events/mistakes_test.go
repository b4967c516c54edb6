package events_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"bellhop/events"

	"github.com/google/go-cmp/cmp"
)

// The errors for groups of similar mistakes.
const (
	noJSON      = `{"event":"error","content":{"code":"invalid_json","message":`
	notAnObject = noJSON + `"Send a JSON object, made by a JSON library; this is none."`
	nameTwice   = noJSON + `"Use each name once in an object; one is there twice."`
	halfPair    = noJSON + `"Clean the text of a string; half of a surrogate pair is in it."`
	notUTF8     = noJSON + `"Send text in UTF-8; some bytes are not."`
	oneTooMany  = noJSON + `"Send one JSON object a message; something follows it."`
	noMessage   = `{"event":"error","content":{"code":"invalid_message","message":`
	noObject    = noMessage + `"Send a JSON object with \"action\" and \"content\"."}}`
	noAction    = noMessage + `"Name what to do in \"action\", a string."}}`
	noField     = `{"event":"error","content":{"code":"missing_field","message":`
	badField    = `{"event":"error","content":{"code":"invalid_field","message":`
	tooLarge    = `{"event":"error","content":{"code":"message_too_large","message":`
	noID        = `"Make \"request_id\" a string of at most 128 bytes."`
	lobbyChars  = `"Make \"lobby_id\" 1 to 64 of the characters A-Z a-z 0-9 _ and -."`
	batch       = `"Make \"candidates\" an array of 1 to 64 candidates, each an object.","action":"send_ice_candidate","field":"candidates"}}`
	integer     = `"Make \"peer_id\" an integer from 2 to 2147483647.","action":"accept_request","field":"peer_id"}}`
)

// A mistake is a message, and the error event that says what is wrong with it.
type mistake struct{ what, send, hear string }

// mistakes are in the message itself, or in fields that are there or are not.
var mistakes = []mistake{
	{"empty", ``, notAnObject + `}}`},
	{"not JSON", `hello`, notAnObject + `}}`},
	{"half of a message", `{"request_id":"r","action":"ping","content":{`, notAnObject + `,"action":"ping"},"request_id":"r"}`},
	{"two messages", `{"action":"ping"}{"action":"ping"}`, oneTooMany + `,"action":"ping"}}`},
	{"not a number", `{"action":"ping","content":{"x":NaN}}`, notAnObject + `,"action":"ping"}}`},
	{"a name twice", `{"action":"ping","content":{"x":1,"x":2}}`, nameTwice + `,"action":"ping"}}`},
	{"a name twice, by an escape", `{"action":"ping","content":{"x":1,"\u0078":2}}`, nameTwice + `,"action":"ping"}}`},
	{"a name twice, deep down", `{"action":"ping","content":{"x":[{"y":1,"y":2}]}}`, nameTwice + `,"action":"ping"}}`},
	{"action twice", `{"action":"ping","action":"ping"}`, nameTwice + `,"action":"ping"}}`},
	{"not UTF-8", "{\"action\":\"ping\",\"content\":{\"x\":\"\xff\"}}", notUTF8 + `,"action":"ping"}}`},
	{"not UTF-8, a surrogate", "{\"action\":\"ping\",\"content\":{\"x\":\"\xed\xa0\x80\"}}", notUTF8 + `,"action":"ping"}}`},
	{"not UTF-8, an action", "{\"action\":\"p\xffng\"}", notUTF8 + `}}`},
	{"half a surrogate pair", `{"action":"ping","content":{"x":"\ud83d"}}`, halfPair + `,"action":"ping"}}`},
	{"the other half", `{"action":"ping","content":{"\uDC00":1}}`, halfPair + `,"action":"ping"}}`},
	{"two first halves", `{"action":"ping","content":{"x":"a\ud83d\ud83d"}}`, halfPair + `,"action":"ping"}}`},
	{"no escape sequence", `{"action":"ping","content":{"x":"\uzzzz"}}`, notAnObject + `,"action":"ping"}}`},
	{"bytes outside a string", "{\"action\":\"ping\",\xff}", notUTF8 + `,"action":"ping"}}`},
	{"half of a character", "{\"action\":\"ping\",\"x\":\"\xc3\"}", notUTF8 + `,"action":"ping"}}`},
	{"a comma too many", `{"action":"ping",}`, notAnObject + `,"action":"ping"}}`},
	{"an object after an array", `[]{}`, oneTooMany + `}}`},
	{"a name twice in an array", `[{"x":1,"x":2}]`, nameTwice + `}}`},
	{"bytes after the object", "{\"action\":\"ping\"}\xff", oneTooMany + `,"action":"ping"}}`},
	{"a null byte", "{\"action\":\"ping\"}\x00", oneTooMany + `,"action":"ping"}}`},

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
	{"connection_id twice, by case", `{"action":"send_ice_candidate","content":{"connection_id":"guest","Connection_ID":"host","candidate":""}}`,
		badField + `"Write \"connection_id\" once, in lower case.","action":"send_ice_candidate","field":"connection_id"}}`},
	{"peer_id by another case", `{"action":"send_ice_candidate","content":{"connection_id":"guest","PEER_ID":1,"candidate":""}}`,
		badField + `"Leave out \"peer_id\", in any case: Bellhop writes the sender's there.","action":"send_ice_candidate","field":"peer_id"}}`},
	{"peer_id is no integer", `{"action":"accept_request","content":{"peer_id":2.5}}`, badField + `"Make \"peer_id\" an integer.","action":"accept_request","field":"peer_id"}}`},
	{"peer_id is the host's", `{"action":"accept_request","content":{"peer_id":1}}`, badField + integer},
	{"peer_id over 32 bits", `{"action":"accept_request","content":{"peer_id":2147483648}}`, badField + integer},
	{"peer_id over a double", `{"action":"accept_request","content":{"peer_id":1e400}}`, badField + `"Make \"peer_id\" an integer.","action":"accept_request","field":"peer_id"}}`},
	{"peer_id of 30,000 digits", `{"action":"accept_request","content":{"peer_id":` + strings.Repeat("9", 30000) + `}}`,
		badField + `"Make \"peer_id\" an integer.","action":"accept_request","field":"peer_id"}}`},
	{"a long reason", `{"action":"reject_join_request","content":{"connection_id":"guest","reason":"` + strings.Repeat("é", 129) + `"}}`,
		tooLarge + `"Make \"reason\" at most 256 bytes long.","action":"reject_join_request","field":"reason"}}`},

	{"no player", `{"action":"update_player"}`, noField + `"Add \"player\" to \"content\".","action":"update_player","field":"player"}}`},
	{"player is null", `{"action":"update_player","content":{"player":null}}`, noField + `"Add \"player\" to \"content\".","action":"update_player","field":"player"}}`},
	{"no new host", `{"action":"set_host"}`, noField + `"Add \"connection_id\" to \"content\".","action":"set_host","field":"connection_id"}}`},
	{"no lobby to look at", `{"action":"get_lobby","content":{"lobby_id":""}}`,
		badField + `"Make \"lobby_id\" the id that the host has been given.","action":"get_lobby","field":"lobby_id"}}`},
	{"no outcome", `{"action":"report_link","content":{"connection_id":"guest"}}`,
		noField + `"Add \"outcome\" to \"content\".","action":"report_link","field":"outcome"}}`},
	{"an outcome of no kind", `{"action":"report_link","content":{"connection_id":"guest","outcome":"slow"}}`,
		badField + `"Make \"outcome\" direct, relay or failed.","action":"report_link","field":"outcome"}}`},
	{"a link after an hour", `{"action":"report_link","content":{"connection_id":"guest","outcome":"direct","ms":3600000}}`,
		badField + `"Make \"ms\" an integer from 0 to 600000.","action":"report_link","field":"ms"}}`},
	{"no data", `{"action":"send_message"}`, noField + `"Add \"data\" to \"content\".","action":"send_message","field":"data"}}`},
	{"an id in or_start", `{"action":"join_lobby","content":{"lobby_id":"fox","or_start":{"lobby_id":"hen"}}}`,
		badField + `"Leave out \"lobby_id\" in \"or_start\": the lobby gets the id outside it.","action":"join_lobby","field":"or_start.lobby_id"}}`},
	{"roster in or_start", `{"action":"join_lobby","content":{"lobby_id":"fox","or_start":{"roster":1}}}`,
		badField + `"Make \"roster\" true or false.","action":"join_lobby","field":"or_start.roster"}}`},
	{"or_start in or_start", `{"action":"join_lobby","content":{"lobby_id":"fox","or_start":{"or_start":{},"max_players":65}}}`,
		badField + `"Make \"max_players\" an integer from 2 to 64; the host counts.","action":"join_lobby","field":"or_start.max_players"}}`},

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
	{"a ban by name", `{"action":"remove_player","content":{"connection_id":"guest","ban":"forever"}}`,
		badField + `"Make \"ban\" true, false or \"address\".","action":"remove_player","field":"ban"}}`},
	{"a ban by number", `{"action":"remove_player","content":{"connection_id":"guest","ban":1}}`,
		badField + `"Make \"ban\" true, false or \"address\".","action":"remove_player","field":"ban"}}`},
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

// typed are the fields of all actions with their types, and the other fields
// that each needs. Each is tried with all values of other types.
var typed = []struct{ action, field, must, beside string }{
	{"start_lobby", "lobby_id", "a string", ""},
	{"start_lobby", "max_players", "an integer", ""},
	{"start_lobby", "auto_accept", "true or false", ""},
	{"start_lobby", "on_host_leave", "a string", ""},
	{"join_lobby", "lobby_id", "a string", ""},
	{"accept_request", "connection_id", "a string", ""},
	{"accept_request", "peer_id", "an integer", ""},
	{"reject_join_request", "connection_id", "a string", ""},
	{"reject_join_request", "reason", "a string", `"connection_id":"guest",`},
	{"remove_player", "connection_id", "a string", ""},
	{"remove_player", "reason", "a string", `"connection_id":"guest",`},
	{"update_lobby", "max_players", "an integer", ""},
	{"update_lobby", "locked", "true or false", ""},
	{"update_lobby", "auto_accept", "true or false", ""},
	{"join_lobby", "or_start", "a JSON object", `"lobby_id":"fox",`},
	{"get_lobby", "lobby_id", "a string", ""},
	{"update_player", "player", "a JSON object", ""},
	{"set_host", "connection_id", "a string", ""},
	{"send_message", "connection_id", "a string", `"data":1,`},
	{"report_link", "connection_id", "a string", `"outcome":"direct",`},
	{"report_link", "outcome", "a string", `"connection_id":"guest",`},
	{"report_link", "ms", "an integer", `"connection_id":"guest","outcome":"direct",`},
	{"resume", "resume_token", "a string", ""},
	{"set_session_description", "connection_id", "a string", `"type":"offer","sdp":"v=0",`},
	{"set_session_description", "session_type", "a string", `"connection_id":"guest","sdp":"v=0",`},
	{"send_ice_candidate", "connection_id", "a string", `"candidate":"",`},
	{"send_ice_candidate", "sdpMid", "a string", `"connection_id":"guest","candidate":"",`},
	{"send_ice_candidate", "sdpMLineIndex", "an integer", `"connection_id":"guest","candidate":"",`},
	{"send_ice_candidate", "usernameFragment", "a string", `"connection_id":"guest","candidate":"",`},
	{"send_ice_candidate", "media", "a string", `"connection_id":"guest","index":0,"name":"n",`},
	{"send_ice_candidate", "index", "an integer", `"connection_id":"guest","media":"0","name":"n",`},
	{"send_ice_candidate", "name", "a string", `"connection_id":"guest","media":"0","index":0,`},
}

// values are of every kind, each with the types that accept it.
var values = []struct{ json, is string }{
	{`true`, "true or false"}, {`7`, "an integer"}, {`7.5`, ""}, {`-1e400`, ""}, {`"7"`, "a string"}, {`[]`, ""}, {`["fox"]`, ""}, {`{"a":1}`, "a JSON object"},
}

// wrongTypes are the mistakes from combining typed with values.
func wrongTypes() (all []mistake) {
	for _, f := range typed {
		for _, v := range values {
			if v.is == f.must {
				continue
			}
			all = append(all, mistake{
				f.field + " is " + v.json, `{"action":"` + f.action + `","content":{` + f.beside + `"` + f.field + `":` + v.json + `}}`,
				badField + `"Make \"` + f.field + `\" ` + f.must + `.","action":"` + f.action + `","field":"` + f.field + `"}}`,
			})
		}
	}
	return all
}

// strangeIDs are invalid lobby ids.
var strangeIDs = []string{
	"../fox", "..", "fox#", "C#host", "L#default#fox", "f ox", " fox", "fox\\u0000", "f\\u006fx\\n", "fоx", "fox\u200b", "🦊", "ｆｏｘ", "fox;drop", "%66ox", "fox.2",
	"a/b", "fox\\\\", "\u202efox", "fox=", "f'x", "<fox>", "fóx",
}

// wrongIDs are the mistakes of starting, joining, and looking at strangeIDs.
func wrongIDs() (all []mistake) {
	for _, id := range strangeIDs {
		for _, action := range []string{"start_lobby", "join_lobby", "get_lobby"} {
			all = append(all, mistake{
				"lobby_id is " + id, `{"action":"` + action + `","content":{"lobby_id":"` + id + `"}}`,
				badField + lobbyChars + `,"action":"` + action + `","field":"lobby_id"}}`,
			})
		}
	}
	return all
}

// contents are what the actions with a content read.
var contents = map[string]events.Readable{
	"start_lobby": &events.StartLobby{}, "join_lobby": &events.JoinLobby{}, "accept_request": &events.AcceptRequest{},
	"reject_join_request": &events.RejectJoinRequest{}, "remove_player": &events.RemovePlayer{}, "update_lobby": &events.UpdateLobby{},
	"list_lobbies": &events.ListLobbies{}, "quick_join": &events.QuickJoin{}, "resume": &events.Resume{},
	"get_lobby": &events.GetLobby{}, "update_player": &events.UpdatePlayer{}, "set_host": &events.SetHost{}, "send_message": &events.SendMessage{}, "report_link": &events.ReportLink{},
	"set_session_description": &events.SessionDescription{}, "send_ice_candidate": &events.ICECandidate{}, "ping": &events.Ping{},
}

// TestMistakes checks that each mistake is refused with the error that says
// exactly what is wrong. The last error leaves nothing behind for the next
// message.
func TestMistakes(t *testing.T) {
	var m events.Message
	for _, tt := range slices.Concat(mistakes, wrongTypes(), wrongIDs(), findMistakes(), wordMistakes()) {
		err := m.Decode(tt.send)
		if content := contents[m.Action]; err == nil && content != nil {
			err = m.Content.Read(content)
		}
		var refusal *events.Error
		if !errors.As(err, &refusal) {
			t.Errorf("%s: %.200s\nis refused with %v", tt.what, tt.send, err)
			continue
		}
		said := *refusal
		said.Action = m.Action
		got, err := events.Append(nil, &said, m.RequestID)
		if diff := cmp.Diff(tt.hear, string(got)); diff != "" || err != nil {
			t.Errorf("%s: %.200s\nis refused with (-want +got, %v):\n%s", tt.what, tt.send, err, diff)
		}
	}
}
