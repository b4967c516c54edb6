package handlers_test

import (
	"context"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	awsevents "github.com/aws/aws-lambda-go/events"

	"bellhop/handlers"
	"bellhop/handlers/metrics"
	"bellhop/store"
)

// discard is a Poster that accepts and drops everything.
type discard struct{}

func (discard) Post(context.Context, string, []byte) error { return nil }

func (discard) Hangup(context.Context, string) error { return nil }

// BenchmarkRelay measures the path that has to be fast: a description of 1500
// bytes, from the host to a member, in the Handler alone; and what counting it
// adds.
func BenchmarkRelay(b *testing.B) {
	b.Run("uncounted", func(b *testing.B) { benchmarkRelay(b, nil) })
	b.Run("counted", func(b *testing.B) { benchmarkRelay(b, metrics.New()) })
}

func benchmarkRelay(b *testing.B, counts *metrics.Set) {
	h := handlers.New(handlers.Config{
		Store: store.NewMemory(time.Now), Poster: discard{}, Log: slog.New(slog.NewTextHandler(io.Discard, nil)), Rate: 1e12, Metrics: counts,
	})
	ctx := context.Background()
	event := func(conn, route, body string) awsevents.APIGatewayWebsocketProxyRequest {
		e := awsevents.APIGatewayWebsocketProxyRequest{Body: body}
		e.RequestContext.ConnectionID, e.RequestContext.RouteKey = conn, route
		return e
	}
	h.Handle(ctx, event("host", "$connect", ""))
	h.Handle(ctx, event("guest", "$connect", ""))
	h.Handle(ctx, event("host", "$default", `{"action":"start_lobby","content":{"lobby_id":"fox"}}`))
	h.Handle(ctx, event("guest", "$default", `{"action":"join_lobby","content":{"lobby_id":"fox"}}`))
	h.Handle(ctx, event("host", "$default", `{"action":"accept_request"}`))
	description := `{"action":"set_session_description","content":{"connection_id":"guest","session_type":"offer","sdp":"` +
		strings.Repeat(`a=candidate:1 1 udp 1 192.0.2.1 1 typ host\r\n`, 1500/46) + `"}}`
	offer := event("host", "$default", description)
	b.SetBytes(int64(len(description)))
	b.ReportAllocs()
	for b.Loop() {
		h.Handle(ctx, offer)
	}
}
