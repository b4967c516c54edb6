package main

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
)

// matchbox is matchbox_server, which cargo installs. Each pair has its own room
// for two.
func matchbox(installed string) (server, program, error) {
	p := program{Name: "matchbox_server", Settings: "its defaults"}
	list, err := os.ReadFile(filepath.Join(installed, ".crates.toml")) // cargo keeps it beside bin
	if version := regexp.MustCompile(`"matchbox_server (\S+) `).FindSubmatch(list); version != nil {
		p.Version = string(version[1])
	} else {
		err = fmt.Errorf("cargo has not installed it in %s", installed)
	}
	return server{
		command: []string{filepath.Join(installed, "bin", "matchbox_server"), "127.0.0.1:PORT"},
		path:    func(pair int, _ string) string { return fmt.Sprintf("/bench-%d?next=2", pair) },
		meet:    meetInRoom,
		arrives: `{"Signal":{"sender":"`,
	}, p, err
}

// meetInRoom reads what a room sends to its first two clients: their ids, and
// to the first the arrival of the second. Its messages are those of
// matchbox_socket, matchbox's client.
func meetInRoom(host, joiner net.Conn, _ int) (fromHost, fromJoiner []byte, err error) {
	var hostID, joinerID string
	for _, next := range []struct {
		conn  net.Conn
		event string
		id    *string
	}{{host, "IdAssigned", &hostID}, {joiner, "IdAssigned", &joinerID}, {host, "NewPeer", &joinerID}} {
		payload, _, err := readText(next.conn)
		if err != nil {
			return nil, nil, fmt.Errorf("no %s: %w", next.event, err)
		}
		if _, err := fmt.Sscanf(string(payload), `{"`+next.event+`":%q}`, next.id); err != nil {
			return nil, nil, fmt.Errorf("no %s but %s", next.event, payload)
		}
	}
	signal := func(to string) []byte {
		return withSDP(fmt.Sprintf(`{"Signal":{"receiver":%q,"data":{"Offer":"`, to), `"}}}`)
	}
	return signal(joinerID), signal(hostID), nil
}
