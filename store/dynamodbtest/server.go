// Package dynamodbtest provides a DynamoDB for tests. Call Start, then Open for
// a table of the test's own.
package dynamodbtest

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsdynamodb "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"bellhop/store/dynamodb"
)

// Start returns the URL of a DynamoDB. It is that of DYNAMODB_ENDPOINT, if set.
// Otherwise it is that of an emulator that all tests of the package share:
// dynoxide if it is on PATH, else ministack, which `make tools` installs.
// Without any, the test is skipped or, with CI=true, fails.
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
	endpoint, err := shared()
	if err == errNone {
		Missing(t, "no DynamoDB: run `make tools`, or set DYNAMODB_ENDPOINT")
	} else if err != nil {
		t.Fatal(err)
	}
	return endpoint
}

// Missing skips the test because a requirement is missing; with CI=true it
// fails the test.
func Missing(t testing.TB, what string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatal("SKIPPED, which CI must not: " + what)
	}
	t.Skip("SKIPPED: " + what)
}

// Config returns what a client needs besides an endpoint.
func Config() aws.Config {
	return aws.Config{
		Region: "us-east-1", // default of the gateway and the function: an emulator keeps tables by region
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "test", SecretAccessKey: "test"}, nil
		}),
	}
}

// ItemCalls returns the operations of DynamoDB that a Store calls. The
// function's role must allow exactly these.
func ItemCalls() []string { return []string{"GetItem", "PutItem", "Query", "UpdateItem"} }

var tables atomic.Int64

// Table returns a name that no other test has.
func Table() string { return fmt.Sprintf("bellhop-%d-%d", os.Getpid(), tables.Add(1)) }

// Open returns a Store in a new table at endpoint.
func Open(t testing.TB, endpoint string, now func() time.Time) *dynamodb.Store {
	t.Helper()
	return OpenTable(t, Config(), endpoint, Table(), now)
}

// OpenTable returns a Store in a table at endpoint. It creates the table if
// that is missing, and deletes it when the test ends, since tests share a
// DynamoDB.
func OpenTable(t testing.TB, c aws.Config, endpoint, table string, now func() time.Time) *dynamodb.Store {
	t.Helper()
	d := dynamodb.New(c, endpoint, table, now)
	if err := d.CreateTable(context.Background()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second) // a test might have left a fault in the way
		defer cancel()
		Client(endpoint).DeleteTable(ctx, &awsdynamodb.DeleteTableInput{TableName: &table})
	})
	return d
}

// Client returns a client for a DynamoDB at endpoint, for requests that no
// Store makes.
func Client(endpoint string) *awsdynamodb.Client {
	return awsdynamodb.NewFromConfig(Config(), func(o *awsdynamodb.Options) { o.BaseEndpoint = &endpoint })
}

// OtherTable creates a table at endpoint that no Store can use: its key is id.
func OtherTable(t testing.TB, endpoint string) (table string) {
	t.Helper()
	table = Table()
	_, err := Client(endpoint).CreateTable(context.Background(), &awsdynamodb.CreateTableInput{
		TableName: &table, BillingMode: types.BillingModePayPerRequest,
		KeySchema:            []types.KeySchemaElement{{AttributeName: aws.String("id"), KeyType: types.KeyTypeHash}},
		AttributeDefinitions: []types.AttributeDefinition{{AttributeName: aws.String("id"), AttributeType: types.ScalarAttributeTypeS}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return table
}
