package server_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/coder/websocket/wsjson"
	"github.com/pion/ice/v4"
	"github.com/pion/webrtc/v4"

	"bellhop/gateway/server"
)

// TestPeersConnect checks that players who know only a URL and a lobby's id
// talk directly, for each style of offers and candidates.
func TestPeersConnect(t *testing.T) {
	url := start(t, server.Config{})
	for _, test := range []struct {
		name    string
		joiners int
		style   style
	}{
		{"host offers, candidates trickle", 1, style{hostOffers: true}},
		{"host offers, candidates in a batch", 1, style{hostOffers: true, batch: true}},
		{"joiner offers, candidates trickle", 1, style{}},
		{"joiner offers, candidates in a batch", 1, style{batch: true}},
		{"three joiners at once, host offers", 3, style{hostOffers: true}},
		{"three joiners at once, joiners offer in batches", 3, style{batch: true}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			lobby := strings.NewReplacer(" ", "-", ",", "").Replace(test.name)
			host := newPlayer(t, url, "host", test.style)
			host.send("start_lobby", map[string]any{"lobby_id": lobby})
			host.await("lobby_started")
			heard := make(chan string, 2*test.joiners)
			var playing sync.WaitGroup
			t.Cleanup(playing.Wait) // they stop when the test's context ends, just before
			playing.Go(func() { host.play(heard) })
			for i := range test.joiners {
				joiner := newPlayer(t, url, fmt.Sprintf("joiner %d", i), test.style)
				joiner.send("join_lobby", map[string]any{"lobby_id": strings.ToUpper(lobby)})
				playing.Go(func() { joiner.play(heard) })
			}
			got := map[string]int{}
			for range 2 * test.joiners {
				select {
				case message := <-heard:
					got[message]++
				case <-t.Context().Done():
					t.Fatal("cancelled")
				case <-time.After(time.Minute):
					t.Fatalf("within a minute there was only %v", got)
				}
			}
			for i := range test.joiners {
				joiner := fmt.Sprintf("joiner %d", i)
				if got["host hears hello from "+joiner] != 1 || got[joiner+" hears hello from host"] != 1 {
					t.Errorf("host and %s should have heard each other once: %v", joiner, got)
				}
			}
		})
	}
}

// A style is how the players of a game connect.
type style struct {
	hostOffers bool // otherwise the joiner offers
	batch      bool // candidates are sent once all are known
}

// A player is one end of a Bellhop connection, and of a peer connection to each
// known peer.
type player struct {
	t     *testing.T
	ws    *websocket.Conn
	name  string
	style style
	peers map[string]*peer // by their connection ids
}

// A peer is a player's end of one peer connection.
type peer struct {
	*webrtc.PeerConnection
	id      string
	channel *webrtc.DataChannel
	early   []webrtc.ICECandidateInit // that came before the remote description
}

type heardEvent struct {
	Event   string
	Content struct {
		ConnectionID     string                    `json:"connection_id"`
		HostConnectionID string                    `json:"host_connection_id"`
		SessionType      string                    `json:"session_type"`
		SDP              string                    `json:"sdp"`
		Candidates       []webrtc.ICECandidateInit `json:"candidates"`
		webrtc.ICECandidateInit
	}
}

func newPlayer(t *testing.T, url, name string, s style) *player {
	ws, _, err := websocket.Dial(t.Context(), url, nil)
	if err != nil {
		t.Fatal(err)
	}
	p := &player{t: t, ws: ws, name: name, style: s, peers: map[string]*peer{}}
	t.Cleanup(func() { ws.CloseNow() })
	return p
}

func (p *player) send(action string, content any) {
	err := wsjson.Write(context.Background(), p.ws, map[string]any{"action": action, "content": content})
	if err != nil && p.t.Context().Err() == nil {
		p.t.Errorf("%s cannot %s: %v", p.name, action, err)
	}
}

func (p *player) await(event string) (s heardEvent) {
	if err := wsjson.Read(p.t.Context(), p.ws, &s); err != nil || s.Event != event {
		p.t.Fatalf("%s hears %+v, %v; want %s", p.name, s, err, event)
	}
	return s
}

// play reacts to Bellhop's events until the test's context ends, and reports
// the messages on data channels.
func (p *player) play(heard chan<- string) {
	for {
		var s heardEvent
		_, data, err := p.ws.Read(p.t.Context())
		if p.t.Context().Err() != nil {
			return // all players leave now, and the events of that are no part of the game
		}
		if err != nil {
			p.t.Errorf("%s hears no more: %v", p.name, err)
			return
		}
		if err := json.Unmarshal(data, &s); err != nil {
			p.t.Errorf("%s hears %s: %v", p.name, data, err)
			return
		}
		switch from := s.Content.ConnectionID; s.Event {
		case "request_to_join":
			p.send("accept_request", map[string]any{"connection_id": from})
			if p.style.hostOffers {
				p.offer(p.peer(from, heard))
			}
		case "request_accepted":
			if !p.style.hostOffers {
				p.offer(p.peer(s.Content.HostConnectionID, heard))
			}
		case "received_session_description":
			p.describe(p.peer(from, heard), s.Content.SessionType, s.Content.SDP)
		case "received_ice_candidate":
			if s.Content.Candidates == nil {
				s.Content.Candidates = []webrtc.ICECandidateInit{s.Content.ICECandidateInit}
			}
			p.candidates(p.peer(from, heard), s.Content.Candidates)
		default:
			p.t.Errorf("%s hears %s", p.name, data)
		}
	}
}

// peer returns the peer connection to a peer, and creates it for a new peer.
// Its data channel is negotiated in advance, so both sides have it.
func (p *player) peer(id string, heard chan<- string) *peer {
	if known := p.peers[id]; known != nil {
		return known
	}
	var settings webrtc.SettingEngine
	settings.SetIncludeLoopbackCandidate(true) // there might be no other network
	settings.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	connection, err := webrtc.NewAPI(webrtc.WithSettingEngine(settings)).NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		p.t.Error(err)
	}
	p.t.Cleanup(func() { connection.Close() })
	remote := &peer{PeerConnection: connection, id: id}
	p.peers[id] = remote
	negotiated, channelID := true, uint16(1)
	channel, err := connection.CreateDataChannel("game", &webrtc.DataChannelInit{Negotiated: &negotiated, ID: &channelID})
	if err != nil {
		p.t.Error(err)
	}
	remote.channel = channel
	channel.OnOpen(func() { channel.SendText("hello from " + p.name) })
	channel.OnMessage(func(m webrtc.DataChannelMessage) { heard <- p.name + " hears " + string(m.Data) })
	var mu sync.Mutex
	var batch []webrtc.ICECandidateInit
	connection.OnICECandidate(func(c *webrtc.ICECandidate) {
		mu.Lock()
		defer mu.Unlock()
		one := webrtc.ICECandidateInit{} // the end mark
		if c != nil {
			one = c.ToJSON()
		}
		if batch = append(batch, one); p.style.batch && c == nil {
			p.send("send_ice_candidate", map[string]any{"connection_id": id, "candidates": batch})
		} else if !p.style.batch {
			p.send("send_ice_candidate", map[string]any{"connection_id": id, "candidate": one.Candidate,
				"sdpMid": one.SDPMid, "sdpMLineIndex": one.SDPMLineIndex, "usernameFragment": one.UsernameFragment})
		}
	})
	return remote
}

func (p *player) offer(to *peer) {
	offer, err := to.CreateOffer(nil)
	if err != nil {
		p.t.Error(err)
	}
	p.sendDescription(to, offer)
}

// sendDescription sends a description before it takes effect here, since
// candidates start with that.
func (p *player) sendDescription(to *peer, d webrtc.SessionDescription) {
	p.send("set_session_description", map[string]any{"connection_id": to.id, "session_type": d.Type.String(), "sdp": d.SDP})
	if err := to.SetLocalDescription(d); err != nil {
		p.t.Error(err)
	}
}

func (p *player) describe(from *peer, kind, sdp string) {
	if err := from.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.NewSDPType(kind), SDP: sdp}); err != nil {
		p.t.Errorf("%s cannot take the %s: %v", p.name, kind, err)
		return
	}
	early := from.early
	from.early = nil
	p.candidates(from, early)
	if kind == "offer" {
		answer, err := from.CreateAnswer(nil)
		if err != nil {
			p.t.Error(err)
		}
		p.sendDescription(from, answer)
	}
}

func (p *player) candidates(from *peer, all []webrtc.ICECandidateInit) {
	if from.RemoteDescription() == nil {
		from.early = append(from.early, all...)
		return
	}
	for _, c := range all {
		if err := from.AddICECandidate(c); err != nil {
			p.t.Errorf("%s cannot take a candidate: %v", p.name, err)
		}
	}
}
