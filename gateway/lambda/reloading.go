package lambda

import (
	"context"
	"fmt"
	"hash/fnv"
	"io/fs"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"

	awsevents "github.com/aws/aws-lambda-go/events"
)

// A Reloading is a function that starts again when its code has changed: an
// event after the change gets the new code. It is safe for concurrent use.
type Reloading struct {
	open  func(context.Context) (*Bootstrap, error)
	watch string // file, or folder
	name  string
	log   *slog.Logger

	mu      sync.Mutex
	seen    uint64 // what watch was
	current *generation
	err     error          // why there is no current one
	old     sync.WaitGroup // generations that finish their events
}

// A generation is a function until its code changes.
type generation struct {
	*Bootstrap
	events sync.WaitGroup
}

// OpenReloading opens a function by open, now and whenever what watch names has
// changed. It returns a Reloading even if the function fails to start: a change
// can repair it.
func OpenReloading(ctx context.Context, name, watch string, log *slog.Logger, open func(context.Context) (*Bootstrap, error)) (*Reloading, error) {
	r := &Reloading{open: open, watch: watch, name: name, log: log, seen: fingerprint(watch)}
	r.begin(ctx)
	return r, r.err
}

// begin opens the function. It is called with mu held, or before Invoke.
func (r *Reloading) begin(ctx context.Context) {
	b, err := r.open(ctx)
	if r.err = err; err == nil {
		r.current = &generation{Bootstrap: b}
	}
}

// Invoke is an apigateway.Invoker.
func (r *Reloading) Invoke(ctx context.Context, e awsevents.APIGatewayWebsocketProxyRequest) (awsevents.APIGatewayProxyResponse, error) {
	g, err := r.take()
	if err != nil {
		return awsevents.APIGatewayProxyResponse{}, err
	}
	defer g.events.Done()
	return g.Invoke(ctx, e)
}

// take returns the current generation, which has one event more.
func (r *Reloading) take() (*generation, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if now := fingerprint(r.watch); now != r.seen {
		r.seen = now
		r.retire()
		if r.begin(context.Background()); r.err != nil {
			r.log.Error("the changed function does not start; what comes to it fails", "function", r.name, "error", r.err)
		} else {
			r.log.Info("the function has changed, and is started again", "function", r.name)
		}
	}
	if r.current == nil {
		return nil, r.err
	}
	r.current.events.Add(1)
	return r.current, nil
}

// retire ends the current generation after its events.
func (r *Reloading) retire() {
	if g := r.current; g != nil {
		r.current = nil
		r.old.Go(func() {
			g.events.Wait()
			g.Close()
		})
	}
}

// Close ends the function. It returns nil.
func (r *Reloading) Close() error {
	r.mu.Lock()
	if g := r.current; g != nil {
		r.current, r.err = nil, errClosed
		g.Close()
	}
	r.mu.Unlock()
	r.old.Wait()
	return nil
}

// fingerprint sums up the files of a folder, or a file: their names, sizes and
// times. It leaves out what others install, and what an interpreter writes.
func fingerprint(path string) uint64 {
	sum := fnv.New64a()
	filepath.WalkDir(path, func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return nil
		}
		if name := d.Name(); d.IsDir() {
			if file != path && (name == "node_modules" || name == "__pycache__" || strings.HasPrefix(name, ".")) {
				return filepath.SkipDir
			}
			return nil
		}
		if info, err := d.Info(); err == nil {
			fmt.Fprintln(sum, file, info.Size(), info.ModTime().UnixNano())
		}
		return nil
	})
	return sum.Sum64()
}
