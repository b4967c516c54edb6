package handlers

import (
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"bellhop/events"
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
}

const turnLifetime = 3 * time.Hour

// maxICE is the longest list of servers as JSON, as a client gets it: an event
// carries it together with up to 63 peers.
const maxICE = 4 << 10

// maxConn is the length of a connection id in a TURN user name: those of API
// Gateway and of the gateway have 16 characters.
const maxConn = 16

// ReadICEServers reads a list of servers: URLs with commas between them, or
// JSON in one of the forms that decodeICEServers reads. TURN servers without
// credentials share secret with Bellhop (coturn's static-auth-secret). The
// error is one sentence for operators and never contains a secret.
func ReadICEServers(list, secret string) (s ICEServers, err error) {
	secret = strings.TrimSpace(secret)
	s.secret = []byte(secret)
	if list = strings.TrimSpace(list); strings.HasPrefix(list, "[") || strings.HasPrefix(list, "{") {
		s.servers, err = decodeICEServers(list)
	} else if list != "" {
		s.servers, err = splitICEServers(list)
	}
	if err != nil {
		return ICEServers{}, err
	}
	shared := slices.ContainsFunc(s.servers, s.isShared)
	asSent, _ := s.forClient(strings.Repeat("c", maxConn), time.Now())
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
// time when those expire, zero for never. The credentials follow the TURN REST
// scheme, which coturn's use-auth-secret checks. The user name has the expiry
// in seconds since 1970 and the connection, for the server's log and quotas;
// the password is the name's HMAC-SHA1.
func (s ICEServers) forClient(conn string, now time.Time) (servers []events.ICEServer, until events.Time) {
	servers = slices.Clone(s.servers)
	end := now.Add(cmp.Or(s.Lifetime, turnLifetime))
	for i := range servers {
		if !s.isShared(servers[i]) {
			continue
		}
		name := strconv.FormatInt(end.Unix(), 10) + ":" + conn
		mac := hmac.New(sha1.New, s.secret)
		mac.Write([]byte(name))
		servers[i].Username, servers[i].Credential = name, base64.StdEncoding.EncodeToString(mac.Sum(nil))
		until = events.TimeOf(end)
	}
	return servers, until
}

// iceServers is forClient for an event that carries other data too.
func (h *Handler) iceServers(conn string) []events.ICEServer {
	servers, _ := h.ICE.forClient(conn, h.Now())
	return servers
}

// getICEServers answers with the STUN and TURN servers.
func (h *Handler) getICEServers(ctx context.Context, req *action) error {
	e := events.ICEServers{ICEServers: []events.ICEServer{}}
	if servers, until := h.ICE.forClient(req.conn, req.now); servers != nil {
		e = events.ICEServers{ICEServers: servers, ExpiresAt: until}
	}
	return h.reply(ctx, req, e)
}
