// Command function is a Lambda function for tests: the body of an event is a
// command with an argument, and the function runs it.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"

	awsevents "github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/apigatewaymanagementapi"
	"github.com/aws/aws-sdk-go-v2/service/apigatewaymanagementapi/types"
)

func main() {
	switch os.Getenv("INIT") {
	case "fail":
		fmt.Fprintln(os.Stderr, "set TABLE first")
		os.Exit(3)
	case "hang":
		select {}
	case "report":
		report()
	}
	lambda.Start(handle)
}

// report says what is wrong as other runtimes do.
func report() {
	body := strings.NewReader(`{"errorType":"Runtime.ImportModuleError","errorMessage":"no module"}`)
	http.Post("http://"+os.Getenv("AWS_LAMBDA_RUNTIME_API")+"/2018-06-01/runtime/init/error", "application/json", body)
	os.Exit(1)
}

func handle(ctx context.Context, raw json.RawMessage) (any, error) {
	var e awsevents.APIGatewayWebsocketProxyRequest
	if err := json.Unmarshal(raw, &e); err != nil {
		return nil, err
	}
	if x := e.RequestContext; x.EventType == "DISCONNECT" {
		fmt.Println("disconnected with", x.DisconnectStatusCode)
	}
	what, argument, _ := strings.Cut(e.Body, " ")
	switch what {
	case "echo":
		return result(argument), nil
	case "event":
		return result(string(raw)), nil
	case "context":
		lc, _ := lambdacontext.FromContext(ctx)
		deadline, _ := ctx.Deadline()
		return result(fmt.Sprintln(lc.AwsRequestID, lc.InvokedFunctionArn, deadline.UnixMilli(), os.Getenv("_X_AMZN_TRACE_ID"))), nil
	case "env":
		return result(strings.Join(os.Environ(), "\n")), nil
	case "pid":
		return result(fmt.Sprint(os.Getpid())), nil
	case "child": // start one that keeps the output open, without waiting for it
		c := exec.Command(argument, "600")
		c.Stdout, c.Stderr = os.Stdout, os.Stderr
		err := c.Start()
		return result(fmt.Sprint(c.Process.Pid)), err
	case "note":
		return result(""), note(argument)
	case "say":
		fmt.Print(argument)
		return result(""), nil
	case "meet": // get the argument, a URL, before answering
		r, err := http.Get(argument)
		if err != nil {
			return nil, err
		}
		r.Body.Close()
		return result(fmt.Sprint(os.Getpid())), nil
	case "fail":
		return nil, errors.New("out of luck")
	case "panic":
		panic("oh no")
	case "exit":
		os.Exit(7)
	case "hang":
		fmt.Println("hanging as", os.Getpid())
		select {}
	case "answer":
		return json.RawMessage(argument), nil
	case "large":
		return result(strings.Repeat("x", 6<<20)), nil
	case "post":
		return post(ctx, e, argument)
	}
	return awsevents.APIGatewayProxyResponse{StatusCode: 200}, nil
}

// note appends a byte to a file.
func note(file string) error {
	f, err := os.OpenFile(file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err == nil {
		_, err = f.WriteString("x")
	}
	return errors.Join(err, f.Close())
}

func result(body string) awsevents.APIGatewayProxyResponse {
	return awsevents.APIGatewayProxyResponse{StatusCode: 200, Body: body}
}

// post posts to the connection of the event, or to another one if the argument
// begins with its id. If that one is gone, it posts "gone" to the first.
func post(ctx context.Context, e awsevents.APIGatewayWebsocketProxyRequest, argument string) (any, error) {
	api := apigatewaymanagementapi.New(apigatewaymanagementapi.Options{
		Region: os.Getenv("AWS_REGION"), BaseEndpoint: aws.String(os.Getenv("CALLBACK_URL")),
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: os.Getenv("AWS_ACCESS_KEY_ID"), SecretAccessKey: os.Getenv("AWS_SECRET_ACCESS_KEY")}, nil
		}),
	})
	to, text, found := strings.Cut(argument, " ")
	if !found {
		to, text = e.RequestContext.ConnectionID, argument
	}
	_, err := api.PostToConnection(ctx, &apigatewaymanagementapi.PostToConnectionInput{ConnectionId: &to, Data: []byte(text)})
	var gone *types.GoneException
	if errors.As(err, &gone) {
		_, err = api.PostToConnection(ctx, &apigatewaymanagementapi.PostToConnectionInput{
			ConnectionId: &e.RequestContext.ConnectionID, Data: []byte("gone"),
		})
	}
	return result(""), err
}
