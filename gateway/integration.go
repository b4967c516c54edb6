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
	"os"
	"runtime"
	"time"

	"bellhop/gateway/apigateway"
	"bellhop/gateway/lambda"
)

// An integration is what the flags say of who deals with messages, if that is not the handler in this program.
type integration struct {
	bootstrap string
	lambda    string
	function  string
	timeout   time.Duration
	callback  string
}

func (i *integration) flags(f *flag.FlagSet) {
	f.StringVar(&i.bootstrap, "bootstrap", "", "`file` of a built Lambda function, built for this machine, that is run as Lambda would\n"+
		"run it, with this program's environment (TABLE, AWS_REGION, ...) and CALLBACK_URL")
	f.StringVar(&i.lambda, "lambda", "", "`URL` at which sam local start-lambda runs the function, such as http://127.0.0.1:3001")
	f.StringVar(&i.function, "function", "Function", "`name` of the function: for -lambda its logical id in the template")
	f.DurationVar(&i.timeout, "timeout", 10*time.Second, "`time` that a -bootstrap may take for a message, until it is killed")
	f.StringVar(&i.callback, "callback", "", "`address` where @connections listens, by which functions post to clients. Whoever reaches it\n"+
		"may. With -bootstrap it is 127.0.0.1:0 unless given, with -lambda 127.0.0.1:3002")
}

// check returns what is wrong with flags that have been parsed.
func (i *integration) check(f *flag.FlagSet) error {
	given := map[string]bool{}
	f.Visit(func(f *flag.Flag) { given[f.Name] = true })
	runs := given["bootstrap"] || given["lambda"]
	switch {
	case given["bootstrap"] && given["lambda"]:
		return errors.New("-bootstrap and -lambda exclude each other: one function deals with all messages")
	case given["bootstrap"] && i.bootstrap == "":
		return errors.New("-bootstrap needs a file")
	case given["lambda"] && !isOrigin(i.lambda):
		return fmt.Errorf("-lambda %q is not a URL such as http://127.0.0.1:3001", i.lambda)
	case given["timeout"] && !given["bootstrap"]:
		return errors.New("-timeout is for -bootstrap; with -lambda the template has it")
	case given["function"] && (!runs || i.function == ""):
		return errors.New("-function names the function of -lambda or -bootstrap")
	case runs && (given["rate"] || given["grace"] || given["table"] || given["ice-servers"] || given["turn-secret-file"]):
		return errors.New("-rate, -grace, -table, -ice-servers and -turn-secret-file are for the handler in this program; a function has its own, by its environment")
	case i.timeout <= 0 || i.timeout >= 15*time.Second:
		return errors.New("-timeout must be more than 0 and less than 15s: Bellhop counts on it that no message takes longer")
	}
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
	s.serveManagement(listener, log)
	return s, nil
}

// openHandler returns a server in front of the handler in this program.
func openHandler(o options, log *slog.Logger) (*server, error) {
	kept, err := openStore(o)
	if err != nil {
		return nil, err
	}
	return newServer(o, kept, log), nil
}

// connect returns a server in front of what deals with messages, which posts to them through what listens at callback.
func (o options) connect(ctx context.Context, callback net.Addr, log *slog.Logger, stdout, stderr io.Writer) (*server, error) {
	s, config := &server{stage: o.stage}, apigateway.Config{Stage: o.stage, Log: log, Idle: o.idle, Lifetime: o.lifetime}
	switch {
	case o.bootstrap != "":
		back := callbackURL(callback, "127.0.0.1", o.stage)
		b, err := lambda.Open(ctx, lambda.Config{
			File: o.bootstrap, Name: o.function, Timeout: o.timeout, Output: stderr, Env: append(os.Environ(), "CALLBACK_URL="+back),
		})
		if err != nil {
			return nil, err
		}
		config.Invoke, s.function = b.Invoke, b
		fmt.Fprintf(stdout, "%s deals with messages; it has CALLBACK_URL=%s.\n", o.bootstrap, back)
	case o.lambda != "":
		config.Invoke = (&lambda.Function{URL: o.lambda, Name: o.function}).Invoke
		fmt.Fprintf(stdout, "%s at %s deals with messages; give it CALLBACK_URL=%s.\n%s", o.function, o.lambda,
			callbackURL(callback, "host.docker.internal", o.stage), reach(callback))
	default:
		return openHandler(o, log)
	}
	s.sockets = apigateway.New(config)
	return s, nil
}

// callbackURL is where a function posts to. Of an address that is not one for it, or of all, it takes host.
func callbackURL(addr net.Addr, host, stage string) string {
	tcp := addr.(*net.TCPAddr)
	if !tcp.IP.IsLoopback() && !tcp.IP.IsUnspecified() {
		host = tcp.IP.String()
	}
	return "http://" + net.JoinHostPort(host, fmt.Sprint(tcp.Port)) + "/" + url.PathEscape(stage)
}

// reach says what a container needs on Linux, where Docker gives it no way to what listens on this machine alone.
func reach(addr net.Addr) string {
	if runtime.GOOS != "linux" || !addr.(*net.TCPAddr).IP.IsLoopback() {
		return ""
	}
	return "  On Linux no container reaches that, unless -callback has the address of Docker's bridge: -callback 172.17.0.1:3002\n"
}

// serveManagement serves @connections.
func (s *server) serveManagement(listener net.Listener, log *slog.Logger) {
	// An idle connection outlives the 90 seconds for which Go's and AWS's clients keep one, or a post could meet its end.
	s.management = &http.Server{Handler: s.sockets.Management(), ReadTimeout: 10 * time.Second, WriteTimeout: 10 * time.Second,
		IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 32 << 10, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn)}
	go s.management.Serve(listener)
}

// end ends what openServer has started, once the sockets are closed.
func (s *server) end() {
	if s.function != nil {
		s.function.Close()
	}
	if s.management != nil {
		s.management.Close()
	}
}
