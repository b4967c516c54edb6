//go:build !unix

package apigateway

import (
	"net"
	"syscall"
)

// rawConn returns nil: connections are read and written with the methods they
// have.
func rawConn(net.Conn) syscall.RawConn { return nil }

func readFD(uintptr, []byte) (int, error)  { return 0, syscall.EINVAL }
func writeFD(uintptr, []byte) (int, error) { return 0, syscall.EINVAL }
