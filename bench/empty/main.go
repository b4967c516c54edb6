// Command empty is the smallest Lambda function in Go: it answers 200. Bench
// compares its start with Bellhop's.
package main

import (
	"context"

	awsevents "github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
)

func main() {
	lambda.Start(func(context.Context, awsevents.APIGatewayWebsocketProxyRequest) (awsevents.APIGatewayProxyResponse, error) {
		return awsevents.APIGatewayProxyResponse{StatusCode: 200}, nil
	})
}
