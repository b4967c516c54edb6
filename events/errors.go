package events

// A Code names an error for programs.
type Code string

// The codes of an error event (docs/protocol.md, "Errors").
const (
	InvalidJSON     Code = "invalid_json"
	InvalidMessage  Code = "invalid_message"
	UnknownAction   Code = "unknown_action"
	MissingField    Code = "missing_field"
	InvalidField    Code = "invalid_field"
	MessageTooLarge Code = "message_too_large"
	LobbyExists     Code = "lobby_exists"
	AlreadyInLobby  Code = "already_in_lobby"
	NotInLobby      Code = "not_in_lobby"
	NotHost         Code = "not_host"
	RequestNotFound Code = "request_not_found"
	PeerNotFound    Code = "peer_not_found"
	PeerUnreachable Code = "peer_unreachable"
	RateLimited     Code = "rate_limited"
	ResumeFailed    Code = "resume_failed"
	NotAvailable    Code = "not_available"
	Internal        Code = "internal"
)

// The codes of a request_rejected event. LobbyFull is also an error for a host
// that accepts one player too many, and LobbyNotFound for get_lobby.
const (
	LobbyNotFound   Code = "lobby_not_found"
	LobbyFull       Code = "lobby_full"
	LobbyLocked     Code = "lobby_locked"
	WrongPassword   Code = "wrong_password"
	Banned          Code = "banned"
	HostUnavailable Code = "host_unavailable"
	RejectedByHost  Code = "rejected_by_host"
	LobbyClosedCode Code = "lobby_closed"
	NoMatch         Code = "no_match"
)

// An Error is both the event that answers a failed action and a Go error.
type Error struct {
	Code         Code   `json:"code"`
	Message      string `json:"message"` // one English sentence that says what to do
	Action       string `json:"action,omitempty"`
	Field        string `json:"field,omitempty"`          // the field at fault
	ConnectionID string `json:"connection_id,omitempty"`  // with PeerNotFound and PeerUnreachable: the intended peer
	RetryAfterMS int64  `json:"retry_after_ms,omitempty"` // milliseconds, with RateLimited and AlreadyInLobby
	ResumeUntil  Time   `json:"resume_until,omitempty"`   // with PeerUnreachable: the peer can come back until then
	Reference    string `json:"reference,omitempty"`      // with Internal: the log line has it too
	LobbyID      string `json:"-"`                        // with LobbyExists: the requested id, for the original dialect
}

// EventName implements Event.
func (*Error) EventName() string { return "error" }

func (e *Error) Error() string { return string(e.Code) + ": " + e.Message }
