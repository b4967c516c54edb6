package server_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"bellhop/gateway/server"
)

var meshMembers = flag.Int("mesh.members", 16, "how many players are in a mesh of peers")

// TestMesh checks that in a mesh all members talk to each other directly, in
// whatever order they come; the one with the higher peer id offers. A member
// that loses its socket keeps its peers, and can offer to them again after it
// resumes. When the host has left, a new member joins the next host, and talks
// to all.
func TestMesh(t *testing.T) {
	url, n := start(t, server.Config{}), *meshMembers
	m := &mesh{t: t, heard: make(chan string, 4*n*n), events: make(chan string, 4*n*n)}
	began := time.Now()
	host := m.comes(url, "0", `start_lobby`, map[string]any{
		"lobby_id": "mesh", "topology": "mesh", "auto_accept": true, "max_players": 64, "on_host_leave": "migrate",
	})
	m.await(m.events, "0 hears lobby_started")
	join := map[string]any{"lobby_id": "mesh"}
	members := []*meshMember{host}
	for i := 1; i < n; i++ { // together: the server decides who comes first
		members = append(members, m.comes(url, fmt.Sprint(i), "join_lobby", join))
	}
	m.await(m.heard, between("hello", members, members)...)
	t.Logf("%d pairs talk after %v", n*(n-1)/2, time.Since(began).Round(time.Millisecond))

	dropped := members[n/2]
	token := dropped.stop()
	dropped.tell("still")
	m.await(m.heard, between("still", members, []*meshMember{dropped})...)
	dropped.plays(url, "resume", map[string]any{"resume_token": token})
	m.await(m.events, dropped.name+" hears resumed")
	dropped.offerAll()
	var answers []string
	for _, other := range members {
		if other != dropped {
			answers = append(answers, dropped.name+" hears answer")
		}
	}
	m.await(m.events, answers...)
	t.Logf("one is back after %v", time.Since(began).Round(time.Millisecond))

	host.send("leave_lobby", map[string]any{})
	var changed []string
	for _, other := range members[1:] {
		changed = append(changed, other.name+" hears host_changed")
	}
	m.await(m.events, changed...)
	members = append(members[1:], m.comes(url, "newcomer", "join_lobby", join))
	newcomer := members[len(members)-1:]
	m.await(m.heard, append(between("hello", members, newcomer), between("hello", newcomer, members)...)...)
	t.Logf("after %d members' host has left a newcomer talks to all, after %v", n, time.Since(began).Round(time.Millisecond))
}

// A mesh is the messages of a lobby's members: from each other, and from
// Bellhop.
type mesh struct {
	t             *testing.T
	heard, events chan string
}

// between returns the messages that all of to receive when each of from sends
// one to each.
func between(what string, to, from []*meshMember) (lines []string) {
	for _, a := range to {
		for _, b := range from {
			if a != b {
				lines = append(lines, a.name+" hears "+what+" from "+b.name)
			}
		}
	}
	return lines
}

// await waits until each of want has arrived once more. Another hello or answer
// that arrives twice is an error.
func (m *mesh) await(from chan string, want ...string) {
	m.t.Helper()
	late := time.After(30 * time.Second)
	for len(want) > 0 {
		select {
		case line := <-from:
			if i := slices.Index(want, line); i >= 0 {
				want = slices.Delete(want, i, i+1)
			} else if from == m.heard {
				m.t.Fatalf("%s, which is not to be", line)
			}
		case <-late:
			m.t.Fatalf("within half a minute %d were not heard: %.500q", len(want), want)
		}
	}
}

// A meshMember is a player who talks to all others.
type meshMember struct {
	*player
	mesh    *mesh
	mu      sync.Mutex // held while an event is handled
	id      int        // its peer id
	token   string
	stopped chan bool // closed once the socket is read no more
	leaving bool
}

// comes connects a player with a first message that enters the lobby.
func (m *mesh) comes(url, name, action string, content map[string]any) *meshMember {
	p := &meshMember{mesh: m, player: &player{t: m.t, name: name, style: style{batch: true}, peers: map[string]*peer{}}}
	p.plays(url, action, content)
	return p
}

// plays opens a socket and reacts to its events.
func (p *meshMember) plays(url, action string, content map[string]any) {
	ws, _, err := websocket.Dial(p.t.Context(), url, nil)
	if err != nil {
		p.t.Fatal(err)
	}
	ws.SetReadLimit(64 << 10)
	p.ws, p.leaving, p.stopped = ws, false, make(chan bool)
	p.t.Cleanup(func() { ws.CloseNow(); <-p.stopped })
	go func() {
		defer close(p.stopped)
		for {
			_, data, err := ws.Read(p.t.Context())
			p.mu.Lock()
			switch {
			case err == nil:
				p.hear(data)
			case p.t.Context().Err() == nil && !p.leaving:
				p.t.Errorf("%s hears no more: %v", p.name, err)
			}
			p.mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	p.send(action, content)
}

// stop drops the socket and returns the token to resume with.
func (p *meshMember) stop() (token string) {
	p.mu.Lock()
	p.leaving = true
	p.mu.Unlock()
	p.ws.CloseNow()
	<-p.stopped
	return p.token
}

// tell sends the same message directly to each peer.
func (p *meshMember) tell(what string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, other := range p.peers {
		if err := other.channel.SendText(what + " from " + p.name); err != nil {
			p.t.Errorf("%s: %v", p.name, err)
		}
	}
}

func (p *meshMember) offerAll() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, other := range p.peers {
		p.offer(other)
	}
}

// hear reacts to an event.
func (p *meshMember) hear(data []byte) {
	var s heardEvent
	var more struct {
		Content struct {
			PeerID          int    `json:"peer_id"`
			ResumeToken     string `json:"resume_token"`
			NewConnectionID string `json:"new_connection_id"`
			Peers           []struct {
				ConnectionID string `json:"connection_id"`
				PeerID       int    `json:"peer_id"`
			}
		}
	}
	if err := json.Unmarshal(data, &s); err != nil || json.Unmarshal(data, &more) != nil {
		p.t.Errorf("%s hears %s: %v", p.name, data, err)
		return
	}
	from, c := s.Content.ConnectionID, more.Content
	what := s.Event
	switch s.Event {
	case "lobby_started":
		p.id, p.token = c.PeerID, c.ResumeToken
	case "request_accepted":
		p.id, p.token = c.PeerID, c.ResumeToken
		for _, other := range c.Peers {
			if other.PeerID > p.id {
				p.t.Errorf("%s comes as %d after %d", p.name, p.id, other.PeerID)
			}
			p.offer(p.peer(other.ConnectionID, p.mesh.heard))
		}
	case "received_session_description":
		if what = s.Content.SessionType; what == "answer" && p.peers[from] == nil {
			p.t.Errorf("%s hears an answer of a stranger", p.name)
		}
		p.describe(p.peer(from, p.mesh.heard), s.Content.SessionType, s.Content.SDP)
	case "received_ice_candidate":
		p.candidates(p.peer(from, p.mesh.heard), s.Content.Candidates)
	case "peer_resumed":
		other := p.peers[from]
		delete(p.peers, from)
		other.id = c.NewConnectionID
		p.peers[other.id] = other
	case "peer_left":
		delete(p.peers, from)
	case "peer_joined", "peer_disconnected", "resumed", "host_changed", "lobby_left":
	default:
		p.t.Errorf("%s hears %s", p.name, data)
	}
	p.mesh.events <- p.name + " hears " + what
}
