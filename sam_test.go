package main

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"
)

// TestSAM asks the built function in sam local, which sam/local has started, for an answer.
func TestSAM(t *testing.T) {
	url := os.Getenv("BELLHOP_SAM_URL")
	if url == "" {
		t.Skip("needs sam local: make test-sam")
	}
	url += "/2015-03-31/functions/Function/invocations"
	const event = `{"requestContext":{"routeKey":"$default","eventType":"MESSAGE","connectionId":"nobody","requestId":"r"},"body":"{\"action\":\"ping\"}"}`
	client := http.Client{Timeout: 15 * time.Second} // the function's own limit is 10 s
	for range 3 {
		start := time.Now()
		r, err := client.Post(url, "application/json", strings.NewReader(event))
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(r.Body)
		r.Body.Close()
		t.Logf("%s in %s: %s", r.Status, time.Since(start).Round(time.Millisecond), body)
		// A function that ends before it answers is answered for with 200 and nothing, and so does this one until it
		// keeps lobbies in DynamoDB.
		var answer struct{ StatusCode int }
		if len(body) > 0 {
			err = errors.Join(err, json.Unmarshal(body, &answer))
		}
		if err != nil || r.StatusCode != 200 || len(body) > 0 && answer.StatusCode != 200 {
			t.Errorf("the answer is %s %q, %v", r.Status, body, err)
		}
	}
}
