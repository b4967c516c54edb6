// Command chat posts a greeting to the sender of a message. Its route's
// response gives the length of the message.
package main

import (
	"context"
	"fmt"
	"os"

	awsevents "github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/apigatewaymanagementapi"
)

var connections = apigatewaymanagementapi.New(apigatewaymanagementapi.Options{
	Region:       os.Getenv("AWS_REGION"),
	BaseEndpoint: aws.String(os.Getenv("ENDPOINT")),
	Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{AccessKeyID: os.Getenv("AWS_ACCESS_KEY_ID"), SecretAccessKey: os.Getenv("AWS_SECRET_ACCESS_KEY")}, nil
	}),
})

func main() { lambda.Start(handle) }

func handle(ctx context.Context, e awsevents.APIGatewayWebsocketProxyRequest) (awsevents.APIGatewayProxyResponse, error) {
	answer := awsevents.APIGatewayProxyResponse{StatusCode: 200, Body: fmt.Sprintf("%d bytes", len(e.Body))}
	switch e.RequestContext.RouteKey {
	case "say":
		text := fmt.Sprintf("%s in %s, %s", os.Getenv("GREETING"), os.Getenv("STACK"), e.StageVariables["mood"])
		_, err := connections.PostToConnection(ctx, &apigatewaymanagementapi.PostToConnectionInput{
			ConnectionId: &e.RequestContext.ConnectionID, Data: []byte(text),
		})
		return answer, err
	case "slow":
		<-ctx.Done()
	}
	return answer, nil
}
