package handlers

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"strconv"
	"strings"

	"bellhop/events"
)

// A resumeToken proves that its bearer owns a slot.
type resumeToken struct {
	secret  string
	peerID  int
	lobbyID string
}

// token returns the token in the clients' form. It names the lobby, so finding
// the slot needs no other record.
func (s resumeToken) token() string { return s.secret + "." + strconv.Itoa(s.peerID) + "." + s.lobbyID }

// hash returns the stored hash of the secret. The secret has 128 random bits,
// so a slow hash would protect nothing more.
func (s resumeToken) hash() string {
	sum := sha256.Sum256([]byte(s.secret))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// parseResumeToken reads a client's token.
func parseResumeToken(token string) (s resumeToken, ok bool) {
	secret, rest, _ := strings.Cut(token, ".")
	number, lobbyID, _ := strings.Cut(rest, ".")
	id, err := strconv.Atoi(number)
	s = resumeToken{secret, id, lobbyID}
	return s, err == nil && secret != "" && events.IsLobbyID(lobbyID) && s.token() == token
}

// NewSecret returns the secret of a resume token: 128 bits from a cryptographic
// source, in 22 characters.
func NewSecret() string {
	var b [16]byte
	rand.Read(b[:])
	return base64.RawURLEncoding.EncodeToString(b[:])
}
