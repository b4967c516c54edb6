package lambda

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"syscall"

	awsevents "github.com/aws/aws-lambda-go/events"
	"github.com/go-json-experiment/json"
)

// A Function is invoked through Lambda's Invoke API, which `sam local
// start-lambda` serves on http://127.0.0.1:3001. Requests are not signed, so
// AWS itself refuses them.
type Function struct {
	URL    string       // of the API, without a path
	Name   string       // the function's name, its logical id in the template, or its ARN
	Client *http.Client // nil means http.DefaultClient
}

// Invoke is an apigateway.Invoker. It waits until ctx ends: the API has no
// limit of its own. It fails if the function or the API reports an error, and
// if the function's answer is not one for API Gateway.
func (f *Function) Invoke(ctx context.Context, e awsevents.APIGatewayWebsocketProxyRequest) (r awsevents.APIGatewayProxyResponse, err error) {
	return Invoker(f.Call)(ctx, e)
}

// Call is Invoke for any event and result, as JSON.
func (f *Function) Call(ctx context.Context, event []byte) ([]byte, error) {
	answer, err := f.post(ctx, event)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxPayload+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("cannot read the function's answer: %w", err)
	case len(body) > maxPayload:
		return nil, errPayloadTooLarge
	case answer.StatusCode != http.StatusOK:
		return nil, f.refused(answer, body)
	case answer.Header.Get("X-Amz-Function-Error") != "":
		return nil, failure(body)
	case timedOut(body):
		return nil, errors.New("the function failed: " + shorten(string(body), 100))
	}
	return body, nil
}

func (f *Function) post(ctx context.Context, event []byte) (*http.Response, error) {
	address := strings.TrimSuffix(f.URL, "/") + "/2015-03-31/functions/" + url.PathEscape(f.Name) + "/invocations"
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(event))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("X-Amz-Invocation-Type", "RequestResponse")
	client := f.Client
	if client == nil {
		client = http.DefaultClient
	}
	answer, err := client.Do(r)
	if errors.Is(err, syscall.ECONNREFUSED) {
		err = fmt.Errorf("nothing listens at %s; start `sam local start-lambda` there: %w", f.URL, syscall.ECONNREFUSED)
	}
	return answer, err
}

// timedOut reports whether a function ran into its timeout. The Runtime
// Interface Emulator behind sam local then answers "Task timed out after 3.00
// seconds", as text and with status 200.
func timedOut(body []byte) bool { return bytes.HasPrefix(body, []byte("Task timed out after ")) }

// refused returns the error of the API itself, for example a missing function.
func (f *Function) refused(answer *http.Response, body []byte) error {
	var e struct {
		Message string `json:"Message"`
	}
	if json.Unmarshal(body, &e) != nil || e.Message == "" {
		e.Message = shorten(string(body), 300)
	}
	// AWS appends the error's documentation to its name.
	kind, _, _ := strings.Cut(answer.Header.Get("X-Amzn-Errortype"), ":")
	return fmt.Errorf("%s refuses to invoke function %q: %d %s: %s", f.URL, f.Name, answer.StatusCode, kind, e.Message)
}
