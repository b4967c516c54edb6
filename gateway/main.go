// Command gateway is Bellhop on one machine: API Gateway's WebSocket side, and the same Handler that runs on AWS Lambda,
// with lobbies in memory or, with -table, in DynamoDB. A built function may take the Handler's place (-bootstrap,
// -lambda). Run it and open the address it prints.
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
	"os"
	"os/signal"
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

// options are the flags.
type options struct {
	listen         string
	stage          string
	rate           float64
	grace          time.Duration
	idle, lifetime time.Duration
	table          string
	dynamodb       string
	iceServers     string
	turnSecretFile string
	ice            handlers.ICEServers // of these two, and TURN_SECRET
	integration
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

Flags:
`

func parse(args []string, stderr io.Writer) (o options, err error) {
	f := flag.NewFlagSet("gateway", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.StringVar(&o.listen, "listen", "127.0.0.1:3000", "`address` to listen on; port 0 takes any that is free")
	f.StringVar(&o.stage, "stage", "local", "`name` of the stage, which is also a path that clients may connect to")
	f.Float64Var(&o.rate, "rate", 100, "actions a `second` that a client may go on sending")
	f.DurationVar(&o.grace, "grace", 60*time.Second, "`time` for which the place of a dropped player is held")
	f.DurationVar(&o.idle, "idle", 10*time.Minute, "`time` without a message after which a connection is closed, as on AWS")
	f.DurationVar(&o.lifetime, "lifetime", 2*time.Hour, "`time` after which any connection is closed, as on AWS")
	f.StringVar(&o.table, "table", "", "`name` of a DynamoDB table that keeps lobbies, so that they outlive this program")
	f.StringVar(&o.dynamodb, "dynamodb-endpoint", "", "`URL` of a DynamoDB on this machine, where the table is made if it is missing")
	f.StringVar(&o.iceServers, "ice-servers", "", "STUN and TURN servers that clients are told of: `URLs` with commas between them, or a JSON array\n"+
		"as browsers take it. What TURN servers have as static-auth-secret is read from -turn-secret-file, or TURN_SECRET in\n"+
		"the environment")
	f.StringVar(&o.turnSecretFile, "turn-secret-file", "", "`file` that holds the secret of the TURN servers and nothing else")
	o.integration.flags(f)
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
	}
	if err := o.integration.check(f); err != nil {
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
	return nil
}

// run serves until ctx ends, then tells every client and waits for what they were about.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	o, err := parse(args, stderr)
	if err != nil {
		return err
	}
	listener, err := listen(o.listen)
	if err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(stderr, nil))
	s, err := openServer(ctx, o, log, stdout, stderr)
	if err != nil {
		listener.Close()
		return err
	}
	defer s.end()
	// These bound a request; a WebSocket, once open, is bound by the sockets' own times. API Gateway gives $connect 29 s.
	web := &http.Server{Handler: s, ReadTimeout: 10 * time.Second, WriteTimeout: 40 * time.Second, IdleTimeout: time.Minute,
		MaxHeaderBytes: 32 << 10, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn)}
	failed := make(chan error, 1)
	go func() { failed <- web.Serve(listener) }()
	go s.sweep(ctx)
	greet(stdout, listener.Addr())
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	return drain(web, s, stdout)
}

func listen(address string) (net.Listener, error) {
	listener, err := net.Listen("tcp", address)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("%s is taken, perhaps by another gateway; stop that, or choose another port with -listen 127.0.0.1:3001", address)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot listen on %q: %w; give -listen as HOST:PORT", address, err)
	}
	return listener, nil
}

// greet says where to go. A listener on all addresses is shown by one that can be opened here.
func greet(w io.Writer, addr net.Addr) {
	tcp := addr.(*net.TCPAddr)
	host := tcp.IP.String()
	if tcp.IP.IsUnspecified() {
		host = "127.0.0.1"
	}
	at := net.JoinHostPort(host, fmt.Sprint(tcp.Port))
	fmt.Fprintf(w, "Bellhop is running.\n  WebSocket  ws://%s\n  Page       http://%s\n  Ctrl-C stops it.\n", at, at)
}

// drainTime bounds how long clients are waited for at the end: most container platforms kill after 10 s.
const drainTime = 7 * time.Second

func drain(web *http.Server, s *server, stdout io.Writer) error {
	ctx, cancel := context.WithTimeout(context.Background(), drainTime)
	defer cancel()
	fmt.Fprintf(stdout, "Closing %d connections.\n", s.sockets.Connections())
	err := s.sockets.Shutdown(ctx)
	web.Close() // what is left are requests for the page
	return err
}
