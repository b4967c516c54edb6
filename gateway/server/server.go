// Package server is the whole of Bellhop at one address: clients' WebSockets,
// the client for browsers (/bellhop.js), a page that plays (/), /healthz and,
// if asked for, /inspect. New wires the handler of the lobbies to the sockets.
// Serve and Shutdown work like those of net/http. ServeMetrics and
// ServeManagement open addresses of their own for Prometheus and for
// @connections.
//
// A Server can also stand in front of another integration, such as a built
// Lambda function: see Config.Sockets.
package server

import (
	"cmp"
	"context"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"bellhop/gateway/apigateway"
	"bellhop/handlers"
	"bellhop/handlers/metrics"
	"bellhop/store"
	"bellhop/web"
)

// Config configures a Server. The zero value is Bellhop with lobbies in memory
// and the limits of AWS.
type Config struct {
	// Handler configures Bellhop's handler. New sets the Poster. A nil Store is
	// one in memory, and a nil Later is time.AfterFunc.
	Handler handlers.Config
	// Sockets configures the WebSockets. If it has an Invoke or Routes, these get
	// the events in place of Bellhop's handler.
	Sockets apigateway.Config
	// Intercept, if set, wraps every integration.
	Intercept func(apigateway.Invoker) apigateway.Invoker
	// Log and Now are used wherever Handler and Sockets have none. The defaults
	// are slog.Default and time.Now.
	Log *slog.Logger
	Now func() time.Time
	// Origins are the sites whose pages can connect. Empty means all.
	Origins Origins
	// Other says that the integration is not Bellhop. Then there is no page.
	Other bool
	// NoPage leaves out the page that plays. The client for browsers stays.
	NoPage bool
	// Version is shown in /metrics and on the page.
	Version string
	// Inspect serves /inspect and /inspect.json to this machine.
	Inspect bool
	// Collectors have further metrics for ServeMetrics.
	Collectors []prometheus.Collector
	// RequestTime is how long a client has to send a request. The default is 10
	// seconds. It does not bound a WebSocket that is open.
	RequestTime time.Duration
}

// actionTime is how long an action can take, as for the function on AWS. The
// handlers rely on its being under 15 seconds.
const actionTime = 10 * time.Second

// writeTime is how long an answer can take. API Gateway gives $connect 29 s.
const writeTime = 40 * time.Second

// A Server is what one address serves. It is an http.Handler. It is safe for
// concurrent use.
type Server struct {
	Sockets *apigateway.Gateway

	requestTime time.Duration
	log         *slog.Logger
	origins     Origins
	noPage      bool
	other       bool
	version     string
	memory      *store.Memory // of lobbies; nil if this program does not hold them
	counts      *metrics.Set  // of the handler; nil if the integration is another
	inspector   *inspector    // nil if it is off
	draining    atomic.Bool
	web         *http.Server
	aside       []*http.Server // at addresses of their own
	collectors  []prometheus.Collector
	stopSweeps  context.CancelFunc
	sweeps      context.Context
}

// New returns a Server that serves nothing yet.
func New(c Config) *Server {
	c.fill()
	s := &Server{
		requestTime: c.RequestTime, log: c.Log, origins: c.Origins, noPage: c.NoPage || c.Other, other: c.Other, version: c.Version, collectors: c.Collectors,
	}
	if c.Sockets.Invoke == nil && c.Sockets.Routes == nil {
		post := new(Poster)
		if c.Handler.Metrics == nil {
			c.Handler.Metrics = metrics.New()
		}
		s.counts = c.Handler.Metrics
		s.memory, _ = c.Handler.Store.(*store.Memory)
		c.Handler.Poster = post
		handler := handlers.New(c.Handler)
		c.Sockets.Invoke, c.Sockets.AnyText = handler.Handle, true
		c.Sockets.Timeout = cmp.Or(c.Sockets.Timeout, actionTime)
		c.intercept()
		post.Gateway = apigateway.New(c.Sockets)
		s.Sockets = post.Gateway
		if s.memory != nil {
			for l := range s.memory.Lobbies() { // of an earlier process
				handler.EndGraces(l)
			}
		}
	} else {
		c.intercept()
		s.Sockets = apigateway.New(c.Sockets)
	}
	if c.Inspect {
		s.inspector = newInspector(c, s.Sockets, s.counts)
	}
	s.web = s.newWeb(s)
	s.sweeps, s.stopSweeps = context.WithCancel(context.Background())
	return s
}

// fill sets what the caller has left out.
func (c *Config) fill() {
	if c.Now == nil {
		c.Now = time.Now
	}
	c.Log, c.RequestTime = cmp.Or(c.Log, slog.Default()), cmp.Or(c.RequestTime, 10*time.Second)
	c.Handler.Log, c.Sockets.Log = cmp.Or(c.Handler.Log, c.Log), cmp.Or(c.Sockets.Log, c.Log)
	if c.Handler.Now == nil {
		c.Handler.Now = c.Now
	}
	if c.Sockets.Now == nil {
		c.Sockets.Now = c.Now
	}
	if c.Handler.Later == nil {
		c.Handler.Later = func(d time.Duration, f func()) { time.AfterFunc(d, f) }
	}
	if c.Handler.Store == nil && c.Sockets.Invoke == nil && c.Sockets.Routes == nil {
		c.Handler.Store = store.NewMemory(c.Now)
	}
}

// intercept wraps every integration.
func (c *Config) intercept() {
	if c.Intercept == nil {
		return
	}
	if c.Sockets.Invoke != nil {
		c.Sockets.Invoke = c.Intercept(c.Sockets.Invoke)
	}
	for key, route := range c.Sockets.Routes {
		if route.Invoke != nil {
			route.Invoke = c.Intercept(route.Invoke)
			c.Sockets.Routes[key] = route
		}
	}
}

// newWeb returns a web server with limits. They bound a request. An open
// WebSocket has the sockets' own times.
func (s *Server) newWeb(h http.Handler) *http.Server {
	return &http.Server{
		Handler:     h,
		ReadTimeout: s.requestTime, WriteTimeout: writeTime,
		IdleTimeout:    2 * time.Minute, // Go's and AWS's clients give up after 90 seconds
		MaxHeaderBytes: 32 << 10, ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelWarn),
	}
}

// Serve serves clients until Shutdown. It returns an error only if the listener
// fails.
func (s *Server) Serve(l net.Listener) error {
	go s.sweep(s.sweeps)
	if s.other { // Bellhop reads no header whose spelling matters
		l = apigateway.KeepSpelling(s.web, l)
	}
	if err := s.web.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// Shutdown fails /healthz, notifies and disconnects all clients, and waits
// until their last messages have been handled, or until ctx ends. Then it
// closes the address of clients. The other addresses stay open until Close.
func (s *Server) Shutdown(ctx context.Context) error {
	s.draining.Store(true)
	err := s.Sockets.Shutdown(ctx)
	s.stopSweeps()
	s.web.Close() // only requests for the page are left
	return err
}

// Close closes every address without notifying clients.
func (s *Server) Close() {
	s.stopSweeps()
	for _, web := range append(s.aside, s.web) {
		web.Close()
	}
}

// ServeManagement serves @connections at an address of its own, where functions
// post to clients, until Close. Anyone who can reach it can post.
func (s *Server) ServeManagement(l net.Listener) { s.background(l, s.Sockets.Management()) }

// background serves something at an address of its own, until Close.
func (s *Server) background(l net.Listener, h http.Handler) {
	web := s.newWeb(h)
	s.aside = append(s.aside, web)
	go web.Serve(l)
}

// sweep closes idle connections until ctx ends. When many clients have come or
// gone and it is quiet again, it returns the memory that this took to the
// system.
func (s *Server) sweep(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	var before, settled int
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		s.Sockets.Sweep()
		now := s.Sockets.Connections()
		if now == before && max(now-settled, settled-now) >= manyConnections {
			debug.FreeOSMemory()
			settled = now
		}
		before = now
	}
}

// manyConnections leave some 10 MB of garbage, which is worth a collection.
const manyConnections = 1000

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	isUpgrade := strings.EqualFold(r.Header.Get("Upgrade"), "websocket")
	path := strings.TrimSuffix(r.URL.Path, "/")
	switch {
	case (path == "" || strings.HasPrefix(path, "/page/")) && !isUpgrade && !s.noPage:
		s.servePage(w, r)
	case path == "/qr.svg" && !isUpgrade && !s.noPage:
		serveQR(w, r)
	case isClientFile(path) && !isUpgrade:
		serveClient(w, r, path)
	case !isUpgrade && s.inspector.sees(r):
		s.inspector.ServeHTTP(w, r)
	case path == "/healthz" && !isUpgrade:
		s.serveHealth(w)
	case isUpgrade && !s.origins.allow(r):
		s.Sockets.Refuse(w, http.StatusForbidden, "Pages of this site may not connect; -origins lists those that may")
	case path == "", path == "/"+s.Sockets.Stage:
		s.Sockets.ServeHTTP(w, r)
	case isUpgrade:
		if s.other {
			s.log.Warn("a client asks for a path that is no stage here", "path", r.URL.Path, "stage", s.Sockets.Stage)
		}
		s.Sockets.Refuse(w, http.StatusForbidden, "Forbidden") // as API Gateway does for an unknown stage
	default:
		http.NotFound(w, r)
	}
}

// isClientFile reports whether path is a file of the client for browsers, such
// as /bellhop.js.
func isClientFile(path string) bool {
	_, err := fs.Stat(web.Client, strings.TrimPrefix(path, "/"))
	return err == nil && path != ""
}

// serveClient serves the client to pages from any site: a game's own page comes
// from another server.
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

// serveHealth tells a load balancer whether to send clients here.
func (s *Server) serveHealth(w http.ResponseWriter) {
	w.Header().Set("Access-Control-Allow-Origin", "*") // a client finds out whether its token was refused
	if s.draining.Load() {
		http.Error(w, "shutting down", http.StatusServiceUnavailable)
		return
	}
	io.WriteString(w, "ok\n")
}
