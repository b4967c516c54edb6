package main

import (
	"cmp"
	"fmt"
	"os"
	"runtime"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// cpuTime returns the CPU time that a process has used, in user space and in
// the kernel. It reads the process's CPU clock (clock_getcpuclockid(3)):
// nanoseconds of all threads, also of those that have ended. /proc/PID/stat has
// the same sum in steps of 10 ms, and /proc/PID/task/*/schedstat forgets
// threads that have ended.
func cpuTime(pid int) (time.Duration, error) {
	const schedClock = 2 // CPUCLOCK_SCHED in Linux's posix-timers.h; the pid goes in inverted, above three bits
	var t unix.Timespec
	if err := unix.ClockGettime(int32(^pid<<3|schedClock), &t); err != nil {
		return 0, fmt.Errorf("the server's CPU time: %w; has it ended?", err)
	}
	return time.Duration(t.Nano()), nil
}

// residentMemory returns a process's resident memory in KiB: VmRSS of
// proc_pid_status(5).
func residentMemory(pid int) (kib int, err error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	_, rss, _ := strings.Cut(string(status), "VmRSS:")
	if _, err := fmt.Sscan(rss, &kib); err != nil {
		return 0, fmt.Errorf("the server's status names no VmRSS: %w; has it ended?", err)
	}
	return kib, nil
}

// pause sleeps. Go's own sleep is a millisecond or more in a process that
// waits for nothing else.
func pause(d time.Duration) {
	t := unix.NsecToTimespec(d.Nanoseconds())
	unix.Nanosleep(&t, nil) // it can end early: the caller looks at the time again
}

// allowFiles raises the limit of open files to n for this process and the
// servers that it starts.
func allowFiles(n int) error {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return err
	}
	want := syscall.Rlimit{Cur: max(limit.Cur, uint64(n)), Max: max(limit.Max, uint64(n))}
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &want); err != nil {
		return fmt.Errorf("%d files may be open and bench needs %d: %w; give smaller -idle and -pairs, or raise it as root with ulimit -Hn", limit.Max, n, err)
	}
	return nil
}

// machine describes the machine of a measurement.
func machine() string {
	about, _ := os.ReadFile("/proc/cpuinfo")
	_, model, _ := strings.Cut(string(about), "model name")
	model, _, _ = strings.Cut(strings.TrimLeft(model, "\t :"), "\n")
	return fmt.Sprintf("%d cores (%s)", runtime.NumCPU(), strings.TrimSpace(cmp.Or(model, runtime.GOARCH)))
}

// loadAverage returns the load average of the last minute: proc_loadavg(5).
func loadAverage() (load float64) {
	text, _ := os.ReadFile("/proc/loadavg")
	fmt.Sscan(string(text), &load)
	return load
}
