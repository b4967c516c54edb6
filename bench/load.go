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
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing/iotest"
	"time"
)

// A load is all pairs of a server.
type load []*pair

// traffic lets a load send for d, and returns how long each message took. The
// server rests before and after. A lost message is an error.
type traffic func(ctx context.Context, l load, d time.Duration) (took []time.Duration, err error)

// A pair is two clients that exchange one message again and again, each sending
// one for each that it gets, like a peer that offers and one that answers. A
// pair is as cheap as possible, since it shares the cores with the server: it
// builds frames once, and compares received messages as bytes.
type pair struct{ host, joiner *end }

// An end is one client of a pair.
type end struct {
	conn   net.Conn
	frame  []byte      // what it sends
	want   []byte      // the frame it receives when the other end sends
	burst  []byte      // as many frames as can be in flight
	sent   []time.Time // send times of its messages in flight, in order
	buffer []byte      // read buffer
	have   int         // bytes of an incomplete frame, in buffer
}

// patience is how long a server can take for an answer: far longer than any
// delay but loss.
const patience = 10 * time.Second

// connect makes n pairs and passes one message through each, both ways. The
// caller closes the load even after an error.
func connect(s server, url string, n int) (l load, err error) {
	for i := range n {
		p, fromHost, fromJoiner, err := s.open(url, i)
		l = append(l, p)
		if err != nil {
			return l, err
		}
		if err := p.host.greet(p.joiner, fromHost, s.arrives); err != nil {
			return l, fmt.Errorf("from host to joiner: %w", err)
		}
		if err := p.joiner.greet(p.host, fromJoiner, s.arrives); err != nil {
			return l, fmt.Errorf("from joiner to host: %w", err)
		}
	}
	return l, nil
}

// open connects a pair, and returns the messages that each can send to the
// other. Close the pair even after an error.
func (s server) open(url string, number int) (p *pair, fromHost, fromJoiner []byte, err error) {
	p = &pair{&end{}, &end{}}
	if p.host.conn, err = dial(url + s.path(number, "a")); err != nil {
		return p, nil, nil, err
	}
	if p.joiner.conn, err = dial(url + s.path(number, "b")); err != nil {
		return p, nil, nil, err
	}
	fromHost, fromJoiner, err = s.meet(p.host.conn, p.joiner.conn, number)
	return p, fromHost, fromJoiner, err
}

// greet sends a first message to the other, and keeps the form in which it
// arrives.
func (e *end) greet(other *end, message []byte, arrives string) error {
	e.frame = appendMasked(nil, message)
	e.conn.Write(e.frame) // an error comes back when reading
	payload, frame, err := readText(other.conn)
	if err != nil {
		return fmt.Errorf("the first message did not arrive: %w%s", err, e.told())
	}
	sdp := message[bytes.Index(message, []byte(sdpBegins)):]
	if !bytes.HasPrefix(payload, []byte(arrives)) || !bytes.HasSuffix(payload, sdp) {
		return fmt.Errorf("the message should arrive as %s… with its sdp, and did as %s", arrives, payload)
	}
	other.want = frame
	return nil
}

// told returns the server's error for an end whose message did not arrive.
func (e *end) told() string {
	e.conn.SetReadDeadline(time.Now().Add(time.Second))
	b := make([]byte, 1024)
	if n, _ := e.conn.Read(b); n > 0 {
		return fmt.Sprintf("; the server tells the sender: %q", b[:n])
	}
	return ""
}

func (l load) close() {
	for _, p := range l {
		for _, e := range []*end{p.host, p.joiner} {
			if e.conn != nil {
				e.conn.Close()
			}
		}
	}
}

// inFlight lets every pair keep depth messages in flight, so that the server is
// full.
func inFlight(depth int) traffic {
	return func(ctx context.Context, l load, d time.Duration) ([]time.Duration, error) {
		return l.fill(ctx, depth, d)
	}
}

func (l load) fill(ctx context.Context, depth int, d time.Duration) (took []time.Duration, err error) {
	ctx, stop := context.WithTimeoutCause(ctx, d, errDone)
	defer stop()
	var over atomic.Bool
	context.AfterFunc(ctx, func() { over.Store(true) })
	var mu sync.Mutex
	var running sync.WaitGroup
	failed := make(chan error, len(l))
	for _, p := range l {
		running.Go(func() {
			one, err := p.relay(depth, d+patience, &over)
			mu.Lock()
			took = append(took, one...)
			mu.Unlock()
			if err != nil {
				failed <- err
				stop()
			}
		})
	}
	running.Wait()
	select {
	case err := <-failed:
		return nil, err
	default:
	}
	if err := context.Cause(ctx); err != errDone {
		return nil, err
	}
	return took, nil
}

var errDone = errors.New("done")

// relay lets the host send depth messages. Each end answers the messages of one
// read with as many in one write, until over. It returns how long each took,
// from its write to the read that brought it.
func (p *pair) relay(depth int, limit time.Duration, over *atomic.Bool) (took []time.Duration, err error) {
	for _, e := range []*end{p.host, p.joiner} {
		e.conn.SetDeadline(time.Now().Add(limit))
		e.burst, e.buffer = bytes.Repeat(e.frame, depth), make([]byte, depth*len(e.want)+1)
	}
	p.host.send(depth)
	for from, to := p.host, p.joiner; len(from.sent)+len(to.sent) > 0; from, to = to, from {
		if len(from.sent) == 0 {
			continue
		}
		n, err := to.read(len(from.sent))
		if err != nil {
			return took, fmt.Errorf("%d messages of a pair did not arrive: %w%s", len(from.sent), err, from.told())
		}
		now := time.Now()
		for _, at := range from.sent[:n] {
			took = append(took, now.Sub(at))
		}
		from.sent = append(from.sent[:0], from.sent[n:]...)
		if n > 0 && !over.Load() {
			to.send(n)
		}
	}
	return took, nil
}

// send sends n messages in one write.
func (e *end) send(n int) {
	e.sent = append(e.sent, slices.Repeat([]time.Time{time.Now()}, n)...)
	e.conn.Write(e.burst[:n*len(e.frame)]) // an error comes back when reading
}

// read reads the available bytes, and returns how many messages they complete.
func (e *end) read(inFlight int) (whole int, err error) {
	n, err := e.conn.Read(e.buffer[e.have:])
	if err != nil {
		return 0, err
	}
	rest := e.buffer[:e.have+n]
	for ; len(rest) >= len(e.want) && bytes.Equal(rest[:len(e.want)], e.want); whole++ {
		rest = rest[len(e.want):]
	}
	if whole > inFlight || !bytes.HasPrefix(e.want, rest) {
		return 0, fmt.Errorf("what arrives was not sent: %q", rest)
	}
	e.have = copy(e.buffer, rest)
	return whole, nil
}

// dial opens a WebSocket as a bare TCP connection, so a client costs only its
// reads and writes.
func dial(url string) (net.Conn, error) {
	host, path, _ := strings.Cut(strings.TrimPrefix(url, "ws://"), "/")
	conn, err := net.Dial("tcp", host)
	if err != nil {
		return nil, err
	}
	conn.SetDeadline(time.Now().Add(patience))
	defer conn.SetDeadline(time.Time{})
	// The key is the example of RFC 6455, section 1.3. It protects from caches,
	// and there are none here.
	fmt.Fprintf(conn, "GET /%s HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n", path, host)
	// Byte by byte, since some servers send their first message immediately, and
	// it must not end in a buffer.
	response, err := http.ReadResponse(bufio.NewReader(iotest.OneByteReader(conn)), nil)
	if err == nil && response.StatusCode != http.StatusSwitchingProtocols {
		err = fmt.Errorf("the server answers the handshake with %s", response.Status)
	}
	if err != nil {
		conn.Close()
		return nil, err
	}
	return conn, nil
}

// textFrame is the first byte of a header: a whole message, text (RFC 6455,
// section 5.2).
const textFrame = 0x81

// appendMasked appends a client's text frame with a payload under 64 KiB.
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

// readText reads one text frame of a server. It returns the payload, and the
// frame with its header.
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
