package web_test

import (
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	awsevents "github.com/aws/aws-lambda-go/events"

	"bellhop/gateway/apigateway"
	"bellhop/gateway/faults"
	"bellhop/gateway/server"
	"bellhop/handlers"
	"bellhop/store"
	"bellhop/web"
)

// How many times faster than real time the clocks of a world run, for clients
// and Bellhop: while events happen, and while all recovers. WebRTC and the
// network run in real time, and so seem slow.
const (
	modelSpeed  = 12
	settleSpeed = 5
)

// A modelServer is Bellhop in this process, behind API Gateway's WebSocket side
// and its faults, with a fast clock.
type modelServer struct {
	*httptest.Server
	bellhop *server.Server
	store   *store.Memory
	faults  *faults.Faults
	faulty  atomic.Bool // whether faults happen at the moment
	refused atomic.Bool // whether an event was lost while its connection stayed
	clock
}

// newModelServer starts a Bellhop with the faults that c allows.
func newModelServer(c faults.Config) *modelServer {
	s := &modelServer{clock: clock{real: time.Now(), is: time.Now(), speed: modelSpeed}}
	s.store = store.NewMemory(s.now)
	c.After = s.after
	s.faults = faults.New(c)
	hooks := s.faults.Hooks()
	s.bellhop = server.New(server.Config{
		Handler:   handlers.Config{Store: s.store, Later: s.after},
		Intercept: s.intercept,
		Log:       slog.New(slog.DiscardHandler), Now: s.now,
		Sockets: apigateway.Config{Hooks: apigateway.Hooks{
			Arrive: func(id, body string, deal func()) {
				if s.faulty.Load() {
					hooks.Arrive(id, body, deal)
				} else {
					deal()
				}
			},
			Posting: func(ctx context.Context, id string) error {
				if !s.faulty.Load() {
					return nil
				}
				err := hooks.Posting(ctx, id)
				if errors.Is(err, apigateway.ErrLimitExceeded) {
					s.refused.Store(true)
				}
				return err
			},
		}},
	})
	s.Server = httptest.NewServer(s.bellhop)
	return s
}

// intercept lets faults happen to events while s is faulty.
func (s *modelServer) intercept(next apigateway.Invoker) apigateway.Invoker {
	faulty := s.faults.Invoker(next)
	return func(ctx context.Context, e awsevents.APIGatewayWebsocketProxyRequest) (awsevents.APIGatewayProxyResponse, error) {
		if s.faulty.Load() {
			return faulty(ctx, e)
		}
		return next(ctx, e)
	}
}

func (s *modelServer) end() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	s.faulty.Store(false)
	s.bellhop.Shutdown(ctx)
	s.Close()
}

// A clock runs faster than real time.
type clock struct {
	mu    sync.Mutex
	real  time.Time // real time of the last change of speed
	is    time.Time // its own time then
	speed time.Duration
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.is.Add(time.Since(c.real) * c.speed)
}

// set changes its speed.
func (c *clock) set(speed time.Duration) {
	is := c.now()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.real, c.is, c.speed = time.Now(), is, speed
}

// after calls f when d has passed on the clock.
func (c *clock) after(d time.Duration, f func()) { go c.at(c.now().Add(d), f) }

func (c *clock) at(then time.Time, f func()) {
	if left := then.Sub(c.now()); left > 0 {
		c.mu.Lock()
		defer c.mu.Unlock()
		time.AfterFunc(left/c.speed, func() { c.at(then, f) })
		return
	}
	f()
}

// A world is a Bellhop and some clients in one tab, each on its own line.
type world struct {
	tab    driver
	server *modelServer
	lines  []*line

	stalled map[int]bool // whose line has ever stalled
}

//go:embed testdata/model
var modelFiles embed.FS

// modelSite serves the model's pages, and the client with a mistake planted in
// it.
func modelSite(t *testing.T, p plant) *httptest.Server {
	t.Helper()
	pages, err := fs.Sub(modelFiles, "testdata")
	if err != nil {
		t.Fatal(err)
	}
	planted := p.apply(t)
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := strings.TrimPrefix(r.URL.Path, "/")
		if text, ok := planted[name]; ok {
			w.Header().Set("Content-Type", "text/javascript")
			io.WriteString(w, text)
		} else if strings.HasPrefix(name, "model/") {
			http.ServeFileFS(w, r, pages, name)
		} else {
			http.ServeFileFS(w, r, web.Client, name)
		}
	}))
	t.Cleanup(site.Close)
	return site
}

// newWorld shows clients in a tab, connected to a Bellhop of their own.
func newWorld(t *testing.T, tab driver, site string, s sequence) (*world, error) {
	t.Helper()
	w := &world{tab: tab, server: newModelServer(s.faults), stalled: map[int]bool{}}
	ctx, cancel := context.WithTimeout(context.Background(), worldPatience)
	defer cancel()
	if err := tab.visit(ctx, site+"/model/world.html"); err != nil {
		return w, err
	}
	script := fmt.Sprintf("start({ speed: %d, epoch: %d, seed: %d });", modelSpeed, w.server.now().UnixMilli(), s.seed%(1<<20))
	for i := range s.clients {
		l := newLineTo(t, w.server.Listener.Addr().String())
		w.lines = append(w.lines, l)
		script += fmt.Sprintf("await world.add(%q, %s);", l.url(), s.options[i])
	}
	return w, w.run(script, nil)
}

func (w *world) end() {
	w.run("world.end()", nil)
	for _, l := range w.lines {
		l.end()
	}
	w.server.end()
}

// run runs the body of an async function. It stores the function's result in
// result, unless that is nil.
func (w *world) run(script string, result any) error {
	ctx, cancel := context.WithTimeout(context.Background(), worldPatience)
	defer cancel()
	out, err := w.tab.evaluate(ctx, "(async () => {"+script+"\n})().then((result) => JSON.stringify(result ?? null))")
	if err == nil && result != nil {
		err = json.Unmarshal([]byte(out), result)
	}
	if err != nil {
		return fmt.Errorf("%w, of %s", err, script)
	}
	return nil
}

// worldPatience limits a script in a world. Most take a few seconds.
const worldPatience = time.Minute
