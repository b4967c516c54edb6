package events

// The contents of the actions, each with the fields that it is read from. A field of the original dialect stands behind
// Bellhop's own name for it.

// StartLobby opens a lobby, whose host is the sender. Without LobbyID Bellhop makes one.
type StartLobby struct{ LobbyID string }

func (c *StartLobby) read(f *fields) { c.LobbyID = f.lobbyID("lobby_id") }

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
