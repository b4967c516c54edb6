// Command gateway is Bellhop on one machine: API Gateway's WebSocket side, and
// the same Handler that runs on AWS Lambda, with lobbies in memory or, with
// -table, in DynamoDB. A built function can take the Handler's place
// (-bootstrap, -lambda). Run it and open the address it prints.
//
// gateway emulate does the same for any other API, by its template.
package main

import (
	"context"
	"crypto/tls"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"regexp"
	"runtime/debug"
	"strings"
	"syscall"
	"time"

	"bellhop/gateway/server"
	"bellhop/handlers"
	"bellhop/handlers/identity"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // so a second Ctrl-C ends the program immediately
	// Between two collections the heap can grow to five times its live size: idle
	// connections need little, and messages soon become garbage. It halves the
	// time spent on collecting (docs/design.md, "The gateway").
	debug.SetGCPercent(400)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	if err != nil && !errors.Is(err, flag.ErrHelp) && !errors.Is(err, context.Canceled) {
		if !errors.As(err, new(loggedError)) {
			fmt.Fprintln(os.Stderr, "gateway:", err)
		}
		os.Exit(1)
	}
}

// options are the flags, and the clock: time.Now, unless a test sets another.
type options struct {
	now            func() time.Time
	listen         string
	stage          string
	rate           float64
	messages       float64
	perNetwork     int
	auth           identity.Config
	authSecretFile string
	verifier       *identity.Verifier
	grace          time.Duration
	idle, lifetime time.Duration
	ping           time.Duration
	table          string
	dynamodb       string
	state          string
	log            string
	page           string
	version        bool
	listenFlags
	iceServers     string
	turnSecretFile string
	turnLifetime   time.Duration
	ice            handlers.ICEServers // from these two flags, and TURN_SECRET
	turn           turnFlags
	integration
	faultFlags
}

const usage = `Bellhop on one machine: a WebSocket API for lobbies and WebRTC signalling.

  go run ./gateway                      then open http://127.0.0.1:3000
  go run ./gateway -listen :8080        for other machines on your network too

Clients connect to ws://ADDRESS/?game=NAME; NAME keeps games apart, and can be left out. Lobbies are in memory: they end
with this program, which Ctrl-C stops after it has notified all clients. With -state FILE they survive a restart. With
-table they are in DynamoDB:

  go run ./gateway -table bellhop -dynamodb-endpoint http://127.0.0.1:8000
  go run ./gateway -table NAME          the table of a deployed stack, its output TableName, by your AWS profile

A built Lambda function can handle the messages instead of this program. It creates no table: TABLE names one that is
there, at DYNAMODB_ENDPOINT or, without that, in the account of AWS_ACCESS_KEY_ID and so on.

  make build && TABLE=bellhop DYNAMODB_ENDPOINT=http://127.0.0.1:8000 go run ./gateway -bootstrap ./bootstrap
  go run ./gateway -lambda http://127.0.0.1:3001       one that sam local start-lambda runs, with TABLE there

Any other WebSocket API with Lambda functions, by its template:

  go run ./gateway emulate -h

Flags:
`

// parse reads the arguments of the program, of either command.
func parse(args []string, stderr io.Writer) (o options, err error) {
	if len(args) > 0 && args[0] == "emulate" {
		return parseEmulate(args[1:], stderr)
	}
	if err := checkMoved(args); err != nil {
		return o, err
	}
	f := flag.NewFlagSet("gateway", flag.ContinueOnError)
	f.SetOutput(stderr)
	o.sharedFlags(f)
	o.handlerFlags(f)
	o.integration.flags(f)
	f.StringVar(&o.stage, "stage", "local", "`name` of the stage, which is also a path that clients can connect to")
	f.StringVar(&o.page, "page", "on", "`on` or off: whether / is the page that plays. The client for browsers is at /bellhop.js either way")
	f.BoolVar(&o.version, "version", false, "print the version and stop")
	f.Usage = func() {
		fmt.Fprint(stderr, usage)
		f.PrintDefaults()
	}
	if err := f.Parse(args); err != nil {
		return o, err
	}
	if o.version {
		return o, nil
	}
	if err := errors.Join(o.checkShared(f), o.checkHandler(), o.integration.check(f), o.turn.check(o.certificate)); err != nil {
		return o, err
	}
	return o, errors.Join(o.readICE(), o.readAuth())
}

// sharedFlags are the flags of both commands.
func (o *options) sharedFlags(f *flag.FlagSet) {
	f.StringVar(&o.listen, "listen", "127.0.0.1:3000", "`address` to listen on; port 0 takes any free port")
	f.DurationVar(&o.idle, "idle", 10*time.Minute, "`duration` without a message after which a connection is closed, as on AWS")
	f.DurationVar(&o.lifetime, "lifetime", 2*time.Hour, "`duration` after which any connection is closed, as on AWS")
	f.DurationVar(&o.ping, "ping", 30*time.Second, "`duration` without a message after which a client is sent a WebSocket ping, and again after each further\n"+
		"one: proxies cut connections that carry nothing. Pings are no messages to -idle. 0 sends none, as AWS")
	f.StringVar(&o.log, "log", "text", "`format` of the log on standard error: text or json. With json it has a line for the start and the end, and\n"+
		"nothing is printed")
	f.StringVar(&o.callback, "callback", "", "`address` of @connections, where functions post to clients. Anyone who can reach it can post. The default\n"+
		"is 127.0.0.1:0 for functions that run as processes and 127.0.0.1:3002 for sam local")
	o.listenFlags.flags(f)
	o.faultFlags.flags(f)
}

// handlerFlags are the flags of the handler in this program.
func (o *options) handlerFlags(f *flag.FlagSet) {
	f.Float64Var(&o.rate, "rate", 100, "limit of `n` actions a second for each client")
	f.Float64Var(&o.messages, "messages", 10, "limit of `n` messages a second that each client sends to others by send_message; 0 turns them off")
	f.IntVar(&o.perNetwork, "per-network", 64, "limit of `n` connections at the same time from one IPv4 address or IPv6 /64 network, except from private\n"+
		"ones; 0 sets none")
	f.DurationVar(&o.grace, "grace", 60*time.Second, "`duration` for which the slot of a dropped player is kept")
	f.StringVar(&o.table, "table", "", "`name` of a DynamoDB table for lobbies, which then outlive this program; without it they are in memory")
	f.StringVar(&o.dynamodb, "dynamodb-endpoint", "", "`url` of a DynamoDB on this machine, where the table is created if it is missing")
	f.StringVar(&o.state, "state", "", "`file` that keeps the lobbies in memory while this program does not run, for a restart or a new version.\n"+
		"It is written at the end, and read at the start; players have -grace to come back. Not with -table")
	f.StringVar(&o.auth.Mode, "auth", "off", "`mode` in which clients say who they are, by a JWT in ?token=: off, optional or required. What signs it\n"+
		"is in -auth-jwks, or in -auth-secret-file or AUTH_SECRET in the environment")
	f.StringVar(&o.authSecretFile, "auth-secret-file", "", "`file` that holds the secret of tokens (HS256) and nothing else")
	f.StringVar(&o.auth.JWKS, "auth-jwks", "", "`url` of the public keys of tokens (RS256, ES256, EdDSA), or the keys themselves, as JSON")
	f.StringVar(&o.auth.Issuer, "auth-issuer", "", "`name` that a token must have as its iss")
	f.StringVar(&o.auth.Audience, "auth-audience", "", "`name` that a token must have in its aud")
	f.StringVar(&o.iceServers, "ice-servers", "", "`urls` of further STUN and TURN servers for clients, separated by commas, or a JSON array as browsers take it.\n"+
		"The static-auth-secret of the TURN servers is read from -turn-secret-file, or TURN_SECRET in the\n"+
		"environment. The default for clients on the internet is "+handlers.DefaultICEServers+", unless -turn has a\n"+
		"public address; none turns that off")
	f.StringVar(&o.turnSecretFile, "turn-secret-file", "", "`file` that holds the secret of the TURN servers and nothing else")
	f.DurationVar(&o.turnLifetime, "turn-lifetime", 3*time.Hour, "`duration`, of at least 1s, for which TURN credentials that are made here are valid")
	o.turn.flags(f)
}

// checkShared returns an error for wrong values of sharedFlags.
func (o *options) checkShared(f *flag.FlagSet) (err error) {
	switch {
	case f.NArg() > 0:
		err = fmt.Errorf("unknown argument %q; -h lists what there is", f.Arg(0))
	case o.lifetime > 2*time.Hour:
		err = errors.New("-lifetime must be at most 2h, as on AWS: what is known of a connection is kept for 3 hours")
	case o.idle <= 0 || o.lifetime <= 0:
		err = errors.New("-idle and -lifetime must be more than 0")
	case o.ping < 0:
		err = errors.New("-ping must be 0, for none, or more")
	case o.log != "text" && o.log != "json":
		err = errors.New("-log is text or json")
	}
	return errors.Join(err, o.listenFlags.check(), o.faultFlags.check())
}

var errStage = errors.New("-stage must be 1 to 128 letters, digits, hyphens and underscores, as on AWS")

// checkHandler returns an error for wrong values of handlerFlags and -stage.
func (o *options) checkHandler() error {
	switch {
	case o.dynamodb != "" && o.table == "":
		return errors.New("-dynamodb-endpoint says where -table is; give that too")
	case o.state != "" && o.table != "":
		return errors.New("-state keeps lobbies that are in memory; with -table they are in DynamoDB, and outlive this program there")
	case o.grace > time.Hour:
		return errors.New("-grace must be at most 1h: a lobby is kept for 3 hours after its last change")
	case o.rate < 1 || o.messages < 0 || o.grace <= 0:
		return errors.New("-rate must be at least 1, -messages at least 0, and -grace more than 0")
	case !stagePattern.MatchString(o.stage):
		return errStage
	case o.page != "on" && o.page != "off":
		return errors.New("-page is on or off")
	}
	return nil
}

// readICE reads the STUN and TURN servers. A function, if there is one, has its
// own. The secret is no flag, since everybody on a machine can see those.
func (o *options) readICE() (err error) {
	if o.bootstrap != "" || o.lambda != "" {
		return nil
	}
	secret, err := readSecret("turn-secret-file", o.turnSecretFile, "TURN_SECRET")
	if err != nil {
		return err
	}
	if o.ice, err = handlers.ReadICEServers(o.iceServers, secret); err != nil {
		return fmt.Errorf("-ice-servers: %w", err)
	}
	if o.turnLifetime < time.Second {
		return errors.New("-turn-lifetime must be at least 1s")
	}
	o.ice.Lifetime = o.turnLifetime
	return o.readProvider()
}

// readAuth makes what verifies the tokens of clients, if anything does.
func (o *options) readAuth() (err error) {
	if o.bootstrap != "" || o.lambda != "" {
		return nil
	}
	if o.auth.Mode != "off" || o.authSecretFile != "" { // other programs have a variable of that name too
		if o.auth.Secret, err = readSecret("auth-secret-file", o.authSecretFile, "AUTH_SECRET"); err != nil {
			return err
		}
	}
	if o.verifier, err = identity.New(o.auth); err != nil {
		return fmt.Errorf("-auth: %w", err)
	}
	return nil
}

// readSecret reads a secret from the file that a flag names or, without one,
// from the environment. Flags do not hold secrets, since everybody on a machine
// can see them.
func readSecret(flag, file, variable string) (string, error) {
	if file == "" {
		return os.Getenv(variable), nil
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("cannot read -%s: %w", flag, err)
	}
	return strings.TrimSpace(string(data)), nil
}

// stagePattern matches the stage names that API Gateway allows ("Amazon API
// Gateway important notes").
var stagePattern = regexp.MustCompile(`^[A-Za-z0-9_-]{1,128}$`)

// run serves until ctx ends, then notifies every client and waits for their
// last messages to be handled.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	o, err := parse(args, stderr)
	if err != nil {
		return err
	}
	if o.version {
		_, err := fmt.Fprintln(stdout, "bellhop", version())
		return err
	}
	log := newLog(o.log, stderr)
	if o.log == "json" {
		return logged(log, serve(ctx, o, log, &lineLog{log: log}, stderr))
	}
	return serve(ctx, o, log, stdout, stderr)
}

func serve(ctx context.Context, o options, log *slog.Logger, stdout, stderr io.Writer) error {
	secure, err := o.secure(log)
	if err != nil {
		return err
	}
	listener, err := server.Listen(o.listen, log)
	if err != nil {
		return err
	}
	if o.inspect {
		err = server.CanInspect(listener.Addr())
	}
	var p *running
	if err == nil {
		p, err = openProgram(ctx, o, place{listener.Addr(), secure}, log, stdout, stderr)
	}
	if err != nil {
		listener.Close()
		return err
	}
	defer p.end()
	at := addressesOf(listener.Addr(), secure != nil, p.Sockets.Stage, o)
	if p.turn != nil {
		at.turn = p.turn.URL()
	}
	if o.log == "json" {
		at.log(log)
	} else {
		at.print(stdout, o.template)
	}
	if secure != nil {
		listener = tls.NewListener(listener, secure)
	}
	failed := make(chan error, 1)
	go func() { failed <- p.Serve(listener) }()
	select {
	case err = <-failed:
	case <-ctx.Done():
		err = drain(p, stdout)
	}
	return errors.Join(err, p.state.save(stdout))
}

func newLog(format string, w io.Writer) *slog.Logger {
	if format == "json" {
		return slog.New(slog.NewJSONHandler(w, nil))
	}
	return slog.New(slog.NewTextHandler(w, nil))
}

// drainTime bounds how long the program waits for clients at the end: most
// container platforms kill after 10 s.
const drainTime = 7 * time.Second

func drain(p *running, stdout io.Writer) error {
	ctx, cancel := context.WithTimeout(context.Background(), drainTime)
	defer cancel()
	fmt.Fprintf(stdout, "Closing %d connections.\n", p.Sockets.Connections())
	return p.Shutdown(ctx)
}
