package events

// A Code says what went wrong, for programs.
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
	Internal        Code = "internal"
)

// The codes of a request_rejected event; LobbyFull is also an error, to a host who accepts one too many.
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

// An Error is the event that answers an action which could not be done, and a Go error for who finds that out.
type Error struct {
	Code         Code   `json:"code"`
	Message      string `json:"message"` // one English sentence that says what to do
	Action       string `json:"action,omitempty"`
	Field        string `json:"field,omitempty"`          // the field at fault
	ConnectionID string `json:"connection_id,omitempty"`  // with PeerNotFound and PeerUnreachable: the peer asked for
	RetryAfterMS int64  `json:"retry_after_ms,omitempty"` // milliseconds, with RateLimited and AlreadyInLobby
	ResumeUntil  Time   `json:"resume_until,omitempty"`   // with PeerUnreachable: the peer may come back until then
	Reference    string `json:"reference,omitempty"`      // with Internal: stands in the log line too
	LobbyID      string `json:"-"`                        // with LobbyExists: the id asked for, which the original dialect names
}

// EventName implements Event.
func (*Error) EventName() string { return "error" }

func (e *Error) Error() string { return string(e.Code) + ": " + e.Message }
