package turn

import (
	"context"
	"crypto/tls"
	"net"
	"sync"
	"time"

	"bellhop/internal/network"
)

const (
	maxStreams = 2000 // TCP connections of a listener
	// perNetwork bounds the connections from one household.
	perNetwork = 128
	// hurry is how long a client may take for its handshake and first message,
	// and a write to it. quietTime is more than the 10 minutes after which every
	// allocation has been refreshed.
	hurry     = 10 * time.Second
	quietTime = 11 * time.Minute
)

// streams is a listener whose connections are bounded in number and in time:
// pion/turn bounds neither. Handshakes of TLS happen beside each other.
type streams struct {
	net.Listener
	secure *tls.Config
	ready  chan net.Conn
	closed chan struct{}
	once   sync.Once

	mu       sync.Mutex
	all      int
	networks map[string]int
}

func newStreams(l net.Listener, secure *tls.Config) *streams {
	s := &streams{Listener: l, ready: make(chan net.Conn), closed: make(chan struct{}), networks: map[string]int{}}
	if secure != nil {
		s.secure = secure.Clone()
		s.secure.NextProtos = nil // a browser's offer is none of HTTP's
	}
	go s.run()
	return s
}

// Accept implements net.Listener.
func (s *streams) Accept() (net.Conn, error) {
	select {
	case conn := <-s.ready:
		return conn, nil
	case <-s.closed:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (s *streams) Close() error {
	s.once.Do(func() { close(s.closed) })
	return s.Listener.Close()
}

func (s *streams) run() {
	for {
		conn, err := s.Listener.Accept()
		select {
		case <-s.closed:
			return
		default:
		}
		if err != nil {
			time.Sleep(50 * time.Millisecond) // no file descriptor is left, for now
			continue
		}
		if bounded := s.enter(conn); bounded != nil {
			go s.shake(bounded)
		} else {
			conn.Close()
		}
	}
}

// shake passes a connection on once its handshake is over.
func (s *streams) shake(conn net.Conn) {
	if s.secure != nil {
		secure := tls.Server(conn, s.secure)
		ctx, cancel := context.WithTimeout(context.Background(), hurry)
		err := secure.HandshakeContext(ctx)
		cancel()
		if err != nil {
			conn.Close()
			return
		}
		conn = secure
	}
	select {
	case s.ready <- conn:
	case <-s.closed:
		conn.Close()
	}
}

// enter counts a connection. It returns nil if there are too many.
func (s *streams) enter(conn net.Conn) net.Conn {
	household := ""
	if tcp, ok := conn.RemoteAddr().(*net.TCPAddr); ok && network.IsPublic(tcp.IP.String()) {
		household = network.Of(tcp.IP.String())
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all >= maxStreams || household != "" && s.networks[household] >= perNetwork {
		return nil
	}
	s.all++
	s.networks[household]++
	return &boundedConn{Conn: conn, patience: hurry, end: sync.OnceFunc(func() { s.leave(household) })}
}

func (s *streams) leave(household string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all--
	if s.networks[household]--; s.networks[household] == 0 {
		delete(s.networks, household)
	}
}

// A boundedConn ends if its client says nothing, or reads nothing.
type boundedConn struct {
	net.Conn
	patience time.Duration // for the next read
	end      func()
}

// Read implements net.Conn.
func (c *boundedConn) Read(b []byte) (int, error) {
	c.SetReadDeadline(time.Now().Add(c.patience))
	n, err := c.Conn.Read(b)
	c.patience = quietTime
	return n, err
}

// Write implements net.Conn.
func (c *boundedConn) Write(b []byte) (int, error) {
	c.SetWriteDeadline(time.Now().Add(hurry))
	n, err := c.Conn.Write(b)
	if err != nil {
		c.Close()
	}
	return n, err
}

// Close implements net.Conn.
func (c *boundedConn) Close() error {
	c.end()
	return c.Conn.Close()
}
