package handlers_test

import (
	"context"
	"fmt"
	"log"
	"strings"
	"time"

	awsevents "github.com/aws/aws-lambda-go/events"

	"bellhop/handlers"
	"bellhop/store"
)

// A printer is a Poster that prints the beginning of each event.
type printer struct{}

func (printer) Post(_ context.Context, connectionID string, data []byte) error {
	event, _, _ := strings.Cut(string(data), ",")
	fmt.Println(connectionID, "gets", event)
	return nil
}

func (printer) Hangup(_ context.Context, connectionID string) error {
	fmt.Println(connectionID, "is disconnected")
	return nil
}

// A Handler handles the events of API Gateway's three routes.
func Example() {
	h := handlers.New(handlers.Config{Store: store.NewMemory(time.Now), Poster: printer{}})
	event := func(connectionID, route, body string) {
		var e awsevents.APIGatewayWebsocketProxyRequest
		e.RequestContext.ConnectionID, e.RequestContext.RouteKey, e.Body = connectionID, route, body
		if _, err := h.Handle(context.Background(), e); err != nil {
			log.Fatal(err)
		}
	}
	event("ann", "$connect", "")
	event("ann", "$default", `{"action":"ping","request_id":"1"}`)
	event("ann", "$default", `{"action":"join_lobby","content":{"lobby_id":"blue-fox"}}`)
	event("ann", "$disconnect", "")
	// Output:
	// ann gets {"event":"pong"
	// ann gets {"event":"request_rejected"
}
