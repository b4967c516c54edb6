package handlers_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"testing"
	"time"

	awsevents "github.com/aws/aws-lambda-go/events"

	"bellhop/handlers"
	"bellhop/store"
	"bellhop/store/dynamodbtest"
)

// BenchmarkActions measures each action in a warm process, over both stores.
// With Memory, the time is the Handler's own; with DynamoDB, the rest is the
// emulator's on this machine. An operation is one round of all actions.
func BenchmarkActions(b *testing.B) {
	for name, open := range map[string]func() store.Store{
		"memory":   func() store.Store { return store.NewMemory(time.Now) },
		"dynamodb": func() store.Store { return dynamodbtest.Open(b, dynamodbtest.Start(b), time.Now) },
	} {
		b.Run(name, func(b *testing.B) { benchmarkActions(b, open()) })
	}
}

func benchmarkActions(b *testing.B, s store.Store) {
	h := handlers.New(handlers.Config{Store: s, Poster: discard{}, Log: slog.New(slog.NewTextHandler(io.Discard, nil)), Rate: 1e12})
	took, round := map[string]time.Duration{}, 0
	do := func(what, conn, route, text string) {
		e := awsevents.APIGatewayWebsocketProxyRequest{Body: text}
		e.RequestContext.ConnectionID, e.RequestContext.RouteKey = fmt.Sprint(conn, round), route
		began := time.Now()
		r, err := h.Handle(context.Background(), e)
		took[what] += time.Since(began)
		if err != nil || r.StatusCode != 200 {
			b.Fatalf("%s: status %d, %v", what, r.StatusCode, err)
		}
	}
	for b.Loop() {
		round++
		message := func(what, conn, content string) {
			do(what, conn, "$default", `{"action":"`+what+`","content":{`+fmt.Sprintf(content, round)+`}}`)
		}
		do("$connect", "host", "$connect", "")
		do("$connect", "guest", "$connect", "")
		message("start_lobby", "host", `"lobby_id":"fox-%d"`)
		message("join_lobby", "guest", `"lobby_id":"fox-%d"`)
		message("accept_request", "host", `"connection_id":"guest%d"`)
		message("set_session_description", "host", `"connection_id":"guest%d","type":"offer","sdp":"v=0"`)
		message("send_ice_candidate", "guest", `"connection_id":"host%d","candidate":""`)
		message("leave_lobby", "guest", `"x":%d`)
		message("close_lobby", "host", `"x":%d`)
		do("$disconnect", "guest", "$disconnect", "")
		do("$disconnect", "host", "$disconnect", "")
	}
	for what, sum := range took {
		n := b.N
		if what[0] == '$' { // both came and left
			n *= 2
		}
		b.ReportMetric(float64(sum.Microseconds())/float64(n), what+"-µs")
	}
}
