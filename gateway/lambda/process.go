package lambda

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
	"time"
)

// A process is one execution environment, in Lambda's words: the bootstrap, and
// the Runtime API of its own.
type process struct {
	*Bootstrap
	number  int
	code    uint64
	command *exec.Cmd
	api     *http.Server
	lines   *lines
	next    chan *invocation // next event, received by its request for one
	ready   chan struct{}    // closed when it first asks for an event
	gone    chan struct{}    // closed when it has ended
	asking  sync.Once

	mu        sync.Mutex
	current   *invocation // that it has not answered
	sent      *invocation // the last event that was written to it whole
	initError error       // that it has reported
}

// An invocation is an event on its way through a process.
type invocation struct {
	id     string
	event  []byte
	answer chan answer // has room for the one
}

type answer struct {
	body []byte
	err  error
}

// start starts a process and waits until it asks for an event.
func (b *Bootstrap) start(ctx context.Context) (*process, error) {
	p, err := b.launch()
	if err != nil {
		return nil, err
	}
	late := time.NewTimer(b.InitTimeout)
	defer late.Stop()
	select {
	case <-p.ready:
		return p, nil
	case <-p.gone:
		return nil, p.initFailure()
	case <-late.C:
		p.end()
		return nil, fmt.Errorf("%s did not ask for an event within %v; is it a Lambda bootstrap?", b.File, b.InitTimeout)
	case <-ctx.Done():
		p.end()
		return nil, ctx.Err()
	}
}

// launch starts a process.
func (b *Bootstrap) launch() (*process, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &process{
		Bootstrap: b, code: b.code(), command: exec.Command(b.File, b.Args...),
		next: make(chan *invocation), ready: make(chan struct{}), gone: make(chan struct{}),
	}
	p.api = &http.Server{Handler: p.runtimeAPI()}
	if err := b.begin(p, listener.Addr().String()); err != nil {
		listener.Close()
		return nil, err
	}
	go p.api.Serve(listener)
	go p.await()
	return p, nil
}

// begin starts the program, unless the Bootstrap is closed.
func (b *Bootstrap) begin(p *process, api string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.isClosed() {
		return errClosed
	}
	p.number = b.started + 1
	p.lines = &lines{to: b.Output, mu: &b.output, prefix: fmt.Sprintf("[%s %d] ", b.Name, p.number)}
	c := p.command
	c.Dir, c.Env = b.Folder, b.environment(api)
	c.Stdout, c.Stderr = p.lines, p.lines
	c.WaitDelay = time.Second // for children that the process has left behind with its output
	ownGroup(c)
	if err := c.Start(); err != nil {
		return explain(b.File, err)
	}
	b.started++
	b.processes[p] = true
	b.running.Add(1)
	return nil
}

// explain says why a file cannot run, and what to do.
func explain(file string, err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		err = path.Err
	}
	hint := ""
	switch {
	case errors.Is(err, fs.ErrNotExist):
		hint = "; build the function first"
	case errors.Is(err, fs.ErrPermission):
		hint = "; it must be an executable file"
	case errors.Is(err, syscall.ENOEXEC):
		hint = fmt.Sprintf("; build it for this machine, with GOOS=%s GOARCH=%s", runtime.GOOS, runtime.GOARCH)
	}
	return fmt.Errorf("cannot run %s: %w%s", file, err, hint)
}

// await waits for the end of the process and cleans up after it.
func (p *process) await() {
	defer p.running.Done()
	p.command.Wait() // its result is in ProcessState
	p.kill()         // its children: the group outlives it, and with the group its number
	p.api.Close()
	p.lines.flush()
	p.forget(p)
	close(p.gone)
}

// kill kills the process and its children, without waiting.
func (p *process) kill() { killGroup(p.command.Process) }

// end kills the process and waits until it has ended.
func (p *process) end() {
	p.kill()
	<-p.gone
}

// initFailure explains the end of a process that never asked for an event.
func (p *process) initFailure() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.isClosed():
		return errClosed
	case p.initError != nil:
		return fmt.Errorf("%s failed during its init: %w", p.File, p.initError)
	}
	err := fmt.Errorf("%s ended during its init (%v)", p.File, p.command.ProcessState)
	if p.lines.last != "" {
		err = fmt.Errorf("%w and said: %s", err, p.lines.last)
	}
	return err
}

// invoke passes an event to the process and waits for its answer, until
// Timeout.
func (p *process) invoke(inv *invocation) answer {
	late := time.NewTimer(p.Timeout)
	defer late.Stop()
	select {
	case p.next <- inv:
		late.Reset(p.Timeout)
	case <-p.gone:
		return answer{err: errUntaken}
	case <-late.C: // it has answered the last event, but does not come back
		p.end()
		return answer{err: errUntaken}
	}
	select {
	case a := <-inv.answer:
		return a
	case <-late.C:
		p.end()
		return answer{err: fmt.Errorf("the function timed out after %v", p.Timeout)}
	case <-p.gone:
	}
	select {
	case a := <-inv.answer: // its last line of output
		return a
	default:
	}
	if !p.took(inv) {
		return answer{err: errUntaken}
	}
	return answer{err: fmt.Errorf("the function's process ended (%v) before it answered", p.command.ProcessState)}
}

// took reports whether a process that has ended without an answer might have
// handled the event. If the whole event was written to the process, took
// returns true: the system does not tell whether the process has read it.
func (p *process) took(inv *invocation) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.sent == inv
}
