package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// A server is one of the compared servers, with the way in which two clients
// become a pair on it.
type server struct {
	name    string                             // in the costs of make bench; others have one in their program
	command []string                           // starts it; PORT in it stands for a free port
	path    func(pair int, side string) string // URL that a client of side a or b connects to
	// meet connects two clients, and returns the messages that each can then send
	// to the other.
	meet    func(host, joiner net.Conn, pair int) (fromHost, fromJoiner []byte, err error)
	arrives string // how that message begins when it arrives
}

// bellhop is the path of Bellhop's module from this folder, where bench runs.
const bellhop = ".."

// build builds the floor and Bellhop into dir, and returns both.
func build(ctx context.Context, dir string) ([]server, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	gateway := filepath.Join(dir, "gateway")
	cmd := exec.CommandContext(ctx, "go", "build", "-o", gateway, "./gateway")
	cmd.Dir = bellhop
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("go build ./gateway: %w; run bench in its own folder\n%s", err, out)
	}
	return []server{{
		name:    "floor",
		command: []string{self, "-serve-floor"},
		path:    func(pair int, side string) string { return fmt.Sprintf("/?pair=%d&side=%s", pair, side) },
		meet: func(net.Conn, net.Conn, int) (_, _ []byte, err error) {
			return description("the-other-end"), description("the-other-end"), nil
		},
		arrives: `{"action":"set_session_description",`,
	}, {
		name:    "bellhop",
		command: []string{gateway, "-listen", "127.0.0.1:0", "-rate", "1000000000"},
		path:    func(int, string) string { return "/?game=bench" },
		meet:    meetInLobby,
		arrives: `{"event":"received_session_description",`,
	}}, nil
}

// messageSize is the size of a message in bytes: a data channel's offer with a
// few candidates.
const messageSize = 1500

// sdpBegins is the beginning of a session description (RFC 8866, section 5.1).
const sdpBegins = "v=0"

// description returns a session description for a peer of messageSize bytes.
func description(peer string) []byte {
	return withSDP(fmt.Sprintf(`{"action":"set_session_description","content":{"connection_id":%q,"session_type":"offer","sdp":"`, peer), `"}}`)
}

// withSDP returns a message of messageSize bytes: a given beginning, an SDP,
// and a given end. The text has the lines of an SDP, since reading their
// escaped ends is part of a server's work.
func withSDP(begin, end string) []byte {
	b := []byte(begin + sdpBegins + `\r\n`)
	const line = `a=candidate:1 1 udp 2113937151 192.0.2.1 54400 typ host\r\n`
	for len(b)+len(line)+len(end) <= messageSize {
		b = append(b, line...)
	}
	b = append(b, strings.Repeat("x", messageSize-len(b)-len(end))...)
	return append(b, end...)
}

// meetInLobby brings a pair together in a lobby of its own.
func meetInLobby(host, joiner net.Conn, pair int) (fromHost, fromJoiner []byte, err error) {
	lobby := fmt.Sprintf(`{"lobby_id":"bench-%d"}`, pair)
	if _, err := ask(host, "start_lobby", lobby, host, "lobby_started"); err != nil {
		return nil, nil, err
	}
	joinerID, err := ask(joiner, "join_lobby", lobby, host, "request_to_join")
	if err != nil {
		return nil, nil, err
	}
	hostID, err := ask(host, "accept_request", fmt.Sprintf(`{"connection_id":%q}`, joinerID), joiner, "request_accepted")
	return description(joinerID), description(hostID), err
}

// ask sends an action, waits for the event that follows from it, and returns
// the connection id in the event, which is the other's.
func ask(from net.Conn, action, content string, to net.Conn, event string) (id string, err error) {
	from.Write(appendMasked(nil, fmt.Appendf(nil, `{"action":%q,"content":%s}`, action, content))) // an error comes back when reading
	payload, _, err := readText(to)
	if err != nil {
		return "", fmt.Errorf("%s: no %s: %w", action, event, err)
	}
	var e struct {
		Event   string
		Content struct {
			ConnectionID     string `json:"connection_id"`
			HostConnectionID string `json:"host_connection_id"` // only in request_accepted, where connection_id is one's own
		}
	}
	if err := json.Unmarshal(payload, &e); err != nil || e.Event != event {
		return "", fmt.Errorf("%s: no %s but %s", action, event, payload)
	}
	return cmp.Or(e.Content.HostConnectionID, e.Content.ConnectionID), nil
}
