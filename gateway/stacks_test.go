package main

import (
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"testing"
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

// finish stops the program, which must end without an error.
func (p program) finish() {
	p.t.Helper()
	p.stop()
	if err := <-p.ended; err != nil {
		p.t.Error(err)
	}
}
