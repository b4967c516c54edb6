package main

import (
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/coder/websocket"

	"bellhop/gateway/programtest"
)

const otherStack = "../testdata/other-stack"

// buildStack builds the functions of the other stack as sam build does, each in
// its own folder.
func buildStack(t *testing.T) (folder string) {
	folder = t.TempDir()
	for id, source := range map[string]string{"Gate": "gate", "Chat": "chat"} {
		build := exec.Command("go", "build", "-tags", "lambda.norpc", "-o", filepath.Join(folder, id, "bootstrap"), otherStack+"/"+source)
		if out, err := build.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	return folder
}

// converse talks to the other stack over sockets, by each of its routes.
func (p program) converse(greeting string) {
	t, url := p.t, p.stdout.Find(p.t, `ws://\S+/talk\b`)
	t.Helper()
	_, refused, err := websocket.Dial(t.Context(), url+"s", nil)
	if err == nil || refused.StatusCode != http.StatusForbidden {
		t.Errorf("another stage: %v", err)
	}
	p.stderr.Find(t, `level=WARN msg="a client asks for a path that is no stage here" path=/talks stage=talk`)
	_, refused, err = websocket.Dial(t.Context(), url, nil)
	if err == nil || refused.StatusCode != http.StatusForbidden {
		t.Fatalf("without a name: %v", err)
	}
	if body, _ := io.ReadAll(refused.Body); string(body) != "say who you are: ?name=NAME" {
		t.Errorf("a handshake is refused with %s", body)
	}
	c := programtest.Dial(t, url+"?name=ann&token=x")
	defer c.CloseNow()
	for _, test := range []struct{ say, hear string }{
		{`{"please":{"do":"say"},"text":"hi"}`, "^" + greeting + "$"}, // and not the function's result
		{`{"please":{"do":"count"}}`, "^25 bytes$"},
		{`{"please":{"do":"slow"}}`, `^\{"message": "Endpoint request timed out", "connectionId":"[^"]+", "requestId":"[^"]+"\}$`},
		{`{"please":{"do":"dance"}}`, `^\{"message": "Forbidden", "connectionId":"[^"]+", "requestId":"[^"]+"\}$`},
		{`{"please":"say"}`, `"Forbidden"`},
		{`say`, `"Forbidden"`},
		{`{"please":{"do":"count"}, "and":"still"}`, "^40 bytes$"},
	} {
		if got := c.Say(t, test.say, ""); !regexp.MustCompile(test.hear).MatchString(got) {
			t.Errorf("after %s the client hears %s, want %s", test.say, got, test.hear)
		}
	}
}

// TestTemplateBootstrap checks that a stack that has nothing to do with lobbies
// is served by its template alone, with its own functions in processes.
func TestTemplateBootstrap(t *testing.T) {
	folder := buildStack(t)
	variables := filepath.Join(t.TempDir(), "variables.json")
	if err := os.WriteFile(variables, []byte(`{"Parameters": {"STACK": "every function"}, "Chat": {"STACK": "a test"}, "Gate": {"STACK": 1}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	p := launch(t, "emulate", "-template", otherStack+"/template.yaml", "-functions", folder, "-parameter", "Greeting=Good day", "-env-vars", variables)
	p.converse("Good day from local in a test, cheerful")
	for _, route := range []string{`\$connect +Gate`, `count +Chat +and its body is sent back`, `say +Chat`} {
		p.stdout.Find(t, `(?m)^  `+route+`\s*$`)
	}
	p.stderr.Find(t, `(?m)^\[Gate \d\] CONNECT in stage talk$`)
	p.stderr.Find(t, `(?m)^\[Gate \d\] DISCONNECT in stage talk$`)
	page, err := http.Get(strings.Replace(p.stdout.Find(t, `ws://\S+`), "ws", "http", 1))
	if err != nil || page.StatusCode != http.StatusUpgradeRequired {
		t.Errorf("the page of lobbies is answered %v, %v", page.Status, err)
	}
	p.stop()
	if err := <-p.ended; err != nil {
		t.Error(err)
	}
}

// TestTemplateBroken checks that a function that does not start leaves the
// others alone.
func TestTemplateBroken(t *testing.T) {
	folder := buildStack(t)
	if err := os.Remove(filepath.Join(folder, "Chat", "bootstrap")); err != nil {
		t.Fatal(err)
	}
	p := launch(t, "emulate", "-template", otherStack+"/template.yaml", "-functions", folder)
	c := programtest.Dial(t, p.stdout.Find(t, `ws://\S+`)+"?name=ann")
	c.Say(t, `{"please":{"do":"say"}}`, "Internal server error")
	p.stderr.Find(t, `level=ERROR msg="a function does not start; events for it fail until it does" error=.*Chat/bootstrap.*build the function first`)
	p.stop()
	if err := <-p.ended; err != nil {
		t.Error(err)
	}
}

// TestSAMTemplate does the same with the functions in the real sam local, which
// sam/local has built and started.
func TestSAMTemplate(t *testing.T) {
	url := os.Getenv("BELLHOP_SAM_OTHER_URL")
	if url == "" {
		t.Skip("needs sam local: make test-sam")
	}
	p := launch(t, "emulate", "-template", otherStack+"/template.yaml", "-functions", url, "-callback", os.Getenv("BELLHOP_SAM_OTHER_CALLBACK"))
	p.converse("Hello from local in local, cheerful")
	p.stop()
	if err := <-p.ended; err != nil {
		t.Error(err)
	}
}

// TestTemplateBellhop checks that Bellhop's own template works like any other,
// and that the program names each unsupported property.
func TestTemplateBellhop(t *testing.T) {
	withTable(t)
	p := launch(t, "emulate", "-template", "../template.yaml", "-functions", compile(t, ".."))
	host := programtest.Dial(t, p.stdout.Find(t, `ws://\S+/live`))
	host.Say(t, `{"action":"start_lobby","content":{"lobby_id":"fox"}}`, `"event":"lobby_started"`)
	p.stderr.Find(t, `template.yaml:\d+: DefaultRouteSettings of Api: nobody is throttled by it`)
	p.stop()
	if err := <-p.ended; err != nil {
		t.Error(err)
	}
}

// TestTemplateArguments checks that conflicting or missing flags get an error
// with advice.
func TestTemplateArguments(t *testing.T) {
	folder, other := t.TempDir(), otherStack+"/template.yaml"
	text, err := os.ReadFile(other)
	if err != nil {
		t.Fatal(err)
	}
	changed := func(name, old, new string) string {
		file := filepath.Join(folder, name+".yaml")
		if err := os.WriteFile(file, []byte(strings.Replace(string(text), old, new, 1)), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	java, python := changed("java", "provided.al2023", "java21"), changed("python", "provided.al2023", "python3.13")
	unknown := changed("unknown", "!Ref AWS::StackName", "!GetAtt Table.Arn")
	for _, test := range []struct{ args, want string }{
		{"-template " + other + " -bootstrap a", "-template is a flag of gateway emulate; write: gateway emulate -listen 127.0.0.1:0 -template " + other + " -functions a"},
		{"--template=" + other + " -lambda=http://b", "write: gateway emulate -listen 127.0.0.1:0 --template=" + other + " -functions=http://b"},
		{"-record a", "write: go run ./internal/record FILE"},
		{"-api Api", "-api is a flag of gateway emulate"},
		{"-parameter A=b", "-parameter is a flag of gateway emulate"},
		{"emulate -h", "sam local start-lambda --warm-containers"},
		{"emulate -template " + other + " -parameter A", "give NAME=VALUE"},
		{"emulate -functions=", "-functions needs a path or a url"},
		{"emulate -functions http://127.0.0.1:3001/2015-03-31", "is not a URL such as"},
		{"emulate -rate 5", "flag provided but not defined: -rate"},
		{"emulate -timeout 3s", "flag provided but not defined: -timeout"},
		{"emulate -stage a/b", "-stage must be 1 to 128 letters"},
		{"emulate more", `unknown argument "more"`},
		{"emulate", "cannot read the template: open template.yaml"},
		{"emulate -template no/such.yaml -functions a", "cannot read the template: open no/such.yaml"},
		{"emulate -template " + other + " -functions " + java, "is no folder, and the template has routes to 2 functions"},
		{"emulate -template " + other + " -functions " + folder, "Chat/bootstrap: no such file or directory; build the function first"},
		{"emulate -template " + other + " -functions " + folder, "Gate/bootstrap: no such file or directory; build the function first"},
		{"emulate -template " + java + " -functions " + folder, "java.yaml:42: function Chat runs on java21, and only functions for provided.al2023, Python and Node"},
		{"emulate -template " + python + " -functions " + folder, "python.yaml:42: the code of function Chat is not in the folder \"" + folder + "/chat\"; sam build makes one"},
		{"emulate -template " + other + " -env-vars no/such", "cannot read -env-vars: open no/such"},
		{"emulate -template " + other + " -env-vars " + java, "cannot read -env-vars: it must be JSON of the form"},
		{"emulate -template " + other + " -dynamodb-endpoint a", "-dynamodb-endpoint \"a\" is not a URL such as"},
		{"emulate -template " + unknown + " -functions " + folder, "STACK of Chat is !GetAtt Table.Arn, which only a deployed stack has; set STACK in this program's environment"},
		{"-reorder 2", "are chances, from 0 to 1"},
		{"-gone NaN", "are chances, from 0 to 1"},
		{"-delay -1s", "-delay must not be less than 0"},
		{"emulate -log json -template " + unknown + " -functions " + folder, `"level":"WARN","msg":"unknown.yaml:`},
		{"-log xml", "-log is text or json"},
	} {
		var stderr strings.Builder
		err := run(t.Context(), listening(strings.Fields(test.args)), io.Discard, &stderr)
		if err == nil || !strings.Contains(stderr.String()+err.Error(), test.want) {
			t.Errorf("gateway %s says %v\n%s\nwant %s", test.args, err, &stderr, test.want)
		}
	}
}
