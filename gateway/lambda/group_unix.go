//go:build unix

package lambda

import (
	"os"
	"os/exec"
	"syscall"
)

// ownGroup gives a command its own process group. Its children can be killed
// with it, and a Ctrl-C in the terminal does not end it, since that goes to the
// group of this program, which still has to notify its clients.
func ownGroup(c *exec.Cmd) { c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

// killGroup kills a process and its group.
func killGroup(p *os.Process) { syscall.Kill(-p.Pid, syscall.SIGKILL) }
