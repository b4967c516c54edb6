package events

import (
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// A Relay is the content of an action that one peer sends to another: a session
// description or ICE candidates. Its values are checked; AppendEvent copies
// them as written.
type Relay interface {
	Readable
	// Peer is the receiving connection.
	Peer() string
	// Kind is the session_type of a description, or "candidate".
	Kind() string
	// AppendEvent appends the event for the peer: the sender, then the members of
	// content in their order. In the original dialect it leaves out the fields
	// that the dialect lacks.
	AppendEvent(b []byte, from Sender, original bool) []byte
}

// A Sender is the member that sends a relay. Bellhop writes it into the event,
// whatever the content says.
type Sender struct {
	ConnectionID string
	PeerID       int
}

// SessionDescription is an offer or an answer (RFC 8829) on its way to
// ConnectionID.
type SessionDescription struct {
	ConnectionID string
	kind         string // the JSON of its session_type
	kindField    string // its name: "session_type", or "type" as in RTCSessionDescription.toJSON()
	content      *Content
}

// Peer implements Relay.
func (c *SessionDescription) Peer() string { return c.ConnectionID }

// Kind implements Relay.
func (c *SessionDescription) Kind() string { return strings.Trim(c.kind, `"`) }

func (c *SessionDescription) read(f *fields) {
	c.ConnectionID = readPeer(f)
	c.content, c.kindField = f.content, "session_type"
	if _, ok := f.content.find("session_type"); !ok {
		if _, ok := f.content.find("type"); ok {
			c.kindField = "type"
		}
	}
	f.need(c.kindField)
	kind, _ := f.text(MaxRelayed, c.kindField)
	switch kind {
	case "offer", "answer", "pranswer", "rollback":
		c.kind = `"` + kind + `"`
	default:
		f.fail(InvalidField, c.kindField, "Make \""+c.kindField+"\" one of offer, answer, pranswer and rollback.")
	}
	c.readSDP(f, kind)
}

func (c *SessionDescription) readSDP(f *fields, kind string) {
	value, ok := f.content.find("sdp")
	switch {
	case !ok && kind == "rollback":
	case !ok:
		f.need("sdp")
	case value[0] != '"' || len(value) == 2 && kind != "rollback":
		f.fail(InvalidField, "sdp", "Make \"sdp\" a string, the session description as your WebRTC library gives it.")
	case len(value)-2 > MaxRelayed:
		f.fail(MessageTooLarge, "sdp", "Make \"sdp\" at most 28 KiB long, as JSON.")
	}
	if f.content.size() > MaxEvent-512 {
		f.fail(MessageTooLarge, "content", "Make \"content\" at most 31.5 KiB long, as JSON.")
	}
}

// AppendEvent implements Relay.
func (c *SessionDescription) AppendEvent(b []byte, from Sender, original bool) []byte {
	b = append(b, `{"event":"received_session_description","content":{`...)
	b = from.append(b, original)
	b = append(b, `,"session_type":`...)
	b = append(b, c.kind...)
	return c.content.appendRest(b, original, originalDescription, "session_type", c.kindField)
}

// readPeer reads the receiver of a relay. In the event, connection_id and
// peer_id are the sender's. Some receivers compare names less strictly than
// JSON does, as Go's encoding/json, so no other spelling of the two is allowed.
func readPeer(f *fields) string {
	f.need("connection_id")
	for i := range f.content.fields {
		name := f.content.fields[i].name
		switch {
		case name != "connection_id" && strings.EqualFold(name, "connection_id"):
			f.fail(InvalidField, "connection_id", "Write \"connection_id\" once, in lower case.")
		case name != "peer_id" && strings.EqualFold(name, "peer_id"):
			f.fail(InvalidField, "peer_id", "Leave out \"peer_id\", in any case: Bellhop writes the sender's there.")
		}
	}
	return f.connectionID("connection_id")
}

// ICECandidate is one candidate (RFC 8839), or a batch, on its way to
// ConnectionID.
type ICECandidate struct {
	ConnectionID string
	content      *Content
}

// Peer implements Relay.
func (c *ICECandidate) Peer() string { return c.ConnectionID }

// Kind implements Relay.
func (c *ICECandidate) Kind() string { return "candidate" }

func (c *ICECandidate) read(f *fields) {
	c.ConnectionID, c.content = readPeer(f), f.content
	if batch, ok := f.content.find("candidates"); ok {
		readCandidates(f, batch)
	} else {
		readCandidate(f)
	}
	if f.content.size() > MaxRelayed {
		f.fail(MessageTooLarge, "content", "Make \"content\" at most 28 KiB long, as JSON; send the candidates in several messages.")
	}
}

// readCandidates checks a batch. The error's field is "candidates", and its
// message describes the faulty element.
func readCandidates(f *fields, batch string) {
	all, ok := elements(batch)
	if !ok || len(all) == 0 || len(all) > MaxCandidates {
		f.fail(InvalidField, "candidates", "Make \"candidates\" an array of 1 to 64 candidates, each an object.")
		return
	}
	for i := range all {
		one := fields{content: &all[i]}
		if readCandidate(&one); one.err != nil {
			f.fail(InvalidField, "candidates", "Give each of \"candidates\" a valid \""+one.err.Field+"\".")
			return
		}
	}
}

// readCandidate checks one candidate. It has the shape of
// RTCIceCandidate.toJSON() (W3C WebRTC, RTCIceCandidateInit) or of Godot's
// WebRTCPeerConnection.ice_candidate_created.
func readCandidate(f *fields) {
	if value, ok := f.content.find("candidate"); ok {
		if value[0] != '"' {
			f.fail(InvalidField, "candidate", "Make \"candidate\" a string; spread RTCIceCandidate.toJSON() into \"content\".")
		}
		f.text(MaxRelayed, "sdpMid")
		f.integer("sdpMLineIndex")
		f.text(MaxRelayed, "usernameFragment")
		return
	}
	if !f.content.hasAny("media", "index", "name") {
		f.fail(MissingField, "candidate", "Add \"candidate\", or \"media\", \"index\" and \"name\", or \"candidates\" to \"content\".")
		return
	}
	f.need("media", "index", "name")
	f.text(MaxRelayed, "media")
	f.integer("index")
	f.text(MaxRelayed, "name")
}

// AppendEvent implements Relay.
func (c *ICECandidate) AppendEvent(b []byte, from Sender, original bool) []byte {
	b = append(b, `{"event":"received_ice_candidate","content":{`...)
	b = from.append(b, original)
	return c.content.appendRest(b, original, originalCandidate)
}

// Fields of these two events in the original dialect, besides connection_id and
// session_type.
var (
	originalDescription = []string{"sdp"}
	originalCandidate   = []string{"media", "index", "name", "candidate", "sdpMid", "sdpMLineIndex", "usernameFragment", "candidates"}
)

// append appends the two members that name s, or the original dialect's single
// one.
func (s Sender) append(b []byte, original bool) []byte {
	b, _ = jsontext.AppendQuote(append(b, `"connection_id":`...), s.ConnectionID)
	if original {
		return b
	}
	return strconv.AppendInt(append(b, `,"peer_id":`...), int64(s.PeerID), 10)
}

// appendRest ends an event with the members of c, except for those that Sender
// has written and those in skip. If filter is true, it appends only those in
// allowed.
func (c *Content) appendRest(b []byte, filter bool, allowed []string, skip ...string) []byte {
	for i := range c.fields {
		m := &c.fields[i]
		if m.name == "connection_id" || m.name == "peer_id" || slices.Contains(skip, m.name) || filter && !slices.Contains(allowed, m.name) {
			continue
		}
		b = append(b, ',')
		b = append(b, m.key...)
		b = append(b, ':')
		b = append(b, m.value...)
	}
	return append(b, "}}"...)
}

// size is the length of c in bytes, as JSON without spaces between its parts.
func (c *Content) size() int {
	n := len(`{}`)
	for i := range c.fields {
		n += len(c.fields[i].key) + len(c.fields[i].value) + len(`:,`)
	}
	return n - min(len(c.fields), len(`,`)) // no comma after the last
}

func (c *Content) hasAny(names ...string) bool {
	_, ok := c.find(names...)
	return ok
}
