// Command post answers a message by posting the number of tables.
package main

import (
	"context"
	"fmt"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go/aws"
	"github.com/aws/aws-sdk-go/aws/session"
	"github.com/aws/aws-sdk-go/service/apigatewaymanagementapi"
	"github.com/aws/aws-sdk-go/service/dynamodb"
)

func main() { lambda.Start(handle) }

func handle(_ context.Context, e events.APIGatewayWebsocketProxyRequest) (events.APIGatewayProxyResponse, error) {
	s := session.Must(session.NewSession())
	tables, err := dynamodb.New(s).ListTables(&dynamodb.ListTablesInput{})
	if err != nil {
		return events.APIGatewayProxyResponse{}, err
	}
	endpoint := fmt.Sprintf("https://%s/%s", e.RequestContext.DomainName, e.RequestContext.Stage)
	_, err = apigatewaymanagementapi.New(s, aws.NewConfig().WithEndpoint(endpoint)).PostToConnection(&apigatewaymanagementapi.PostToConnectionInput{
		ConnectionId: &e.RequestContext.ConnectionID, Data: fmt.Appendf(nil, "hello, with %d tables", len(tables.TableNames)),
	})
	return events.APIGatewayProxyResponse{StatusCode: 200}, err
}
