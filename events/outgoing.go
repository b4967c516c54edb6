package events

import (
	"bytes"
	"encoding/json"
	"time"
)

// An Event is the content of a message to a client. Its name goes before it on the wire.
type Event interface{ EventName() string }

// Append appends e as a client hears it: {"event": …, "content": {…}, "request_id": …}, the last only if it is not
// empty.
func Append(b []byte, e Event, requestID string) ([]byte, error) {
	return encode(b, struct {
		Event     string `json:"event"`
		Content   Event  `json:"content"`
		RequestID string `json:"request_id,omitempty"`
	}{e.EventName(), e, requestID})
}

// encode appends v as JSON.
func encode(b []byte, v any) ([]byte, error) {
	buf := bytes.NewBuffer(b)
	enc := json.NewEncoder(buf)
	enc.SetEscapeHTML(false) // nobody reads events as HTML, and messages about < and > should read as written
	err := enc.Encode(v)
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n")), err
}

// Lobby is what all in a lobby may know of it.
type Lobby struct {
	LobbyID     string `json:"lobby_id"`
	Players     int    `json:"players"` // places taken, those that are held too
	MaxPlayers  int    `json:"max_players"`
	Public      bool   `json:"public"`
	Locked      bool   `json:"locked"`
	HasPassword bool   `json:"has_password"`
	AutoAccept  bool   `json:"auto_accept"`
	Topology    string `json:"topology"`      // star, or mesh
	OnHostLeave string `json:"on_host_leave"` // close, or migrate
	Metadata    Object `json:"metadata"`
	CreatedAt   Time   `json:"created_at"`
}

// An Object is a JSON object as a client wrote it. Empty, it is {}.
type Object string

// MarshalJSON implements json.Marshaler.
func (o Object) MarshalJSON() ([]byte, error) {
	if o == "" {
		return []byte("{}"), nil
	}
	return []byte(o), nil
}

// Time is in seconds since 1970, and RFC 3339 in UTC on the wire. Zero is none.
type Time int64

// TimeOf returns t to the second.
func TimeOf(t time.Time) Time {
	if t.IsZero() {
		return 0
	}
	return Time(t.Unix())
}

// MarshalJSON implements json.Marshaler.
func (t Time) MarshalJSON() ([]byte, error) {
	return time.Unix(int64(t), 0).UTC().AppendFormat(nil, `"`+time.RFC3339+`"`), nil
}

// Peer is a member as those know it who are linked with it.
type Peer struct {
	ConnectionID string `json:"connection_id"`
	PeerID       int    `json:"peer_id"`
	Player       Object `json:"player"`
	Away         bool   `json:"away,omitempty"` // its connection is gone, and its place held
}

// ICEServer is a STUN or TURN server, as RTCPeerConnection takes it.
type ICEServer struct {
	URLs       []string `json:"urls"`
	Username   string   `json:"username,omitempty"`
	Credential string   `json:"credential,omitempty"`
}

// LobbyStarted answers start_lobby. PeerID is the host's, 1.
type LobbyStarted struct {
	LobbyID      string      `json:"lobby_id"`
	ConnectionID string      `json:"connection_id"`
	PeerID       int         `json:"peer_id"`
	ResumeToken  string      `json:"resume_token"`
	Lobby        Lobby       `json:"lobby"`
	ICEServers   []ICEServer `json:"ice_servers,omitempty"`
}

// LobbyUpdated tells every member how the lobby is set now.
type LobbyUpdated struct {
	Lobby Lobby `json:"lobby"`
}

// LobbyList answers list_lobbies.
type LobbyList struct {
	Lobbies []json.RawMessage `json:"lobbies"`          // each a Lobby
	Cursor  string            `json:"cursor,omitempty"` // if there are more
	size    int
}

// listFrame is more than what an event has around a list: names, cursor, request_id.
const listFrame = 1 << 10

// Add appends lobby, if there is room for it in an event.
func (l *LobbyList) Add(lobby Lobby) (added bool) {
	data, err := encode(nil, lobby)
	if err != nil || l.size+len(data) > MaxEvent-listFrame {
		return false
	}
	l.Lobbies, l.size = append(l.Lobbies, data), l.size+len(data)+1
	return true
}

// RequestToJoin tells a host that somebody waits. PeerID is the number they get unless the host chooses another.
type RequestToJoin struct {
	ConnectionID string `json:"connection_id"`
	PeerID       int    `json:"peer_id"`
	Player       Object `json:"player"`
}

// RequestAccepted tells a joiner that they are in.
type RequestAccepted struct {
	HostConnectionID string      `json:"host_connection_id"`
	ConnectionID     string      `json:"connection_id"` // their own
	PeerID           int         `json:"peer_id"`       // their own
	LobbyID          string      `json:"lobby_id"`
	Term             int         `json:"term"` // of the host
	ResumeToken      string      `json:"resume_token"`
	Lobby            Lobby       `json:"lobby"`
	Peers            []Peer      `json:"peers"` // the host first
	ICEServers       []ICEServer `json:"ice_servers,omitempty"`
}

// Resumed answers resume.
type Resumed struct {
	LobbyID          string      `json:"lobby_id"`
	ConnectionID     string      `json:"connection_id"`
	PeerID           int         `json:"peer_id"`
	HostConnectionID string      `json:"host_connection_id"`
	Term             int         `json:"term"` // of the host
	Lobby            Lobby       `json:"lobby"`
	Peers            []Peer      `json:"peers"` // the host first
	ICEServers       []ICEServer `json:"ice_servers,omitempty"`
}

// RequestRejected tells a joiner that they are not in, and why.
type RequestRejected struct {
	LobbyID string `json:"lobby_id,omitempty"` // of quick_join, that there is none
	Code    Code   `json:"code"`
	Reason  string `json:"reason"`
}

// RequestCancelled tells a host that somebody waits no longer.
type RequestCancelled struct {
	ConnectionID string `json:"connection_id"`
}

// LobbyClosed tells a member that the lobby is no more. Reason is closed, host_left or timed_out.
type LobbyClosed struct {
	LobbyID string `json:"lobby_id"`
	Reason  string `json:"reason"`
}

// LobbyLeft answers leave_lobby.
type LobbyLeft struct {
	LobbyID string `json:"lobby_id"`
}

// PeerJoined tells those who are linked with a member, and have not let it in themselves, that it has come in.
type PeerJoined struct {
	ConnectionID string `json:"connection_id"`
	PeerID       int    `json:"peer_id"`
	Player       Object `json:"player"`
}

// Removed tells a member that the host took its place.
type Removed struct {
	LobbyID string `json:"lobby_id"`
	Reason  string `json:"reason"`
}

// PeerResumed tells a peer's peers that it has another connection.
type PeerResumed struct {
	ConnectionID    string `json:"connection_id"` // that it had
	NewConnectionID string `json:"new_connection_id"`
	PeerID          int    `json:"peer_id"`
}

// Replaced tells a connection, before it is closed, that its place has been resumed by another.
type Replaced struct{}

// HostChanged tells every member who is the host from now on. Term grows each time: one with a lower term is stale.
type HostChanged struct {
	HostConnectionID string `json:"host_connection_id"`
	PeerID           int    `json:"peer_id"`
	Term             int    `json:"term"`
}

// PeerLeft tells a peer's peers that their place is given up. Reason is left, removed or timed_out.
type PeerLeft struct {
	ConnectionID string `json:"connection_id"`
	PeerID       int    `json:"peer_id"`
	Reason       string `json:"reason"`
}

// PeerDisconnected tells a peer's peers that their connection dropped; the place is held until ResumeUntil.
type PeerDisconnected struct {
	ConnectionID string `json:"connection_id"`
	PeerID       int    `json:"peer_id"`
	ResumeUntil  Time   `json:"resume_until"`
}

// Done answers an action that has a request_id and no event of its own. After accept_request it says who came in.
type Done struct {
	ConnectionID string `json:"connection_id,omitempty"`
	PeerID       int    `json:"peer_id,omitempty"`
}

// ICEServers answers get_ice_servers. ExpiresAt is until when the credentials are good, none if they do not end.
type ICEServers struct {
	ICEServers []ICEServer `json:"ice_servers"`
	ExpiresAt  Time        `json:"expires_at,omitempty"`
}

// Pong answers ping with the same content.
type Pong struct{ Content json.RawMessage }

// MarshalJSON implements json.Marshaler.
func (p Pong) MarshalJSON() ([]byte, error) { return p.Content, nil }

// EventName implements Event, as do those below.
func (LobbyStarted) EventName() string     { return "lobby_started" }
func (RequestToJoin) EventName() string    { return "request_to_join" }
func (RequestAccepted) EventName() string  { return "request_accepted" }
func (RequestRejected) EventName() string  { return "request_rejected" }
func (RequestCancelled) EventName() string { return "request_cancelled" }
func (LobbyClosed) EventName() string      { return "lobby_closed" }
func (LobbyLeft) EventName() string        { return "lobby_left" }
func (LobbyUpdated) EventName() string     { return "lobby_updated" }
func (LobbyList) EventName() string        { return "lobby_list" }
func (Resumed) EventName() string          { return "resumed" }
func (PeerJoined) EventName() string       { return "peer_joined" }
func (Removed) EventName() string          { return "removed" }
func (PeerResumed) EventName() string      { return "peer_resumed" }
func (Replaced) EventName() string         { return "replaced" }
func (HostChanged) EventName() string      { return "host_changed" }
func (PeerLeft) EventName() string         { return "peer_left" }
func (PeerDisconnected) EventName() string { return "peer_disconnected" }
func (Done) EventName() string             { return "done" }
func (ICEServers) EventName() string       { return "ice_servers" }
func (Pong) EventName() string             { return "pong" }
