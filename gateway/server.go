package main

import (
	"context"
	_ "embed"
	"errors"
	"html/template"
	"log/slog"
	"net/http"
	"strings"
	"time"

	awsevents "github.com/aws/aws-lambda-go/events"

	"bellhop/gateway/apigateway"
	"bellhop/handlers"
	"bellhop/store"
)

// A server is what one address serves: clients' WebSockets, and the page for who opens it in a browser.
type server struct {
	stage   string
	sockets *apigateway.Gateway
}

// newServer wires the parts: the sockets invoke the Handler, and the Handler posts to the sockets.
func newServer(o options, log *slog.Logger) *server {
	var h *handlers.Handler
	g := apigateway.New(apigateway.Config{
		Invoke: func(ctx context.Context, e awsevents.APIGatewayWebsocketProxyRequest) (awsevents.APIGatewayProxyResponse, error) {
			return h.Handle(ctx, e)
		},
		Stage: o.stage, Log: log, Idle: o.idle, Lifetime: o.lifetime,
	})
	h = handlers.New(handlers.Config{
		Store: store.NewMemory(time.Now), Poster: poster{g}, Log: log, Grace: o.grace, Rate: o.rate,
	})
	return &server{stage: o.stage, sockets: g}
}

// poster is a handlers.Poster to the sockets of a gateway.
type poster struct{ *apigateway.Gateway }

// Post implements handlers.Poster.
func (p poster) Post(ctx context.Context, connectionID string, data []byte) error {
	switch err := p.Gateway.Post(ctx, connectionID, data); {
	case errors.Is(err, apigateway.ErrGone):
		return handlers.ErrGone
	case errors.Is(err, apigateway.ErrLimitExceeded):
		return handlers.ErrBusy
	default:
		return err
	}
}

// sweep closes what has been idle for too long, until ctx ends.
func (s *server) sweep(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			s.sockets.Sweep()
		}
	}
}

// ServeHTTP implements http.Handler.
func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	isUpgrade := strings.EqualFold(r.Header.Get("Upgrade"), "websocket")
	path := strings.TrimSuffix(r.URL.Path, "/")
	switch {
	case path == "" && !isUpgrade:
		servePage(w, r)
	case path == "", path == "/"+s.stage:
		s.sockets.ServeHTTP(w, r)
	case isUpgrade:
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusForbidden) // as API Gateway answers for a stage that is not there
		w.Write([]byte(`{"message":"Forbidden"}`))
	default:
		http.NotFound(w, r)
	}
}

//go:embed page.html
var pageText string

var page = template.Must(template.New("page").Parse(pageText))

func servePage(w http.ResponseWriter, r *http.Request) {
	scheme := "ws://"
	if r.TLS != nil {
		scheme = "wss://"
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; connect-src *")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	page.Execute(w, scheme+r.Host)
}
