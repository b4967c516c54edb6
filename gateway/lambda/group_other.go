//go:build !unix

package lambda

import (
	"os"
	"os/exec"
)

// ownGroup does nothing on systems without process groups.
func ownGroup(*exec.Cmd) {}

// killGroup kills a process.
func killGroup(p *os.Process) { p.Kill() }
