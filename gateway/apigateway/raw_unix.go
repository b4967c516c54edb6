//go:build unix

package apigateway

import (
	"net"
	"syscall"
)

// rawConn returns access to a TCP connection's file descriptor, which allows a
// read that waits without a buffer and a write that does not wait at all. For
// any other connection (TLS) it returns nil.
func rawConn(conn net.Conn) syscall.RawConn {
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return nil
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return nil
	}
	return raw
}

func readFD(fd uintptr, b []byte) (int, error) {
	for {
		if n, err := syscall.Read(int(fd), b); err != syscall.EINTR {
			return n, err
		}
	}
}

func writeFD(fd uintptr, b []byte) (int, error) {
	for {
		if n, err := syscall.Write(int(fd), b); err != syscall.EINTR {
			return n, err
		}
	}
}
