package godot_test

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"bellhop/gateway/apigateway"
	"bellhop/gateway/lambda"
	"bellhop/gateway/server"
	"bellhop/gateway/turn"
	"bellhop/handlers"
	"bellhop/store"
	"bellhop/store/dynamodbtest"
)

// A world is a Bellhop at an address that stays when it is restarted.
type world struct {
	*httptest.Server
	store  *store.Memory
	config server.Config

	mu      sync.Mutex
	bellhop *server.Server
	open    map[net.Conn]bool
	down    bool // whether nobody gets in

	tab context.Context // of a page with bellhop.js
}

// newWorld starts a world. Its kind is "" for one in this process, "-turn" for
// one that has its own TURN server too, and "-built" for the built function.
func newWorld(t *testing.T, kind string) *world {
	w := &world{store: store.NewMemory(time.Now), open: map[net.Conn]bool{}}
	w.config.Log = slog.New(slog.DiscardHandler)
	switch kind {
	case "-turn":
		w.config.Handler.ICE.Minter = w.relay(t)
	case "-built":
		w.config.Sockets.Invoke = w.function(t)
	}
	w.bellhop = w.newBellhop()
	w.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w.mu.Lock()
		bellhop, down := w.bellhop, w.down
		w.mu.Unlock()
		if down {
			http.Error(rw, "down", http.StatusServiceUnavailable)
			return
		}
		bellhop.ServeHTTP(rw, r)
	}))
	w.Config.ConnContext = func(ctx context.Context, conn net.Conn) context.Context {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.open[conn] = true
		return ctx
	}
	w.Start()
	t.Cleanup(func() {
		w.bellhop.Close()
		w.cut()
		w.Close()
	})
	return w
}

func (w *world) newBellhop() *server.Server {
	config := w.config
	config.Handler.Store = w.store
	return server.New(config)
}

// relay starts a TURN server.
func (w *world) relay(t *testing.T) handlers.Minter {
	s, err := turn.Start(turn.Config{
		Listen: "127.0.0.1:0", Addresses: []netip.Addr{netip.MustParseAddr("127.0.0.1")}, Lobby: w.store.Lobby, Log: w.config.Log, Now: time.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// function starts the built function, as deployed, with DynamoDB.
func (w *world) function(t *testing.T) apigateway.Invoker {
	endpoint, table := dynamodbtest.Start(t), dynamodbtest.Table()
	dynamodbtest.OpenTable(t, dynamodbtest.Config(), endpoint, table, time.Now)
	folder, err := filepath.Abs("../.cache/godot")
	if err != nil {
		t.Fatal(err)
	}
	build := exec.Command("make", "-s", "-C", "..", "build")
	build.Env = append(os.Environ(), "ARTIFACTS_DIR="+folder)
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("make build: %v\n%s", err, out)
	}
	back := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w.mu.Lock()
		bellhop := w.bellhop
		w.mu.Unlock()
		bellhop.Sockets.Management().ServeHTTP(rw, r)
	}))
	t.Cleanup(back.Close)
	f, err := lambda.Open(t.Context(), lambda.Config{File: filepath.Join(folder, "bootstrap"), Timeout: 10 * time.Second, Env: []string{
		"TABLE=" + table, "DYNAMODB_ENDPOINT=" + endpoint, "CALLBACK_URL=" + back.URL + "/local",
		"AWS_REGION=us-east-1", "AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test",
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f.Invoke
}

func (w *world) url() string { return "ws" + strings.TrimPrefix(w.URL, "http") }

// restart ends Bellhop and starts another, with the same table.
func (w *world) restart() {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	w.mu.Lock()
	before := w.bellhop
	w.bellhop = w.newBellhop()
	w.mu.Unlock()
	before.Shutdown(ctx)
	before.Close()
}

// cut ends all connections. Later ones get through.
func (w *world) cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for conn := range w.open {
		conn.Close()
		delete(w.open, conn)
	}
}

func (w *world) setDown(down bool) {
	w.mu.Lock()
	w.down = down
	w.mu.Unlock()
	if down {
		w.cut()
	}
}
