// Bellhop's Lambda function: it reads the environment, builds Store, Poster and Handler, and serves the events of API
// Gateway. Only here are variables read:
//
//	TABLE         the DynamoDB table (required)
//	CALLBACK_URL  where to post to connections, if that is not https://DOMAIN/STAGE of the event: a custom domain
//	              with another path, or a gateway on this machine
package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	awsevents "github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/aws"

	"bellhop/handlers"
	"bellhop/store"
)

func main() {
	if err := run(os.Getenv); err != nil {
		fmt.Fprintln(os.Stderr, "bellhop:", err)
		os.Exit(1)
	}
}

func run(getenv func(string) string) error {
	s, err := openStore(getenv("TABLE"))
	if err != nil {
		return err
	}
	post := newCallback(awsConfig(getenv), getenv("CALLBACK_URL"))
	h := handlers.New(handlers.Config{Store: s, Poster: post})
	lambda.Start(func(ctx context.Context, e awsevents.APIGatewayWebsocketProxyRequest) (awsevents.APIGatewayProxyResponse, error) {
		post.learn(e.RequestContext)
		return h.Handle(ctx, e)
	})
	return nil
}

func openStore(table string) (store.Store, error) {
	if table == "" {
		return nil, errors.New("set TABLE to the name of the DynamoDB table")
	}
	return nil, errors.New("lobbies in DynamoDB are not supported yet; for now run the gateway, which keeps them in memory")
}

// awsConfig is what Lambda sets in the environment. Package config would find the same in twice the time a cold start
// takes.
func awsConfig(getenv func(string) string) aws.Config {
	return aws.Config{
		Region: getenv("AWS_REGION"),
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{
				AccessKeyID: getenv("AWS_ACCESS_KEY_ID"), SecretAccessKey: getenv("AWS_SECRET_ACCESS_KEY"),
				SessionToken: getenv("AWS_SESSION_TOKEN"), Source: "environment",
			}, nil
		}),
	}
}
