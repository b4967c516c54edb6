package lobby

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"strings"
)

// A Ban says what is kept out of a lobby together with a removed member, for as
// long as the lobby exists.
type Ban int

// The kinds of bans. Each covers more than the one before it.
const (
	NoBan      Ban = iota
	BanPlayer      // its connections and its player id
	BanAddress     // and its address, which others might share
)

// Prefixes of what is banned besides connections, whose ids have no colon.
const (
	bannedPlayer  = "player:"
	bannedAddress = "address:"
)

func (l *Lobby) ban(m Member, ban Ban) {
	if ban == NoBan {
		return
	}
	l.Banned = append(append(l.Banned, m.PreviousConns...), m.Conn)
	if m.PlayerID != "" {
		l.Banned = append(l.Banned, bannedPlayer+m.PlayerID)
	}
	if ban == BanAddress && m.Address != "" {
		l.Banned = append(l.Banned, bannedAddress+m.Address)
	}
	l.Banned = l.Banned[max(0, len(l.Banned)-maxBanned):]
}

// is reports whether r is what is banned.
func (r JoinRequest) is(banned string) bool {
	if id, ok := strings.CutPrefix(banned, bannedPlayer); ok {
		return id == r.PlayerID
	}
	if hash, ok := strings.CutPrefix(banned, bannedAddress); ok {
		return hash == r.Address
	}
	return banned == r.Conn
}

// AddressHash returns what a lobby keeps of a connection's address: a keyed
// hash, which differs in each lobby. An empty address has none.
func (l *Lobby) AddressHash(address string) string {
	if address == "" {
		return ""
	}
	mac := hmac.New(sha256.New, []byte(l.AddressKey))
	mac.Write([]byte(address))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil)[:12])
}
