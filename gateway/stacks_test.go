package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/coder/websocket"
	"github.com/google/go-cmp/cmp"

	"bellhop/gateway/programtest"
	"bellhop/store/dynamodbtest"
)

const stacks = "../testdata/stacks/"

// TestStackGo checks that a function with AWS's first SDK for Go reaches
// @connections and DynamoDB by their names on AWS, without a variable.
func TestStackGo(t *testing.T) {
	database := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.Write([]byte(`{"TableNames":["a","b"]}`)) }))
	defer database.Close()
	file := filepath.Join(t.TempDir(), "bootstrap")
	if out, err := exec.Command("go", "-C", stacks+"go-v1/post", "build", "-tags", "lambda.norpc", "-o", file, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	p := launch(t, "emulate", "-template", stacks+"go-v1/template.yaml", "-functions", file, "-dynamodb-endpoint", database.URL)
	p.dial().Say(t, `{"action":"hello"}`, "hello, with 2 tables")
	p.finish()
}

// interpret runs the stack of a folder by an interpreter of this machine.
func interpret(t *testing.T, folder, interpreter string) program {
	t.Helper()
	if _, err := exec.LookPath(interpreter); err != nil {
		dynamodbtest.Missing(t, "no "+interpreter)
	}
	cache, err := filepath.Abs("../.cache")
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("XDG_CACHE_HOME", cache)
	p := launch(t, "emulate", "-template", filepath.Join(folder, "template.yaml"))
	ended := p.ended
	p.ended = make(chan error, 1)
	go func() {
		err := <-ended
		fmt.Fprintf(p.stdout, "ended: %v\n", err)
		p.ended <- err
	}()
	if why := p.stdout.Find(t, `Ctrl-C|ended: .*`); strings.Contains(why, "cannot install") {
		dynamodbtest.Missing(t, why)
	} else if why != "Ctrl-C" {
		t.Fatal(why)
	}
	return p
}

// TestStackPython checks that functions of Python run without containers and
// without a variable, from the template and from a folder, and that a change is
// seen by the next message.
func TestStackPython(t *testing.T) {
	folder := t.TempDir()
	if err := os.CopyFS(folder, os.DirFS(stacks+"python")); err != nil {
		t.Fatal(err)
	}
	p := interpret(t, folder, "python3")
	url := p.stdout.Find(t, `ws://\S+`)
	if _, answer, err := websocket.Dial(t.Context(), url, nil); err == nil || answer.StatusCode != http.StatusUnauthorized {
		t.Errorf("without a token: %v", err)
	}
	conn, _, err := websocket.Dial(t.Context(), url, &websocket.DialOptions{HTTPHeader: http.Header{"token": {"x"}}})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.CloseNow()
	c := programtest.Client{Conn: conn}
	c.Say(t, `{"action":"hello"}`, "hello from Python")
	c.Say(t, `{"action":"count"}`, "18 bytes")
	p.stderr.Find(t, `\[Hello \d+\] posting as Hello`)
	for _, test := range []struct{ old, new, say, hear string }{
		{"hello from Python", "goodbye", `{"action":"hello"}`, "goodbye"},
		{"import boto3", "import boto4", `{"action":"count"}`, "Internal server error"},
		{"import boto4", "import boto3", `{"action":"count"}`, "18 bytes"},
	} {
		file := filepath.Join(folder, "code", "app.py")
		code, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, bytes.Replace(code, []byte(test.old), []byte(test.new), 1), 0o600); err != nil {
			t.Fatal(err)
		}
		c.Say(t, test.say, test.hear)
	}
	p.stderr.Find(t, `the integration failed.*No module named 'boto4'`)
	p.finish()
}

// TestStackNode checks that functions of Node do, in either form of modules,
// and what becomes of one that does not answer.
func TestStackNode(t *testing.T) {
	p := interpret(t, stacks+"node", "node")
	c := p.dial()
	for _, test := range []struct{ say, hear string }{
		{`{"action":"hello"}`, "hello from Node"},
		{"hi", "function hi"},
		{"nothing", "Internal server error"},
		{"throw", "Internal server error"},
		{"again", "function again"},
	} {
		c.Say(t, test.say, test.hear)
	}
	p.stderr.Find(t, "the function failed: Error: thrown later")
	p.finish()
}

// TestFidelityAuthorizer checks whom a Lambda authorizer lets in, what the
// others get, and that all events have its context.
func TestFidelityAuthorizer(t *testing.T) {
	p := interpret(t, stacks+"authorizer", "node")
	url := p.stdout.Find(t, `ws://\S+`)
	for _, test := range []struct {
		name, query string
		status      int
		body        string
	}{
		{"a handshake without an identity source is 401", "", 401, "Unauthorized"},
		{"the error Unauthorized is 401", "?name=stranger", 401, "Unauthorized"},
		{"a policy that denies is 403", "?name=banned", 403, "User is not authorized to access this resource with an explicit deny"},
		{"a policy about another stage is 403", "?name=other", 403, "User is not authorized to access this resource"},
		{"an authorizer that fails is 500", "?name=crash", 500, "Internal server error"},
		{"an answer that is no policy is 500", "?name=nothing", 500, "Internal server error"},
		{"a context with a list is 500", "?name=list", 500, "Internal server error"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, r, err := websocket.Dial(t.Context(), url+test.query, nil)
			if err == nil {
				t.Fatal("let in")
			}
			if body, _ := io.ReadAll(r.Body); r.StatusCode != test.status || string(body) != `{"message":"`+test.body+`"}` {
				t.Errorf("%d %s, want %d %s", r.StatusCode, body, test.status, test.body)
			}
		})
	}
	t.Run("a policy that allows lets in, and its context is in all events", func(t *testing.T) {
		c := programtest.Dial(t, url+"?name=ann")
		var got map[string]string
		if err := json.Unmarshal([]byte(c.Say(t, "hi", "")), &got); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(map[string]string{"principalId": "ann", "level": "3", "seen": "REQUEST websocket {} CONNECT"}, got); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
		c.CloseNow()
		p.stderr.Find(t, `(?s)CONNECT ann.*MESSAGE ann.*DISCONNECT ann`)
	})
	p.finish()
}

// finish stops the program, which must end without an error.
func (p program) finish() {
	p.t.Helper()
	p.stop()
	if err := <-p.ended; err != nil {
		p.t.Error(err)
	}
}
