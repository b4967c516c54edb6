package server

import (
	"net"
	"os"
	"syscall"
	"testing"
)

// TestSystemErrors checks that both errors, of a taken address and of too many
// open files, are recognized on every system.
func TestSystemErrors(t *testing.T) {
	by := func(call string, n syscall.Errno) error {
		return &net.OpError{Op: "listen", Net: "tcp", Err: os.NewSyscallError(call, n)}
	}
	for _, test := range []struct {
		name         string
		err          error
		inUse, files bool
	}{
		{"taken, on Unix", by("bind", syscall.EADDRINUSE), true, false},
		{"taken, on Windows", by("bind", 10048), true, false},
		{"no more files, on Unix", by("accept4", syscall.EMFILE), false, true},
		{"no more files for anybody", by("accept4", syscall.ENFILE), false, true},
		{"no more sockets, on Windows", by("accept", 10024), false, true},
		{"no more buffers, on Windows", by("accept", 10055), false, true},
		{"not allowed", by("bind", syscall.EACCES), false, false},
	} {
		if inUse, files := isAny(test.err, addressInUse), isAny(test.err, noMoreFiles); inUse != test.inUse || files != test.files {
			t.Errorf("%s: taken %t and no more files %t, want %t and %t", test.name, inUse, files, test.inUse, test.files)
		}
	}
}
