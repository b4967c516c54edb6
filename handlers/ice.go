package handlers

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"bellhop/events"
	"bellhop/internal/turnrest"
	"bellhop/lobby"
)

// ICEServers are the STUN and TURN servers for clients. ReadICEServers makes
// them; the zero value has none.
type ICEServers struct {
	servers []events.ICEServer // a TURN server without credentials gets some for each client
	secret  []byte
	// Lifetime is how long credentials made from the secret are valid. 0 means 3
	// hours: a connection lasts 2 hours at most, and a client that resumes on the
	// next one gets new credentials.
	Lifetime time.Duration
	// Minter makes further servers for each client; nil: none.
	Minter Minter
}

// A Minter makes servers with credentials of one client's own. It can be called
// concurrently.
type Minter interface {
	// Mint returns the servers, and when their credentials expire, or nothing if
	// the client gets none. It takes little time: an event waits for it.
	Mint(ctx context.Context, p Player) (servers []events.ICEServer, until time.Time)
}

// A Player is the client of a Minter.
type Player struct {
	Conn string
	// Lobby is the lobby that has the client as a member, or that the client says
	// it is in; empty: none. Members is the number of its members, 0 if the lobby
	// was not read.
	Lobby   lobby.Key
	Members int
}

// DefaultICEServers is what deployments name that have nothing else: it tells
// players their public address, and costs nothing.
const DefaultICEServers = "stun:stun.cloudflare.com:3478"

const turnLifetime = 3 * time.Hour

// maxICE is the longest list of servers as JSON, as a client gets it: an event
// carries it together with up to 63 peers.
const maxICE = 4 << 10

// maxConn is the length of a connection id in a TURN user name: those of API
// Gateway and of the gateway have 16 characters.
const maxConn = 16

// ReadICEServers reads a list of servers: URLs with commas between them, or
// JSON in one of the forms that DecodeICEServers reads. "none" is none, as is
// an empty list. TURN servers without credentials share secret with Bellhop
// (coturn's static-auth-secret). The error is one sentence for operators and
// never contains a secret.
func ReadICEServers(list, secret string) (s ICEServers, err error) {
	secret = strings.TrimSpace(secret)
	s.secret = []byte(secret)
	if list = strings.TrimSpace(list); list == "none" {
		list = ""
	}
	if strings.HasPrefix(list, "[") || strings.HasPrefix(list, "{") {
		s.servers, err = readWritten(list)
	} else if list != "" {
		s.servers, err = splitICEServers(list)
	}
	if err != nil {
		return ICEServers{}, err
	}
	shared := slices.ContainsFunc(s.servers, s.isShared)
	asSent, _ := s.forClient(context.Background(), Player{Conn: strings.Repeat("c", maxConn)}, time.Now())
	size, err := json.Marshal(asSent)
	switch {
	case shared && secret == "":
		err = errors.New("a TURN server needs credentials: set TURN_SECRET to what it has as its static-auth-secret")
	case !shared && secret != "":
		err = errors.New("TURN_SECRET is set, and no TURN server that needs it; name one, as in turn:turn.example.com:3478")
	case len(size) > maxICE:
		err = fmt.Errorf("STUN and TURN servers take %d bytes as JSON; name fewer, at most %d bytes", len(size), maxICE)
	}
	return s, err
}

func isTURN(u string) bool { return strings.HasPrefix(u, "turn") }

// isShared reports whether a server accepts credentials made from the secret.
func (s ICEServers) isShared(one events.ICEServer) bool {
	return one.Username == "" && slices.ContainsFunc(one.URLs, isTURN)
}

// forClient returns the servers with credentials for one connection, and the
// time when those expire, zero for never. Bellhop makes the credentials of a
// server that shares the secret; its Minter makes the others.
func (s ICEServers) forClient(ctx context.Context, p Player, now time.Time) ([]events.ICEServer, events.Time) {
	servers := slices.Clone(s.servers)
	end := now.Add(cmp.Or(s.Lifetime, turnLifetime))
	var ends time.Time
	for i := range servers {
		if s.isShared(servers[i]) {
			name := turnrest.Username(p.Conn, end)
			servers[i].Username, servers[i].Credential, ends = name, turnrest.Password(s.secret, name), end
		}
	}
	if s.Minter != nil {
		minted, at := s.Minter.Mint(ctx, p)
		servers = append(servers, minted...)
		if !at.IsZero() && (ends.IsZero() || at.Before(ends)) {
			ends = at
		}
	}
	return servers, events.TimeOf(ends)
}

// iceServers is forClient for an event that tells conn of its lobby.
func (h *Handler) iceServers(ctx context.Context, conn string, l *lobby.Lobby) []events.ICEServer {
	servers, _ := h.ICE.forClient(ctx, Player{Conn: conn, Lobby: l.Key(), Members: len(l.Members)}, h.Now())
	return servers
}

// getICEServers answers with the STUN and TURN servers.
func (h *Handler) getICEServers(ctx context.Context, req *action) error {
	p := Player{Conn: req.conn}
	if c, known := req.client.hint(req.conn); known && c.LobbyID != "" {
		p.Lobby = c.Key()
	}
	e := events.ICEServers{ICEServers: []events.ICEServer{}}
	if servers, until := h.ICE.forClient(ctx, p, req.now); len(servers) > 0 {
		e = events.ICEServers{ICEServers: servers, ExpiresAt: until}
	}
	return h.reply(ctx, req, e)
}
