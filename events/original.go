package events

// The original dialect is the set of events on a connection that was opened
// with protocol=original. Its clients read typed dictionaries, so they receive
// only these names and keys.

type originalLobbyStarted struct {
	LobbyID string `json:"lobby_id"`
}

type originalJoinRequest struct {
	ConnectionID string `json:"connection_id"`
}

type originalAccepted struct {
	HostConnectionID string `json:"host_connection_id"`
	PeerID           int    `json:"peer_id"`
}

type originalRejected struct {
	Reason string `json:"reason"`
}

type originalCreationFailed struct {
	Reason string `json:"reason"`
}

func (originalLobbyStarted) EventName() string   { return "lobby_started" }
func (originalJoinRequest) EventName() string    { return "received_join_request" }
func (originalAccepted) EventName() string       { return "join_request_accepted" }
func (originalRejected) EventName() string       { return "join_request_rejected" }
func (originalCreationFailed) EventName() string { return "lobby_creation_failed" }

// Original returns e in the original dialect, or nil if that dialect has no
// such event.
func Original(e Event) Event {
	switch e := e.(type) {
	case LobbyStarted:
		return originalLobbyStarted{e.LobbyID}
	case RequestToJoin:
		return originalJoinRequest{e.ConnectionID}
	case RequestAccepted:
		return originalAccepted{e.HostConnectionID, e.PeerID}
	case RequestRejected:
		if e.Code == LobbyNotFound {
			return originalRejected{"Lobby '" + e.LobbyID + "' not found."}
		}
		return originalRejected{e.Reason}
	case *Error:
		return originalError(e)
	}
	return nil
}

func originalError(e *Error) Event {
	switch {
	case e.Action != "start_lobby":
		known := *e
		known.ConnectionID = ""
		return &known
	case e.Code == LobbyExists:
		return originalCreationFailed{"Lobby " + e.LobbyID + " already exists."}
	case e.Reference != "":
		return originalCreationFailed{e.Message + " It is " + e.Reference + "."}
	}
	return originalCreationFailed{e.Message}
}
