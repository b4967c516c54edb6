package handlers

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"bellhop/events"
)

// ICEServers are the STUN and TURN servers that clients are told of. ReadICEServers makes them; the zero value has none.
type ICEServers struct {
	servers []events.ICEServer // a TURN server without credentials gets some for each client
	secret  []byte
}

// turnTime is how long the credentials that are made here are good. A connection lasts 2 hours at most, and who resumes
// its place on the next hears of new ones.
const turnTime = 3 * time.Hour

// maxICE is how long all servers may be together, as JSON: they go into an event beside up to 63 peers.
const maxICE = 4 << 10

// ReadICEServers reads a list of servers: URLs with commas between them, or a JSON array of {"urls": …, "username"?: …,
// "credential"?: …}, as browsers take it. TURN servers without credentials share secret with Bellhop (coturn's
// static-auth-secret). The error is one sentence for who configures it, and never has the secret in it.
func ReadICEServers(list, secret string) (s ICEServers, err error) {
	secret = strings.TrimSpace(secret)
	s.secret = []byte(secret)
	if list = strings.TrimSpace(list); strings.HasPrefix(list, "[") {
		s.servers, err = decodeICEServers(list)
	} else if list != "" {
		s.servers, err = splitICEServers(list)
	}
	if err != nil {
		return ICEServers{}, err
	}
	shared := slices.ContainsFunc(s.servers, s.isShared)
	size, err := json.Marshal(s.servers)
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

// splitICEServers reads URLs with commas between them. A browser asks each server once, so those of a kind are one.
func splitICEServers(list string) ([]events.ICEServer, error) {
	var stun, turn events.ICEServer
	for u := range strings.SplitSeq(list, ",") {
		u = strings.TrimSpace(u)
		if err := checkICEURL(u); err != nil {
			return nil, err
		}
		if isTURN(u) {
			turn.URLs = append(turn.URLs, u)
		} else {
			stun.URLs = append(stun.URLs, u)
		}
	}
	return slices.DeleteFunc([]events.ICEServer{stun, turn}, func(s events.ICEServer) bool { return s.URLs == nil }), nil
}

func decodeICEServers(list string) ([]events.ICEServer, error) {
	var given []struct {
		URLs       oneOrMore `json:"urls"`
		Username   string    `json:"username"`
		Credential string    `json:"credential"`
	}
	d := json.NewDecoder(strings.NewReader(list))
	d.DisallowUnknownFields()
	if err := d.Decode(&given); err != nil {
		return nil, fmt.Errorf(`STUN and TURN servers are an array such as [{"urls": ["stun:stun.example.com"]}]: %w`, err)
	}
	if d.More() {
		return nil, errors.New("there is text after the array of STUN and TURN servers; take it away")
	}
	servers := make([]events.ICEServer, len(given))
	for i, g := range given {
		if len(g.URLs) == 0 {
			return nil, fmt.Errorf(`STUN or TURN server %d has no "urls"`, i+1)
		}
		if (g.Username == "") != (g.Credential == "") {
			return nil, fmt.Errorf("give %s both a username and a credential, or neither", g.URLs[0])
		}
		for _, u := range g.URLs {
			if err := checkICEURL(u); err != nil {
				return nil, err
			}
		}
		servers[i] = events.ICEServer{URLs: g.URLs, Username: g.Username, Credential: g.Credential}
	}
	return servers, nil
}

// oneOrMore is a string or an array of strings, as browsers take urls. Events have the array, which all clients take.
type oneOrMore []string

// UnmarshalJSON implements json.Unmarshaler.
func (o *oneOrMore) UnmarshalJSON(b []byte) error {
	if bytes.HasPrefix(b, []byte("[")) {
		return json.Unmarshal(b, (*[]string)(o))
	}
	*o = make(oneOrMore, 1)
	return json.Unmarshal(b, &(*o)[0])
}

// checkICEURL checks a URL as RFC 7064 (STUN) and RFC 7065 (TURN) have it.
func checkICEURL(s string) error {
	scheme, rest, _ := strings.Cut(s, ":")
	host, query, asks := strings.Cut(rest, "?")
	u, err := url.Parse("//" + host)
	port := uint64(1)
	if err == nil && u.Port() != "" {
		port, err = strconv.ParseUint(u.Port(), 10, 16)
	}
	isKnown := slices.Contains([]string{"stun", "stuns", "turn", "turns"}, scheme)
	isTransport := !asks || isTURN(s) && (query == "transport=udp" || query == "transport=tcp")
	if err != nil || !isKnown || !isTransport || u.Host != host || u.Hostname() == "" || port == 0 {
		return fmt.Errorf("%q is not a URL such as stun:stun.example.com:3478 or turn:turn.example.com:3478?transport=udp", s)
	}
	return nil
}

func isTURN(u string) bool { return strings.HasPrefix(u, "turn") }

// isShared reports whether a server takes the credentials that are made from the secret.
func (s ICEServers) isShared(one events.ICEServer) bool {
	return one.Username == "" && slices.ContainsFunc(one.URLs, isTURN)
}

// forClient returns the servers with credentials for one connection, and until when those are good, zero if for ever. They
// are of the TURN REST scheme, which coturn's use-auth-secret checks: the name is when they end, in seconds since 1970, and
// whose they are, for the server's log and quotas; the password is the name's HMAC-SHA1.
func (s ICEServers) forClient(conn string, now time.Time) (servers []events.ICEServer, until events.Time) {
	servers = slices.Clone(s.servers)
	end := now.Add(turnTime)
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

// iceServers is forClient for an event that has other news.
func (h *Handler) iceServers(conn string) []events.ICEServer {
	servers, _ := h.ICE.forClient(conn, h.Now())
	return servers
}

// getICEServers answers with the STUN and TURN servers.
func (h *Handler) getICEServers(ctx context.Context, req *request) error {
	e := events.ICEServers{ICEServers: []events.ICEServer{}}
	if servers, until := h.ICE.forClient(req.conn, req.now); servers != nil {
		e = events.ICEServers{ICEServers: servers, ExpiresAt: until}
	}
	return h.reply(ctx, req, e)
}
