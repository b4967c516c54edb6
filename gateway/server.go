package main

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"time"

	"bellhop/gateway/apigateway"
	"bellhop/handlers"
	"bellhop/store"
	"bellhop/web"
)

// A server is what one address serves: clients' WebSockets, the client for browsers, and a page for who opens it in one.
type server struct {
	stage    string
	origins  origins
	sockets  *apigateway.Gateway
	draining atomic.Bool

	template   string       // whose stack is served; empty for Bellhop
	recorder   *recorder    // nil if nothing is recorded
	functions  []io.Closer  // that are run here
	management *http.Server // of @connections; nil if nobody needs it
	metrics    *http.Server // nil if nobody asks for it
	inspector  *inspector   // likewise
}

// actionTime is what an action may take, as for the function on AWS: handlers count on it that none runs for 15 seconds.
const actionTime = 10 * time.Second

// newServer wires the parts: the sockets invoke the Handler, and the Handler posts to the sockets.
func newServer(o options, kept store.Store, log *slog.Logger) *server {
	post := new(poster)
	h := handlers.New(handlers.Config{
		Store: kept, Poster: post, Log: log, Now: o.now, Grace: o.grace, Rate: o.rate, ICE: o.ice,
		Later: o.later(),
	})
	post.Gateway = o.newGateway(apigateway.Config{Invoke: h.Handle, AnyText: true, Timeout: actionTime, Log: log, Now: o.now})
	return &server{stage: o.stage, origins: o.origins, sockets: post.Gateway}
}

// poster is a handlers.Poster to the sockets of a gateway.
type poster struct{ *apigateway.Gateway }

// Post implements handlers.Poster.
func (p *poster) Post(ctx context.Context, connectionID string, data []byte) error {
	return postError(p.Gateway.Post(ctx, connectionID, data))
}

// Hangup implements handlers.Poster.
func (p *poster) Hangup(_ context.Context, connectionID string) error {
	return postError(p.Disconnect(connectionID))
}

func postError(err error) error {
	switch {
	case errors.Is(err, apigateway.ErrGone):
		return handlers.ErrGone
	case errors.Is(err, apigateway.ErrLimitExceeded):
		return handlers.ErrBusy
	default:
		return err
	}
}

// sweep closes what has been idle for too long, until ctx ends. When many clients have come or gone and it is quiet
// again, it gives back the memory that only their coming and going took.
func (s *server) sweep(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	var before, settled int
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		s.sockets.Sweep()
		now := s.sockets.Connections()
		if now == before && max(now-settled, settled-now) >= manyConnections {
			debug.FreeOSMemory()
			settled = now
		}
		before = now
	}
}

// manyConnections is how many leave behind enough garbage to be worth a collection of its own, some 10 MB.
const manyConnections = 1000

// ServeHTTP implements http.Handler.
func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	isUpgrade := strings.EqualFold(r.Header.Get("Upgrade"), "websocket")
	path := strings.TrimSuffix(r.URL.Path, "/")
	switch {
	case (path == "" || strings.HasPrefix(path, "/page/")) && !isUpgrade && s.template == "":
		servePage(w, r)
	case path == "/qr.svg" && !isUpgrade && s.template == "":
		serveQR(w, r)
	case isClientFile(path) && !isUpgrade:
		serveClient(w, r, path)
	case s.inspector.sees(r) && !isUpgrade:
		s.inspector.ServeHTTP(w, r)
	case path == "/healthz" && !isUpgrade:
		s.serveHealth(w)
	case isUpgrade && !s.origins.allow(r):
		s.sockets.Refuse(w, http.StatusForbidden, "Pages of this site may not connect; -origins lists those that may")
	case path == "", path == "/"+s.stage:
		s.sockets.ServeHTTP(w, r)
	case isUpgrade:
		s.sockets.Refuse(w, http.StatusForbidden, "Forbidden") // as API Gateway answers for a stage that is not there
	default:
		http.NotFound(w, r)
	}
}

// isClientFile reports whether path is a file of the client for browsers, such as /bellhop.js.
func isClientFile(path string) bool {
	_, err := fs.Stat(web.Client, strings.TrimPrefix(path, "/"))
	return err == nil && path != ""
}

// serveClient serves the client to pages from any site: a game's own page comes from another server.
func serveClient(w http.ResponseWriter, r *http.Request, path string) {
	protect(w.Header())
	contentType := "text/javascript; charset=utf-8"
	if strings.HasSuffix(path, ".ts") {
		contentType = "text/plain; charset=utf-8"
	}
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Access-Control-Allow-Origin", "*")
	http.ServeFileFS(w, r, web.Client, strings.TrimPrefix(path, "/"))
}

// serveHealth tells who distributes clients whether to send some here.
func (s *server) serveHealth(w http.ResponseWriter) {
	if s.draining.Load() {
		http.Error(w, "shutting down", http.StatusServiceUnavailable)
		return
	}
	io.WriteString(w, "ok\n")
}
