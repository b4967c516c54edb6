package apigateway

import (
	"context"
	"net"
	"net/http"
	"strings"
	"sync"
)

// KeepSpelling returns a listener for a server. Its connections remember how
// the client spells the names of its headers: AWS passes them on as they are,
// and net/http changes them.
func KeepSpelling(s *http.Server, l net.Listener) net.Listener {
	s.ConnContext = func(ctx context.Context, conn net.Conn) context.Context {
		return context.WithValue(ctx, spelledKey{}, conn)
	}
	return spelledListener{l}
}

type spelledListener struct{ net.Listener }

// Accept implements net.Listener.
func (l spelledListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	return &spelledConn{Conn: conn}, err
}

type spelledKey struct{}

// maxSpelled is a little more than the headers that a server reads, in bytes.
const maxSpelled = 40 << 10

// A spelledConn keeps what a client sends until its handshake is done.
type spelledConn struct {
	net.Conn
	mu   sync.Mutex // net/http reads on while a handler runs
	head []byte
}

// Read implements net.Conn.
func (c *spelledConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.head = append(c.head, b[:max(0, min(n, maxSpelled-len(c.head)))]...)
	return n, err
}

// spellings returns the client's names of headers, by net/http's names.
func spellings(ctx context.Context) map[string]string {
	c, ok := ctx.Value(spelledKey{}).(*spelledConn)
	if !ok {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	names := map[string]string{}
	for line := range strings.Lines(string(c.head)) {
		if name, _, ok := strings.Cut(line, ":"); ok {
			names[http.CanonicalHeaderKey(name)] = name
		}
	}
	return names
}
