package apigateway

import (
	"bufio"
	"cmp"
	"context"
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"bellhop/internal/network"
)

// sendBuffer limits the bytes that the system holds for a client, besides its
// outbox: enough for a fast distant one, and not the megabytes to which it
// would grow for one that does not read.
const sendBuffer = 128 << 10

// ServeHTTP implements http.Handler. It invokes $connect, and answers 101 only
// after that has returned. Any other status of $connect than 2xx refuses the
// handshake, with that status and its body. An integration that fails is a 502,
// one that takes too long a 504.
func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if status, problem := g.check(r); status != 0 {
		g.Refuse(w, status, problem)
		return
	}
	c := &connection{
		gateway: g, id: g.NewConnectionID(), connectedAt: g.Now().UnixMilli(),
		host: cmp.Or(g.DomainName, hostname(r.Host)), sourceIP: g.sourceIP(r), userAgent: strings.Clone(r.UserAgent()),
	}
	if g.PerNetwork > 0 && network.IsPublic(c.sourceIP) {
		c.network = network.Of(c.sourceIP)
	}
	if status, problem := g.enter(c); status != 0 {
		g.Refuse(w, status, problem)
		return
	}
	c.active.Store(c.connectedAt)
	// A client that leaves now must not leave a half-made connection: $connect has
	// begun it, so it ends.
	answer, err := g.connect(context.WithoutCancel(r.Context()), c, r)
	if err != nil {
		g.Log.Error("the integration failed", "route", routeConnect, "connection", c.id, "error", err)
		status, message := failure(err)
		g.Refuse(w, status, message)
		g.leave(c)
		return
	}
	if answer.StatusCode < 200 || answer.StatusCode > 299 {
		g.counts.refused[answer.StatusCode].Add(1)
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(answer.StatusCode)
		fmt.Fprint(w, answer.Body)
		g.leave(c)
		return
	}
	early, err := c.upgrade(w, r, headerOf(answer.Headers, answer.MultiValueHeaders, "Sec-WebSocket-Protocol"))
	if err != nil {
		g.disconnected(c, endLost)
		g.leave(c)
		return
	}
	g.register(c) // before the client has its answer: it can tell others of itself, and they can post to it immediately
	c.flush()
	go c.serve(early) // not in net/http's goroutine: its stack is deep, and it keeps the request
}

// check returns the error of a handshake by RFC 6455, section 4.2.1, or 0.
func (g *Gateway) check(r *http.Request) (status int, problem string) {
	key, err := base64.StdEncoding.DecodeString(r.Header.Get("Sec-WebSocket-Key"))
	_, badQuery := url.ParseQuery(r.URL.RawQuery)
	switch {
	case len(r.RequestURI) > maxURL:
		return http.StatusRequestURITooLong, "The URL is over 4096 characters"
	case !lists(r.Header["Connection"], "upgrade"), !lists(r.Header["Upgrade"], "websocket"):
		return http.StatusUpgradeRequired, "Connect with a WebSocket client"
	case r.Method != http.MethodGet, !r.ProtoAtLeast(1, 1):
		return http.StatusBadRequest, "A WebSocket handshake is a GET of HTTP/1.1"
	case r.Header.Get("Sec-WebSocket-Version") != "13":
		return http.StatusUpgradeRequired, "Only version 13 of the WebSocket protocol is supported"
	case err != nil || len(key) != 16:
		return http.StatusBadRequest, "Sec-WebSocket-Key must be 16 bytes in base64"
	case badQuery != nil:
		return http.StatusBadRequest, "The URL's query is malformed"
	}
	return 0, ""
}

// Refuse answers a handshake in API Gateway's form. It is for a server in front
// with reasons of its own; ServeHTTP calls it for all of API Gateway's.
func (g *Gateway) Refuse(w http.ResponseWriter, status int, message string) {
	g.counts.refused[status].Add(1)
	w.Header().Set("Content-Type", "application/json")
	if status == http.StatusUpgradeRequired {
		w.Header().Set("Connection", "Upgrade")
		w.Header().Set("Upgrade", "websocket")
		w.Header().Set("Sec-WebSocket-Version", "13")
	}
	w.WriteHeader(status)
	fmt.Fprintf(w, `{"message":%q}`, message)
}

// upgrade takes the network connection over from net/http, and sends 101 before
// anything else. It returns the bytes that the client has sent since.
func (c *connection) upgrade(w http.ResponseWriter, r *http.Request, protocol string) (early []byte, err error) {
	conn, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return nil, err
	}
	if spelled, ok := conn.(*spelledConn); ok {
		conn = spelled.Conn
	}
	c.attach(conn)
	if tcp, ok := conn.(*net.TCPConn); ok {
		tcp.SetWriteBuffer(sendBuffer)
	}
	answer := "HTTP/1.1 101 Switching Protocols\r\nDate: " + time.Now().UTC().Format(http.TimeFormat) +
		"\r\nConnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-accept: " + accept(r.Header.Get("Sec-WebSocket-Key")) + "\r\n"
	if protocol != "" {
		answer += "sec-websocket-protocol: " + protocol + "\r\n"
	}
	c.queue = append(c.grow(), answer+"\r\n"...)
	if early, err = unread(buffered.Reader); err == nil {
		err = conn.SetDeadline(time.Time{})
	}
	if err != nil {
		conn.Close()
	}
	return early, err
}

// unread returns a copy of the bytes that net/http has read too much, so its
// buffer is not kept.
func unread(r *bufio.Reader) ([]byte, error) {
	b, err := r.Peek(r.Buffered())
	return append([]byte(nil), b...), err
}

// accept is RFC 6455's proof that the handshake was understood (section 4.2.2).
func accept(key string) string {
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// lists reports whether a header of comma-separated values contains one, in any
// case.
func lists(header []string, value string) bool {
	for _, line := range header {
		for part := range strings.SplitSeq(line, ",") {
			if strings.EqualFold(strings.TrimSpace(part), value) {
				return true
			}
		}
	}
	return false
}

// headerOf returns a header of an answer, whatever the case of its name. It
// ignores a value that would break the line.
func headerOf(single map[string]string, multi map[string][]string, name string) string {
	value := ""
	for n, v := range single {
		if strings.EqualFold(n, name) {
			value = v
		}
	}
	for n, v := range multi {
		if strings.EqualFold(n, name) && len(v) > 0 {
			value = v[len(v)-1]
		}
	}
	if strings.ContainsAny(value, "\r\n") {
		return ""
	}
	return value
}

// sourceIP returns the client's address: that of the connection, or the last
// one that a trusted proxy has added.
func (g *Gateway) sourceIP(r *http.Request) string {
	if forwarded := r.Header["X-Forwarded-For"]; g.TrustProxy && len(forwarded) > 0 {
		all := forwarded[len(forwarded)-1]
		return hostname(strings.TrimSpace(all[strings.LastIndexByte(all, ',')+1:]))
	}
	return hostname(r.RemoteAddr)
}

// hostname returns HOST of HOST:PORT, as a string that does not keep a longer
// one in memory.
func hostname(address string) string {
	if host, _, err := net.SplitHostPort(address); err == nil {
		address = host
	}
	return strings.Clone(address)
}
