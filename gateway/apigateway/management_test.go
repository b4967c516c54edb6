package apigateway

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/apigatewaymanagementapi"
	"github.com/aws/aws-sdk-go-v2/service/apigatewaymanagementapi/types"
)

// manage starts a gateway with one client, and its management API.
func manage(t *testing.T, c Config) (g *Gateway, id, url string, player client) {
	t.Helper()
	ids := make(chan string, 1)
	c.Invoke = func(ctx context.Context, e event) (response, error) {
		if e.RequestContext.EventType == "CONNECT" {
			ids <- e.RequestContext.ConnectionID
		}
		return echo(&g)(ctx, e)
	}
	g, address := serve(t, c)
	player, _ = dial(t, address, "User-Agent: demo/1.0\r\n", "")
	player.send(frame(text, "hello"))
	player.want(text, "hello")
	api := httptest.NewServer(g.Management())
	t.Cleanup(api.Close)
	return g, <-ids, api.URL, player
}

// sdk returns AWS's own client of the API.
func sdk(url string) *apigatewaymanagementapi.Client {
	return apigatewaymanagementapi.New(apigatewaymanagementapi.Options{
		Region: "local", BaseEndpoint: aws.String(url), RetryMaxAttempts: 1,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "a", SecretAccessKey: "b"}, nil
		}),
	})
}

// TestManagement: what AWS's own client does with a connection, and which errors it sees.
func TestManagement(t *testing.T) {
	_, id, url, player := manage(t, Config{Stage: "dev"})
	api, ctx := sdk(url+"/dev"), t.Context()
	post := func(id, data string) error {
		_, err := api.PostToConnection(ctx, &apigatewaymanagementapi.PostToConnectionInput{ConnectionId: &id, Data: []byte(data)})
		return err
	}
	for _, message := range []string{"hi", "", "a\xffb", strings.Repeat(big, 4)} {
		if err := post(id, message); err != nil {
			t.Fatalf("a post of %d bytes: %v", len(message), err)
		}
	}
	player.want(text, "hi")
	player.want(text, "")
	player.want(text, "a\uFFFDb")
	player.want(moreText, big)
	player.want(more, big)
	player.want(more, big)
	player.want(final, big)

	info, err := api.GetConnection(ctx, &apigatewaymanagementapi.GetConnectionInput{ConnectionId: &id})
	if err != nil {
		t.Fatal(err)
	}
	if *info.Identity.SourceIp != "127.0.0.1" || *info.Identity.UserAgent != "demo/1.0" ||
		info.LastActiveAt.Before(*info.ConnectedAt) || time.Since(*info.ConnectedAt) > time.Minute {
		t.Errorf("GetConnection returned %+v, %+v", info, info.Identity)
	}

	var tooLarge *types.PayloadTooLargeException
	if err := post(id, strings.Repeat(big, 4)+"x"); !errors.As(err, &tooLarge) || tooLarge.Message == nil {
		t.Errorf("a post over 128 KiB: %v, want a PayloadTooLargeException with a message", err)
	}
	if _, err := api.DeleteConnection(ctx, &apigatewaymanagementapi.DeleteConnectionInput{ConnectionId: &id}); err != nil {
		t.Error(err)
	}
	player.wantEnd(ending{code: 1000, reason: "Connection Closed Normally"})
	var gone *types.GoneException
	if err := post(id, "hi"); !errors.As(err, &gone) {
		t.Errorf("a post afterwards: %v, want a GoneException", err)
	}
	if _, err := api.GetConnection(ctx, &apigatewaymanagementapi.GetConnectionInput{ConnectionId: &id}); !errors.As(err, &gone) {
		t.Errorf("a GET afterwards: %v, want a GoneException", err)
	}
	if _, err := api.DeleteConnection(ctx, &apigatewaymanagementapi.DeleteConnectionInput{ConnectionId: &id}); !errors.As(err, &gone) {
		t.Errorf("a second DELETE: %v, want a GoneException", err)
	}
	var forbidden *types.ForbiddenException
	api = sdk(url + "/prod")
	if err := post(id, "hi"); !errors.As(err, &forbidden) {
		t.Errorf("a post to another stage: %v, want a ForbiddenException", err)
	}
}

// TestManagementSlowReader: what waits for a client is bounded for those who post by HTTP too.
func TestManagementSlowReader(t *testing.T) {
	_, id, url, _ := manage(t, Config{})
	api := sdk(url + "/local")
	var err error
	for n := 0; err == nil && n < 10_000; n++ {
		_, err = api.PostToConnection(t.Context(), &apigatewaymanagementapi.PostToConnectionInput{ConnectionId: &id, Data: []byte(big)})
	}
	var exceeded *types.LimitExceededException
	if !errors.As(err, &exceeded) {
		t.Errorf("posts to who does not read end with %v, want a LimitExceededException", err)
	}
}

// TestManagementWire: paths, statuses, headers and bodies as they are on the wire.
func TestManagementWire(t *testing.T) {
	var log bytes.Buffer
	now := time.Date(2030, 3, 24, 10, 15, 30, 123e6, time.UTC)
	_, id, url, player := manage(t, Config{
		Now: func() time.Time { return now }, Log: slog.New(slog.NewTextHandler(&log, nil)),
	})
	escaped, gone := strings.Replace(id, "=", "%3D", 1), "ESIzRFVmd4gCqrw="
	for _, test := range []struct {
		method, path, body string
		status             int
		kind, answer       string
	}{
		{"POST", "/local/@connections/" + id, "one", 200, "", ""},
		{"POST", "/local/@connections/" + escaped, "two", 200, "", ""},
		{"POST", "/local/%40connections/" + escaped + "?x=y", "three", 200, "", ""},
		{"GET", "/local/@connections/" + escaped, "", 200, "", `{"connectedAt":"2030-03-24T10:15:30.123Z",` +
			`"identity":{"sourceIp":"127.0.0.1","userAgent":"demo/1.0"},"lastActiveAt":"2030-03-24T10:15:30.123Z"}` + "\n"},
		{"POST", "/local/@connections/" + gone, "x", 410, "GoneException", ""},
		{"GET", "/local/@connections/" + gone, "", 410, "GoneException", ""},
		{"DELETE", "/local/@connections/" + gone, "", 410, "GoneException", ""},
		{"POST", "/local/@connections/" + gone + "x", "x", 400, "BadRequestException", `{"message":"Invalid connectionId"}` + "\n"},
		{"POST", "/local/@connections/fox", "x", 400, "BadRequestException", `{"message":"Invalid connectionId"}` + "\n"},
		{"POST", "/local/@connections/ESIzRFVmd4%0ACqrw=", "x", 400, "BadRequestException", `{"message":"Invalid connectionId"}` + "\n"},
		{"POST", "/local/@connections/a%2Fb", "x", 400, "BadRequestException", `{"message":"Invalid connectionId"}` + "\n"},
		{"POST", "/local/@connections/", "x", 403, "ForbiddenException", `{"message":"Forbidden"}` + "\n"},
		{"POST", "/prod/@connections/" + id, "x", 403, "ForbiddenException", `{"message":"Forbidden"}` + "\n"},
		{"POST", "/@connections/" + id, "x", 403, "ForbiddenException", `{"message":"Forbidden"}` + "\n"},
		{"POST", "/local/connections/" + id, "x", 403, "ForbiddenException", `{"message":"Forbidden"}` + "\n"},
		{"PUT", "/local/@connections/" + id, "x", 403, "ForbiddenException", `{"message":"Forbidden"}` + "\n"},
		{"POST", "/local/@connections/" + id, strings.Repeat(big, 40), 413, "PayloadTooLargeException", `{"message":"The message is over 131072 bytes"}` + "\n"},
		{"DELETE", "/local/@connections/" + id, "", 204, "", ""},
	} {
		// A body of unknown length is sent in chunks.
		r, err := http.NewRequestWithContext(t.Context(), test.method, url+test.path, io.MultiReader(strings.NewReader(test.body)))
		if err != nil {
			t.Fatal(err)
		}
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(answer.Body)
		answer.Body.Close()
		if answer.StatusCode != test.status || answer.Header.Get("X-Amzn-Errortype") != test.kind || string(body) != test.answer {
			t.Errorf("%s %s: %d %q %q, want %d %q %q", test.method, test.path, answer.StatusCode,
				answer.Header.Get("X-Amzn-Errortype"), body, test.status, test.kind, test.answer)
		}
		if len(body) > 0 && !json.Valid(body) {
			t.Errorf("%s %s: an SDK cannot read %q", test.method, test.path, body)
		}
		if got := answer.Header.Get("X-Amzn-Requestid"); !regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`).MatchString(got) {
			t.Errorf("the request id is %q, not a UUID", got)
		}
	}
	player.want(text, "one")
	player.want(text, "two")
	player.want(text, "three")
	player.wantEnd(ending{code: 1000, reason: "Connection Closed Normally"})
	if n := strings.Count(log.String(), "is not signed"); n != 1 {
		t.Errorf("that requests are not signed was said %d times, want once:\n%s", n, &log)
	}
}
