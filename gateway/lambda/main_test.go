//go:build unix

package lambda

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"bellhop/gateway/programtest"
)

var folder string

func TestMain(m *testing.M) {
	var err error
	if folder, err = os.MkdirTemp("", "lambda"); err != nil {
		panic(err)
	}
	code := m.Run()
	os.RemoveAll(folder)
	os.Exit(code)
}

// build compiles the function of testdata/function as for Lambda.
var build = sync.OnceValues(func() (string, error) {
	file := filepath.Join(folder, "bootstrap")
	out, err := exec.Command("go", "build", "-tags", "lambda.norpc", "-o", file, "./testdata/function").CombinedOutput()
	if err != nil {
		err = fmt.Errorf("%w: %s", err, out)
	}
	return file, err
})

// A generous time for a busy machine, and a short one for timeouts.
const long, short = time.Minute, time.Second

// open runs the function until the test ends, and then checks that nothing of
// it is left.
func open(t testing.TB, c Config) (*Bootstrap, *programtest.Output) {
	t.Helper()
	file, err := build()
	if err != nil {
		t.Fatal(err)
	}
	out := programtest.NewOutput()
	c.File, c.Output = file, out
	c.Timeout, c.InitTimeout = cmp.Or(c.Timeout, long), cmp.Or(c.InitTimeout, long)
	b, err := Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		b.Close()
		if n := len(b.processes) + len(b.idle) + len(b.slots); n != 0 {
			t.Errorf("after Close %d processes, idle ones or slots are left", n)
		}
	})
	return b, out
}

// invoke sends a message to the function, and returns the body of its answer.
func invoke(t testing.TB, b *Bootstrap, body string) (string, error) {
	return invokeContext(t, t.Context(), b, body)
}

func invokeContext(t testing.TB, ctx context.Context, b *Bootstrap, body string) (string, error) {
	t.Helper()
	_, e := fixture(t, "message")
	e.Body = body
	r, err := b.Invoke(ctx, e)
	return r.Body, err
}

// must is invoke without errors.
func must(t testing.TB, b *Bootstrap, body string) string {
	t.Helper()
	got, err := invoke(t, b, body)
	if err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	return got
}

func number(t testing.TB, s string) int {
	t.Helper()
	n, err := strconv.Atoi(s)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
