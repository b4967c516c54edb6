package lambda

import (
	"context"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
)

// A socket is a connection by which a process asks its Runtime API. It finds out whether a process that has ended took
// the event that it was sent last: the system resets a connection whose program ends and leaves something unread, and a
// reset connection takes nothing more. A process that has not read all of an event cannot have begun with it.
//
// It may say that an event was taken which was not: if the process ended between the last byte that it read and the first
// thing that it did, or if the system does not reset connections so (Linux does). It does not say
// the opposite, unless a runtime itself has its connections reset (SO_LINGER of 0 seconds).
type socket struct {
	net.Conn
	closing sync.Once
	spoke   atomic.Bool // the process, since it was sent the event
	reset   atomic.Bool // known when it is closed
}

// took reports whether the process may have begun with the event. The socket must be closed.
func (s *socket) took() bool { return s.spoke.Load() || !s.reset.Load() }

// Read implements net.Conn.
func (s *socket) Read(b []byte) (int, error) {
	n, err := s.Conn.Read(b)
	if n > 0 {
		s.spoke.Store(true)
	}
	return n, err
}

// Close implements net.Conn. What it writes reaches nobody who would read it.
func (s *socket) Close() (err error) {
	s.closing.Do(func() {
		_, failed := s.Conn.Write([]byte("\n"))
		s.reset.Store(failed != nil)
		err = s.Conn.Close()
	})
	return err
}

// sockets is a listener of theirs.
type sockets struct{ net.Listener }

// Accept implements net.Listener.
func (l sockets) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &socket{Conn: c}, nil
}

type socketKey struct{}

// withSocket is an http.Server's ConnContext.
func withSocket(ctx context.Context, c net.Conn) context.Context {
	return context.WithValue(ctx, socketKey{}, c)
}

func socketOf(r *http.Request) *socket { return r.Context().Value(socketKey{}).(*socket) }
