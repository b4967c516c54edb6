//go:build unix

package lambda

import (
	"os"
	"os/exec"
	"syscall"
)

// ownGroup gives a command a process group: what it starts can be killed with it, and a Ctrl-C in the terminal, which is
// sent to the group of the program there, does not end it while clients are still told.
func ownGroup(c *exec.Cmd) { c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

// killGroup kills a process and its group.
func killGroup(p *os.Process) { syscall.Kill(-p.Pid, syscall.SIGKILL) }
