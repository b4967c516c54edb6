package server

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"syscall"
	"time"
)

// Listen listens for clients at HOST:PORT. If the process has no file
// descriptor left, clients wait, and the log says so once a minute.
func Listen(address string, log *slog.Logger) (net.Listener, error) {
	listener, err := net.Listen("tcp", address)
	if isAny(err, addressInUse) {
		return nil, fmt.Errorf("%s is taken, perhaps by another gateway; stop that, or choose another port with -listen 127.0.0.1:3001", address)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot listen on %q: %w; give -listen as HOST:PORT", address, err)
	}
	return &retryingListener{Listener: listener, log: log}, nil
}

// The system's errors for a taken address and for too many open files. On
// Windows the numbers are those of Winsock (winsock2.h: WSAEADDRINUSE;
// WSAEMFILE, WSAENOBUFS): Go invents the constants of Unix there, and no call
// returns them. No other system has an error with one of these numbers.
var (
	addressInUse = []error{syscall.EADDRINUSE, syscall.Errno(10048)}
	noMoreFiles  = []error{syscall.EMFILE, syscall.ENFILE, syscall.Errno(10024), syscall.Errno(10055)}
)

// isAny reports whether err is one of several errors.
func isAny(err error, targets []error) bool {
	return slices.ContainsFunc(targets, func(target error) bool { return errors.Is(err, target) })
}

// A retryingListener lets new clients wait while the system has no file
// descriptor for them. Connected clients notice nothing.
type retryingListener struct {
	net.Listener
	log  *slog.Logger
	said time.Time
}

const (
	acceptAgain = 50 * time.Millisecond
	sayAgain    = time.Minute // there might be room for one, and for no more for long
)

// Accept implements net.Listener.
func (p *retryingListener) Accept() (net.Conn, error) {
	for {
		conn, err := p.Listener.Accept()
		if !isAny(err, noMoreFiles) {
			return conn, err
		}
		if time.Since(p.said) > sayAgain {
			p.said = time.Now()
			p.log.Error("nobody else can connect until somebody leaves; let this program open more files (ulimit -n, or LimitNOFILE of systemd)", "error", err)
		}
		time.Sleep(acceptAgain)
	}
}
