package dynamodbtest

import (
	"errors"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"
)

// patience is generous for a busy machine. ministack starts in a second of a
// free core.
const patience = 2 * time.Minute

// errNone is returned if no emulator is installed.
var errNone = errors.New("no emulator is installed")

// shared starts the DynamoDB for all tests of a package, and returns its URL.
// It ends with the tests' process.
var shared = sync.OnceValues(func() (endpoint string, err error) {
	port, err := freePort()
	if err != nil {
		return "", err
	}
	if program, err := exec.LookPath("dynoxide"); err == nil {
		endpoint, _, err = run(port, exec.Command(program, "--port", port, "--log", "quiet"))
		return endpoint, err
	}
	server, err := ministack(port)
	if err != nil {
		return "", err
	}
	if endpoint, _, err = run(port, server); err != nil {
		return "", err
	}
	return joined(endpoint)
})

// joined serves what endpoint serves, and writes the head and the body of an
// answer together. ministack writes one after the other. If the server is as
// near as one on this machine, the SDK's client loses one in 350 of such
// answers: smithy-go closes a request's body when the head has arrived, and if
// net/http has not read that body's end by then, it treats the request as
// broken and closes the connection.
func joined(endpoint string) (string, error) {
	target, err := url.Parse(endpoint)
	if err != nil {
		return "", err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	go http.Serve(l, httputil.NewSingleHostReverseProxy(target))
	return "http://" + l.Addr().String(), nil
}

// StartMinistack starts a ministack, which emulates much of AWS, for one test,
// and returns its URL. Its environment is the test's, with env added. It runs
// until the test ends. If ministack is not installed, see Missing.
func StartMinistack(t testing.TB, env ...string) (endpoint string) {
	t.Helper()
	port, err := freePort()
	if err != nil {
		t.Fatal(err)
	}
	server, err := ministack(port)
	if err != nil {
		Missing(t, "ministack is not installed: run `make tools`")
	}
	server.Env = append(server.Env, env...)
	endpoint, stop, err := run(port, server)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	return endpoint
}

// ministack returns a command that serves ministack at a port. It uses uvicorn,
// with which a request costs 0.9 ms of CPU; with ministack's own server it
// costs 2.2 ms.
func ministack(port string) (*exec.Cmd, error) {
	_, here, _, _ := runtime.Caller(0)
	python := filepath.Join(filepath.Dir(here), "../../.cache/ministack/bin/python")
	if _, err := os.Stat(python); err != nil {
		return nil, errNone
	}
	c := exec.Command(python, "-m", "uvicorn", "ministack.app:app", "--host", "127.0.0.1", "--port", port,
		"--http", "httptools", "--loop", "uvloop", "--timeout-keep-alive", "75", "--no-access-log", "--log-level", "error")
	c.Env = append(os.Environ(), "GATEWAY_PORT="+port, "LOG_LEVEL=ERROR")
	return c, nil
}

// run starts a server. It returns the server's URL, once it answers, and a
// function that stops it. The server ends with this process at the latest,
// however that ends: it is killed when nobody can write to its shell's standard
// input any more.
func run(port string, server *exec.Cmd) (endpoint string, stop func(), err error) {
	const untilEOF = `exec 3<&0; "$@" & server=$!; { cat <&3; kill -9 $server; } >/dev/null 2>&1 & wait $server 2>/dev/null`
	c := exec.Command("sh", append([]string{"-c", untilEOF, "sh"}, server.Args...)...)
	c.Env, c.Stderr = server.Env, os.Stderr
	input, err := c.StdinPipe()
	if err != nil {
		return "", nil, err
	}
	if err := c.Start(); err != nil {
		return "", nil, err
	}
	exited := make(chan struct{})
	go func() { c.Wait(); close(exited) }()
	stop = func() { input.Close(); <-exited }
	endpoint = "http://127.0.0.1:" + port
	if err := await(endpoint, exited); err != nil {
		stop()
		return "", nil, err
	}
	return endpoint, stop, nil
}

func freePort() (port string, err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	_, port, err = net.SplitHostPort(l.Addr().String())
	return port, err
}

// await returns once the server answers.
func await(endpoint string, exited <-chan struct{}) error {
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		if r, err := http.Get(endpoint); err == nil {
			return r.Body.Close()
		}
		select {
		case <-exited:
			return errors.New("the emulator has ended; its last words are above")
		case <-time.After(2 * time.Millisecond):
		}
	}
	return errors.New("the emulator does not answer")
}
