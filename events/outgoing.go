package events

import (
	"bytes"
	"encoding/json"
	"time"
)

// An Event is the content of a message to a client. The message has its name,
// too.
type Event interface{ EventName() string }

// Append appends e as the client receives it: {"event": …, "content": {…},
// "request_id": …}. An empty request_id is left out.
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
	enc.SetEscapeHTML(false) // events are not HTML, and messages should show < and > as such
	err := enc.Encode(v)
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n")), err
}

// Lobby is the public state of a lobby.
type Lobby struct {
	LobbyID     string `json:"lobby_id"`
	Players     int    `json:"players"` // slots taken, also by members who are away
	MaxPlayers  int    `json:"max_players"`
	Public      bool   `json:"public"`
	Locked      bool   `json:"locked"`
	HasPassword bool   `json:"has_password"`
	AutoAccept  bool   `json:"auto_accept"`
	Topology    string `json:"topology"`      // star or mesh
	OnHostLeave string `json:"on_host_leave"` // close or migrate
	Roster      bool   `json:"roster,omitempty"`
	HostAway    bool   `json:"host_away,omitempty"` // with LobbyInfo
	Metadata    Object `json:"metadata"`
	CreatedAt   Time   `json:"created_at"`
}

// An Object is a JSON object as a client wrote it. An empty one means {}.
type Object string

// MarshalJSON implements json.Marshaler.
func (o Object) MarshalJSON() ([]byte, error) {
	if o == "" {
		return []byte("{}"), nil
	}
	return []byte(o), nil
}

// Time is in seconds since 1970, and RFC 3339 in UTC in messages. Zero means
// none.
type Time int64

// TimeOf returns t, cut to the second.
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

// Peer is a member as its peers see it.
type Peer struct {
	ConnectionID string `json:"connection_id"`
	PeerID       int    `json:"peer_id"`
	Player       Object `json:"player"`
	PlayerID     string `json:"player_id,omitempty"` // its account, from its token
	Away         bool   `json:"away,omitempty"`      // its connection is gone, and its slot is kept
}

// RosterEntry is a member as all members see it.
type RosterEntry struct {
	PeerID   int    `json:"peer_id"`
	Player   Object `json:"player"`
	PlayerID string `json:"player_id,omitempty"`
	Host     bool   `json:"host,omitempty"`
	Away     bool   `json:"away,omitempty"`
}

// ICEServer is a STUN or TURN server in the format of RTCPeerConnection.
type ICEServer struct {
	URLs       []string `json:"urls"`
	Username   string   `json:"username,omitempty"`
	Credential string   `json:"credential,omitempty"`
}

// LobbyStarted answers start_lobby. PeerID is the host's, 1.
type LobbyStarted struct {
	LobbyID      string        `json:"lobby_id"`
	ConnectionID string        `json:"connection_id"`
	PeerID       int           `json:"peer_id"`
	ResumeToken  string        `json:"resume_token"`
	Lobby        Lobby         `json:"lobby"`
	Roster       []RosterEntry `json:"roster,omitempty"` // with all members, in a lobby that has one
	ICEServers   []ICEServer   `json:"ice_servers,omitempty"`
}

// LobbyUpdated notifies every member of the lobby's new settings.
type LobbyUpdated struct {
	Lobby Lobby `json:"lobby"`
}

// LobbyList answers list_lobbies.
type LobbyList struct {
	Lobbies []json.RawMessage `json:"lobbies"`          // each a Lobby
	Cursor  string            `json:"cursor,omitempty"` // set if there are more
	size    int
}

// listFrame is more than an event needs around a list: names, cursor,
// request_id.
const listFrame = 1 << 10

// Add appends lobby if one event has room for it.
func (l *LobbyList) Add(lobby Lobby) (added bool) {
	data, err := encode(nil, lobby)
	if err != nil || l.size+len(data) > MaxEvent-listFrame {
		return false
	}
	l.Lobbies, l.size = append(l.Lobbies, data), l.size+len(data)+1
	return true
}

// RequestToJoin notifies a host that a player waits. PeerID is the player's
// number unless the host chooses another.
type RequestToJoin struct {
	ConnectionID string `json:"connection_id"`
	PeerID       int    `json:"peer_id"`
	Player       Object `json:"player"`
	PlayerID     string `json:"player_id,omitempty"`
}

// RequestAccepted notifies a joiner that the host has admitted it.
type RequestAccepted struct {
	HostConnectionID string        `json:"host_connection_id"`
	ConnectionID     string        `json:"connection_id"` // the joiner's own
	PeerID           int           `json:"peer_id"`       // the joiner's own
	LobbyID          string        `json:"lobby_id"`
	Term             int           `json:"term"` // of the host
	ResumeToken      string        `json:"resume_token"`
	Lobby            Lobby         `json:"lobby"`
	Peers            []Peer        `json:"peers"` // the host first
	Roster           []RosterEntry `json:"roster,omitempty"`
	ICEServers       []ICEServer   `json:"ice_servers,omitempty"`
}

// Resumed answers resume.
type Resumed struct {
	LobbyID          string        `json:"lobby_id"`
	ConnectionID     string        `json:"connection_id"`
	PeerID           int           `json:"peer_id"`
	HostConnectionID string        `json:"host_connection_id"`
	Term             int           `json:"term"` // of the host
	Lobby            Lobby         `json:"lobby"`
	Peers            []Peer        `json:"peers"` // the host first
	Roster           []RosterEntry `json:"roster,omitempty"`
	ICEServers       []ICEServer   `json:"ice_servers,omitempty"`
}

// RequestRejected notifies a joiner that it was not admitted, and why.
type RequestRejected struct {
	LobbyID string `json:"lobby_id,omitempty"` // from quick_join: no lobby matches
	Code    Code   `json:"code"`
	Reason  string `json:"reason"`
}

// RequestCancelled notifies a host that a player waits no longer.
type RequestCancelled struct {
	ConnectionID string `json:"connection_id"`
}

// LobbyClosed notifies a member that the lobby is closed. Reason is closed,
// host_left or timed_out.
type LobbyClosed struct {
	LobbyID string `json:"lobby_id"`
	Reason  string `json:"reason"`
}

// LobbyLeft answers leave_lobby.
type LobbyLeft struct {
	LobbyID string `json:"lobby_id"`
}

// PeerJoined notifies a new member's peers, except for the host that admitted
// it.
type PeerJoined struct {
	ConnectionID string `json:"connection_id"`
	PeerID       int    `json:"peer_id"`
	Player       Object `json:"player"`
	PlayerID     string `json:"player_id,omitempty"`
}

// Removed notifies a member that the host removed it.
type Removed struct {
	LobbyID string `json:"lobby_id"`
	Reason  string `json:"reason"`
}

// PeerResumed notifies a member's peers that it has a new connection.
type PeerResumed struct {
	ConnectionID    string `json:"connection_id"` // the old one
	NewConnectionID string `json:"new_connection_id"`
	PeerID          int    `json:"peer_id"`
}

// Replaced notifies a connection, before it is closed, that another connection
// has resumed its slot.
type Replaced struct{}

// HostChanged notifies every member of the new host. Term grows each time: an
// event with a lower term is stale.
type HostChanged struct {
	HostConnectionID string `json:"host_connection_id"`
	PeerID           int    `json:"peer_id"`
	Term             int    `json:"term"`
	Peers            []Peer `json:"peers,omitempty"` // to the new host in a star: those that it is linked with from now on
}

// PlayerUpdated notifies the other members that one describes itself in another
// way.
type PlayerUpdated struct {
	PeerID int    `json:"peer_id"`
	Player Object `json:"player"`
}

// PlayerJoined notifies members that are not linked with a new one.
type PlayerJoined struct {
	PeerID   int    `json:"peer_id"`
	Player   Object `json:"player"`
	PlayerID string `json:"player_id,omitempty"`
}

// PlayerLeft is PeerLeft for members that are not linked with the one that
// left.
type PlayerLeft struct {
	PeerID int    `json:"peer_id"`
	Reason string `json:"reason"`
}

// PlayerAway is PeerDisconnected for members that are not linked with the one
// that dropped.
type PlayerAway struct {
	PeerID      int  `json:"peer_id"`
	ResumeUntil Time `json:"resume_until"`
}

// PlayerBack notifies them that it has resumed.
type PlayerBack struct {
	PeerID int `json:"peer_id"`
}

// LobbyInfo answers get_lobby.
type LobbyInfo struct {
	Lobby Lobby `json:"lobby"`
}

// ReceivedMessage carries what a member sent with send_message. ConnectionID is
// the sender's, if the receiver is linked with it.
type ReceivedMessage struct {
	ConnectionID string          `json:"connection_id,omitempty"`
	PeerID       int             `json:"peer_id"`
	Data         json.RawMessage `json:"data"`
}

// PeerLeft notifies a member's peers that its slot is free. Reason is left,
// removed or timed_out.
type PeerLeft struct {
	ConnectionID string `json:"connection_id"`
	PeerID       int    `json:"peer_id"`
	Reason       string `json:"reason"`
}

// PeerDisconnected notifies a member's peers that its connection dropped. Its
// slot is kept until ResumeUntil.
type PeerDisconnected struct {
	ConnectionID string `json:"connection_id"`
	PeerID       int    `json:"peer_id"`
	ResumeUntil  Time   `json:"resume_until"`
}

// Done answers an action that has a request_id and no event of its own. After
// accept_request it names the new member.
type Done struct {
	ConnectionID string `json:"connection_id,omitempty"`
	PeerID       int    `json:"peer_id,omitempty"`
}

// ICEServers answers get_ice_servers. ExpiresAt is the time when the
// credentials expire, or none if they do not.
type ICEServers struct {
	ICEServers []ICEServer `json:"ice_servers"`
	ExpiresAt  Time        `json:"expires_at,omitempty"`
}

// Pong answers ping with the same content.
type Pong struct{ Content json.RawMessage }

// MarshalJSON implements json.Marshaler.
func (p Pong) MarshalJSON() ([]byte, error) { return p.Content, nil }

// EventName implements Event, as do the methods below.
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
func (PlayerUpdated) EventName() string    { return "player_updated" }
func (PlayerJoined) EventName() string     { return "player_joined" }
func (PlayerLeft) EventName() string       { return "player_left" }
func (PlayerAway) EventName() string       { return "player_away" }
func (PlayerBack) EventName() string       { return "player_back" }
func (LobbyInfo) EventName() string        { return "lobby_info" }
func (ReceivedMessage) EventName() string  { return "received_message" }
func (Done) EventName() string             { return "done" }
func (ICEServers) EventName() string       { return "ice_servers" }
func (Pong) EventName() string             { return "pong" }
