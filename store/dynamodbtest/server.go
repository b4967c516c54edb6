// Package dynamodbtest gives tests a DynamoDB to talk to. Call Start, then Open for a table of the test's own.
package dynamodbtest

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"bellhop/store"
)

// Start returns the URL of a DynamoDB: that of DYNAMODB_ENDPOINT if it is set (Amazon's own on this machine, or any
// other), else of an emulator that `make tools` installs, which runs until the test ends. Without either the test is
// skipped, or, with CI=true, fails.
func Start(t testing.TB) (endpoint string) {
	t.Helper()
	if endpoint = os.Getenv("DYNAMODB_ENDPOINT"); endpoint != "" {
		r, err := http.Get(endpoint)
		if err != nil {
			t.Fatalf("DYNAMODB_ENDPOINT=%s does not answer: %v", endpoint, err)
		}
		r.Body.Close()
		return endpoint
	}
	program, ok := find()
	if !ok {
		Missing(t, "no DynamoDB: run `make tools`, or set DYNAMODB_ENDPOINT")
	}
	address := freeAddress(t)
	_, port, _ := net.SplitHostPort(address)
	server := exec.Command(program, "--port", port, "--log", "quiet")
	server.Stderr = os.Stderr
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	exited := make(chan error, 1)
	go func() { exited <- server.Wait() }()
	t.Cleanup(func() { server.Process.Kill() })
	endpoint = "http://" + address
	await(t, endpoint, exited)
	return endpoint
}

// Missing skips the test for want of something that it needs, and with CI=true fails it.
func Missing(t testing.TB, what string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatal("SKIPPED, which CI must not: " + what)
	}
	t.Skip("SKIPPED: " + what)
}

func find() (program string, ok bool) {
	_, here, _, _ := runtime.Caller(0)
	program = filepath.Join(filepath.Dir(here), "../../.cache/dynamodb/bin/dynoxide")
	if _, err := os.Stat(program); err == nil {
		return program, true
	}
	program, err := exec.LookPath("dynoxide")
	return program, err == nil
}

func freeAddress(t testing.TB) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// await returns once the server answers.
func await(t testing.TB, endpoint string, exited <-chan error) {
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); {
		if r, err := http.Get(endpoint); err == nil {
			r.Body.Close()
			return
		}
		select {
		case err := <-exited:
			t.Fatalf("the DynamoDB emulator has ended: %v", err)
		case <-time.After(2 * time.Millisecond):
		}
	}
	t.Fatal("the DynamoDB emulator does not answer")
}

// Config returns what a client needs beside an endpoint.
func Config() aws.Config {
	return aws.Config{
		Region: "eu-west-1",
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "test", SecretAccessKey: "test"}, nil
		}),
	}
}

// ItemCalls returns the operations of DynamoDB that a Store calls: what the function's role has to allow, and no more.
func ItemCalls() []string { return []string{"GetItem", "PutItem", "Query", "UpdateItem"} }

var tables atomic.Int64

// Table returns a name that no other test has.
func Table() string { return fmt.Sprintf("bellhop-%d-%d", os.Getpid(), tables.Add(1)) }

// Open returns a Store in a new table at endpoint.
func Open(t testing.TB, endpoint string, now func() time.Time) *store.DynamoDB {
	t.Helper()
	return OpenTable(t, Config(), endpoint, Table(), now)
}

// OpenTable returns a Store in a table at endpoint, which it makes if it is missing.
func OpenTable(t testing.TB, c aws.Config, endpoint, table string, now func() time.Time) *store.DynamoDB {
	t.Helper()
	d := store.NewDynamoDB(c, endpoint, table, now)
	if err := d.CreateTable(context.Background()); err != nil {
		t.Fatal(err)
	}
	return d
}

// Client returns a client for a DynamoDB at endpoint, for what no Store does.
func Client(endpoint string) *dynamodb.Client {
	return dynamodb.NewFromConfig(Config(), func(o *dynamodb.Options) { o.BaseEndpoint = &endpoint })
}

// OtherTable makes a table at endpoint that is not a Store's: its key is id.
func OtherTable(t testing.TB, endpoint string) (table string) {
	t.Helper()
	table = Table()
	_, err := Client(endpoint).CreateTable(context.Background(), &dynamodb.CreateTableInput{
		TableName: &table, BillingMode: types.BillingModePayPerRequest,
		KeySchema:            []types.KeySchemaElement{{AttributeName: aws.String("id"), KeyType: types.KeyTypeHash}},
		AttributeDefinitions: []types.AttributeDefinition{{AttributeName: aws.String("id"), AttributeType: types.ScalarAttributeTypeS}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return table
}
