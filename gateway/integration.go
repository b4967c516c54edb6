package main

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/url"
	"runtime"
	"slices"
	"strings"
	"time"

	"bellhop/gateway/apigateway"
	"bellhop/gateway/endpoints"
	"bellhop/gateway/lambda"
	"bellhop/gateway/server"
	"bellhop/gateway/stack"
	"bellhop/gateway/turn"
	"bellhop/handlers"
	"bellhop/store"
)

// An integration is the flags that replace the handler in this program with
// functions.
type integration struct {
	bootstrap string
	lambda    string
	function  string
	timeout   time.Duration
	callback  string

	// Of gateway emulate:
	template   string
	api        string
	parameters map[string]string
	tunnel     bool
	variables  map[string]map[string]any // by function, or for all: Parameters
}

func (i *integration) flags(f *flag.FlagSet) {
	f.StringVar(&i.bootstrap, "bootstrap", "", "`file` of a Lambda function, built for this machine, that handles messages. It runs as on Lambda, with\n"+
		"this program's environment (TABLE, AWS_REGION, ...) and CALLBACK_URL")
	f.StringVar(&i.lambda, "lambda", "", "`url` of sam local start-lambda, which runs the function, such as http://127.0.0.1:3001")
	f.StringVar(&i.function, "function", "Function", "`name` of the function; with -lambda its logical id in the template")
	f.DurationVar(&i.timeout, "timeout", 10*time.Second, "`duration` after which a -bootstrap that handles a message is killed")
}

// ownHandler are the flags of the handler in this program.
var ownHandler = []string{
	"rate", "messages", "grace", "table", "state", "ice-servers", "turn-secret-file", "turn-lifetime",
	"auth", "auth-secret-file", "auth-jwks", "auth-issuer", "auth-audience",
}

// check returns an error if the parsed flags do not fit together.
func (i *integration) check(f *flag.FlagSet) error {
	given := map[string]bool{}
	f.Visit(func(f *flag.Flag) { given[f.Name] = true })
	runs := given["bootstrap"] || given["lambda"]
	own := slices.DeleteFunc(slices.Concat(ownHandler, ownTURN), func(name string) bool { return !given[name] })
	switch {
	case given["bootstrap"] && given["lambda"]:
		return errors.New("-bootstrap and -lambda exclude each other: give what runs the functions")
	case given["bootstrap"] && i.bootstrap == "":
		return errors.New("-bootstrap needs a file")
	case given["lambda"] && !isOrigin(i.lambda):
		return fmt.Errorf("-lambda %q is not a URL such as http://127.0.0.1:3001", i.lambda)
	case given["timeout"] && !given["bootstrap"]:
		return errors.New("-timeout is for -bootstrap; with -lambda the template has it")
	case given["function"] && (!runs || i.function == ""):
		return errors.New("-function names the function of -lambda or -bootstrap")
	case runs && len(own) > 0:
		return fmt.Errorf("remove -%s: a function has its own, by its environment", strings.Join(own, ", -"))
	case i.timeout <= 0 || i.timeout >= 15*time.Second:
		return errors.New("-timeout must be more than 0 and less than 15s: Bellhop counts on it that no message takes longer")
	}
	return nil
}

// isOrigin reports whether a URL names a server without a path.
func isOrigin(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && (u.Path == "" || u.Path == "/") && u.RawQuery == ""
}

// address returns the address of @connections, or "" for none: the handler in
// this program posts directly.
func (i *integration) address() string {
	switch {
	case i.callback != "":
		return i.callback
	case i.bootstrap != "":
		return "127.0.0.1:0"
	case i.lambda != "":
		return "127.0.0.1:3002" // next to sam local's 3001, and known in advance to configure the function
	}
	return ""
}

// A running program is a server and what has to end with it.
type running struct {
	*server.Server
	functions []io.Closer          // that run here
	endpoints *endpoints.Endpoints // nil if the functions do not run here
	turn      *turn.Server         // nil if there is none
	state     *stateFile           // nil if there is none
}

// end closes the addresses and ends the functions, after Shutdown.
func (p *running) end() {
	for _, function := range p.functions {
		function.Close()
	}
	if p.turn != nil {
		p.turn.Close()
	}
	if p.endpoints != nil {
		p.endpoints.Close()
	}
	if p.Server != nil {
		p.Close()
	}
}

// openProgram wires the parts as the flags say. It prints where messages go if
// that is not the handler in this program. The program must be ended.
func openProgram(ctx context.Context, o options, at place, log *slog.Logger, stdout, stderr io.Writer) (*running, error) {
	o.faultFlags.chooseSeed(stdout)
	p := &running{}
	err := p.open(ctx, o, at, log, stdout, stderr)
	if err == nil && o.metrics != "" {
		err = p.openMetrics(o.metrics, stdout)
	}
	if err == nil {
		err = p.state.remove()
	}
	if err != nil {
		p.end()
		return nil, err
	}
	return p, nil
}

// open makes the server and, if functions need it, serves @connections.
func (p *running) open(ctx context.Context, o options, at place, log *slog.Logger, stdout, stderr io.Writer) error {
	var callback net.Listener
	var err error
	if address := o.address(); address != "" {
		if callback, err = net.Listen("tcp", address); err != nil {
			return fmt.Errorf("cannot listen on %q for @connections: %w; give -callback as HOST:PORT, of a port that is free", address, err)
		}
	}
	c := server.Config{Log: log, Now: o.now, Origins: o.origins, Inspect: o.inspect, Other: o.template != "", NoPage: o.page == "off", Version: version()}
	if o.bootstrap == "" && o.lambda == "" {
		err = p.configureHandler(o, at, &c, stdout)
	} else {
		err = p.configureFunctions(ctx, o, &c, callback.Addr(), log, stdout, stderr)
	}
	if err != nil {
		if callback != nil {
			callback.Close()
		}
		return err
	}
	p.Server = o.newServer(c)
	if callback != nil {
		p.ServeManagement(callback)
	}
	if p.endpoints != nil {
		p.endpoints.Serve(p, p.Sockets.Management())
	}
	return nil
}

// openMetrics serves /metrics at an address.
func (p *running) openMetrics(address string, stdout io.Writer) error {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return fmt.Errorf("cannot listen on %q for /metrics: %w; give -metrics as HOST:PORT, of a port that is free", address, err)
	}
	p.ServeMetrics(listener)
	fmt.Fprintf(stdout, "Numbers for Prometheus are at http://%s/metrics.\n", listener.Addr())
	return nil
}

// A place is where clients connect, with the certificate if there is one.
type place struct {
	net.Addr
	secure *tls.Config
}

// configureHandler sets what the handler in this program needs.
func (p *running) configureHandler(o options, at place, c *server.Config, stdout io.Writer) error {
	lobbies, err := openStore(o)
	if err != nil {
		return err
	}
	if o.state != "" {
		if p.state, err = openState(o.state, lobbies.(*store.Memory), o.grace, c.Log, stdout); err != nil {
			return err
		}
	}
	if p.turn, err = o.openTURN(lobbies, at.Addr, at.secure, c.Log, stdout); err != nil {
		return err
	}
	if p.turn != nil {
		c.Collectors = append(c.Collectors, p.turn)
	}
	c.Handler = handlers.Config{
		Store: lobbies, Grace: o.grace, Rate: o.rate, Messages: cmp.Or(o.messages, handlers.NoMessages), ICE: o.ice, Identity: o.verifier,
	}
	return nil
}

// configureFunctions sets the routes to functions, which post to clients
// through what listens at callback.
func (p *running) configureFunctions(ctx context.Context, o options, c *server.Config, callback net.Addr, log *slog.Logger, stdout, stderr io.Writer) error {
	st, err := o.readStack(log)
	if err != nil {
		return err
	}
	var callers map[string]lambda.Caller
	if o.bootstrap != "" {
		back := callbackURL(callback, "127.0.0.1", st.Stage)
		if callers, err = o.openBootstraps(ctx, p, st, back, log, stderr); err != nil {
			return err
		}
		fmt.Fprintf(stdout, "Messages go to %s, with %s=%s.\n", o.bootstrap, callbackVariable, back)
	} else {
		callers = o.callAPI(st)
		fmt.Fprintf(stdout, "Messages go to sam local at %s; give its functions %s=%s.\n%s", o.lambda, callbackVariable,
			callbackURL(callback, "host.docker.internal", st.Stage), reach(callback))
	}
	if o.template != "" {
		writeRoutes(stdout, st)
	}
	c.Sockets.DomainName, c.Sockets.Stage, c.Sockets.Routes = st.Host, st.Stage, routesOf(st, callers)
	if a := st.Authorizer; a != nil {
		c.Sockets.Authorizer = &apigateway.Authorizer{Invoke: lambda.Authorize(callers[a.Function]), Sources: a.Sources, ARN: a.ARN}
	}
	c.Sockets.Selection, c.Sockets.StageVariables = st.Selection, st.StageVariables
	return nil
}

// callAPI returns a caller for each function of a stack, which uses the Invoke
// API of -lambda.
func (o options) callAPI(st *stack.Stack) map[string]lambda.Caller {
	callers := map[string]lambda.Caller{}
	for id := range st.Functions {
		callers[id] = (&lambda.Function{URL: o.lambda, Name: id}).Call
	}
	return callers
}

// newServer returns a server by the flags that are for every integration.
func (o options) newServer(c server.Config) *server.Server {
	c.Sockets.Stage = cmp.Or(c.Sockets.Stage, o.stage)
	c.Sockets.Idle, c.Sockets.Lifetime, c.Sockets.Ping, c.Sockets.TrustProxy = o.idle, o.lifetime, o.ping, o.trustProxy
	c.Sockets.PerNetwork = o.perNetwork
	o.faultFlags.apply(&c)
	return server.New(c)
}

// callbackURL returns the URL that a function posts to. If the address is not
// usable, or is all addresses, it uses host.
func callbackURL(addr net.Addr, host, stage string) string {
	tcp := addr.(*net.TCPAddr)
	if !tcp.IP.IsLoopback() && !tcp.IP.IsUnspecified() {
		host = tcp.IP.String()
	}
	return "http://" + net.JoinHostPort(host, fmt.Sprint(tcp.Port)) + "/" + stage
}

// reach explains what a container on Linux needs, where Docker has no path to a
// listener on this machine alone.
func reach(addr net.Addr) string {
	if runtime.GOOS != "linux" || !addr.(*net.TCPAddr).IP.IsLoopback() {
		return ""
	}
	return "  On Linux no container reaches that, unless -callback has the address of Docker's bridge: -callback 172.17.0.1:3002\n"
}
