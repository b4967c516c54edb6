package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	awsevents "github.com/aws/aws-lambda-go/events"

	"bellhop/gateway/apigateway"
)

// A recorder writes the clients' messages and events as a conversation, in the
// format of testdata/conversations. It lets one message be handled at a time,
// so that events stand below the message that caused them.
//
// It replaces values that differ in each run, as the format does: connection
// ids become names, tokens are numbered, and time passes in whole seconds from
// the start of a conversation's clock.
type recorder struct {
	file *os.File
	log  *slog.Logger
	now  func() time.Time

	mu      sync.Mutex
	next    *sync.Cond      // signalled when a step is over
	busy    bool            // a step is in progress
	ends    bool            // the API has a $disconnect
	closing map[string]bool // closed connections whose $disconnect is not over
	closed  bool            // nothing is written any more

	names   map[string]string // of clients, by connection id
	gone    map[string]bool   // names of clients that have dropped
	tokens  map[string]string // placeholder of each
	chosen  map[string]bool   // lobby ids that clients have written
	started time.Time
	moments []time.Duration // of the steps, after started
	step    *recorded       // in progress
}

// A recorded step is the text of one step.
type recorded struct {
	before []string
	line   string
	heard  []string
}

// openRecorder creates a file, which must not exist yet.
func openRecorder(file string, log *slog.Logger) (*recorder, error) {
	out, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, os.ErrExist) {
		return nil, fmt.Errorf("%s exists, and is not overwritten; choose another file", file)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot record: %w", err)
	}
	r := newRecorder(time.Now)
	r.file, r.log = out, log
	r.write("# Recorded by go run ./internal/record.")
	return r, nil
}

func newRecorder(now func() time.Time) *recorder {
	r := &recorder{
		now: now, closing: map[string]bool{}, names: map[string]string{}, gone: map[string]bool{}, tokens: map[string]string{},
		chosen: map[string]bool{}, started: now().Truncate(time.Second), moments: []time.Duration{0},
	}
	r.next = sync.NewCond(&r.mu)
	return r
}

// close ends the file when the current step is over or ctx ends. Later steps,
// such as the notifications of the end, are not written.
func (r *recorder) close(ctx context.Context) error {
	defer context.AfterFunc(ctx, func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.next.Broadcast()
	})()
	r.mu.Lock()
	defer r.mu.Unlock()
	for r.busy && ctx.Err() == nil {
		r.next.Wait()
	}
	r.closed = true
	r.next.Broadcast()
	return r.file.Close()
}

// begin waits until no step is in progress. It returns false if nothing is to
// be written.
func (r *recorder) begin() bool {
	for !r.closed && (r.busy || len(r.closing) > 0) {
		r.next.Wait()
	}
	r.busy = !r.closed
	if r.closed {
		return false
	}
	r.step = &recorded{}
	passed := r.now().Sub(r.started).Truncate(time.Second)
	if since := passed - r.moments[len(r.moments)-1]; since > 0 {
		r.moments = append(r.moments, passed)
		r.step.before = []string{fmt.Sprintf("clock +%v", since)}
	}
	return true
}

// end writes the step.
func (r *recorder) end() {
	s := r.step
	r.step, r.busy = nil, false
	r.next.Broadcast()
	if r.closed { // before the step was over
		return
	}
	if strings.HasPrefix(s.line, "#") { // a replay cannot reproduce its events either
		for i := range s.heard {
			s.heard[i] = "# " + s.heard[i]
		}
	}
	if s.line != "" {
		s.before = append(s.before, s.line)
	}
	r.write(slices.Concat(s.before, s.heard)...)
}

// write appends lines to the file. After an error it writes nothing more.
func (r *recorder) write(lines ...string) {
	for _, line := range lines {
		if _, err := fmt.Fprintln(r.file, line); err != nil && !r.closed {
			r.log.Error("the recording ends here", "error", err)
			r.closed = true
		}
	}
}

// arrive is an apigateway.Hooks.Arrive.
func (r *recorder) arrive(id, body string, deal func()) {
	r.mu.Lock()
	recording := r.begin()
	if recording {
		r.step.line = r.nameOf(id) + "> " + r.said(body)
		if strings.ContainsAny(r.step.line, "\r\n") {
			r.step.line = fmt.Sprintf("# %s says %d bytes that are several lines and not JSON: they cannot be written here", r.nameOf(id), len(body))
		}
	}
	r.mu.Unlock()
	deal()
	r.finish(recording)
}

func (r *recorder) finish(recording bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if recording {
		r.end()
	}
}

// invoker returns an integration that records its connects and disconnects.
func (r *recorder) invoker(next apigateway.Invoker) apigateway.Invoker {
	return func(ctx context.Context, e awsevents.APIGatewayWebsocketProxyRequest) (awsevents.APIGatewayProxyResponse, error) {
		switch e.RequestContext.EventType {
		case "CONNECT":
			return r.connects(ctx, e, next)
		case "DISCONNECT":
			return r.disconnects(ctx, e, next)
		}
		return next(ctx, e)
	}
}

func (r *recorder) connects(ctx context.Context, e awsevents.APIGatewayWebsocketProxyRequest, next apigateway.Invoker) (awsevents.APIGatewayProxyResponse, error) {
	r.mu.Lock()
	recording := r.begin()
	r.mu.Unlock()
	answer, err := next(ctx, e)
	if !recording {
		return answer, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	name := r.nameOf(e.RequestContext.ConnectionID)
	r.step.line = name + " connects"
	if query := e.MultiValueQueryStringParameters; len(query) > 0 {
		r.step.line += " ?" + url.Values(query).Encode()
	}
	status := answer.StatusCode
	if err != nil {
		status = http.StatusBadGateway
	}
	if status < 200 || status > 299 {
		r.step.line += fmt.Sprintf(" and is refused with %d", status)
		r.gone[name] = true
	}
	r.end()
	return answer, err
}

// disconnects records that a client has dropped, unless the close is already
// recorded.
func (r *recorder) disconnects(ctx context.Context, e awsevents.APIGatewayWebsocketProxyRequest, next apigateway.Invoker) (awsevents.APIGatewayProxyResponse, error) {
	id := e.RequestContext.ConnectionID
	r.mu.Lock()
	isClosed := r.closing[id]
	recording := !isClosed && r.begin()
	if recording {
		if name := r.nameOf(id); !r.gone[name] {
			r.step.line = name + " drops"
			r.gone[name] = true
		}
	}
	r.mu.Unlock()
	answer, err := next(ctx, e)
	r.mu.Lock()
	delete(r.closing, id)
	r.next.Broadcast()
	r.mu.Unlock()
	r.finish(recording)
	return answer, err
}

// closes is an apigateway.Hooks.Closed.
func (r *recorder) closes(id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return
	}
	name := r.nameOf(id)
	r.hear(name + "< (the connection is closed)")
	r.gone[name] = true
	r.closing[id] = r.ends
	if !r.ends {
		delete(r.closing, id)
	}
}

// posted is an apigateway.Hooks.Posted.
func (r *recorder) posted(id string, data []byte, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	name, known := r.names[id]
	switch {
	case r.closed || !known:
	case err == nil:
		r.hear(name + "< " + r.heard(name, string(data)))
	case errors.Is(err, apigateway.ErrGone):
		// Its connection is ending, although no event shows that: a replay must know
		// it beforehand.
		if !r.gone[name] && r.step != nil && !strings.HasPrefix(r.step.line, name+"> ") {
			r.gone[name] = true
			r.step.before = append(r.step.before, name+" drops unnoticed")
		}
	default:
		r.hear(fmt.Sprintf("# %s does not hear %d bytes: %v", name, len(data), err))
	}
}

// hear adds a line to the step in progress, or to the last step.
func (r *recorder) hear(line string) {
	if strings.ContainsAny(line, "\r\n") {
		line = "# " + strings.NewReplacer("\r", `\r`, "\n", `\n`).Replace(line)
	}
	if r.step != nil {
		r.step.heard = append(r.step.heard, line)
		return
	}
	r.write(line)
}
