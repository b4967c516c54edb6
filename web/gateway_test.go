package web_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"bellhop/gateway/programtest"
	"bellhop/store/dynamodbtest"
)

// A gateway is the built program.
type gateway struct {
	t       *testing.T
	secure  string // s if it has a certificate
	address string
	args    []string
	env     []string
	process *exec.Cmd
	output  *programtest.Output
	// Lines that the log may have, caused by what the tests do. Any other line
	// fails the test.
	expected string
}

var buildGateway = sync.OnceValues(func() (string, error) { return build("gateway", "go", "build", "-race", "-o", "FILE", "../gateway") })

// build runs a command that makes FILE, in .cache.
func build(name string, command ...string) (file string, err error) {
	if file, err = filepath.Abs("../.cache/web/" + name); err != nil {
		return "", err
	}
	for i, argument := range command {
		command[i] = strings.ReplaceAll(argument, "FILE", file)
	}
	out, err := exec.Command(command[0], command[1:]...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%s: %w\n%s", strings.Join(command, " "), err, out)
	}
	return file, nil
}

// startGateway runs the program until the test ends. Without -turn in args it
// has no STUN and TURN, so that peers find each other by themselves.
func startGateway(t *testing.T, args ...string) *gateway {
	t.Helper()
	g := &gateway{t: t, address: "127.0.0.1:0", args: append([]string{"-turn=off"}, args...)}
	g.start()
	t.Cleanup(g.stop)
	return g
}

var buildFunction = sync.OnceValues(func() (string, error) {
	folder, err := filepath.Abs("../.cache/web")
	if err != nil {
		return "", err
	}
	_, err = build("bootstrap", "make", "-s", "-C", "..", "build", "ARTIFACTS_DIR="+folder)
	return filepath.Join(folder, "bootstrap"), err
})

// startFunction runs the program in front of the built function, as deployed,
// with DynamoDB.
func startFunction(t *testing.T, env ...string) *gateway {
	t.Helper()
	endpoint, table := dynamodbtest.Start(t), dynamodbtest.Table()
	dynamodbtest.OpenTable(t, dynamodbtest.Config(), endpoint, table, time.Now)
	file, err := buildFunction()
	if err != nil {
		t.Fatal(err)
	}
	g := &gateway{t: t, address: "127.0.0.1:0", args: []string{"-bootstrap", file}, env: append(env, "TABLE="+table,
		"DYNAMODB_ENDPOINT="+endpoint, "AWS_REGION=us-east-1", "AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test")}
	g.start()
	t.Cleanup(g.stop)
	return g
}

func (g *gateway) start() {
	g.t.Helper()
	program, err := buildGateway()
	if err != nil {
		g.t.Fatal(err)
	}
	g.output = programtest.NewOutput()
	g.process = exec.Command(program, append([]string{"-listen", g.address}, g.args...)...)
	g.process.Env = append(os.Environ(), g.env...)
	g.process.Stdout, g.process.Stderr = g.output, g.output
	if err := g.process.Start(); err != nil {
		g.t.Fatal(err)
	}
	g.secure, g.address, _ = strings.Cut(strings.TrimPrefix(g.output.Find(g.t, `wss?://\S+`), "ws"), "://")
}

// stop ends the program as a service manager would, and checks its output.
func (g *gateway) stop() {
	g.process.Process.Signal(os.Interrupt)
	if err := g.process.Wait(); err != nil {
		g.t.Errorf("the gateway ended by %v", err)
	}
	out := g.output.String()
	if g.expected != "" {
		out = regexp.MustCompile(".*"+g.expected+".*").ReplaceAllString(out, "")
	}
	if strings.Contains(out, "DATA RACE") || strings.Contains(out, "level=") {
		g.t.Errorf("the gateway complained:\n%s", out)
	}
}

func (g *gateway) url() string  { return "ws" + g.secure + "://" + g.address }
func (g *gateway) page() string { return "http" + g.secure + "://" + g.address }
