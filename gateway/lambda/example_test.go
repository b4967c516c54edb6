package lambda_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"

	awsevents "github.com/aws/aws-lambda-go/events"

	"bellhop/gateway/lambda"
)

// A function that sam local start-lambda runs. Here a server stands for it.
func ExampleFunction() {
	local := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Println(r.Method, r.URL.Path)
		io.WriteString(w, `{"statusCode": 200, "body": "hello"}`)
	}))
	defer local.Close()

	f := lambda.Function{URL: local.URL, Name: "Echo"}
	result, err := f.Invoke(context.Background(), awsevents.APIGatewayWebsocketProxyRequest{Body: "hello"})
	fmt.Println(result.StatusCode, result.Body, err)
	// Output:
	// POST /2015-03-31/functions/Echo/invocations
	// 200 hello <nil>
}

// A file that is no function fails when it is opened. Bootstrap.Invoke is an
// apigateway.Invoker, like Function.Invoke.
func ExampleOpen() {
	_, err := lambda.Open(context.Background(), lambda.Config{File: "/none"})
	fmt.Println(err)
	// Output:
	// cannot run /none: no such file or directory; build the function first
}
