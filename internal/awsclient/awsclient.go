// Package awsclient has what Bellhop's two clients of AWS share: how they keep
// connections, and how they try again.
package awsclient

import (
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
)

// Idle connections are closed before the other side closes them, perhaps under
// a request. A function that was frozen might find a dead one, so a connection
// without an answer is tried by a ping, where it is one of HTTP/2.
const (
	maxIdle   = 16
	idleTime  = 50 * time.Second
	pingAfter = 5 * time.Second
)

// Transport returns an HTTP client whose attempts last at most timeout. It
// opens at most maxConns connections to a host; 0 means any number.
func Transport(timeout time.Duration, maxConns int) *awshttp.BuildableClient {
	return awshttp.NewBuildableClient().WithTimeout(timeout).WithTransportOptions(func(t *http.Transport) {
		t.MaxConnsPerHost, t.MaxIdleConnsPerHost, t.IdleConnTimeout = maxConns, maxIdle, idleTime
		t.HTTP2 = &http.HTTP2Config{SendPingTimeout: pingAfter, PingTimeout: timeout}
	})
}

// Attempts returns a retryer that tries up to three times.
func Attempts() aws.Retryer {
	return retry.NewStandard(func(o *retry.StandardOptions) {
		o.MaxAttempts, o.Backoff = 3, Backoff{}
	})
}

// firstBackoff doubles with each further attempt.
const firstBackoff = 25 * time.Millisecond

// A Backoff waits for a random time of up to 25 ms before the second attempt,
// and of up to twice as long before each further one. So processes that were
// refused together do not come back together.
type Backoff struct{}

// BackoffDelay implements retry.BackoffDelayer. attempt counts from 1.
func (Backoff) BackoffDelay(attempt int, _ error) (time.Duration, error) {
	return rand.N(firstBackoff << max(attempt-1, 0)), nil
}
