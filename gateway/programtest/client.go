package programtest

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// A Client is a client that mostly sends a message and reads the answer.
type Client struct{ *websocket.Conn }

// Dial connects a client until the test ends.
func Dial(t *testing.T, url string) Client {
	t.Helper()
	c, _, err := websocket.Dial(t.Context(), url, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.CloseNow() })
	return Client{c}
}

// Say sends a message. It returns the next message, which must contain want.
func (c Client) Say(t *testing.T, text, want string) string {
	t.Helper()
	if err := c.Write(t.Context(), websocket.MessageText, []byte(text)); err != nil {
		t.Fatal(err)
	}
	return c.Hear(t, want)
}

// Hear returns the next message, which must contain want.
func (c Client) Hear(t *testing.T, want string) string {
	t.Helper()
	_, data, err := c.Read(t.Context())
	if err != nil || !strings.Contains(string(data), want) {
		t.Fatalf("heard %s, %v; want %s", data, err, want)
	}
	return string(data)
}

// Upgrade sends a handshake with further headers, and returns the answer.
func Upgrade(t *testing.T, address, headers string) *http.Response {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(30 * time.Second))
	go io.WriteString(conn, Handshake+headers+"\r\n")
	r, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// Handshake is the beginning of a handshake. An empty line ends it.
const Handshake = "GET / HTTP/1.1\r\nHost: game.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
	"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"

// Await waits until is returns want.
func Await(t *testing.T, what string, is func() string, want string) {
	t.Helper()
	var last string
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); runtime.Gosched() {
		if last = is(); last == want {
			return
		}
	}
	t.Fatalf("left over: %s: %s, want %s", what, last, want)
}
