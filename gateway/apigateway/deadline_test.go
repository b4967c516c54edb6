package apigateway

import (
	"context"
	"io"
	"net/http"
	"testing"
	"time"
)

// TestFidelityConnectTimeout guards that a $connect that takes too long is a 504.
func TestFidelityConnectTimeout(t *testing.T) {
	_, address := serve(t, Config{Timeout: 20 * time.Millisecond, Invoke: func(ctx context.Context, _ event) (response, error) {
		<-ctx.Done()
		return ok, ctx.Err()
	}})
	answer, err := http.DefaultClient.Do(upgradeRequest(t, "http://"+address))
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if body, _ := io.ReadAll(answer.Body); answer.StatusCode != 504 || string(body) != `{"message":"Endpoint request timed out"}` {
		t.Errorf("the handshake is answered %d %s", answer.StatusCode, body)
	}
}

func upgradeRequest(t *testing.T, url string) *http.Request {
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header = http.Header{"Connection": {"Upgrade"}, "Upgrade": {"websocket"},
		"Sec-Websocket-Version": {"13"}, "Sec-Websocket-Key": {"dGhlIHNhbXBsZSBub25jZQ=="}}
	return r
}

// TestDeadline: the context of an invocation ends with it, for who asks before and for who asks afterwards.
func TestDeadline(t *testing.T) {
	asked, silent := newDeadline(t.Context(), time.Hour), newDeadline(t.Context(), time.Hour)
	derived, cancel := context.WithCancel(asked)
	defer cancel()
	if at, ok := asked.Deadline(); !ok || time.Until(at) > time.Hour || asked.Err() != nil {
		t.Errorf("the deadline is %v, %v", at, ok)
	}
	asked.end()
	silent.end()
	for _, ctx := range []context.Context{asked, derived, silent} {
		if <-ctx.Done(); ctx.Err() != context.Canceled {
			t.Errorf("after the call: %v", ctx.Err())
		}
	}
}
