package events

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
)

// FuzzMessage checks that any text is either decoded or refused with a
// sentence. The code is invalid_json exactly if jsontext rejects the whole
// text. A message that can be relayed becomes one event, not too long, from its
// sender.
func FuzzMessage(f *testing.F) {
	addConversations(f)
	f.Add(`{"action":"a","content":{"connection_id":"a","candidate":"` + strings.Repeat("c", MaxEvent) + `"}}`)
	f.Fuzz(func(t *testing.T, text string) {
		var m Message
		err := m.Decode(text)
		invalid := isRefusal(t, err, InvalidJSON)
		if tooMuch := isRefusal(t, err, MessageTooLarge); !tooMuch && jsontext.Value(text).IsValid() == invalid {
			t.Fatalf("decoding returns %v", err)
		}
		for _, content := range []Readable{
			&StartLobby{}, &UpdateLobby{}, &ListLobbies{}, &QuickJoin{}, &JoinLobby{}, &AcceptRequest{}, &RejectJoinRequest{},
			&RemovePlayer{}, &Resume{}, &Ping{}, &SessionDescription{}, &ICECandidate{},
		} {
			refused := m.Content.Read(content)
			isRefusal(t, refused, "")
			if list, ok := content.(*ListLobbies); ok {
				list.Filter.Matches(Lobby{Metadata: `{"mode":"ctf","a":{"b":[1,null]}}`})
			}
			if relay, ok := content.(Relay); ok && err == nil && refused == nil {
				wantRelayed(t, relay.AppendEvent(nil, Sender{"sender", 2}, false), 2)
				wantRelayed(t, relay.AppendEvent(nil, Sender{"sender", 2}, true), 0)
			}
		}
	})
}

// isRefusal reports whether err has a code. The test fails if clients do not
// know the code.
func isRefusal(t *testing.T, err error, code Code) bool {
	var refusal *Error
	if err != nil && (!errors.As(err, &refusal) || refusal.Code == "" || refusal.Message == "") {
		t.Fatalf("an error that no client can be told: %v", err)
	}
	return refusal != nil && refusal.Code == code
}

func wantRelayed(t *testing.T, event []byte, peerID int) {
	var e struct {
		Content struct {
			ConnectionID string `json:"connection_id"`
			PeerID       int    `json:"peer_id"`
		} `json:"content"`
	}
	err := json.Unmarshal(event, &e) // accepts any case in a name, and the last of several
	isFrom := e.Content.ConnectionID == "sender" && e.Content.PeerID == peerID
	if err != nil || !jsontext.Value(event).IsValid() || len(event) > MaxEvent || !isFrom {
		t.Fatalf("relayed as %d bytes (%v): %.300s", len(event), err, event)
	}
}
