// Package lambda invokes Lambda functions on this machine, as integrations of
// package apigateway. It runs the deployed file under its own Runtime API
// (Open, then Bootstrap.Invoke), or calls a function that `sam local
// start-lambda` runs (Function.Invoke).
//
// Both write events as AWS does, and accept only answers that API Gateway
// accepts.
package lambda

import (
	"context"
	"errors"
	"fmt"
	"strings"

	awsevents "github.com/aws/aws-lambda-go/events"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"bellhop/gateway/apigateway"
)

// maxPayload limits a function's answer, in bytes (developer guide, "Lambda
// quotas": 6 MB each for request and response, synchronous).
const maxPayload = 6 << 20

// decode reads the result of a function as API Gateway does: one JSON object
// that has only members of a proxy response, exactly named. Package apigateway
// checks its status.
func decode(result []byte) (r awsevents.APIGatewayProxyResponse, err error) {
	if kind := jsontext.Value(result).Kind(); kind != '{' {
		return r, fmt.Errorf("malformed Lambda proxy response: it must be a JSON object, and begins with %q", shorten(string(result), 100))
	}
	if err := json.Unmarshal(result, &r, json.RejectUnknownMembers(true)); err != nil {
		return awsevents.APIGatewayProxyResponse{}, fmt.Errorf("malformed Lambda proxy response: %w", err)
	}
	return r, nil
}

// A Caller calls a function with an event, as Bootstrap.Call does.
type Caller func(ctx context.Context, event []byte) (result []byte, err error)

// Invoker returns what calls a function as a proxy integration.
func Invoker(call Caller) apigateway.Invoker {
	return func(ctx context.Context, e awsevents.APIGatewayWebsocketProxyRequest) (r awsevents.APIGatewayProxyResponse, err error) {
		payload, err := encode(e)
		if err == nil {
			payload, err = call(ctx, payload)
		}
		if err != nil {
			return r, err
		}
		return decode(payload)
	}
}

// Authorize returns what calls a function as an apigateway.Authorizer.
func Authorize(call Caller) func(context.Context, awsevents.APIGatewayWebsocketProxyRequest, string) ([]byte, error) {
	return func(ctx context.Context, e awsevents.APIGatewayWebsocketProxyRequest, arn string) ([]byte, error) {
		event, err := encodeAuthorizer(e, arn)
		if err != nil {
			return nil, err
		}
		return call(ctx, event)
	}
}

// failure returns the error that a function has reported, which runtimes write
// as an object.
func failure(report []byte) error {
	var e struct {
		Type    string `json:"errorType"`
		Message string `json:"errorMessage"`
	}
	if err := json.Unmarshal(report, &e); err != nil || e.Type+e.Message == "" {
		e.Message = string(report)
	}
	if e.Message == apigateway.ErrUnauthorized.Error() {
		return fmt.Errorf("the function failed: %w", apigateway.ErrUnauthorized)
	}
	what := strings.TrimPrefix(e.Type+": "+e.Message, ": ")
	return errors.New("the function failed: " + shorten(what, 1000))
}

// shorten cuts the text of a log line to n bytes.
func shorten(s string, n int) string {
	if s = strings.TrimSpace(s); len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "") + "…"
}
