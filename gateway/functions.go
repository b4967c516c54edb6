package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"

	awsevents "github.com/aws/aws-lambda-go/events"

	"bellhop/gateway/apigateway"
	"bellhop/gateway/endpoints"
	"bellhop/gateway/interpreters"
	"bellhop/gateway/lambda"
	"bellhop/gateway/stack"
)

// readStack returns the stack that functions serve: that of a template, or
// three routes to one function.
func (o options) readStack(log *slog.Logger) (*stack.Stack, error) {
	if o.template == "" {
		only := stack.Route{Function: o.function}
		return &stack.Stack{
			Stage:     o.stage,
			Routes:    map[string]stack.Route{"$connect": only, "$disconnect": only, "$default": only},
			Functions: map[string]*stack.Function{o.function: {ID: o.function, Timeout: o.timeout}},
		}, nil
	}
	s, err := stack.Read(o.template, stack.Options{
		API: o.api, Stage: o.stage, Parameters: o.parameters,
		Region: cmp.Or(os.Getenv("AWS_REGION"), os.Getenv("AWS_DEFAULT_REGION")),
	})
	if err != nil {
		return nil, err
	}
	for _, warning := range s.Warnings {
		log.Warn(warning)
	}
	return s, nil
}

// routesOf returns a stack's routes with their integrations.
func routesOf(s *stack.Stack, functions map[string]apigateway.Invoker) map[string]apigateway.Route {
	routes := map[string]apigateway.Route{}
	for key, r := range s.Routes {
		route := apigateway.Route{Invoke: functions[r.Function], Timeout: r.Timeout, Answers: r.Answers}
		switch {
		case r.Mock:
			route.Invoke = func(context.Context, awsevents.APIGatewayWebsocketProxyRequest) (awsevents.APIGatewayProxyResponse, error) {
				return awsevents.APIGatewayProxyResponse{StatusCode: http.StatusOK}, nil
			}
		case route.Invoke == nil:
			route.Invoke = failing(errors.New("the route has no integration that can be done here; a warning at the start says which it has"))
		}
		routes[key] = route
	}
	return routes
}

// writeRoutes prints each route and its target.
func writeRoutes(w io.Writer, s *stack.Stack) {
	columns := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, key := range slices.Sorted(maps.Keys(s.Routes)) {
		r := s.Routes[key]
		to, note := r.Function, ""
		if r.Answers {
			note = "and its body is sent back"
		}
		if to == "" {
			to = "nobody"
		}
		fmt.Fprintf(columns, "  %s\t%s\t%s\n", key, to, note)
	}
	columns.Flush()
}

// openBootstraps runs every function of a stack in processes of its own, with
// its timeout and its environment.
func (o options) openBootstraps(ctx context.Context, p *running, st *stack.Stack, back string, log *slog.Logger, stderr io.Writer) (map[string]apigateway.Invoker, error) {
	var reach []string // variables by which functions reach this program
	if o.template != "" {
		var err error
		if p.endpoints, err = o.openEndpoints(log); err != nil {
			return nil, err
		}
		reach = p.endpoints.Env()
	}
	invokers := map[string]apigateway.Invoker{}
	failures := map[string]error{}
	for _, id := range slices.Sorted(maps.Keys(st.Functions)) {
		f, err := o.openFunction(ctx, p, st, id, append(environmentOf(st.Functions[id], back, log), reach...), log, stderr)
		if err != nil {
			failures[id], invokers[id] = err, failing(err)
		}
		if f != nil {
			p.functions, invokers[id] = append(p.functions, f), f.Invoke
		}
	}
	if len(failures) == len(st.Functions) {
		return nil, errors.Join(slices.Collect(maps.Values(failures))...)
	}
	for id, err := range failures {
		log.Error("the function does not start; what comes to it fails until it changes", "function", id, "error", err)
	}
	return invokers, nil
}

// openEndpoints opens AWS's names for functions.
func (o options) openEndpoints(log *slog.Logger) (*endpoints.Endpoints, error) {
	c := endpoints.Config{Tunnel: o.tunnel, Log: log}
	if o.dynamodb != "" {
		var err error
		if c.DynamoDB, err = url.Parse(o.dynamodb); err != nil {
			return nil, err
		}
	}
	return endpoints.Open(c)
}

// openFunction runs one function of a stack.
func (o options) openFunction(ctx context.Context, p *running, st *stack.Stack, id string, env []string, log *slog.Logger, stderr io.Writer) (*lambda.Reloading, error) {
	f := st.Functions[id]
	c, err := o.commandOf(ctx, p, f, len(st.Functions), log)
	if err != nil {
		return nil, err
	}
	c.Name, c.Timeout, c.Output, c.Env = id, f.Timeout, stderr, append(env, c.Env...)
	return lambda.OpenReloading(ctx, id, cmp.Or(c.Folder, c.File), log, func(ctx context.Context) (*lambda.Bootstrap, error) { return lambda.Open(ctx, c) })
}

// failing returns an integration that always fails.
func failing(err error) apigateway.Invoker {
	return func(context.Context, awsevents.APIGatewayWebsocketProxyRequest) (awsevents.APIGatewayProxyResponse, error) {
		return awsevents.APIGatewayProxyResponse{}, err
	}
}

// commandOf returns the command of one of n functions.
func (o options) commandOf(ctx context.Context, p *running, f *stack.Function, n int, log *slog.Logger) (lambda.Config, error) {
	built := filepath.Join(o.bootstrap, f.ID)
	info, err := os.Stat(o.bootstrap)
	isFolder := err == nil && info.IsDir()
	switch {
	case f.At == "" || strings.HasPrefix(f.Runtime, "provided"):
		if isFolder {
			return lambda.Config{File: filepath.Join(built, "bootstrap")}, nil
		}
		if n > 1 {
			return lambda.Config{}, fmt.Errorf("-functions %s is no folder, and the template has routes to %d functions; give the folder that sam build makes, with a folder for each: -functions .aws-sam/build", o.bootstrap, n)
		}
		return lambda.Config{File: o.bootstrap}, nil
	case !interpreters.Runs(f.Runtime):
		return lambda.Config{}, fmt.Errorf("%s: function %s runs on %s, and only functions for provided.al2023, Python and Node run without containers; start `sam local start-lambda` and give -functions http://127.0.0.1:3001", f.At, f.ID, cmp.Or(f.Runtime, "a container image"))
	}
	code := interpreters.Function{Name: f.ID, Runtime: f.Runtime, Handler: f.Handler, Inline: f.Inline, At: f.At}
	if _, err := os.Stat(built); err == nil {
		code.Folder = built
	} else if home := filepath.Dir(o.template); filepath.Base(home) == ".serverless" { // serverless package zips what is around it
		code.Folder = filepath.Dir(home)
	} else if f.Folder != "" {
		code.Folder = filepath.Join(home, f.Folder)
	}
	return interpreters.Prepare(ctx, code, p.endpoints.Folder(), log)
}

// environmentOf returns the variables of a function: first its template's, then
// this program's, which win, as in sam local, then the address that it posts
// to. A template's URL of the deployed API becomes the URL of @connections
// here.
func environmentOf(f *stack.Function, back string, log *slog.Logger) (env []string) {
	for _, name := range slices.Sorted(maps.Keys(f.Environment)) {
		value := f.Environment[name]
		if strings.HasPrefix(value, "https://"+stack.APIID+".execute-api.") {
			value = back
		}
		env = append(env, name+"="+value)
	}
	for _, name := range slices.Sorted(maps.Keys(f.Unknown)) {
		if _, given := os.LookupEnv(name); !given && name != callbackVariable {
			log.Warn(fmt.Sprintf("%s: %s of %s is %s, which only a deployed stack has; set %s in this program's environment, or %s goes without", f.At, name, f.ID, f.Unknown[name], name, f.ID))
		}
	}
	env = append(env, os.Environ()...)
	return append(env, callbackVariable+"="+back, "AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI="+back)
}

// callbackVariable is the variable with the address that a function posts to.
// The SDKs' own variable, which is set too, is for functions that create their
// client without an address.
const callbackVariable = "CALLBACK_URL"
