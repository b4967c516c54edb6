//go:build unix

package lambda

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// wantDead waits for the end of a killed process. A zombie counts, since a
// container's first process might never wait for it.
func wantDead(t *testing.T, pid int) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); runtime.Gosched() {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if strings.Contains(string(stat), ") Z ") || err != nil && syscall.Kill(pid, 0) != nil {
			return
		}
	}
	t.Errorf("process %d is still there", pid)
}

// TestFailures checks that each kind of failed invocation returns an error, and
// that the next one works.
func TestFailures(t *testing.T) {
	b, _ := open(t, Config{})
	for _, test := range []struct{ body, want string }{
		{"fail", "the function failed: errorString: out of luck"},
		{"panic", "the function failed: string: oh no"},
		{"exit", "the function's process ended (exit status 7) before it answered"},
		{"answer null", "malformed Lambda proxy response"},
		{`answer "ok"`, "malformed Lambda proxy response"},
		{`answer {"statusCode":200,"Data":"x"}`, "malformed Lambda proxy response"},
		{"large", "the function's answer is over 6291456 bytes"},
	} {
		if got, err := invoke(t, b, test.body); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %q, %v; want %s", test.body, got, err, test.want)
		}
		if got := must(t, b, "echo still here"); got != "still here" {
			t.Errorf("after %s: %q", test.body, got)
		}
	}
}

// TestTimeout checks that a process that does not answer in time is killed, and
// that the next event gets another.
func TestTimeout(t *testing.T) {
	b, out := open(t, Config{Timeout: short})
	if _, err := invoke(t, b, "hang"); err == nil || err.Error() != "the function timed out after 1s" {
		t.Errorf("who hangs: %v", err)
	}
	wantDead(t, number(t, out.Find(t, `hanging as (\d+)`)))
	if got := must(t, b, "echo still here"); got != "still here" {
		t.Errorf("afterwards: %q", got)
	}
}

// TestKilled checks that a killed process fails its own invocation, and no
// other.
func TestKilled(t *testing.T) {
	b, out := open(t, Config{})
	failed := make(chan error, 1)
	go func() { _, err := invoke(t, b, "hang"); failed <- err }()
	pid := number(t, out.Find(t, `hanging as (\d+)`))
	other := number(t, must(t, b, "pid"))
	if other == pid {
		t.Fatal("a busy process was given an event")
	}
	syscall.Kill(pid, syscall.SIGKILL)
	if err := <-failed; err == nil || !strings.Contains(err.Error(), "ended (signal: killed) before it answered") {
		t.Errorf("whose process is killed: %v", err)
	}
	for range 20 { // the end of an idle process fails no invocation
		resting := processOf(t, b, other)
		syscall.Kill(other, syscall.SIGKILL)
		<-resting.gone
		if next := number(t, must(t, b, "pid")); next == other {
			t.Fatal("a process survived its killing")
		} else {
			other = next
		}
	}
}

// processOf returns the process with a pid.
func processOf(t *testing.T, b *Bootstrap, pid int) *process {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for p := range b.processes {
		if p.command.Process.Pid == pid {
			return p
		}
	}
	t.Fatalf("no process has the pid %d", pid)
	return nil
}

// TestNeverTwice checks that an event that a killed process might have begun
// with goes to no other, whenever it is killed.
func TestNeverTwice(t *testing.T) {
	b, _ := open(t, Config{})
	file, failed := filepath.Join(t.TempDir(), "notes"), 0
	for i := range 200 {
		pid := number(t, must(t, b, "pid"))
		process := processOf(t, b, pid)
		var killer sync.WaitGroup
		killer.Go(func() {
			// Within a millisecond the event is received, noted, and answered.
			for start := time.Now(); time.Since(start) < time.Duration(i)*5*time.Microsecond; {
			}
			syscall.Kill(pid, syscall.SIGKILL)
		})
		_, err := invoke(t, b, "note "+file)
		killer.Wait()
		<-process.gone
		notes, _ := os.ReadFile(file)
		if os.Remove(file); len(notes) > 1 || err == nil && len(notes) == 0 {
			t.Fatalf("try %d: the event was dealt with %d times, and the caller hears %v", i, len(notes), err)
		}
		if err != nil {
			failed++
		}
	}
	t.Logf("%d of 200 events failed", failed)
}

// TestInit checks that Open fails for a file that is no function, or does not
// start.
func TestInit(t *testing.T) {
	file, err := build()
	if err != nil {
		t.Fatal(err)
	}
	write := func(name, text string, mode os.FileMode) string {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for _, test := range []struct {
		file, init, want string
	}{
		{"no/such/bootstrap", "", "no/such/bootstrap: no such file or directory; build the function first"},
		{write("notes", "#!/bin/sh\n", 0o644), "", "permission denied; it must be an executable file"},
		{write("other", "\x7fELF of another machine", 0o755), "", "exec format error; build it for this machine, with GOOS=" + runtime.GOOS},
		{write("script", "#!/bin/sh\necho hello\n", 0o755), "", "ended during its init (exit status 0) and said: hello"},
		{file, "fail", "ended during its init (exit status 3) and said: set TABLE first"},
		{file, "report", "failed during its init: the function failed: Runtime.ImportModuleError: no module"},
		{file, "hang", "did not ask for an event within 1s; is it a Lambda bootstrap?"},
	} {
		limit := long
		if test.init == "hang" {
			limit = short
		}
		b, err := Open(t.Context(), Config{File: test.file, Env: []string{"INIT=" + test.init}, InitTimeout: limit})
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, %v; want %s", test.file, b, err, test.want)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Open(ctx, Config{File: file, Env: []string{"INIT=hang"}}); !errors.Is(err, context.Canceled) {
		t.Errorf("who does not wait for the init: %v", err)
	}
}

// TestInitLater checks that a process that cannot start any more fails its own
// invocation.
func TestInitLater(t *testing.T) {
	b, _ := open(t, Config{})
	b.Env = []string{"INIT=fail"} // no process starts meanwhile
	if _, err := invoke(t, b, "exit"); err == nil {
		t.Fatal("the first process has not ended")
	}
	if _, err := invoke(t, b, "echo x"); err == nil || !strings.Contains(err.Error(), "ended during its init (exit status 3)") {
		t.Errorf("the next fails with %v", err)
	}
}

// TestClose checks that nothing is left of busy and idle processes and of their
// children.
func TestClose(t *testing.T) {
	b, out := open(t, Config{})
	pids := []int{number(t, must(t, b, "pid")), number(t, must(t, b, "child sleep"))}
	failed := make(chan error, 1)
	go func() { _, err := invoke(t, b, "hang"); failed <- err }()
	pids = append(pids, number(t, out.Find(t, `hanging as (\d+)`)), number(t, must(t, b, "pid")))
	if err := b.Close(); err != nil {
		t.Error(err)
	}
	if err := <-failed; err == nil {
		t.Error("who was at work heard nothing of it")
	}
	for _, pid := range pids {
		wantDead(t, pid)
	}
	if _, err := invoke(t, b, "echo x"); !errors.Is(err, errClosed) {
		t.Errorf("an invocation afterwards: %v", err)
	}
	b.Close()
	wantNoGoroutines(t)
}

// wantNoGoroutines waits for handlers that still return; http.Server.Close does
// not.
func wantNoGoroutines(t *testing.T) {
	t.Helper()
	stacks := make([]byte, 1<<20)
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); runtime.Gosched() {
		text := string(stacks[:runtime.Stack(stacks, true)])
		if !strings.Contains(text, "lambda.(*process)") && !strings.Contains(text, "lambda.(*Bootstrap)") {
			return
		}
	}
	t.Errorf("goroutines are left:\n%s", stacks[:runtime.Stack(stacks, true)])
}

// TestChildOfTheDead checks that the children of a process are killed when it
// ends by itself.
func TestChildOfTheDead(t *testing.T) {
	b, _ := open(t, Config{})
	child := number(t, must(t, b, "child sleep"))
	if _, err := invoke(t, b, "exit"); err == nil {
		t.Fatal("the process has not ended")
	}
	wantDead(t, child)
}
