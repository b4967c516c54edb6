// Command clients is a Lambda function that makes the same AWS clients as
// Bellhop and answers 200. It reads Lambda's environment itself, without the
// SDK's package config. Bench compares its start with Bellhop's.
package main

import (
	"context"
	"errors"
	"os"

	awsevents "github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/apigatewaymanagementapi"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
)

func main() {
	config := aws.Config{Region: os.Getenv("AWS_REGION"), Credentials: aws.CredentialsProviderFunc(credentials)}
	table, posts := dynamodb.NewFromConfig(config), apigatewaymanagementapi.NewFromConfig(config)
	lambda.Start(func(ctx context.Context, e awsevents.APIGatewayWebsocketProxyRequest) (awsevents.APIGatewayProxyResponse, error) {
		if e.RequestContext.RouteKey == "never" { // or the linker would leave the calls out
			_, err := table.GetItem(ctx, &dynamodb.GetItemInput{})
			_, err2 := table.PutItem(ctx, &dynamodb.PutItemInput{})
			_, err3 := table.UpdateItem(ctx, &dynamodb.UpdateItemInput{})
			_, err4 := posts.PostToConnection(ctx, &apigatewaymanagementapi.PostToConnectionInput{})
			return awsevents.APIGatewayProxyResponse{}, errors.Join(err, err2, err3, err4)
		}
		return awsevents.APIGatewayProxyResponse{StatusCode: 200}, nil
	})
}

func credentials(context.Context) (aws.Credentials, error) {
	return aws.Credentials{AccessKeyID: os.Getenv("AWS_ACCESS_KEY_ID"), SecretAccessKey: os.Getenv("AWS_SECRET_ACCESS_KEY")}, nil
}
