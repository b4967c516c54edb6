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

// TestFidelitySDK checks the calls of AWS's own client on a connection, and the
// errors that it returns.
func TestFidelitySDK(t *testing.T) {
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
	player.wantEnd(closeStatus{code: 1000, reason: "Connection Closed Normally"})
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

// TestFidelitySlowReader checks that the queue of a client is bounded for posts
// over HTTP too.
func TestFidelitySlowReader(t *testing.T) {
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

// A managementCall is a request to @connections, and its answer.
type managementCall struct {
	name, method, path, body string
	status                   int
	kind, answer             string
}

func (test managementCall) check(t *testing.T, url string) {
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
		t.Errorf("%d %q %q, want %d %q %q", answer.StatusCode, answer.Header.Get("X-Amzn-Errortype"), body, test.status, test.kind, test.answer)
	}
	if len(body) > 0 && !json.Valid(body) {
		t.Errorf("an SDK cannot read %q", body)
	}
	if got := answer.Header.Get("X-Amzn-Requestid"); !regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`).MatchString(got) {
		t.Errorf("the request id is %q, not a UUID", got)
	}
}

// TestFidelityConnections checks paths, statuses, headers and bodies of
// @connections byte for byte.
func TestFidelityConnections(t *testing.T) {
	var log bytes.Buffer
	now := time.Date(2030, 3, 24, 10, 15, 30, 123e6, time.UTC)
	_, id, url, player := manage(t, Config{
		Now: func() time.Time { return now }, Log: slog.New(slog.NewTextHandler(&log, nil)),
	})
	escaped, gone := strings.Replace(id, "=", "%3D", 1), "ESIzRFVmd4gCqrw="
	const invalid = `{"message":"Invalid connectionId"}` + "\n"
	const forbidden, kiB128 = `{"message":"Forbidden"}` + "\n", 128 << 10
	for _, test := range []managementCall{
		{"a POST is 200 without a body", "POST", "/local/@connections/" + id, "one", 200, "", ""},
		{"the id's padding may be escaped", "POST", "/local/@connections/" + escaped, "two", 200, "", ""},
		{"the at sign may be escaped", "POST", "/local/%40connections/" + escaped + "?x=y", "three", 200, "", ""},
		{"a message of no bytes", "POST", "/local/@connections/" + id, "", 200, "", ""},
		{"a message of 1 byte", "POST", "/local/@connections/" + id, "1", 200, "", ""},
		{"a message of 128 KiB", "POST", "/local/@connections/" + id, strings.Repeat("x", kiB128), 200, "", ""},
		{"a message of 128 KiB and 1 byte is 413", "POST", "/local/@connections/" + id, strings.Repeat("x", kiB128+1), 413, "PayloadTooLargeException",
			`{"message":"The message is over 131072 bytes"}` + "\n"},
		{"a GET is what is known of a connection", "GET", "/local/@connections/" + escaped, "", 200, "", `{"connectedAt":"2030-03-24T10:15:30.123Z",` +
			`"identity":{"sourceIp":"127.0.0.1","userAgent":"demo/1.0"},"lastActiveAt":"2030-03-24T10:15:30.123Z"}` + "\n"},
		{"a POST to an unknown id is 410", "POST", "/local/@connections/" + gone, "x", 410, "GoneException", ""},
		{"a GET of an unknown id is 410", "GET", "/local/@connections/" + gone, "", 410, "GoneException", ""},
		{"a DELETE of an unknown id is 410", "DELETE", "/local/@connections/" + gone, "", 410, "GoneException", ""},
		{"a malformed id is 400: too long", "POST", "/local/@connections/" + gone + "x", "x", 400, "BadRequestException", invalid},
		{"a malformed id is 400: too short", "POST", "/local/@connections/fox", "x", 400, "BadRequestException", invalid},
		{"a malformed id is 400: a line break", "POST", "/local/@connections/ESIzRFVmd4%0ACqrw=", "x", 400, "BadRequestException", invalid},
		{"a malformed id is 400: a slash", "POST", "/local/@connections/a%2Fb", "x", 400, "BadRequestException", invalid},
		{"no id is 403", "POST", "/local/@connections/", "x", 403, "ForbiddenException", forbidden},
		{"another stage is 403", "POST", "/prod/@connections/" + id, "x", 403, "ForbiddenException", forbidden},
		{"no stage is 403", "POST", "/@connections/" + id, "x", 403, "ForbiddenException", forbidden},
		{"another path is 403", "POST", "/local/connections/" + id, "x", 403, "ForbiddenException", forbidden},
		{"another method is 403", "PUT", "/local/@connections/" + id, "x", 403, "ForbiddenException", forbidden},
		{"a DELETE is 204", "DELETE", "/local/@connections/" + id, "", 204, "", ""},
		{"a DELETE of a connection that is closing is 410", "DELETE", "/local/@connections/" + id, "", 410, "GoneException", ""},
	} {
		t.Run(test.name, func(t *testing.T) { test.check(t, url) })
	}
	player.want(text, "one")
	player.want(text, "two")
	player.want(text, "three")
	player.want(text, "")
	player.want(text, "1")
	for _, first := range []byte{moreText, more, more, final} { // it is sent in frames of at most 32 KiB
		player.want(first, big)
	}
	player.wantEnd(closeStatus{code: 1000, reason: "Connection Closed Normally"})
	if n := strings.Count(log.String(), "is not signed"); n != 1 {
		t.Errorf("that requests are not signed was said %d times, want once:\n%s", n, &log)
	}
}
