package events

import "math"

// The contents of the actions, each with the fields that it is read from. A field of the original dialect stands behind
// Bellhop's own name for it.

// StartLobby opens a lobby, whose host is the sender. Without LobbyID Bellhop makes one.
type StartLobby struct {
	LobbyID    string
	MaxPlayers int // 0: the default
	AutoAccept bool
	Migrates   bool // on_host_leave is migrate
}

func (c *StartLobby) read(f *fields) {
	c.LobbyID = f.lobbyID("lobby_id")
	if n := f.maxPlayers(); n != nil {
		c.MaxPlayers = *n
	}
	if b := f.boolean("auto_accept"); b != nil {
		c.AutoAccept = *b
	}
	switch what, ok := f.text(MaxRelayed, "on_host_leave"); {
	case what == "migrate":
		c.Migrates = true
	case ok && what != "close":
		f.fail(InvalidField, "on_host_leave", "Make \"on_host_leave\" close or migrate.")
	}
}

// UpdateLobby sets what is not nil.
type UpdateLobby struct {
	MaxPlayers         *int
	Locked, AutoAccept *bool
}

func (c *UpdateLobby) read(f *fields) {
	c.MaxPlayers, c.Locked, c.AutoAccept = f.maxPlayers(), f.boolean("locked"), f.boolean("auto_accept")
}

// JoinLobby asks the host of a lobby to be let in.
type JoinLobby struct{ LobbyID string }

func (c *JoinLobby) read(f *fields) {
	f.need("lobby_id")
	if c.LobbyID = f.lobbyID("lobby_id"); c.LobbyID == "" {
		f.fail(InvalidField, "lobby_id", "Make \"lobby_id\" the id that the host has been given.")
	}
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
	if b := f.boolean("ban"); b != nil {
		c.Ban = *b
	}
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
