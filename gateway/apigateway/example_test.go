package apigateway_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"

	awsevents "github.com/aws/aws-lambda-go/events"
	"github.com/coder/websocket"

	"bellhop/gateway/apigateway"
)

// connect serves api on this machine, and connects a client to it.
func connect(api http.Handler) (client *websocket.Conn, stop func()) {
	server := httptest.NewServer(api)
	client, _, err := websocket.Dial(context.Background(), server.URL, nil)
	if err != nil {
		log.Fatal(err)
	}
	return client, func() {
		client.CloseNow()
		server.Close()
	}
}

// An API that returns each message to its sender.
func Example() {
	var api *apigateway.Gateway
	api = apigateway.New(apigateway.Config{
		Invoke: func(ctx context.Context, e awsevents.APIGatewayWebsocketProxyRequest) (awsevents.APIGatewayProxyResponse, error) {
			if e.RequestContext.EventType == "MESSAGE" {
				if err := api.Post(ctx, e.RequestContext.ConnectionID, []byte(e.Body)); err != nil {
					return awsevents.APIGatewayProxyResponse{}, err
				}
			}
			return awsevents.APIGatewayProxyResponse{StatusCode: http.StatusOK}, nil
		},
	})
	client, stop := connect(api)
	defer stop()
	ctx := context.Background()
	client.Write(ctx, websocket.MessageText, []byte("hello"))
	_, message, err := client.Read(ctx)
	fmt.Println(string(message), err)

	go api.Shutdown(ctx)
	_, _, err = client.Read(ctx)
	fmt.Println(websocket.CloseStatus(err))
	// Output:
	// hello <nil>
	// StatusGoingAway
}

// Routes by a selection expression. The result of a route that answers goes to
// the client, and a message without a route gets API Gateway's own message.
func ExampleParseSelection() {
	selection, err := apigateway.ParseSelection("$request.body.action")
	if err != nil {
		log.Fatal(err)
	}
	api := apigateway.New(apigateway.Config{
		Selection: selection,
		Routes: map[string]apigateway.Route{"greet": {
			Answers: true,
			Invoke: func(_ context.Context, e awsevents.APIGatewayWebsocketProxyRequest) (awsevents.APIGatewayProxyResponse, error) {
				return awsevents.APIGatewayProxyResponse{StatusCode: http.StatusOK, Body: "hello from " + e.RequestContext.RouteKey}, nil
			},
		}},
	})
	client, stop := connect(api)
	defer stop()
	ctx := context.Background()
	for _, text := range []string{`{"action":"greet"}`, `{"action":"dance"}`} {
		client.Write(ctx, websocket.MessageText, []byte(text))
		_, message, err := client.Read(ctx)
		if err != nil {
			log.Fatal(err)
		}
		text, _, _ := strings.Cut(string(message), ",")
		fmt.Println(text)
	}
	// Output:
	// hello from greet
	// {"message": "Forbidden"
}

// Another process posts through @connections.
func ExampleGateway_Management() {
	connected := make(chan string, 1)
	api := apigateway.New(apigateway.Config{
		Invoke: func(_ context.Context, e awsevents.APIGatewayWebsocketProxyRequest) (awsevents.APIGatewayProxyResponse, error) {
			if e.RequestContext.EventType == "CONNECT" {
				connected <- e.RequestContext.ConnectionID
			}
			return awsevents.APIGatewayProxyResponse{StatusCode: http.StatusOK}, nil
		},
	})
	client, stop := connect(api)
	defer stop()
	management := httptest.NewServer(api.Management())
	defer management.Close()
	address := management.URL + "/local/@connections/" + url.PathEscape(<-connected)
	answer, err := http.Post(address, "", strings.NewReader("news"))
	if err != nil {
		log.Fatal(err)
	}
	io.Copy(io.Discard, answer.Body)
	answer.Body.Close()
	_, message, err := client.Read(context.Background())
	fmt.Println(answer.StatusCode, string(message), err)
	// Output:
	// 200 news <nil>
}
