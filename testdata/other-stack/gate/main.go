// Command gate is the function of $connect and $disconnect. It refuses a client
// that gives no name.
package main

import (
	"context"
	"fmt"

	awsevents "github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
)

func main() { lambda.Start(handle) }

func handle(_ context.Context, e awsevents.APIGatewayWebsocketProxyRequest) (awsevents.APIGatewayProxyResponse, error) {
	fmt.Println(e.RequestContext.EventType, "in stage", e.RequestContext.Stage)
	if e.RequestContext.EventType == "CONNECT" && e.QueryStringParameters["name"] == "" {
		return awsevents.APIGatewayProxyResponse{StatusCode: 403, Body: "say who you are: ?name=NAME"}, nil
	}
	return awsevents.APIGatewayProxyResponse{StatusCode: 200}, nil
}
