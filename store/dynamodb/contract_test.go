package dynamodb_test

import (
	"testing"
	"time"

	"bellhop/store"
	"bellhop/store/dynamodbtest"
	"bellhop/store/storetest"
)

func TestDynamoDB(t *testing.T) {
	endpoint := dynamodbtest.Start(t)
	storetest.Run(t, func(t *testing.T, now func() time.Time) store.Store { return dynamodbtest.Open(t, endpoint, now) })
}
