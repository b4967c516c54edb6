package handlers_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	awsevents "github.com/aws/aws-lambda-go/events"
	awsdynamodb "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go/middleware"

	"bellhop/handlers"
	"bellhop/lobby"
	"bellhop/store"
	"bellhop/store/dynamodb"
	"bellhop/store/dynamodbtest"
)

// BenchmarkFind measures list_lobbies and quick_join among n public lobbies:
// their time, their calls of DynamoDB, and the capacity units that the emulator
// reports. A leave_lobby follows each quick_join and counts with it.
func BenchmarkFind(b *testing.B) {
	for _, n := range []int{10, 1_000, 100_000} {
		b.Run(fmt.Sprintf("memory/%d", n), func(b *testing.B) {
			benchmarkFind(b, crowd(b, store.NewMemory(time.Now), n), nil)
		})
	}
	endpoint := dynamodbtest.Start(b)
	for _, n := range []int{10, 1_000} {
		b.Run(fmt.Sprintf("dynamodb/%d", n), func(b *testing.B) {
			c, table, m := dynamodbtest.Config(), dynamodbtest.Table(), &scales{}
			dynamodbtest.OpenTable(b, c, endpoint, table, time.Now)
			c.APIOptions = append(c.APIOptions, func(s *middleware.Stack) error { return s.Initialize.Add(m, middleware.After) })
			benchmarkFind(b, crowd(b, dynamodb.New(c, endpoint, table, time.Now), n), m)
		})
	}
}

func benchmarkFind(b *testing.B, do func(conn, action, content string), m *scales) {
	for _, what := range []struct{ name, action, content string }{
		{"list_lobbies", "list_lobbies", `{}`},
		{"list_lobbies that finds nothing", "list_lobbies", `{"filter":{"metadata.map":"lava"}}`},
		{"quick_join", "quick_join", `{}`},
	} {
		b.Run(what.name, func(b *testing.B) {
			b.ReportAllocs()
			m.reset()
			for b.Loop() {
				do("player", what.action, what.content)
				if what.action == "quick_join" {
					do("player", "leave_lobby", `{}`)
				}
			}
			m.report(b)
		})
	}
}

// BenchmarkJoinBesideLists measures joins while four clients search 100,000
// lobbies all the time, and find nothing: the average and the longest.
func BenchmarkJoinBesideLists(b *testing.B) {
	for _, readers := range []int{0, 4} {
		b.Run(fmt.Sprint(readers), func(b *testing.B) {
			do := crowd(b, store.NewMemory(time.Now), 100_000)
			var reading sync.WaitGroup
			var over atomic.Bool
			for i := range readers {
				reading.Go(func() {
					for !over.Load() {
						do(fmt.Sprint("reader", i), "list_lobbies", `{"filter":{"metadata.map":"lava"}}`)
					}
				})
			}
			var longest time.Duration
			for b.Loop() {
				began := time.Now()
				do("player", "join_lobby", `{"lobby_id":"l7"}`)
				longest = max(longest, time.Since(began))
				do("player", "leave_lobby", `{}`)
			}
			over.Store(true)
			reading.Wait()
			b.ReportMetric(float64(longest.Microseconds()), "longest-µs")
		})
	}
}

// crowd opens n public lobbies in s, and returns a function that sends a
// message of a client there.
func crowd(b *testing.B, s store.Store, n int) (do func(conn, action, content string)) {
	for i := range n {
		l := lobby.New("default", fmt.Sprint("l", i), lobby.Member{Conn: "host"})
		l.Public, l.AutoAccept, l.Metadata = true, true, `{"map":"ice","mode":"ctf","level":7}`
		l.CreatedAt, l.ExpiresAt = time.Now().UnixMicro(), time.Now().Add(lobby.TTL)
		if err := s.CreateLobby(context.Background(), l); err != nil {
			b.Fatal(err)
		}
	}
	h := handlers.New(handlers.Config{Store: s, Poster: discard{}, Log: slog.New(slog.NewTextHandler(io.Discard, nil)), Rate: 1e12})
	event := func(conn, route, text string) {
		e := awsevents.APIGatewayWebsocketProxyRequest{Body: text}
		e.RequestContext.ConnectionID, e.RequestContext.RouteKey = conn, route
		if r, err := h.Handle(context.Background(), e); err != nil || r.StatusCode != 200 {
			b.Errorf("%s: status %d, %v", text, r.StatusCode, err)
		}
	}
	for _, conn := range []string{"player", "reader0", "reader1", "reader2", "reader3"} {
		event(conn, "$connect", "")
	}
	return func(conn, action, content string) {
		event(conn, "$default", `{"action":"`+action+`","content":`+content+`}`)
	}
}

// scales add up the capacity that requests to DynamoDB use.
type scales struct {
	mu           sync.Mutex
	calls, units float64
}

func (s *scales) ID() string { return "scales" }

// HandleInitialize implements middleware.InitializeMiddleware.
func (s *scales) HandleInitialize(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (
	out middleware.InitializeOutput, meta middleware.Metadata, err error) {
	switch p := in.Parameters.(type) {
	case *awsdynamodb.QueryInput:
		p.ReturnConsumedCapacity = types.ReturnConsumedCapacityTotal
	case *awsdynamodb.GetItemInput:
		p.ReturnConsumedCapacity = types.ReturnConsumedCapacityTotal
	case *awsdynamodb.UpdateItemInput:
		p.ReturnConsumedCapacity = types.ReturnConsumedCapacityTotal
	case *awsdynamodb.PutItemInput:
		p.ReturnConsumedCapacity = types.ReturnConsumedCapacityTotal
	}
	out, meta, err = next.HandleInitialize(ctx, in)
	var used *types.ConsumedCapacity
	switch r := out.Result.(type) {
	case *awsdynamodb.QueryOutput:
		used = r.ConsumedCapacity
	case *awsdynamodb.GetItemOutput:
		used = r.ConsumedCapacity
	case *awsdynamodb.UpdateItemOutput:
		used = r.ConsumedCapacity
	case *awsdynamodb.PutItemOutput:
		used = r.ConsumedCapacity
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.calls++; used != nil && used.CapacityUnits != nil {
		s.units += *used.CapacityUnits
	}
	return out, meta, err
}

func (s *scales) reset() {
	if s != nil {
		s.calls, s.units = 0, 0
	}
}

func (s *scales) report(b *testing.B) {
	if s != nil {
		b.ReportMetric(s.calls/float64(b.N), "calls/op")
		b.ReportMetric(s.units/float64(b.N), "units/op")
	}
}
