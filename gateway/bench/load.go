package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// A load is all pairs of a server.
type load []*pair

// A pair is two clients. The host sends one and the same message to the joiner, again and again. It is as cheap as can
// be, since it shares the cores with the server: frames are built once, and what arrives is compared as bytes.
type pair struct {
	host, joiner net.Conn
	frame        []byte     // what the host sends
	want         []byte     // the frame that the joiner gets for it
	trouble      chan error // what ended the host's silence
}

// patience is how long a server may take for an answer: far longer than anything but loss explains.
const patience = 10 * time.Second

// connect makes n pairs and sees one message through each. The load is to be closed even if there is an error.
func connect(s server, url string, n int) (l load, err error) {
	for i := range n {
		p := &pair{trouble: make(chan error, 1)}
		if p.host, err = dial(url + s.query(i, "a")); err != nil {
			return l, err
		}
		l = append(l, p)
		if p.joiner, err = dial(url + s.query(i, "b")); err != nil {
			return l, err
		}
		message, err := s.meet(p.host, p.joiner, i)
		if err != nil {
			return l, err
		}
		p.frame = appendMasked(nil, message)
		p.host.Write(p.frame) // an error comes back when reading
		payload, frame, err := readText(p.joiner)
		if err != nil {
			return l, fmt.Errorf("the first message of a pair did not arrive: %w", err)
		}
		_, sdp, _ := bytes.Cut(message, []byte(`"sdp":`))
		if !bytes.HasPrefix(payload, []byte(s.arrives)) || !bytes.HasSuffix(payload, sdp) {
			return l, fmt.Errorf("the message should arrive as %s… with its sdp, and did as %s", s.arrives, payload)
		}
		p.want = frame
		go p.watch()
	}
	return l, nil
}

func (l load) close() {
	for _, p := range l {
		p.host.Close()
		if p.joiner != nil {
			p.joiner.Close()
		}
	}
}

// watch waits for what the server tells the host, which should be nothing: an error event is a message not relayed.
func (p *pair) watch() {
	b := make([]byte, 1024)
	n, err := p.host.Read(b)
	if n > 0 {
		err = fmt.Errorf("the server answers the host instead: %q", b[:n])
	}
	p.trouble <- err
	p.joiner.Close() // wakes relay
}

// run lets every pair keep depth messages in flight for d, then waits for the last of them, so that the server is at
// rest before and after. It returns how many messages went through. That one is lost is an error.
func (l load) run(ctx context.Context, depth int, d time.Duration) (int, error) {
	ctx, stop := context.WithTimeoutCause(ctx, d, errDone)
	defer stop()
	var over atomic.Bool
	context.AfterFunc(ctx, func() { over.Store(true) })
	var messages atomic.Int64
	var running sync.WaitGroup
	failed := make(chan error, len(l))
	for _, p := range l {
		running.Go(func() {
			n, err := p.relay(depth, d+patience, &over)
			messages.Add(int64(n))
			if err != nil {
				failed <- err
				stop()
			}
		})
	}
	running.Wait()
	select {
	case err := <-failed:
		return 0, err
	default:
	}
	if err := context.Cause(ctx); err != errDone {
		return 0, err
	}
	return int(messages.Load()), nil
}

var errDone = errors.New("done")

// relay sends depth messages and, as they arrive, as many again in one write, until over. It returns how many arrived,
// which is how many it sent.
func (p *pair) relay(depth int, limit time.Duration, over *atomic.Bool) (arrived int, err error) {
	p.host.SetWriteDeadline(time.Now().Add(limit))
	p.joiner.SetReadDeadline(time.Now().Add(limit))
	burst, buffer := bytes.Repeat(p.frame, depth), make([]byte, depth*len(p.want)+1)
	p.host.Write(burst)
	for inFlight, have := depth, 0; inFlight > 0; {
		n, err := p.joiner.Read(buffer[have:])
		if err != nil {
			select {
			case err = <-p.trouble:
			default:
			}
			return arrived, fmt.Errorf("%d messages of a pair did not arrive: %w", inFlight, err)
		}
		rest, whole := buffer[:have+n], 0
		for ; len(rest) >= len(p.want) && bytes.Equal(rest[:len(p.want)], p.want); whole++ {
			rest = rest[len(p.want):]
		}
		arrived, inFlight = arrived+whole, inFlight-whole
		if inFlight < 0 || !bytes.HasPrefix(p.want, rest) {
			return arrived, fmt.Errorf("the joiner gets what the host did not send: %q", rest)
		}
		have = copy(buffer, rest)
		if whole > 0 && !over.Load() {
			p.host.Write(burst[:whole*len(p.frame)])
			inFlight += whole
		}
	}
	return arrived, nil
}

// dial opens a WebSocket as a bare TCP connection, so that a client costs only what it sends and reads.
func dial(url string) (net.Conn, error) {
	host, query, _ := strings.Cut(strings.TrimPrefix(url, "ws://"), "?")
	conn, err := net.Dial("tcp", host)
	if err != nil {
		return nil, err
	}
	conn.SetDeadline(time.Now().Add(patience))
	defer conn.SetDeadline(time.Time{})
	// The key, the example of RFC 6455, section 1.3, guards against caches. There are none here.
	fmt.Fprintf(conn, "GET /?%s HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n", query, host)
	response, err := http.ReadResponse(bufio.NewReader(conn), nil) // nothing follows until the client speaks
	if err == nil && response.StatusCode != http.StatusSwitchingProtocols {
		err = fmt.Errorf("the server answers the handshake with %s", response.Status)
	}
	if err != nil {
		conn.Close()
		return nil, err
	}
	return conn, nil
}

// textFrame is a header's first byte: a whole message, text (RFC 6455, section 5.2).
const textFrame = 0x81

// appendMasked appends a client's text frame, in which a payload is under 64 KiB.
func appendMasked(b, payload []byte) []byte {
	if len(payload) < 126 {
		b = append(b, textFrame, 0x80|byte(len(payload)))
	} else {
		b = binary.BigEndian.AppendUint16(append(b, textFrame, 0x80|126), uint16(len(payload)))
	}
	mask := [4]byte{0x37, 0xfa, 0x21, 0x3d}
	b = append(b, mask[:]...)
	for i, c := range payload {
		b = append(b, c^mask[i%4])
	}
	return b
}

// readText reads one text frame of a server. It returns the payload, and the frame with its header.
func readText(conn net.Conn) (payload, frame []byte, err error) {
	conn.SetReadDeadline(time.Now().Add(patience))
	frame = make([]byte, 4)
	if _, err := io.ReadFull(conn, frame); err != nil {
		return nil, nil, err
	}
	header, size := 2, int(frame[1])
	if size == 126 {
		header, size = 4, int(binary.BigEndian.Uint16(frame[2:]))
	}
	if frame[0] != textFrame || header+size < len(frame) || frame[1] > 126 {
		return nil, nil, fmt.Errorf("not a text frame of 2 bytes to 64 KiB: it begins % x", frame)
	}
	frame = append(frame, make([]byte, header+size-len(frame))...)
	_, err = io.ReadFull(conn, frame[4:])
	return frame[header:], frame, err
}
