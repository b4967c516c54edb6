package apigateway

import (
	"crypto/tls"
	"encoding/binary"
	"time"
	"unicode/utf8"
)

// Status codes of RFC 6455, section 7.4.1.
const (
	codeNormal      = 1000
	codeGoingAway   = 1001
	codeProtocol    = 1002 // the client violates the protocol
	codeUnsupported = 1003 // the client sends data of an unsupported type
	codeNoStatus    = 1005 // never sent: the close frame has no code
	codeAbnormal    = 1006 // never sent: there is no close frame
	codeInvalid     = 1007 // the data does not match its type
	codeTooBig      = 1009
)

// A closeStatus describes the end of a connection.
type closeStatus struct {
	code   int
	reason string
	byPeer bool // by the client's close frame, after which it sends nothing
}

// Ends that a client causes.
var (
	endBinary      = &closeStatus{code: codeUnsupported, reason: "Binary messages are not supported"}
	endLongFrame   = &closeStatus{code: codeTooBig, reason: "A frame is over 32 KiB"}
	endLongMessage = &closeStatus{code: codeTooBig, reason: "A message is over 128 KiB"}
	endText        = &closeStatus{code: codeInvalid, reason: "A text message is not UTF-8"}
	endReason      = &closeStatus{code: codeInvalid, reason: "The close reason is not UTF-8"}
)

// Ends that this side causes, and the end without a close frame. The reasons
// are API Gateway's, as in $disconnect.
var (
	endDeleted   = closeStatus{code: codeNormal, reason: "Connection Closed Normally"}
	endGoingAway = closeStatus{code: codeGoingAway, reason: "Going away"}
	endLifetime  = closeStatus{code: codeGoingAway, reason: "Connection duration exceeded"}
	endNoStatus  = closeStatus{code: codeNoStatus, reason: "Client-side close frame status not set", byPeer: true}
	endLost      = closeStatus{code: codeAbnormal, reason: "Connection lost"}
)

func violation(reason string) *closeStatus { return &closeStatus{code: codeProtocol, reason: reason} }

var (
	endReserved     = violation("A reserved bit is set")
	endOpcode       = violation("Unknown opcode")
	endUnmasked     = violation("A client's frame must be masked")
	endControl      = violation("A control frame is fragmented or over 125 bytes")
	endLength       = violation("A frame's length is not in its shortest form")
	endContinuation = violation("A continuation without a message")
	endInterleaved  = violation("A message within a message")
	endCloseCode    = violation("The close frame's status code is not one to be sent")
)

// readClose parses the payload of a client's close frame.
func readClose(payload []byte) (e closeStatus, wrong *closeStatus) {
	if len(payload) == 0 {
		return endNoStatus, nil
	}
	if len(payload) == 1 {
		return e, endCloseCode
	}
	e = closeStatus{int(binary.BigEndian.Uint16(payload)), string(payload[2:]), true}
	switch {
	case e.code >= codeNormal && e.code <= codeUnsupported, e.code >= codeInvalid && e.code <= 1014:
	case e.code >= 3000 && e.code < 5000: // for libraries and applications
	default:
		return e, endCloseCode
	}
	if !utf8.ValidString(e.reason) {
		return e, endReason
	}
	return e, nil
}

// appendClose appends the close frame for an end.
func appendClose(b []byte, e closeStatus) []byte {
	if e.code == codeNoStatus {
		return appendFrame(b, 0x80|opClose, nil)
	}
	return appendFrame(b, 0x80|opClose, append(binary.BigEndian.AppendUint16(nil, uint16(e.code)), e.reason...))
}

// closeTime is how long a client has to hang up after the close frame.
const closeTime = 2 * time.Second

// close sends the queue and a close frame, then hangs up when both are sent or
// closeTime is over. It returns false if the connection is closing already.
func (c *connection) close(e closeStatus) bool {
	c.mu.Lock()
	if c.closing != nil {
		c.mu.Unlock()
		return false
	}
	c.closing = &e
	if e.code != codeAbnormal {
		c.queue = appendClose(c.grow(), e)
	}
	c.mu.Unlock()
	c.net.SetDeadline(time.Now().Add(closeTime))
	if e.code == codeAbnormal {
		c.cut()
	}
	c.flush()
	return true
}

// disconnect closes the connection as @connections does.
func (c *connection) disconnect() error {
	if c.isEnding() {
		return ErrGone
	}
	if c.gateway.Hooks.Closed != nil {
		c.gateway.Hooks.Closed(c.id)
	}
	if !c.close(endDeleted) {
		return ErrGone
	}
	return nil
}

// cut closes a connection without a close frame. A TLS connection would send an
// alert first, and wait 5 seconds for a client that does not read.
func (c *connection) cut() {
	if secure, ok := c.net.(*tls.Conn); ok {
		secure.NetConn().Close()
		return
	}
	c.net.Close()
}

func (c *connection) isEnding() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.closing != nil
}
