package events

import (
	"fmt"
	"strings"
	"testing"
)

// limits are the sizes of docs/protocol.md, "Limits" and the table of actions.
// %s marks the part of a content that grows to its limit. If counted is empty,
// the whole content counts.
var limits = []struct {
	what, content, counted string
	into                   func() Readable
	limit                  int
	field                  string
}{
	{"sdp", `{"connection_id":"a","type":"offer","sdp":"%s"}`, `%s`, newDescription, MaxRelayed, "sdp"},
	{"description", `{"connection_id":"a","type":"offer","sdp":"v=0","x":"%s"}`, ``, newDescription, MaxEvent - 512, "content"},
	{"candidate", `{"connection_id":"a","candidate":"%s"}`, ``, newCandidate, MaxRelayed, "content"},
	{"candidate, one key more", `{"connection_id":"a","candidate":"","x":"%s","y":[]}`, ``, newCandidate, MaxRelayed, "content"},
	{"candidates", `{"connection_id":"a","candidates":[{"candidate":"%s"}]}`, ``, newCandidate, MaxRelayed, "content"},
	{"ping", `{"x":"%s"}`, ``, func() Readable { return new(Ping) }, MaxRelayed, "content"},
	{"metadata", `{"metadata":{"x":"%s"}}`, `{"x":"%s"}`, func() Readable { return new(StartLobby) }, MaxMetadata, "metadata"},
	{"metadata later", `{"metadata":{"x":"%s"}}`, `{"x":"%s"}`, func() Readable { return new(UpdateLobby) }, MaxMetadata, "metadata"},
	{"player", `{"lobby_id":"a","player":{"x":"%s"}}`, `{"x":"%s"}`, func() Readable { return new(JoinLobby) }, MaxPlayer, "player"},
	{"player later", `{"player":{"x":"%s"}}`, `{"x":"%s"}`, func() Readable { return new(UpdatePlayer) }, MaxPlayer, "player"},
	{"player of a start", `{"lobby_id":"a","or_start":{"player":{"x":"%s"}}}`, `{"x":"%s"}`, func() Readable { return new(JoinLobby) }, MaxPlayer, "or_start.player"},
	{"data", `{"data":["%s"]}`, `["%s"]`, func() Readable { return new(SendMessage) }, MaxData, "data"},
	{"data, text", `{"data":"%s"}`, `"%s"`, func() Readable { return new(SendMessage) }, MaxData, "data"},
	{"password", `{"lobby_id":"a","password":"%s"}`, `%s`, func() Readable { return new(JoinLobby) }, MaxPassword, "password"},
	{"reason", `{"connection_id":"a","reason":"%s"}`, `%s`, func() Readable { return new(RejectJoinRequest) }, MaxReason, "reason"},
}

func newDescription() Readable { return new(SessionDescription) }
func newCandidate() Readable   { return new(ICECandidate) }

// TestLimits checks that the longest allowed value is accepted, and that one
// more byte is message_too_large. A relay of the longest size is still one
// event, even if the sender's name is long.
func TestLimits(t *testing.T) {
	from := Sender{strings.Repeat("s", 128), 1<<31 - 1}
	for _, tt := range limits {
		if tt.counted == "" {
			tt.counted = tt.content
		}
		fill := tt.limit - len(fmt.Sprintf(tt.counted, ""))
		read := tt.into()
		if err := decodeContent(t, fmt.Sprintf(tt.content, strings.Repeat("x", fill)), read); err != nil {
			t.Errorf("%s of %d bytes: %v", tt.what, tt.limit, err)
		} else if relay, ok := read.(Relay); ok && len(relay.AppendEvent(nil, from, false)) > MaxEvent {
			t.Errorf("%s of %d bytes makes an event of %d", tt.what, tt.limit, len(relay.AppendEvent(nil, from, false)))
		}
		err, _ := decodeContent(t, fmt.Sprintf(tt.content, strings.Repeat("x", fill+1)), tt.into()).(*Error)
		if err == nil || err.Code != MessageTooLarge || err.Field != tt.field {
			t.Errorf("%s of %d bytes: %v, want message_too_large, %s", tt.what, tt.limit+1, err, tt.field)
		}
	}
}

// TestLimitsLeaveOutSpace checks that space between the parts of a relay does
// not count. It is not relayed.
func TestLimitsLeaveOutSpace(t *testing.T) {
	content := `{ "connection_id" : "a" , "candidate" : "` + strings.Repeat("c", MaxRelayed-len(`{"connection_id":"a","candidate":""}`)) + `" }`
	if err := decodeContent(t, content, new(ICECandidate)); err != nil {
		t.Error(err)
	}
}

// decodeContent decodes an action with this content.
func decodeContent(t *testing.T, content string, into Readable) error {
	t.Helper()
	m := new(Message)
	if err := m.Decode(`{"action":"a","content":` + content + `}`); err != nil {
		t.Fatal(err)
	}
	return m.Content.Read(into)
}
