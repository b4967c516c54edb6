package lambda

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	awsevents "github.com/aws/aws-lambda-go/events"
	"github.com/google/go-cmp/cmp"
)

// fixture reads an event as AWS sends it, and as package apigateway would hand it over.
func fixture(t testing.TB, name string) (raw []byte, e awsevents.APIGatewayWebsocketProxyRequest) {
	t.Helper()
	raw, err := os.ReadFile("testdata/" + name + ".json")
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

// TestEncode: the three events are those of AWS, member for member.
func TestEncode(t *testing.T) {
	for _, name := range []string{"connect", "message", "disconnect"} {
		raw, e := fixture(t, name)
		got, err := encode(e)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(value(t, raw), value(t, got)); diff != "" {
			t.Errorf("%s (-AWS +encoded):\n%s", name, diff)
		}
	}
}

// TestEncodeEdges: what is empty but there, and what JSON cannot hold.
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

// TestDecode: what API Gateway takes for the answer of a function, and what it does not.
func TestDecode(t *testing.T) {
	for _, test := range []struct {
		result string
		want   *awsevents.APIGatewayProxyResponse // nil is malformed
	}{
		{`{"statusCode":200}`, &awsevents.APIGatewayProxyResponse{StatusCode: 200}},
		{` {"statusCode":403,"headers":null,"multiValueHeaders":null,"body":"no"} `, &awsevents.APIGatewayProxyResponse{StatusCode: 403, Body: "no"}},
		{`{"statusCode":200,"headers":{"A":"b"},"multiValueHeaders":{"C":["d"]},"body":"eA==","isBase64Encoded":true}`,
			&awsevents.APIGatewayProxyResponse{StatusCode: 200, Headers: map[string]string{"A": "b"},
				MultiValueHeaders: map[string][]string{"C": {"d"}}, Body: "eA==", IsBase64Encoded: true}},
		{`{"ConnectionId":"x","Data":"y","statusCode":200}`, nil},
		{`{"StatusCode":200}`, nil},
		{`{"statusCode":200,"cookies":[]}`, nil},
		{`{"statusCode":"200"}`, nil},
		{`{"statusCode":200,"body":{}}`, nil},
		{`{"statusCode":200,"isBase64Encoded":"no"}`, nil},
		{`{"statusCode":200} {}`, nil},
		{`{"statusCode":200`, nil},
		{`null`, nil},
		{``, nil},
		{`"ok"`, nil},
		{`[]`, nil},
		{`Task timed out after 3.00 seconds`, nil},
	} {
		got, err := decode([]byte(test.result))
		switch {
		case test.want == nil && (err == nil || !strings.Contains(err.Error(), "malformed Lambda proxy response")):
			t.Errorf("%s: %+v, %v; want it malformed", test.result, got, err)
		case test.want != nil && (err != nil || !cmp.Equal(got, *test.want)):
			t.Errorf("%s: %+v, %v; want %+v", test.result, got, err, *test.want)
		}
	}
}

// FuzzEncode: whatever a client sends reaches a function as JSON, with a mark for each byte that is not UTF-8.
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

// FuzzDecode: what is taken for an answer is JSON, and of what is not nothing is left.
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
