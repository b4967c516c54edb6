// Bellhop's Lambda function: it reads the environment, builds Store, Poster and
// Handler, and serves the events of API Gateway. Only this package reads
// variables:
//
//	TABLE              the DynamoDB table (required)
//	CALLBACK_URL       the URL to post to connections at, if it is not
//	                   https://DOMAIN/STAGE of the event: that of a custom
//	                   domain with another path, or of a local gateway
//	RESUME_GRACE       how long a dropped client's slot is held, in
//	                   seconds; 60 if empty
//	RESUME_SCHEDULE    on lets EventBridge Scheduler end the grace of each
//	                   dropped client; off if empty
//	SCHEDULE_ROLE      the role by which it calls the function, and
//	SCHEDULE_GROUP     the group of its schedules
//	MESSAGE_RATE       how many messages a second a client can keep sending to
//	                   others; 10 if empty, and 0 turns them off
//	LOBBY_PACE         how many notices a second the changes of a lobby, and
//	                   messages to many, can keep sending; 60 if empty, and
//	                   0 is no limit
//	ICE_SERVERS        STUN and TURN servers for clients: URLs with commas
//	                   between them, or JSON (an array as browsers take
//	                   it, or a provider's whole answer), or none
//	AUTH               whether clients say who they are by a token: off,
//	                   optional or required; off if empty
//	AUTH_SECRET        the secret with which tokens are signed, or
//	AUTH_JWKS          the public keys as JSON, or their URL
//	AUTH_ISSUER        the iss that tokens must have, if any
//	AUTH_AUDIENCE      the aud that tokens must name, if any
//	TURN_SECRET        the static-auth-secret of those TURN servers, if the
//	                   array has no credentials
//	TURN_PROVIDER      cloudflare or twilio makes TURN credentials, by
//	TURN_KEY_ID        the id of the key there, and
//	TURN_TOKEN         the key's secret
//	METRICS            the stack's name in CloudWatch's metrics, which are lines
//	                   of the log; if empty, nothing is counted
//	DYNAMODB_ENDPOINT  a DynamoDB on this machine, instead of the region's
package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	awsevents "github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/aws"

	"bellhop/handlers"
	"bellhop/handlers/identity"
	"bellhop/handlers/metrics"
	"bellhop/handlers/turnapi"
	"bellhop/lobby"
	"bellhop/store/dynamodb"
)

func main() {
	slog.SetDefault(slog.New(slog.NewJSONHandler(os.Stderr, &slog.HandlerOptions{ReplaceAttr: forLambda})))
	if err := run(os.Getenv); err != nil {
		slog.Error("cannot start", "error", err.Error())
		os.Exit(1)
	}
}

// forLambda names a log line's time as Lambda expects it. Lambda filters JSON
// by level, and takes a line without a time of that name for INFO.
func forLambda(groups []string, a slog.Attr) slog.Attr {
	if len(groups) == 0 && a.Key == slog.TimeKey {
		a.Key = "timestamp"
	}
	return a
}

func run(environment func(string) string) error {
	// A space means nothing: sam deploy --guided takes no empty secret.
	getenv := func(name string) string { return strings.TrimSpace(environment(name)) }
	if getenv("TABLE") == "" {
		return errors.New("set TABLE to the name of the DynamoDB table; template.yaml makes one, and sets it")
	}
	grace, err := strconv.Atoi(cmp.Or(getenv("RESUME_GRACE"), "60"))
	if err != nil || grace < 1 || grace > 3600 {
		return fmt.Errorf("make RESUME_GRACE a number of seconds from 1 to 3600, and not %q", getenv("RESUME_GRACE"))
	}
	ice, err := iceServers(getenv)
	if err != nil {
		return err
	}
	messages, err := strconv.Atoi(cmp.Or(getenv("MESSAGE_RATE"), "10"))
	if err != nil || messages < 0 || messages > 100 {
		return fmt.Errorf("make MESSAGE_RATE a number from 0 to 100, and not %q", getenv("MESSAGE_RATE"))
	}
	pace, err := strconv.Atoi(cmp.Or(getenv("LOBBY_PACE"), "60"))
	if err != nil || pace < 0 {
		return fmt.Errorf("make LOBBY_PACE a number from 0 on, and not %q", getenv("LOBBY_PACE"))
	}
	verifier, err := identity.New(identity.Config{
		Mode: getenv("AUTH"), Secret: getenv("AUTH_SECRET"), JWKS: getenv("AUTH_JWKS"),
		Issuer: getenv("AUTH_ISSUER"), Audience: getenv("AUTH_AUDIENCE"),
	})
	if err != nil {
		return fmt.Errorf("AUTH: %w", err)
	}
	for _, name := range []string{"CALLBACK_URL", "DYNAMODB_ENDPOINT"} {
		if at := getenv(name); at != "" && !isHTTP(at) {
			return fmt.Errorf("make %s a URL that begins with https:// or http://, or leave it empty; it is %q", name, at)
		}
	}
	count := newCounting(getenv("METRICS"), os.Stdout)
	config := awsConfig(getenv)
	later, err := expiry(config, getenv)
	if err != nil {
		return err
	}
	post := newCallback(config, getenv("CALLBACK_URL"))
	h := handlers.New(handlers.Config{
		Store:    openStore(config, getenv),
		Poster:   post,
		Grace:    time.Duration(grace) * time.Second,
		ICE:      ice,
		Identity: verifier,
		Messages: cmp.Or(float64(messages), handlers.NoMessages),

		LobbyPace: lobby.Pace(pace),
		Metrics:   count.Set,
		ExpireAt:  later,
	})
	lambda.Start(func(ctx context.Context, e awsevents.APIGatewayWebsocketProxyRequest) (awsevents.APIGatewayProxyResponse, error) {
		defer count.flush()
		post.learn(e.RequestContext)
		return h.Handle(ctx, e)
	})
	return nil
}

// iceServers reads the STUN and TURN servers, and where further ones are from.
func iceServers(getenv func(string) string) (handlers.ICEServers, error) {
	ice, err := handlers.ReadICEServers(getenv("ICE_SERVERS"), getenv("TURN_SECRET"))
	if err != nil {
		return ice, fmt.Errorf("ICE_SERVERS: %w", err)
	}
	minter, err := turnapi.New(turnapi.Config{
		Provider: getenv("TURN_PROVIDER"), KeyID: getenv("TURN_KEY_ID"), Token: getenv("TURN_TOKEN"), Now: time.Now,
	})
	if err != nil {
		return ice, fmt.Errorf("TURN_PROVIDER: %w", err)
	}
	if minter != nil {
		ice.Minter = minter
		if isInitialising(getenv) {
			go minter.Dial(context.Background())
		}
	}
	return ice, nil
}

// isInitialising reports whether Lambda starts the function, which then has a
// whole CPU.
func isInitialising(getenv func(string) string) bool {
	return getenv("AWS_LAMBDA_INITIALIZATION_TYPE") != ""
}

// counting writes what an invocation counts. A process has one invocation at a
// time.
type counting struct{ metrics.EMF }

func newCounting(stack string, to io.Writer) *counting {
	c := &counting{metrics.EMF{Stack: stack, To: to}}
	if stack != "" {
		c.Set = metrics.New()
	}
	return c
}

func (c *counting) flush() {
	if c.Set == nil {
		return
	}
	if err := c.Flush(time.Now()); err != nil {
		slog.Error("metrics not written", "error", err.Error())
	}
}

// openStore returns the Store in TABLE. Where Lambda initialises the
// function, it dials while the function has a whole CPU, and the start goes on.
func openStore(config aws.Config, getenv func(string) string) *dynamodb.Store {
	d := dynamodb.New(config, getenv("DYNAMODB_ENDPOINT"), getenv("TABLE"), time.Now)
	if isInitialising(getenv) {
		go d.Dial(context.Background())
	}
	return d
}

// isHTTP reports whether a URL can be requested. A client's URL begins with
// wss:// and looks much like it.
func isHTTP(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != ""
}

// awsConfig reads the environment that Lambda sets. Package config finds the
// same values, but takes twice the time of a whole cold start.
func awsConfig(getenv func(string) string) aws.Config {
	return aws.Config{
		Region: getenv("AWS_REGION"),
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{
				AccessKeyID: getenv("AWS_ACCESS_KEY_ID"), SecretAccessKey: getenv("AWS_SECRET_ACCESS_KEY"),
				SessionToken: getenv("AWS_SESSION_TOKEN"), Source: "environment",
			}, nil
		}),
	}
}
