package events

import (
	"math"
	"strings"
)

// The contents of the actions, each with the fields that it is read from. A
// field of the original dialect follows Bellhop's own name for it.

// StartLobby opens a lobby with the sender as its host. Without LobbyID,
// Bellhop generates one.
type StartLobby struct {
	LobbyID    string
	MaxPlayers int // 0: the default
	Public     bool
	AutoAccept bool
	Mesh       bool // topology is mesh
	Migrates   bool // on_host_leave is migrate
	Roster     bool
	Password   string // empty: none
	Metadata   string // a JSON object, or empty
	Player     string // a JSON object, or empty
}

func (c *StartLobby) read(f *fields) {
	c.LobbyID = f.lobbyID("lobby_id")
	if n := f.maxPlayers(); n != nil {
		c.MaxPlayers = *n
	}
	c.Public, c.AutoAccept, c.Roster = f.isTrue("public"), f.isTrue("auto_accept"), f.isTrue("roster")
	c.Mesh = f.choice("topology", "star", "mesh") == "mesh"
	c.Migrates = f.choice("on_host_leave", "close", "migrate") == "migrate"
	c.Password = f.password()
	c.Metadata, c.Player = f.object("metadata", MaxMetadata), f.object("player", MaxPlayer)
}

// OriginalStartLobby is StartLobby in the original dialect. It has only this
// field, and ignores all others.
type OriginalStartLobby struct{ LobbyID string }

func (c *OriginalStartLobby) read(f *fields) { c.LobbyID = f.lobbyID("lobby_id") }

// UpdateLobby sets each field that is not nil. An empty Password removes the
// password.
type UpdateLobby struct {
	MaxPlayers                 *int
	Public, Locked, AutoAccept *bool
	Password, Metadata         *string
}

func (c *UpdateLobby) read(f *fields) {
	c.MaxPlayers = f.maxPlayers()
	c.Public, c.Locked, c.AutoAccept = f.boolean("public"), f.boolean("locked"), f.boolean("auto_accept")
	if password := f.password(); password != "" || f.content.isNull("password") {
		c.Password = &password
	}
	if metadata := f.object("metadata", MaxMetadata); metadata != "" {
		c.Metadata = &metadata
	}
}

// ListLobbies lists the lobbies that anybody may join.
type ListLobbies struct {
	Filter Filter
	Limit  int    // 1 to 100
	Cursor string // from the previous page, or empty
}

func (c *ListLobbies) read(f *fields) {
	c.Filter, c.Limit = f.filter(), 20
	if n, ok := f.integer("limit"); ok {
		if c.Limit = int(n); n < 1 || n > 100 {
			f.fail(InvalidField, "limit", "Make \"limit\" an integer from 1 to 100.")
		}
	}
	c.Cursor, _ = f.text(math.MaxInt, "cursor")
}

// QuickJoin joins any lobby that matches the filter.
type QuickJoin struct {
	Filter  Filter
	Player  string      // a JSON object, or empty
	OrStart *StartLobby // used if no lobby matches
}

func (c *QuickJoin) read(f *fields) {
	c.Filter, c.Player = f.filter(), f.object("player", MaxPlayer)
	c.OrStart = f.orStart(c.Player)
}

// orStart returns the content of the start_lobby in or_start, or nil if there
// is none. Without a player of its own it has the given one.
func (f *fields) orStart(player string) *StartLobby {
	inner, ok := f.inner("or_start")
	if !ok {
		return nil
	}
	var c StartLobby
	if c.read(inner); inner.err != nil {
		f.fail(inner.err.Code, "or_start."+inner.err.Field, inner.err.Message)
	}
	if c.Player == "" {
		c.Player = player
	}
	return &c
}

// JoinLobby requests admission to a lobby from its host.
type JoinLobby struct {
	LobbyID  string
	Password string      // empty: none
	Player   string      // a JSON object, or empty
	OrStart  *StartLobby // used if there is no such lobby; its LobbyID is empty
}

func (c *JoinLobby) read(f *fields) {
	c.LobbyID = f.joinID()
	c.Password, c.Player = f.password(), f.object("player", MaxPlayer)
	if c.OrStart = f.orStart(c.Player); c.OrStart != nil && c.OrStart.LobbyID != "" {
		f.fail(InvalidField, "or_start.lobby_id", "Leave out \"lobby_id\" in \"or_start\": the lobby gets the id outside it.")
	}
}

// GetLobby looks at a lobby.
type GetLobby struct{ LobbyID string }

func (c *GetLobby) read(f *fields) { c.LobbyID = f.joinID() }

// UpdatePlayer replaces what the sender says of itself.
type UpdatePlayer struct{ Player string } // a JSON object

func (c *UpdatePlayer) read(f *fields) {
	f.need("player")
	c.Player = f.object("player", MaxPlayer)
}

// SetHost makes another member the host.
type SetHost struct{ ConnectionID string }

func (c *SetHost) read(f *fields) {
	f.need("connection_id")
	c.ConnectionID = f.connectionID("connection_id")
}

// SendMessage sends Data, any JSON, to a peer, or to all other members if
// ConnectionID is empty.
type SendMessage struct{ ConnectionID, Data string }

func (c *SendMessage) read(f *fields) {
	c.ConnectionID = f.connectionID("connection_id")
	data, ok := f.content.findAny("data")
	switch {
	case !ok:
		f.need("data")
	case len(data) > MaxData:
		f.fail(MessageTooLarge, "data", "Make \"data\" at most 4 KiB long, as JSON.")
	}
	c.Data = data
}

// ReportLink reports what became of the sender's link with a peer, after MS
// milliseconds, or -1 if the sender does not say.
type ReportLink struct {
	ConnectionID string
	Outcome      string // direct, relay or failed
	MS           int
}

func (c *ReportLink) read(f *fields) {
	f.need("connection_id", "outcome")
	c.ConnectionID = f.connectionID("connection_id")
	switch c.Outcome, _ = f.text(math.MaxInt, "outcome"); c.Outcome {
	case "direct", "relay", "failed":
	default:
		f.fail(InvalidField, "outcome", "Make \"outcome\" direct, relay or failed.")
	}
	ms, ok := f.integer("ms")
	if c.MS = int(ms); !ok {
		c.MS = -1
	} else if ms < 0 || ms > 600_000 {
		f.fail(InvalidField, "ms", "Make \"ms\" an integer from 0 to 600000.")
	}
}

// AcceptRequest admits a waiting player: ConnectionID, or the only waiting
// player if that is empty. PeerID is the number that the host chooses for the
// player, or 0.
type AcceptRequest struct {
	ConnectionID string
	PeerID       int
}

func (c *AcceptRequest) read(f *fields) {
	c.ConnectionID = f.connectionID("connection_id", "player_connection_id")
	c.PeerID = f.peerID("peer_id", "player_peer_id")
}

// RejectJoinRequest rejects a waiting player.
type RejectJoinRequest struct{ ConnectionID, Reason string }

func (c *RejectJoinRequest) read(f *fields) {
	if c.ConnectionID = f.connectionID("connection_id", "player_connection_id"); c.ConnectionID == "" {
		f.need("connection_id")
	}
	c.Reason, _ = f.text(MaxReason, "reason")
}

// RemovePlayer removes a member. With Ban the member cannot come back. With the
// ban address, nobody can from its address.
type RemovePlayer struct {
	ConnectionID, Reason string
	Ban                  string // true, address or empty
}

func (c *RemovePlayer) read(f *fields) {
	if c.ConnectionID = f.connectionID("connection_id", "player_connection_id"); c.ConnectionID == "" {
		f.need("connection_id")
	}
	c.Reason, _ = f.text(MaxReason, "reason")
	switch value, _ := f.content.find("ban"); value {
	case "", "false":
	case "true", `"address"`:
		c.Ban = strings.Trim(value, `"`)
	default:
		f.fail(InvalidField, "ban", "Make \"ban\" true, false or \"address\".")
	}
}

// Resume takes back the slot that the token belongs to.
type Resume struct{ ResumeToken string }

func (c *Resume) read(f *fields) {
	f.need("resume_token")
	c.ResumeToken, _ = f.text(math.MaxInt, "resume_token")
}

// Ping requests the same content back.
type Ping struct{ Content []byte }

func (c *Ping) read(f *fields) {
	if c.Content = []byte(f.content.text); len(c.Content) > MaxRelayed {
		f.fail(MessageTooLarge, "content", "Make \"content\" at most 28 KiB long, as JSON.")
	}
	if len(c.Content) == 0 {
		c.Content = []byte("{}")
	}
}
