package lambda

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"sync"
	"time"

	awsevents "github.com/aws/aws-lambda-go/events"
	"github.com/google/uuid"
)

// Config configures a Bootstrap. Only File is required.
type Config struct {
	File string   // the bootstrap file, as for a deployment, but built for this machine; or a program that loads the function
	Args []string // of a program
	// Folder has the function's code; it is File's if empty. Handler is what a
	// program runs of it.
	Folder, Handler string
	Reload          bool   // an event gets the code as it is then: processes with an earlier one end
	Name            string // of the function; "Function" if empty
	// Env is the function's environment besides Lambda's own variables, as
	// KEY=VALUE. It can override AWS_REGION, AWS_DEFAULT_REGION and the
	// credentials.
	Env []string
	// Timeout limits an invocation; then its process is killed. 0 means 3 seconds,
	// as on AWS.
	Timeout time.Duration
	// InitTimeout limits the time until a process asks for its first event. 0
	// means 10 seconds, as on AWS.
	InitTimeout time.Duration
	// Processes limits the processes, each of which handles one event at a time; 0
	// means 32. If all are busy, events wait. AWS runs up to 1000, but here they
	// share a machine: a small function in Go takes some 15 MB, and the half
	// gigabyte of 32 still serves as many clients as wait for a database at the
	// same moment.
	Processes int
	// Output gets the output of the processes, line by line, each with the number
	// of its process; nil drops it.
	Output io.Writer
}

// A Bootstrap runs a function as Lambda does, in processes. It starts one if
// there are more events than idle processes, and replaces one that has ended.
// Of the idle ones it uses the most recently used. It is safe for concurrent
// use.
type Bootstrap struct {
	Config
	watched string        // by Reload: Folder if the caller gives one, else File
	slots   chan struct{} // one for every busy process
	closed  chan struct{}
	running sync.WaitGroup // invocations and processes
	output  sync.Mutex

	mu        sync.Mutex
	started   int
	processes map[*process]bool
	idle      []*process // most recently used last
}

var (
	errClosed = errors.New("the function has been shut down")
	// errUntaken means that a process ended before it took the event, so another
	// can.
	errUntaken = errors.New("the function's process ended before it took the event")
)

// Open starts a first process, and waits until it asks for an event. So a file
// that is no function, or a function that fails during its init, is an error
// here. Every event tries again, if the caller wants to go on. Only Close ends
// it.
func Open(ctx context.Context, c Config) (*Bootstrap, error) {
	file, err := filepath.Abs(c.File) // else package exec would look in PATH
	if err != nil {
		return nil, err
	}
	c.File, c.Name, c.Processes = file, cmp.Or(c.Name, "Function"), cmp.Or(c.Processes, 32)
	watched := cmp.Or(c.Folder, c.File)
	if c.Folder, err = filepath.Abs(cmp.Or(c.Folder, filepath.Dir(c.File))); err != nil {
		return nil, err
	}
	c.Timeout, c.InitTimeout = cmp.Or(c.Timeout, 3*time.Second), cmp.Or(c.InitTimeout, 10*time.Second)
	if c.Output == nil {
		c.Output = io.Discard
	}
	b := &Bootstrap{
		Config: c, watched: watched, slots: make(chan struct{}, c.Processes), closed: make(chan struct{}), processes: map[*process]bool{},
	}
	p, err := b.start(ctx)
	if err == nil {
		b.rest(p)
	}
	return b, err
}

// Invoke is an apigateway.Invoker. It fails if the function reports an error,
// if its answer is not one for API Gateway, at its timeout, or if its process
// ends. If ctx ends, it returns ctx's error, but the function goes on, as on
// AWS.
func (b *Bootstrap) Invoke(ctx context.Context, e awsevents.APIGatewayWebsocketProxyRequest) (r awsevents.APIGatewayProxyResponse, err error) {
	return Invoker(b.Call)(ctx, e)
}

// Call is Invoke for any event and result, as JSON.
func (b *Bootstrap) Call(ctx context.Context, event []byte) ([]byte, error) {
	inv := &invocation{id: uuid.NewString(), event: event, answer: make(chan answer, 1)}
	if err := b.enter(ctx); err != nil {
		return nil, err
	}
	done := make(chan answer, 1)
	go func() {
		defer b.running.Done()
		a := b.run(inv)
		<-b.slots // before the answer, or sequential calls would need two processes
		done <- a
	}()
	select {
	case a := <-done:
		return a.body, a.err
	case <-ctx.Done():
		return nil, fmt.Errorf("the function has not answered yet: %w", ctx.Err())
	}
}

// enter waits until one more process can be busy.
func (b *Bootstrap) enter(ctx context.Context) error {
	select {
	case b.slots <- struct{}{}:
	case <-b.closed:
		return errClosed
	case <-ctx.Done():
		return fmt.Errorf("all %d processes of the function are busy: %w", b.Processes, ctx.Err())
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.isClosed() {
		<-b.slots
		return errClosed
	}
	b.running.Add(1)
	return nil
}

func (b *Bootstrap) isClosed() bool {
	select {
	case <-b.closed:
		return true
	default:
		return false
	}
}

// run lets an idle process handle an event, or a new one. An idle process might
// have ended without notice.
func (b *Bootstrap) run(inv *invocation) answer {
	for {
		p := b.wake()
		isNew := p == nil
		if isNew {
			var err error
			if p, err = b.start(context.Background()); err != nil {
				return answer{err: err}
			}
		}
		a := p.invoke(inv)
		b.rest(p)
		if a.err != errUntaken || isNew {
			return a
		}
	}
}

// wake returns the most recently used idle process, or nil. It ends those whose
// code has changed.
func (b *Bootstrap) wake() *process {
	code := b.code()
	b.mu.Lock()
	defer b.mu.Unlock()
	for last := len(b.idle) - 1; last >= 0; last-- {
		p := b.idle[last]
		if b.idle = b.idle[:last]; p.code == code {
			return p
		}
		p.kill()
	}
	return nil
}

// code identifies what the function's code is now; 0 without Reload.
func (b *Bootstrap) code() uint64 {
	if !b.Reload {
		return 0
	}
	return fingerprint(b.watched)
}

// rest keeps a process for later, unless it has ended.
func (b *Bootstrap) rest(p *process) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.processes[p] {
		b.idle = append(b.idle, p)
	}
}

// forget is called when a process has ended.
func (b *Bootstrap) forget(p *process) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.processes, p)
	b.idle = slices.DeleteFunc(b.idle, func(q *process) bool { return p == q })
}

// Close kills all processes and their children, and waits until they have
// ended. Later invocations fail. It returns nil.
func (b *Bootstrap) Close() error {
	b.mu.Lock()
	if !b.isClosed() {
		close(b.closed)
	}
	for p := range b.processes {
		p.kill()
	}
	b.mu.Unlock()
	b.running.Wait()
	return nil
}
