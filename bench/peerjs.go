package main

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// peerJS is PeerJS's server, which npm installs. It has no rooms: a client can
// send to any id that it knows. By default it cuts clients that send no
// heartbeat for a minute, and admits at most 5,000.
func peerJS(installed string) (server, program, error) {
	folder := filepath.Join(installed, "node_modules", "peer")
	p := program{Name: "PeerJS", Settings: "`--concurrent_limit 1000000`, `--alive_timeout 3600000` (ms), so that no client has to send heartbeats"}
	description, err := os.ReadFile(filepath.Join(folder, "package.json"))
	if err != nil {
		return server{}, p, fmt.Errorf("npm has not installed it in %s", installed)
	}
	var about struct{ Version string }
	if err := json.Unmarshal(description, &about); err != nil {
		return server{}, p, err
	}
	node, err := exec.Command("node", "--version").Output()
	p.Version = about.Version + " on Node " + strings.TrimSpace(strings.TrimPrefix(string(node), "v"))
	return server{
		command: []string{"node", filepath.Join(folder, "dist", "bin", "peerjs.js"), "--host", "127.0.0.1", "--port", "PORT",
			"--concurrent_limit", "1000000", "--alive_timeout", "3600000"},
		path:    func(pair int, side string) string { return "/peerjs?key=peerjs&token=bench&id=" + peerJSID(pair, side) },
		meet:    meetByID,
		arrives: `{"type":"OFFER","src":"`,
	}, p, err
}

func peerJSID(pair int, side string) string { return fmt.Sprintf("bench-%d-%s", pair, side) }

// meetByID waits until both are admitted. Its messages are those of PeerJS's
// client.
func meetByID(host, joiner net.Conn, pair int) (fromHost, fromJoiner []byte, err error) {
	for _, conn := range []net.Conn{host, joiner} {
		if payload, _, err := readText(conn); err != nil || string(payload) != `{"type":"OPEN"}` {
			return nil, nil, fmt.Errorf("no OPEN but %q (%v)", payload, err)
		}
	}
	offer := func(to string) []byte {
		return withSDP(fmt.Sprintf(`{"type":"OFFER","dst":%q,"payload":{"type":"data","connectionId":"dc_bench%d","label":"dc_bench%[2]d",`+
			`"reliable":false,"serialization":"binary","sdp":{"type":"offer","sdp":"`, to, pair), `"}}}`)
	}
	return offer(peerJSID(pair, "b")), offer(peerJSID(pair, "a")), nil
}
