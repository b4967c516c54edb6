package lambda

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	awsevents "github.com/aws/aws-lambda-go/events"
	"github.com/google/go-cmp/cmp"

	"bellhop/gateway/apigateway"
)

// fixture reads a recorded event of AWS, as package apigateway would produce
// it.
func fixture(t testing.TB, name string) (raw []byte, e awsevents.APIGatewayWebsocketProxyRequest) {
	t.Helper()
	raw, err := os.ReadFile("../../testdata/events/" + name + ".json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, &e); err != nil {
		t.Fatal(err)
	}
	return raw, e
}

// value decodes any JSON.
func value(t testing.TB, raw []byte) (v any) {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(string(raw)))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		t.Fatalf("%v in %s", err, raw)
	}
	return v
}

// TestFidelityEvents checks that the three events of a connection equal those
// of testdata/events, byte for byte, for the same client at the same times. Ids
// are random; package apigateway checks them.
func TestFidelityEvents(t *testing.T) {
	selection, err := apigateway.ParseSelection("$request.body.action")
	if err != nil {
		t.Fatal(err)
	}
	invoked, times := make(chan awsevents.APIGatewayWebsocketProxyRequest, 1), make(chan int64, 2)
	g := apigateway.New(apigateway.Config{
		Stage: "dev", APIID: "q1w2e3r4t5", TrustProxy: true, Now: func() time.Time { return time.UnixMilli(<-times) },
		Selection: selection,
		Routes:    map[string]apigateway.Route{"$connect": {}, "$disconnect": {}, "sendMessage": {}},
		Invoke: func(_ context.Context, e awsevents.APIGatewayWebsocketProxyRequest) (awsevents.APIGatewayProxyResponse, error) {
			invoked <- e
			return awsevents.APIGatewayProxyResponse{StatusCode: 200}, nil
		},
	})
	server := httptest.NewServer(g)
	defer server.Close()
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_, connected := fixture(t, "connect")
	times <- connected.RequestContext.ConnectedAt
	const unmasked = "\x00\x00\x00\x00" // a mask that changes nothing
	for _, step := range []struct {
		name  string
		bytes func(awsevents.APIGatewayWebsocketProxyRequest) string // the client's messages
	}{
		{"connect", handshake},
		{"message", func(e awsevents.APIGatewayWebsocketProxyRequest) string {
			return "\x81" + string([]byte{0x80 | byte(len(e.Body))}) + unmasked + e.Body
		}},
		{"disconnect", func(awsevents.APIGatewayWebsocketProxyRequest) string { return "\x88\x80" + unmasked }},
	} {
		t.Run(step.name, func(t *testing.T) {
			raw, want := fixture(t, step.name)
			times <- want.RequestContext.RequestTimeEpoch
			io.WriteString(conn, step.bytes(want))
			e := <-invoked
			x := &e.RequestContext
			x.ConnectionID, x.RequestID, x.ExtendedRequestID = want.RequestContext.ConnectionID, want.RequestContext.RequestID, want.RequestContext.ExtendedRequestID
			if x.MessageID != nil {
				x.MessageID = want.RequestContext.MessageID
			}
			got, err := encode(e)
			if err != nil {
				t.Fatal(err)
			}
			var compact bytes.Buffer
			if err := json.Compact(&compact, raw); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(compact.String(), string(got)); diff != "" {
				t.Errorf("-AWS +here:\n%s", diff)
			}
		})
	}
}

// handshake returns the request of the client behind the recorded $connect,
// which came through a proxy.
func handshake(e awsevents.APIGatewayWebsocketProxyRequest) string {
	request := "GET /dev?" + url.Values(e.MultiValueQueryStringParameters).Encode() + " HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
	for name, value := range e.Headers {
		request += name + ": " + value + "\r\n"
	}
	return request + "\r\n"
}

// TestEncodeEdges checks the encoding of empty values, and of bytes that JSON
// cannot hold.
func TestEncodeEdges(t *testing.T) {
	reason := ""
	for _, test := range []struct {
		name   string
		change func(*awsevents.APIGatewayWebsocketProxyRequest)
		want   string
	}{
		{"message", func(e *awsevents.APIGatewayWebsocketProxyRequest) { e.Body = "" }, `"body":"",`},
		{"message", func(e *awsevents.APIGatewayWebsocketProxyRequest) { e.Body = "a\xff<b>" }, `"body":"a` + "\uFFFD" + `<b>"`},
		{"disconnect", func(e *awsevents.APIGatewayWebsocketProxyRequest) { e.RequestContext.DisconnectReason = &reason }, `"disconnectReason":""`},
		{"connect", func(e *awsevents.APIGatewayWebsocketProxyRequest) { e.RequestContext.Identity.UserAgent = "" }, `"identity":{"sourceIp":"198.51.100.7"}`},
		{"connect", func(e *awsevents.APIGatewayWebsocketProxyRequest) { e.StageVariables = map[string]string{"a": "b"} }, `"stageVariables":{"a":"b"}`},
	} {
		_, e := fixture(t, test.name)
		test.change(&e)
		got, err := encode(e)
		if err != nil || !strings.Contains(string(got), test.want) {
			t.Errorf("%s became %s, %v; want %s", test.name, got, err, test.want)
		}
	}
}

// TestFidelityAnswers checks which results API Gateway accepts, and which are
// malformed.
func TestFidelityAnswers(t *testing.T) {
	for _, test := range []struct {
		name, result string
		want         *awsevents.APIGatewayProxyResponse // nil is malformed
	}{
		{"a status is enough", `{"statusCode":200}`, &awsevents.APIGatewayProxyResponse{StatusCode: 200}},
		{"headers may be null", ` {"statusCode":403,"headers":null,"multiValueHeaders":null,"body":"no"} `, &awsevents.APIGatewayProxyResponse{StatusCode: 403, Body: "no"}},
		{"all members there are", `{"statusCode":200,"headers":{"A":"b"},"multiValueHeaders":{"C":["d"]},"body":"eA==","isBase64Encoded":true}`,
			&awsevents.APIGatewayProxyResponse{StatusCode: 200, Headers: map[string]string{"A": "b"},
				MultiValueHeaders: map[string][]string{"C": {"d"}}, Body: "eA==", IsBase64Encoded: true}},
		{"unknown members are malformed", `{"ConnectionId":"x","Data":"y","statusCode":200}`, nil},
		{"a member in another case is malformed", `{"StatusCode":200}`, nil},
		{"cookies are malformed", `{"statusCode":200,"cookies":[]}`, nil},
		{"a status in quotes is malformed", `{"statusCode":"200"}`, nil},
		{"a body that is an object is malformed", `{"statusCode":200,"body":{}}`, nil},
		{"a mark of base64 that is text is malformed", `{"statusCode":200,"isBase64Encoded":"no"}`, nil},
		{"two objects are malformed", `{"statusCode":200} {}`, nil},
		{"half an object is malformed", `{"statusCode":200`, nil},
		{"null is malformed", `null`, nil},
		{"nothing is malformed", ``, nil},
		{"text in quotes is malformed", `"ok"`, nil},
		{"an array is malformed", `[]`, nil},
		{"text is malformed", `Task timed out after 3.00 seconds`, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := decode([]byte(test.result))
			switch {
			case test.want == nil && (err == nil || !strings.Contains(err.Error(), "malformed Lambda proxy response")):
				t.Errorf("%+v, %v; want it malformed", got, err)
			case test.want != nil && (err != nil || !cmp.Equal(got, *test.want)):
				t.Errorf("%+v, %v; want %+v", got, err, *test.want)
			}
		})
	}
}

// FuzzEncode checks that any message of a client reaches a function as JSON,
// with a mark for each byte that is not UTF-8.
func FuzzEncode(f *testing.F) {
	f.Add(`{"action":"ping"}`)
	f.Add("a\xff\xed\xa0\x80<\u2028\x00")
	_, message := fixture(f, "message")
	f.Fuzz(func(t *testing.T, body string) {
		e := message
		e.Body = body
		raw, err := encode(e)
		var got awsevents.APIGatewayWebsocketProxyRequest
		if err == nil {
			err = json.Unmarshal(raw, &got)
		}
		if want := string([]rune(body)); err != nil || got.Body != want {
			t.Errorf("%q arrives as %q, %v", want, got.Body, err)
		}
	})
}

// FuzzDecode checks that an accepted answer is JSON, and that nothing is left
// of any other.
func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"statusCode":200,"headers":{"A":"b"},"multiValueHeaders":{"C":["d"]},"body":"eA==","isBase64Encoded":true}`))
	f.Add([]byte(`null`))
	f.Fuzz(func(t *testing.T, result []byte) {
		r, err := decode(result)
		if err != nil && !cmp.Equal(r, awsevents.APIGatewayProxyResponse{}) {
			t.Errorf("%s: an error, and yet %+v", result, r)
		}
		if err == nil && !json.Valid(result) {
			t.Errorf("%s is taken, and is no JSON", result)
		}
	})
}
