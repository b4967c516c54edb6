package lambda

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// TestFidelitySAMLocal checks the handling of each answer of sam local
// start-lambda, as in its source (samcli/local/lambda_service).
func TestFidelitySAMLocal(t *testing.T) {
	for _, test := range []struct {
		name    string
		status  int
		headers map[string]string
		body    string
		want    string // part of the error, or the body of the result
	}{
		{"a result", 200, nil, `{"statusCode":200,"headers":null,"multiValueHeaders":null,"body":"hi"}`, "hi"},
		{"an error of the function", 200, map[string]string{"x-amz-function-error": "Unhandled"},
			`{"errorMessage":"out of luck","errorType":"errorString"}`, "the function failed: errorString: out of luck"},
		{"an error that is no JSON", 200, map[string]string{"x-amz-function-error": "Unhandled"}, `boom`, "the function failed: boom"},
		{"its timeout", 200, nil, "Task timed out after 3.00 seconds", "the function failed: Task timed out after 3.00 seconds"},
		{"another text", 200, nil, "<html>", `malformed Lambda proxy response: it must be a JSON object, and begins with "<html>"`},
		{"null", 200, nil, "null", "malformed Lambda proxy response"},
		{"nothing", 200, nil, "", "malformed Lambda proxy response"},
		{"an unknown member", 200, nil, `{"statusCode":200,"Data":"x"}`, "malformed Lambda proxy response"},
		{"no such function", 404, map[string]string{"x-amzn-errortype": "ResourceNotFound"},
			`{"Type":"User","Message":"Function not found: arn:aws:lambda:us-west-2:012345678901:function:Function"}`,
			`refuses to invoke function "My Function": 404 ResourceNotFound: Function not found: arn`},
		{"no container", 501, map[string]string{"x-amzn-errortype": "ContainerCreationFailed"},
			`{"Type":"LocalError","Message":"no Docker"}`, "501 ContainerCreationFailed: no Docker"},
		{"its own failure", 500, map[string]string{"x-amzn-errortype": "Service"}, `{"Type":"Service","Message":"ServiceException"}`,
			"500 Service: ServiceException"},
		{"queued", 202, nil, "", "202"},
		{"too much", 200, nil, strings.Repeat("x", maxPayload+1), "the function's answer is over 6291456 bytes"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var path, sent string
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				path, sent = r.Method+" "+r.RequestURI, string(body)
				for name, value := range test.headers {
					w.Header().Set(name, value)
				}
				w.WriteHeader(test.status)
				io.WriteString(w, test.body)
			}))
			defer server.Close()
			f := &Function{URL: server.URL + "/", Name: "My Function"}
			_, e := fixture(t, "message")
			r, err := f.Invoke(t.Context(), e)
			got := r.Body
			if err != nil {
				got = err.Error()
			}
			if !strings.Contains(got, test.want) {
				t.Errorf("%q, %v; want %s", r.Body, err, test.want)
			}
			if path != "POST /2015-03-31/functions/My%20Function/invocations" {
				t.Errorf("the request was %s", path)
			}
			if got, _ := encode(e); sent != string(got) {
				t.Errorf("the event was %s", sent)
			}
		})
	}
}

// TestFunctionUnreachable checks the advice if nothing listens, and that a wait
// ends with its context.
func TestFunctionUnreachable(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, e := fixture(t, "message")
	f := &Function{URL: "http://" + listener.Addr().String(), Name: "Function"}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := f.Invoke(ctx, e); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("while nobody answers: %v", err)
	}
	listener.Close()
	want := "nothing listens at " + f.URL + "; start `sam local start-lambda` there"
	if _, err := f.Invoke(t.Context(), e); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("when nobody listens: %v; want %s", err, want)
	}
}
