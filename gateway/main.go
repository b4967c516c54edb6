// Command gateway is Bellhop on one machine: API Gateway's WebSocket side, and the same Handler that runs on AWS Lambda,
// with lobbies in memory or, with -table, in DynamoDB. A built function may take the Handler's place (-bootstrap,
// -lambda). Run it and open the address it prints.
package main

import (
	"context"
	"crypto/tls"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"regexp"
	"runtime/debug"
	"syscall"
	"time"

	"bellhop/handlers"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // so that a second Ctrl-C ends the program at once
	// Between two collections the heap may grow to five times what lives: connections at rest need little, and
	// messages are garbage soon. It halves the time that goes into collecting (docs/design.md, "The gateway").
	debug.SetGCPercent(400)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	if err != nil && !errors.Is(err, flag.ErrHelp) && !errors.Is(err, context.Canceled) {
		fmt.Fprintln(os.Stderr, "gateway:", err)
		os.Exit(1)
	}
}

// options are the flags, and the clock, which is time.Now unless a test has one of its own.
type options struct {
	now            func() time.Time
	listen         string
	stage          string
	rate           float64
	grace          time.Duration
	idle, lifetime time.Duration
	table          string
	dynamodb       string
	log            string
	record         string
	recorder       *recorder // nil if nothing is recorded
	front
	iceServers     string
	turnSecretFile string
	turnLifetime   time.Duration
	ice            handlers.ICEServers // of these two, and TURN_SECRET
	integration
	trouble
}

const usage = `Bellhop on one machine: a WebSocket API for lobbies and WebRTC signalling.

  go run ./gateway                      then open http://127.0.0.1:3000
  go run ./gateway -listen :8080        for other machines on your network too

Clients connect to ws://ADDRESS, with ?game=NAME to keep games apart. Lobbies live in memory: they end with this
program, which Ctrl-C stops after it has told all clients. With -table they live in DynamoDB:

  go run ./gateway -table bellhop -dynamodb-endpoint http://127.0.0.1:8000
  go run ./gateway -table NAME          the table of a deployed stack, its output TableName, by your AWS profile

A built Lambda function may deal with messages in the place of the same code in here. It makes no table: TABLE names one
that is there, at DYNAMODB_ENDPOINT or, without that, in the account of AWS_ACCESS_KEY_ID and so on.

  make build && TABLE=bellhop DYNAMODB_ENDPOINT=http://127.0.0.1:8000 go run ./gateway -bootstrap ./bootstrap
  go run ./gateway -lambda http://127.0.0.1:3001       one that sam local start-lambda runs, with TABLE there

Any other stack of a WebSocket API and functions, by its template (docs/gateway.md):

  go run ./gateway -template FILE -bootstrap .aws-sam/build
  go run ./gateway -template FILE -lambda http://127.0.0.1:3001

Flags:
`

func parse(args []string, stderr io.Writer) (o options, err error) {
	f := flag.NewFlagSet("gateway", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.StringVar(&o.listen, "listen", "127.0.0.1:3000", "`address` to listen on; port 0 takes any that is free")
	f.StringVar(&o.stage, "stage", "local", "`name` of the stage, which is also a path that clients may connect to. -template has its own,\n"+
		"unless this is given")
	f.Float64Var(&o.rate, "rate", 100, "actions a `second` that a client may go on sending")
	f.DurationVar(&o.grace, "grace", 60*time.Second, "`time` for which the place of a dropped player is held")
	f.DurationVar(&o.idle, "idle", 10*time.Minute, "`time` without a message after which a connection is closed, as on AWS")
	f.DurationVar(&o.lifetime, "lifetime", 2*time.Hour, "`time` after which any connection is closed, as on AWS")
	f.StringVar(&o.table, "table", "", "`name` of a DynamoDB table that keeps lobbies, so that they outlive this program")
	f.StringVar(&o.dynamodb, "dynamodb-endpoint", "", "`URL` of a DynamoDB on this machine, where the table is made if it is missing")
	f.StringVar(&o.log, "log", "text", "`format` of the log on standard error: text or json")
	f.StringVar(&o.record, "record", "", "`file` to write what clients say and hear to, in the format of testdata/conversations, where it is\n"+
		"replayed. It holds all content, by intent. Messages are dealt with one after the other meanwhile, and\n"+
		"places lapse when somebody looks, as on AWS")
	o.front.flags(f)
	f.StringVar(&o.iceServers, "ice-servers", "", "STUN and TURN servers that clients are told of: `URLs` with commas between them, or JSON: an array as\n"+
		"browsers take it, or the whole answer of Cloudflare, Xirsys or Twilio. What TURN servers have as static-auth-secret is read from -turn-secret-file, or TURN_SECRET in\n"+
		"the environment")
	f.StringVar(&o.turnSecretFile, "turn-secret-file", "", "`file` that holds the secret of the TURN servers and nothing else")
	f.DurationVar(&o.turnLifetime, "turn-lifetime", 3*time.Hour, "how long TURN credentials that are made from the secret are good: a `duration` of at least 1s")
	o.integration.flags(f)
	o.trouble.flags(f)
	f.Usage = func() {
		fmt.Fprint(stderr, usage)
		f.PrintDefaults()
	}
	if err := f.Parse(args); err != nil {
		return o, err
	}
	switch {
	case o.dynamodb != "" && o.table == "":
		return o, errors.New("-dynamodb-endpoint says where -table is; give that too")
	case f.NArg() > 0:
		return o, fmt.Errorf("unknown argument %q; -h lists what there is", f.Arg(0))
	case o.lifetime > 2*time.Hour:
		return o, errors.New("-lifetime must be at most 2h, as on AWS: what is known of a connection is kept for 3 hours")
	case o.grace > time.Hour:
		return o, errors.New("-grace must be at most 1h: a lobby is kept for 3 hours after its last change")
	case o.rate < 1 || o.grace <= 0 || o.idle <= 0 || o.lifetime <= 0:
		return o, errors.New("-rate must be at least 1, and -grace, -idle and -lifetime more than 0")
	case o.log != "text" && o.log != "json":
		return o, errors.New("-log is text or json")
	case !stagePattern.MatchString(o.stage):
		return o, errors.New("-stage must be 1 to 128 letters, digits, hyphens and underscores, as on AWS")
	}
	if err := errors.Join(o.front.check(), o.integration.check(f), o.trouble.check(), o.checkRecord(f)); err != nil {
		return o, err
	}
	return o, o.readICE()
}

// readICE reads the STUN and TURN servers. A function, if there is one, has its own. The secret is no flag, since all on a
// machine see those.
func (o *options) readICE() (err error) {
	if o.bootstrap != "" || o.lambda != "" {
		return nil
	}
	secret := []byte(os.Getenv("TURN_SECRET"))
	if o.turnSecretFile != "" {
		if secret, err = os.ReadFile(o.turnSecretFile); err != nil {
			return fmt.Errorf("cannot read -turn-secret-file: %w", err)
		}
	}
	if o.ice, err = handlers.ReadICEServers(o.iceServers, string(secret)); err != nil {
		return fmt.Errorf("-ice-servers: %w", err)
	}
	if o.turnLifetime < time.Second {
		return errors.New("-turn-lifetime must be at least 1s")
	}
	o.ice.Lifetime = o.turnLifetime
	return nil
}

// stagePattern is what API Gateway takes for the name of a stage ("Amazon API Gateway important notes").
var stagePattern = regexp.MustCompile(`^[A-Za-z0-9_-]{1,128}$`)

// run serves until ctx ends, then tells every client and waits for what they were about.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	o, err := parse(args, stderr)
	if err != nil {
		return err
	}
	log := newLog(o.log, stderr)
	secure, err := o.secure(log)
	if err != nil {
		return err
	}
	listener, err := listen(o.listen, log)
	if err != nil {
		return err
	}
	if err := o.checkInspect(listener.Addr()); err != nil {
		listener.Close()
		return err
	}
	s, err := openServer(ctx, o, log, stdout, stderr)
	if err != nil {
		listener.Close()
		return err
	}
	defer s.end()
	greet(stdout, listener.Addr(), secure != nil, s)
	if secure != nil {
		listener = tls.NewListener(listener, secure)
	}
	web, failed := newWeb(s, requestTime, log), make(chan error, 1)
	go func() { failed <- web.Serve(listener) }()
	go s.sweep(ctx)
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	return drain(web, s, stdout)
}

func newLog(format string, w io.Writer) *slog.Logger {
	if format == "json" {
		return slog.New(slog.NewJSONHandler(w, nil))
	}
	return slog.New(slog.NewTextHandler(w, nil))
}

// requestTime is how long a client has for the whole of a request.
const requestTime = 10 * time.Second

// newWeb returns a web server with limits. They bound a request; a WebSocket, once open, is bound by the sockets' own times.
func newWeb(h http.Handler, requestTime time.Duration, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler:     h,
		ReadTimeout: requestTime, WriteTimeout: 40 * time.Second, // API Gateway gives $connect 29 s
		IdleTimeout:    2 * time.Minute, // above the 90 seconds of Go's and AWS's clients, whose posts could meet the end
		MaxHeaderBytes: 32 << 10, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
}

// greet says where to go. A listener on all addresses is shown by one that can be opened here.
func greet(w io.Writer, addr net.Addr, secure bool, server *server) {
	tcp := addr.(*net.TCPAddr)
	host := tcp.IP.String()
	if tcp.IP.IsUnspecified() {
		host = "127.0.0.1"
	}
	at := net.JoinHostPort(host, fmt.Sprint(tcp.Port))
	s := ""
	if secure {
		s = "s"
	}
	what, page := "Bellhop", fmt.Sprintf("  Page       http%s://%s\n", s, at)
	if server.template != "" {
		what, page = "The stack of "+server.template, ""
	}
	if server.inspector != nil {
		page += fmt.Sprintf("  Inspect    http%s://%s/inspect\n", s, at)
	}
	fmt.Fprintf(w, "%s is running.\n  WebSocket  ws%s://%s\n%s  Ctrl-C stops it.\n", what, s, at, page)
}

// drainTime bounds how long clients are waited for at the end: most container platforms kill after 10 s.
const drainTime = 7 * time.Second

func drain(web *http.Server, s *server, stdout io.Writer) error {
	ctx, cancel := context.WithTimeout(context.Background(), drainTime)
	defer cancel()
	s.draining.Store(true)
	over, stop := context.WithTimeout(ctx, drainTime/3)
	defer stop()
	recorded := s.recorder.close(over)
	fmt.Fprintf(stdout, "Closing %d connections.\n", s.sockets.Connections())
	err := s.sockets.Shutdown(ctx)
	web.Close() // what is left are requests for the page
	return errors.Join(recorded, err)
}
