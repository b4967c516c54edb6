package events

import "math"

// The contents of the actions, each with the fields that it is read from. A field of the original dialect stands behind
// Bellhop's own name for it.

// StartLobby opens a lobby, whose host is the sender. Without LobbyID Bellhop makes one.
type StartLobby struct {
	LobbyID    string
	MaxPlayers int // 0: the default
	Public     bool
	AutoAccept bool
	Mesh       bool   // topology is mesh
	Migrates   bool   // on_host_leave is migrate
	Password   string // empty: none
	Metadata   string // a JSON object, or empty
	Player     string // a JSON object, or empty
}

func (c *StartLobby) read(f *fields) {
	c.LobbyID = f.lobbyID("lobby_id")
	if n := f.maxPlayers(); n != nil {
		c.MaxPlayers = *n
	}
	c.Public, c.AutoAccept = f.isTrue("public"), f.isTrue("auto_accept")
	c.Mesh = f.choice("topology", "star", "mesh") == "mesh"
	c.Migrates = f.choice("on_host_leave", "close", "migrate") == "migrate"
	c.Password = f.password()
	c.Metadata, c.Player = f.object("metadata", MaxMetadata), f.object("player", MaxPlayer)
}

// OriginalStartLobby is StartLobby in the original dialect, which knows no field but this one and so ignores the others.
type OriginalStartLobby struct{ LobbyID string }

func (c *OriginalStartLobby) read(f *fields) { c.LobbyID = f.lobbyID("lobby_id") }

// UpdateLobby sets what is not nil. An empty Password takes it off.
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

// ListLobbies asks for the lobbies that anybody may join.
type ListLobbies struct {
	Filter Filter
	Limit  int    // 1 to 100
	Cursor string // of the page before, or empty
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

// QuickJoin asks for a place in any lobby that the filter picks.
type QuickJoin struct {
	Filter  Filter
	Player  string      // a JSON object, or empty
	OrStart *StartLobby // if there is none
}

func (c *QuickJoin) read(f *fields) {
	c.Filter, c.Player = f.filter(), f.object("player", MaxPlayer)
	inner, ok := f.inner("or_start")
	if !ok {
		return
	}
	c.OrStart = &StartLobby{}
	if c.OrStart.read(inner); inner.err != nil {
		f.fail(inner.err.Code, "or_start."+inner.err.Field, inner.err.Message)
	}
	if c.OrStart.Player == "" {
		c.OrStart.Player = c.Player
	}
}

// JoinLobby asks the host of a lobby to be let in.
type JoinLobby struct {
	LobbyID  string
	Password string // empty: none
	Player   string // a JSON object, or empty
}

func (c *JoinLobby) read(f *fields) {
	f.need("lobby_id")
	if c.LobbyID = f.lobbyID("lobby_id"); c.LobbyID == "" {
		f.fail(InvalidField, "lobby_id", "Make \"lobby_id\" the id that the host has been given.")
	}
	c.Password, c.Player = f.password(), f.object("player", MaxPlayer)
}

// AcceptRequest lets in somebody who waits: ConnectionID, or if that is empty the only one there is. PeerID is the
// number the host wants them to have, or 0.
type AcceptRequest struct {
	ConnectionID string
	PeerID       int
}

func (c *AcceptRequest) read(f *fields) {
	c.ConnectionID = f.connectionID("connection_id", "player_connection_id")
	c.PeerID = f.peerID("peer_id", "player_peer_id")
}

// RejectJoinRequest sends away somebody who waits.
type RejectJoinRequest struct{ ConnectionID, Reason string }

func (c *RejectJoinRequest) read(f *fields) {
	if c.ConnectionID = f.connectionID("connection_id", "player_connection_id"); c.ConnectionID == "" {
		f.need("connection_id")
	}
	c.Reason, _ = f.text(MaxReason, "reason")
}

// RemovePlayer takes a member's place from it, and with Ban keeps it out.
type RemovePlayer struct {
	ConnectionID, Reason string
	Ban                  bool
}

func (c *RemovePlayer) read(f *fields) {
	if c.ConnectionID = f.connectionID("connection_id", "player_connection_id"); c.ConnectionID == "" {
		f.need("connection_id")
	}
	c.Reason, _ = f.text(MaxReason, "reason")
	c.Ban = f.isTrue("ban")
}

// Resume takes the place back that the token is of.
type Resume struct{ ResumeToken string }

func (c *Resume) read(f *fields) {
	f.need("resume_token")
	c.ResumeToken, _ = f.text(math.MaxInt, "resume_token")
}

// Ping asks for the same content back.
type Ping struct{ Content []byte }

func (c *Ping) read(f *fields) {
	if c.Content = []byte(f.content.text); len(c.Content) > MaxRelayed {
		f.fail(MessageTooLarge, "content", "Make \"content\" at most 28 KiB long, as JSON.")
	}
	if len(c.Content) == 0 {
		c.Content = []byte("{}")
	}
}
