package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	awsevents "github.com/aws/aws-lambda-go/events"
	"github.com/coder/websocket"

	"bellhop/gateway/programtest"
	"bellhop/store/dynamodbtest"
)

// compile builds a Lambda function with the command of a deployment.
func compile(t *testing.T, source string) (file string) {
	t.Helper()
	file = filepath.Join(t.TempDir(), "bootstrap")
	if out, err := exec.Command("go", "build", "-tags", "lambda.norpc", "-o", file, source).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return file
}

// A program is a running gateway, and its output.
type program struct {
	t              *testing.T
	stdout, stderr *programtest.Output
	stop           func()
	ended          chan error
}

// listening adds to arguments that the gateway listens at any free port.
func listening(args []string) []string {
	at := 0
	if len(args) > 0 && args[0] == "emulate" {
		at = 1
	}
	return slices.Insert(slices.Clone(args), at, "-listen", "127.0.0.1:0")
}

// launch runs the gateway as main does, until stop.
func launch(t *testing.T, args ...string) program {
	ctx, stop := context.WithCancel(context.Background())
	p := program{t, programtest.NewOutput(), programtest.NewOutput(), stop, make(chan error, 1)}
	go func() { p.ended <- run(ctx, listening(args), p.stdout, p.stderr) }()
	t.Cleanup(stop)
	return p
}

func (p program) dial() programtest.Client {
	p.t.Helper()
	return programtest.Dial(p.t, p.stdout.Find(p.t, `ws://\S+`))
}

// TestBootstrap checks that a built function handles messages and posts back.
// It can fail in every way, is notified of the end of each connection, and ends
// with the gateway.
func TestBootstrap(t *testing.T) {
	p := launch(t, "-bootstrap", compile(t, "./lambda/testdata/function"), "-timeout", "2s", "-stage", "dev-stage")
	c := p.dial()
	internal := `^\{"message": "Internal server error", "connectionId":"[^"]+", "requestId":"[^"]+"\}$`
	for _, test := range []struct{ say, hear string }{
		{"post hello", "^hello$"},
		{"post ESIzRFVmd4gCqrw= hello", "^gone$"}, // as a GoneException to another client
		{"fail", internal},
		{"panic", internal},
		{"exit", internal},
		{"hang", internal},
		{`answer {"statusCode":200,"unknown":1}`, internal},
		{"post still-here", "^still-here$"},
		{"post " + strings.Repeat("x", 30<<10), "^x+$"},
	} {
		if got := c.Say(t, test.say, ""); !regexp.MustCompile(test.hear).MatchString(got) {
			t.Errorf("after %.40s the client hears %.200s, want %s", test.say, got, test.hear)
		}
	}
	pid, err := strconv.Atoi(regexp.MustCompile(`\d+`).FindString(p.stderr.Find(t, `hanging as \d+`)))
	if err != nil {
		t.Fatal(err)
	}
	if hung, err := os.FindProcess(pid); err == nil && hung.Signal(syscall.Signal(0)) == nil {
		t.Errorf("process %d has outlived its time", pid)
	}
	p.stop()
	if _, _, err := c.Read(t.Context()); websocket.CloseStatus(err) != websocket.StatusGoingAway {
		t.Errorf("at the end the client hears %v, want status 1001", err)
	}
	if err := <-p.ended; err != nil {
		t.Error(err)
	}
	p.stderr.Find(t, `\[Function \d+\] disconnected with 1001\n`)
}

// TestBootstrapInit checks that the failed start of a function is reported
// immediately, in the function's own words. The function is Bellhop's.
func TestBootstrapInit(t *testing.T) {
	t.Setenv("TABLE", "")
	p := launch(t, "-bootstrap", compile(t, ".."))
	err := <-p.ended
	if err == nil || !strings.Contains(err.Error(), "ended during its init (exit status 1) and said: {") || !strings.Contains(err.Error(), `"error":"set TABLE`) {
		t.Errorf("the gateway says %v\n%s", err, p.stderr)
	}
	if got := p.stdout.String(); got != "" {
		t.Errorf("and yet: %s", got)
	}
}

// withTable gives functions a table until the test ends.
func withTable(t *testing.T) {
	t.Helper()
	endpoint, table := dynamodbtest.Start(t), dynamodbtest.Table()
	dynamodbtest.OpenTable(t, dynamodbtest.Config(), endpoint, table, time.Now)
	t.Setenv("TABLE", table)
	t.Setenv("DYNAMODB_ENDPOINT", endpoint)
}

// TestBootstrapBellhop checks that the deployed function does the same as the
// handler in the program.
func TestBootstrapBellhop(t *testing.T) {
	withTable(t)
	p := launch(t, "-bootstrap", compile(t, ".."))
	url := p.stdout.Find(t, `ws://\S+`)
	host, guest := programtest.Dial(t, url), programtest.Dial(t, url)
	host.Say(t, `{"action":"start_lobby","content":{"lobby_id":"fox"}}`, `"event":"lobby_started"`)
	if err := guest.Write(t.Context(), websocket.MessageText, []byte(`{"action":"join_lobby","content":{"lobby_id":"fox"}}`)); err != nil {
		t.Fatal(err)
	}
	_, request, err := host.Read(t.Context())
	id := regexp.MustCompile(`"connection_id":"([^"]+)"`).FindSubmatch(request)
	if err != nil || id == nil {
		t.Fatalf("the host hears %s, %v", request, err)
	}
	if err := host.Write(t.Context(), websocket.MessageText, fmt.Appendf(nil, `{"action":"accept_request","content":{"connection_id":%q}}`, id[1])); err != nil {
		t.Fatal(err)
	}
	if _, answer, err := guest.Read(t.Context()); err != nil || !strings.Contains(string(answer), `"event":"request_accepted"`) {
		t.Errorf("the guest hears %s, %v", answer, err)
	}
	host.CloseNow()
	guest.CloseNow()
	p.stop()
	if err := <-p.ended; err != nil || p.stderr.String() != "" {
		t.Errorf("at the end: %v\n%s", err, p.stderr)
	}
}

// TestBootstrapTable checks that a function with a missing table reports it at
// the first handshake, in its own log line.
func TestBootstrapTable(t *testing.T) {
	t.Setenv("TABLE", "nothing-here")
	t.Setenv("DYNAMODB_ENDPOINT", dynamodbtest.Start(t))
	p := launch(t, "-bootstrap", compile(t, ".."))
	_, answer, err := websocket.Dial(t.Context(), p.stdout.Find(t, `ws://\S+`), nil)
	if err == nil || answer == nil || answer.StatusCode != 500 {
		t.Errorf("the handshake is answered %v, %v", answer, err)
	}
	p.stderr.Find(t, `\[Function 1\] .*"action":"\$connect","error":"DynamoDB has no table \\"nothing-here\\" here; check its name \(TABLE`)
	p.stop()
	if err := <-p.ended; err != nil {
		t.Error(err)
	}
}

// TestLambda checks that messages go through the Invoke API of another program,
// which posts back to the address that the gateway prints.
func TestLambda(t *testing.T) {
	var callback string
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var e awsevents.APIGatewayWebsocketProxyRequest
		if err := json.NewDecoder(r.Body).Decode(&e); err != nil || r.URL.Path != "/2015-03-31/functions/Echo/invocations" {
			t.Errorf("%s: %v", r.URL, err)
		}
		switch e.Body {
		case "": // $connect and $disconnect
		case "time out":
			io.WriteString(w, "Task timed out after 3.00 seconds")
			return
		default:
			answer, err := http.Post(callback+"/@connections/"+url.PathEscape(e.RequestContext.ConnectionID), "", bytes.NewReader([]byte(e.Body)))
			if err != nil || answer.StatusCode != 200 {
				t.Errorf("the post is answered %v, %v", answer, err)
			}
			answer.Body.Close()
		}
		io.WriteString(w, `{"statusCode":200,"headers":null,"multiValueHeaders":null,"body":""}`)
	}))
	defer api.Close()
	p := launch(t, "-lambda", api.URL, "-function", "Echo", "-callback", "127.0.0.1:0")
	told := p.stdout.Find(t, `CALLBACK_URL=http://host\.docker\.internal:\d+/local`)
	callback = strings.Replace(strings.TrimPrefix(told, "CALLBACK_URL="), "host.docker.internal", "127.0.0.1", 1)
	c := p.dial()
	if got := c.Say(t, "hello", ""); got != "hello" {
		t.Errorf("the client hears %s", got)
	}
	if got := c.Say(t, "time out", ""); !strings.Contains(got, "Internal server error") {
		t.Errorf("the client hears %s", got)
	}
	c.CloseNow()
	p.stop()
	if err := <-p.ended; err != nil {
		t.Error(err)
	}
}

// TestCallback checks that the handler in the program can have @connections
// too, and not on the clients' address.
func TestCallback(t *testing.T) {
	taken := httptest.NewServer(http.NotFoundHandler())
	defer taken.Close()
	address := strings.TrimPrefix(taken.URL, "http://")
	if err := run(t.Context(), []string{"-listen", "127.0.0.1:0", "-callback", address}, io.Discard, io.Discard); err == nil ||
		!strings.Contains(err.Error(), "give -callback as HOST:PORT, of a port that is free") {
		t.Errorf("with an address that is taken: %v", err)
	}
	p := launch(t, "-callback", "127.0.0.1:0")
	site := strings.Replace(p.stdout.Find(t, `ws://\S+`), "ws", "http", 1)
	answer, err := http.Get(site + "/local/@connections/ESIzRFVmd4gCqrw=")
	if err != nil {
		t.Fatal(err)
	}
	if answer.Body.Close(); answer.StatusCode != http.StatusNotFound {
		t.Errorf("on the clients' address @connections answers %d", answer.StatusCode)
	}
	p.stop()
	if err := <-p.ended; err != nil {
		t.Error(err)
	}
}

// TestIntegrationArguments checks that conflicting and missing flags get an
// error with advice.
func TestIntegrationArguments(t *testing.T) {
	file := filepath.Join(t.TempDir(), "notes")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ args, want string }{
		{"-bootstrap a -lambda http://b", "exclude each other"},
		{"-bootstrap=", "-bootstrap needs a file"},
		{"-lambda 127.0.0.1:3001", "is not a URL such as http://127.0.0.1:3001"},
		{"-lambda http://127.0.0.1:3001/2015-03-31/functions", "is not a URL such as"},
		{"-timeout 3s", "-timeout is for -bootstrap"},
		{"-bootstrap a -timeout 0s", "-timeout must be more than 0"},
		{"-function Echo", "-function names the function of"},
		{"-bootstrap a -turn off -rate 5", "remove -rate, -turn: a function has its own"},
		{"-lambda http://127.0.0.1:3001 -grace 5s", "a function has its own"},
		{"-bootstrap a -table b", "by its environment"},
		{"-bootstrap a -ice-servers stun:b", "by its environment"},
		{"-ice-servers b", `-ice-servers: "b" is not a URL such as`},
		{"-ice-servers turn:b", "set TURN_SECRET"},
		{"-ice-servers turn:b -turn-secret-file no/such", "cannot read -turn-secret-file"},
		{"-turn-provider xirsys", "-turn-provider: make the TURN provider cloudflare or twilio"},
		{"-turn-provider twilio -turn :3478", "give one of the two"},
		{"-turn-key-id b", "give that too"},
		{"-turn-provider cloudflare -turn-token-file no/such", "cannot read -turn-token-file"},
		{"-bootstrap no/such", "no/such: no such file or directory; build the function first"},
		{"-bootstrap " + file, "it must be an executable file"},
		{"-bootstrap a -callback nowhere", "give -callback as HOST:PORT"},
		{"-auth on", "-auth: make the mode off, optional or required"},
		{"-auth required", "-auth: give the secret or the key set"},
		{"-auth required -auth-secret-file no/such", "cannot read -auth-secret-file"},
		{"-auth-issuer us", "-auth: tokens are off"},
		{"-bootstrap a -auth required", "a function has its own"},
		{"-h", "sam local start-lambda"},
	} {
		var stderr strings.Builder
		err := run(t.Context(), append([]string{"-listen", "127.0.0.1:0"}, strings.Fields(test.args)...), io.Discard, &stderr)
		if err == nil || !strings.Contains(stderr.String()+err.Error(), test.want) {
			t.Errorf("gateway %s says %v, want %s", test.args, err, test.want)
		}
	}
}
