package endpoints_test

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"bellhop/gateway/endpoints"
	"bellhop/gateway/programtest"
	"bellhop/store/dynamodbtest"
)

// clients are programs that read URLs with nothing but the variables of Env.
// They print a line for each: its status and body, or an error.
var clients = []struct {
	name    string
	command []string
}{
	{"Go", []string{os.Args[0]}},
	{"Python", []string{"python3", "-c", `
import sys, urllib.request
for url in sys.argv[1:]:
    try:
        r = urllib.request.urlopen(url)
        print(r.status, r.read().decode())
    except Exception as e: print("error", e)`}},
	{"Node", []string{"node", "-e", `
const https = require("node:https");
const agent = new https.Agent({ keepAlive: true }); // SDKs bring agents of their own
const read = (url) => new Promise((done) => https.get(url, { agent }, async (r) => {
  let body = ""; for await (const part of r) body += part;
  done(r.statusCode + " " + body);
}).on("error", (e) => done("error " + e.message)));
(async () => { for (const url of process.argv.slice(1)) console.log(await read(url)); process.exit(); })();`}},
	{"Node's fetch", []string{"node", "-e", `(async () => { for (const url of process.argv.slice(1)) {
  console.log(await fetch(url).then(async (r) => r.status + " " + await r.text(), (e) => "error " + e.message)); } process.exit(); })();`}},
}

func TestMain(m *testing.M) {
	if os.Getenv("READ_URLS") == "" {
		os.Exit(m.Run())
	}
	for _, address := range os.Args[1:] {
		r, err := http.Get(address)
		if err != nil {
			fmt.Println("error", err)
			continue
		}
		body, _ := io.ReadAll(r.Body)
		fmt.Println(r.StatusCode, string(body))
	}
}

// TestEndpoints checks that unchanged programs reach the API and DynamoDB by
// AWS's names, and no other host, unless asked for.
func TestEndpoints(t *testing.T) {
	database := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "database ", r.URL.Path) }))
	defer database.Close()
	other := httptest.NewTLSServer(http.NotFoundHandler())
	defer other.Close()
	address, err := url.Parse(database.URL)
	if err != nil {
		t.Fatal(err)
	}
	for _, tunnel := range []bool{true, false} {
		log := programtest.NewOutput()
		e, err := endpoints.Open(endpoints.Config{DynamoDB: address, Tunnel: tunnel, Log: slog.New(slog.NewTextHandler(log, nil))})
		if err != nil {
			t.Fatal(err)
		}
		api := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "api ", r.Host, r.URL.Path) })
		e.Serve(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "clients") }), api)
		// A tunnel leads to the other host's own certificate.
		proxy := &http.Transport{TLSClientConfig: other.Client().Transport.(*http.Transport).TLSClientConfig, Proxy: func(*http.Request) (*url.URL, error) {
			return url.Parse(strings.TrimPrefix(e.Env()[3], "HTTPS_PROXY="))
		}}
		r, err := (&http.Client{Transport: proxy}).Get(other.URL)
		if reached := err == nil && r.StatusCode == 404; reached != tunnel {
			t.Errorf("with tunnel %v another host: %v", tunnel, err)
		}
		if refused := strings.Count(log.String(), "-tunnel lets functions reach all"); (refused > 0) == tunnel {
			t.Errorf("with tunnel %v the log says %s", tunnel, log)
		}
		if !tunnel {
			t.Run("clients", func(t *testing.T) { readAll(t, e.Env()) })
		}
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	}
}

// readAll checks what each client reads.
func readAll(t *testing.T, env []string) {
	for _, c := range clients {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if _, err := exec.LookPath(c.command[0]); err != nil {
				dynamodbtest.Missing(t, "no "+c.command[0])
			}
			cmd := exec.Command(c.command[0], append(slices.Clone(c.command[1:]), "https://local.execute-api.us-east-1.amazonaws.com/dev/@connections/a", "https://local.execute-api.us-east-1.amazonaws.com/dev",
				"https://dynamodb.us-east-1.amazonaws.com/x", "https://123456789012.ddb.eu-west-1.amazonaws.com/x", "https://localhost.example:1")...)
			cmd.Env = append(append(os.Environ(), env...), "READ_URLS=yes")
			out, err := cmd.CombinedOutput()
			want := "200 api local.execute-api.us-east-1.amazonaws.com/dev/@connections/a\n200 clients\n200 database /x\n200 database /x\nerror"
			if err != nil || !strings.HasPrefix(string(out), want) {
				t.Errorf("%v\n%s\nwant %s", err, out, want)
			}
		})
	}
}
