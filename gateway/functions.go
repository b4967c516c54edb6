package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"

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
func routesOf(s *stack.Stack, functions map[string]lambda.Caller) map[string]apigateway.Route {
	routes := map[string]apigateway.Route{}
	for key, r := range s.Routes {
		invoke := functions[r.Function]
		switch {
		case r.Mock:
			invoke = func(context.Context, []byte) ([]byte, error) { return []byte(`{"statusCode":200}`), nil }
		case invoke == nil:
			invoke = failing(errors.New("the route has no integration that can be done here; a warning at the start says which it has"))
		}
		routes[key] = apigateway.Route{Invoke: lambda.Invoker(invoke), Timeout: r.Timeout, Answers: r.Answers}
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
func (o options) openBootstraps(ctx context.Context, p *running, st *stack.Stack, back string, log *slog.Logger, stderr io.Writer) (map[string]lambda.Caller, error) {
	var reach []string // variables by which functions reach this program
	if o.template != "" {
		c := endpoints.Config{Tunnel: o.tunnel, Log: log}
		if o.dynamodb != "" {
			c.DynamoDB, _ = url.Parse(o.dynamodb) // parseEmulate has checked it
		}
		var err error
		if p.endpoints, err = endpoints.Open(c); err != nil {
			return nil, err
		}
		reach = p.endpoints.Env()
	}
	callers, failures := map[string]lambda.Caller{}, []error{}
	for _, id := range slices.Sorted(maps.Keys(st.Functions)) {
		f := st.Functions[id]
		c, err := o.commandOf(ctx, p, f, len(st.Functions), log)
		callers[id] = failing(err)
		if err == nil {
			c.Name, c.Timeout, c.Output, c.Reload = id, f.Timeout, stderr, o.template != ""
			c.Env = slices.Concat(o.environmentOf(f, back, log), reach, c.Env)
			var b *lambda.Bootstrap
			b, err = lambda.Open(ctx, c)
			if b != nil {
				p.functions, callers[id] = append(p.functions, b), b.Call
			}
		}
		if err != nil {
			failures = append(failures, err)
		}
	}
	if len(failures) == len(st.Functions) {
		return nil, errors.Join(failures...)
	}
	for _, err := range failures {
		log.Error("a function does not start; events for it fail until it does", "error", err)
	}
	return callers, nil
}

// failing returns a function that always fails.
func failing(err error) lambda.Caller {
	return func(context.Context, []byte) ([]byte, error) { return nil, err }
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
	case !strings.HasPrefix(f.Runtime, "python3.") && !strings.HasPrefix(f.Runtime, "nodejs"):
		return lambda.Config{}, fmt.Errorf("%s: function %s runs on %s, and only functions for provided.al2023, Python and Node run without containers; start `sam local start-lambda` and give -functions http://127.0.0.1:3001", f.At, f.ID, cmp.Or(f.Runtime, "a container image"))
	}
	home, folder := filepath.Dir(o.template), built
	if _, err := os.Stat(built); err != nil {
		folder = filepath.Join(home, f.Folder)
		if filepath.Base(home) == ".serverless" { // serverless package zips what is around it
			folder = filepath.Dir(home)
		}
	}
	return interpreters.Prepare(ctx, f, folder, p.endpoints.Folder, log)
}

// environmentOf returns the variables of a function: its template's, then this
// program's, then those of -env-vars, which win, as in sam local, then the
// address that it posts to. A template's URL of the deployed API becomes the
// URL of @connections here.
func (o options) environmentOf(f *stack.Function, back string, log *slog.Logger) (env []string) {
	for _, name := range slices.Sorted(maps.Keys(f.Environment)) {
		value := f.Environment[name]
		if strings.HasPrefix(value, "https://"+stack.APIID+".execute-api.") {
			value = back
		}
		env = append(env, name+"="+value)
	}
	env = append(env, os.Environ()...)
	for _, of := range []string{"Parameters", f.ID} {
		for name, value := range o.variables[of] {
			env = append(env, fmt.Sprintf("%s=%v", name, value))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(f.Unknown)) {
		isGiven := slices.ContainsFunc(env, func(v string) bool { return strings.HasPrefix(v, name+"=") })
		if !isGiven && name != callbackVariable {
			log.Warn(fmt.Sprintf("%s: %s of %s is %s, which only a deployed stack has; set %s in this program's environment, or %s goes without", f.At, name, f.ID, f.Unknown[name], name, f.ID))
		}
	}
	return append(env, callbackVariable+"="+back, "AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI="+back)
}

// callbackVariable is the variable with the address that a function posts to.
// The SDKs' own variable, which is set too, is for functions that create their
// client without an address.
const callbackVariable = "CALLBACK_URL"
