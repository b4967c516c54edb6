package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"runtime"
	"strings"
	"time"

	"bellhop/gateway/apigateway"
	"bellhop/gateway/lambda"
	"bellhop/gateway/stack"
)

// An integration is what the flags say of who deals with messages, if that is not the handler in this program.
type integration struct {
	bootstrap string
	lambda    string
	function  string
	timeout   time.Duration
	callback  string

	template   string
	api        string
	parameters map[string]string
	stageGiven bool
}

func (i *integration) flags(f *flag.FlagSet) {
	f.StringVar(&i.template, "template", "", "`file` of a SAM or CloudFormation template: its WebSocket API is served, with the functions that\n"+
		"-bootstrap or -lambda runs. Warnings at the start name what is not supported")
	f.StringVar(&i.api, "api", "", "logical `id` of the API, if -template has several")
	f.Func("parameter", "`NAME=VALUE` of a parameter of -template; can be given several times", i.setParameter)
	f.StringVar(&i.bootstrap, "bootstrap", "", "`file` of a Lambda function, built for this machine, that handles messages. It runs as on Lambda, with\n"+
		"this program's environment (TABLE, AWS_REGION, ...) and CALLBACK_URL. With -template also the\n"+
		"folder that sam build makes, with a folder for each function")
	f.StringVar(&i.lambda, "lambda", "", "`url` of sam local start-lambda, which runs the function, such as http://127.0.0.1:3001")
	f.StringVar(&i.function, "function", "Function", "`name` of the function; with -lambda its logical id in the template")
	f.DurationVar(&i.timeout, "timeout", 10*time.Second, "`duration` after which a -bootstrap that handles a message is killed")
	f.StringVar(&i.callback, "callback", "", "`address` of @connections, where functions post to clients. Anyone who can reach it can post. The default\n"+
		"is 127.0.0.1:0 with -bootstrap and 127.0.0.1:3002 with -lambda")
}

// check returns what is wrong with flags that have been parsed.
func (i *integration) check(f *flag.FlagSet) error {
	given := map[string]bool{}
	f.Visit(func(f *flag.Flag) { given[f.Name] = true })
	runs := given["bootstrap"] || given["lambda"]
	i.stageGiven = given["stage"]
	switch {
	case given["bootstrap"] && given["lambda"]:
		return errors.New("-bootstrap and -lambda exclude each other: give what runs the functions")
	case i.template != "" && !runs:
		return errors.New("-template needs what runs its functions: -bootstrap .aws-sam/build for those that sam build has built for provided.al2023, or -lambda http://127.0.0.1:3001 for sam local start-lambda")
	case i.template == "" && (given["template"] || given["api"] || given["parameter"]):
		return errors.New("-api and -parameter are for -template, which needs a file")
	case i.template != "" && (given["function"] || given["timeout"]):
		return errors.New("-function and -timeout are for a function without a template; -template has them")
	case given["bootstrap"] && i.bootstrap == "":
		return errors.New("-bootstrap needs a file")
	case given["lambda"] && !isOrigin(i.lambda):
		return fmt.Errorf("-lambda %q is not a URL such as http://127.0.0.1:3001", i.lambda)
	case given["timeout"] && !given["bootstrap"]:
		return errors.New("-timeout is for -bootstrap; with -lambda the template has it")
	case given["function"] && (!runs || i.function == ""):
		return errors.New("-function names the function of -lambda or -bootstrap")
	case runs && (given["rate"] || given["grace"] || given["table"] || given["ice-servers"] || given["turn-secret-file"] || given["turn-lifetime"]):
		return errors.New("-rate, -grace, -table, -ice-servers, -turn-secret-file and -turn-lifetime are for the handler in this program; a function has its own, by its environment")
	case i.timeout <= 0 || i.timeout >= 15*time.Second:
		return errors.New("-timeout must be more than 0 and less than 15s: Bellhop counts on it that no message takes longer")
	}
	return nil
}

func (i *integration) setParameter(text string) error {
	name, value, ok := strings.Cut(text, "=")
	if !ok || name == "" {
		return errors.New("give NAME=VALUE")
	}
	if i.parameters == nil {
		i.parameters = map[string]string{}
	}
	i.parameters[name] = value
	return nil
}

// isOrigin tells whether a URL is one of a server, without a path.
func isOrigin(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && (u.Path == "" || u.Path == "/") && u.RawQuery == ""
}

// address returns where @connections listens, or "" for nowhere: the handler in this program needs no such way.
func (i *integration) address() string {
	switch {
	case i.callback != "":
		return i.callback
	case i.bootstrap != "":
		return "127.0.0.1:0"
	case i.lambda != "":
		return "127.0.0.1:3002" // beside sam local's 3001, and known beforehand for who configures the function
	}
	return ""
}

// openServer wires the parts as the flags say, and says on stdout where messages go if not to the handler in here. The
// server must be ended.
func openServer(ctx context.Context, o options, log *slog.Logger, stdout, stderr io.Writer) (*server, error) {
	o.faultFlags.announce(stdout)
	var err error
	if o.recorder, err = openRecorder(o.record, log); err != nil {
		return nil, err
	}
	s, err := o.open(ctx, log, stdout, stderr)
	if err != nil {
		o.recorder.close(ctx)
		return nil, err
	}
	s.recorder = o.recorder
	if o.metrics == "" {
		return s, nil
	}
	if err := s.serveMetrics(o.metrics, log, stdout); err != nil {
		s.end()
		return nil, err
	}
	return s, nil
}

// open returns what deals with messages and, if that needs it, @connections.
func (o options) open(ctx context.Context, log *slog.Logger, stdout, stderr io.Writer) (*server, error) {
	address := o.address()
	if address == "" {
		return openHandler(o, log)
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("cannot listen on %q for @connections: %w; give -callback as HOST:PORT, of a port that is free", address, err)
	}
	s, err := o.connect(ctx, listener.Addr(), log, stdout, stderr)
	if err != nil {
		listener.Close()
		return nil, err
	}
	s.management = newWeb(s.sockets.Management(), requestTime, log)
	go s.management.Serve(listener)
	return s, nil
}

// openHandler returns a server in front of the handler in this program.
func openHandler(o options, log *slog.Logger) (*server, error) {
	kept, err := openStore(o)
	if err != nil {
		return nil, err
	}
	s := newServer(o, kept, log)
	s.inspector = o.newInspector(s.sockets, kept)
	return s, nil
}

// connect returns a server in front of functions, which post to clients through what listens at callback.
func (o options) connect(ctx context.Context, callback net.Addr, log *slog.Logger, stdout, stderr io.Writer) (_ *server, err error) {
	if o.bootstrap == "" && o.lambda == "" {
		return openHandler(o, log)
	}
	st, err := o.readStack(log)
	if err != nil {
		return nil, err
	}
	o.stage = st.Stage
	s := &server{stage: o.stage, origins: o.origins, template: o.template}
	var invokers map[string]apigateway.Invoker
	if o.bootstrap != "" {
		back := callbackURL(callback, "127.0.0.1", o.stage)
		if invokers, err = o.openBootstraps(ctx, s, st, back, log, stderr); err != nil {
			s.end()
			return nil, err
		}
		fmt.Fprintf(stdout, "Messages go to %s, with %s=%s.\n", o.bootstrap, callbackVariable, back)
	} else {
		invokers = o.invokeAPI(st)
		fmt.Fprintf(stdout, "Messages go to sam local at %s; give its functions %s=%s.\n%s", o.lambda, callbackVariable,
			callbackURL(callback, "host.docker.internal", o.stage), reach(callback))
	}
	if o.template != "" {
		writeRoutes(stdout, st)
	}
	s.sockets = o.newGateway(apigateway.Config{
		Routes: routesOf(st, invokers), Selection: st.Selection, StageVariables: st.StageVariables, Log: log,
	})
	s.inspector = o.newInspector(s.sockets, nil)
	return s, nil
}

// invokeAPI returns what invokes each function of a stack through the Invoke API of -lambda.
func (o options) invokeAPI(st *stack.Stack) map[string]apigateway.Invoker {
	invokers := map[string]apigateway.Invoker{}
	for id := range st.Functions {
		invokers[id] = (&lambda.Function{URL: o.lambda, Name: id}).Invoke
	}
	return invokers
}

// newGateway returns sockets with what the flags say of all alike.
func (o options) newGateway(c apigateway.Config) *apigateway.Gateway {
	c.Stage, c.Idle, c.Lifetime, c.Ping, c.TrustProxy = o.stage, o.idle, o.lifetime, o.ping, o.trustProxy
	o.faultFlags.cause(&c)
	o.recorder.listen(&c)
	return apigateway.New(c)
}

// callbackURL is where a function posts to. Of an address that is not one for it, or of all, it takes host.
func callbackURL(addr net.Addr, host, stage string) string {
	tcp := addr.(*net.TCPAddr)
	if !tcp.IP.IsLoopback() && !tcp.IP.IsUnspecified() {
		host = tcp.IP.String()
	}
	return "http://" + net.JoinHostPort(host, fmt.Sprint(tcp.Port)) + "/" + stage
}

// reach says what a container needs on Linux, where Docker gives it no way to what listens on this machine alone.
func reach(addr net.Addr) string {
	if runtime.GOOS != "linux" || !addr.(*net.TCPAddr).IP.IsLoopback() {
		return ""
	}
	return "  On Linux no container reaches that, unless -callback has the address of Docker's bridge: -callback 172.17.0.1:3002\n"
}

// end ends what openServer has started, once the sockets are closed.
func (s *server) end() {
	for _, function := range s.functions {
		function.Close()
	}
	for _, web := range []*http.Server{s.management, s.metrics} {
		if web != nil {
			web.Close()
		}
	}
}
