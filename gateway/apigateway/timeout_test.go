package apigateway

import (
	"context"
	"io"
	"net/http"
	"testing"
	"time"
)

// TestFidelityConnectTimeout checks that a $connect that takes too long is a
// 504.
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

// TestContext checks that the context of an invocation ends with it, so nothing
// that depends on the context goes on.
func TestContext(t *testing.T) {
	given := make(chan context.Context, 1)
	_, address := serve(t, Config{Invoke: func(ctx context.Context, e event) (response, error) {
		if _, ok := ctx.Deadline(); !ok || ctx.Err() != nil {
			t.Errorf("%s has no deadline, or is over: %v", e.RequestContext.RouteKey, ctx.Err())
		}
		if e.RequestContext.RouteKey == "$connect" {
			given <- ctx
		}
		return ok, nil
	}})
	connect(t, address)
	ctx := <-given
	select {
	case <-ctx.Done():
	case <-time.After(20 * time.Second): // its timeout is 29
		t.Error("the context goes on after the call")
	}
}
