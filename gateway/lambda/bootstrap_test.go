//go:build unix

package lambda

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	awsevents "github.com/aws/aws-lambda-go/events"
)

// TestInvoke checks that events reach the function whole, and its answers API
// Gateway.
func TestInvoke(t *testing.T) {
	b, _ := open(t, Config{})
	for _, name := range []string{"connect", "disconnect"} {
		_, e := fixture(t, name)
		if r, err := b.Invoke(t.Context(), e); err != nil || r.StatusCode != 200 {
			t.Errorf("%s: %+v, %v", name, r, err)
		}
	}
	raw, e := fixture(t, "message")
	e.Body = "event"
	r, err := b.Invoke(t.Context(), e)
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Replace(string(raw), `"{\"action\":\"sendMessage\",\"text\":\"hi\"}"`, `"event"`, 1)
	if got, want := fmt.Sprint(value(t, []byte(r.Body))), fmt.Sprint(value(t, []byte(want))); got != want {
		t.Errorf("the function got %s\nwant %s", got, want)
	}
	big := strings.Repeat("é", 64<<10)
	if got := must(t, b, "echo "+big); got != big {
		t.Errorf("%d bytes came back as %d", len(big), len(got))
	}
	if b.started != 1 {
		t.Errorf("one after the other they took %d processes, want 1", b.started)
	}
}

// TestContext checks that the function knows its request, its deadline and
// itself.
func TestContext(t *testing.T) {
	b, _ := open(t, Config{Name: "Bellhop", Env: []string{"AWS_DEFAULT_REGION=eu-west-1"}})
	before := time.Now()
	var id, arn, trace string
	var deadline int64
	if _, err := fmt.Sscan(must(t, b, "context"), &id, &arn, &deadline, &trace); err != nil {
		t.Fatal(err)
	}
	if !regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`).MatchString(id) {
		t.Errorf("the request id is %q, not a UUID", id)
	}
	if arn != "arn:aws:lambda:eu-west-1:123456789012:function:Bellhop" {
		t.Errorf("the function's ARN is %q", arn)
	}
	if at := time.UnixMilli(deadline); at.Before(before.Add(long-time.Second)) || at.After(time.Now().Add(long)) {
		t.Errorf("the deadline is %v from the start, want %v", at.Sub(before), long)
	}
	if !regexp.MustCompile(`^Root=1-[0-9a-f]{8}-[0-9a-f]{24};Parent=[0-9a-f]{16};Sampled=0$`).MatchString(trace) {
		t.Errorf("the trace id is %q", trace)
	}
}

// TestEnvironment checks that Lambda's variables are set, that reserved ones
// cannot be changed, and that the others are the caller's.
func TestEnvironment(t *testing.T) {
	variables := func(env ...string) map[string]string {
		b, _ := open(t, Config{Env: env})
		defer b.Close()
		all := map[string]string{}
		for line := range strings.SplitSeq(must(t, b, "env"), "\n") {
			name, value, _ := strings.Cut(line, "=")
			all[name] = value
		}
		return all
	}
	check := func(got, want map[string]string) {
		t.Helper()
		for name, value := range want {
			if got[name] != value {
				t.Errorf("%s is %q, want %q", name, got[name], value)
			}
		}
	}
	plain := variables()
	check(plain, map[string]string{
		"AWS_REGION": "us-east-1", "AWS_DEFAULT_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local",
		"AWS_LAMBDA_FUNCTION_NAME": "Function", "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
		"AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand", "LAMBDA_TASK_ROOT": folder, "_HANDLER": "bootstrap", "TZ": ":UTC",
		"AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/Function", "PWD": folder,
	})
	if _, has := plain["AWS_SESSION_TOKEN"]; has {
		t.Error("there is a session token that nobody gave")
	}
	check(variables("TABLE=t", "TZ=Europe/Berlin", "AWS_REGION=eu-west-1", "AWS_ACCESS_KEY_ID=a", "AWS_SECRET_ACCESS_KEY=b",
		"AWS_SESSION_TOKEN=c", "AWS_LAMBDA_RUNTIME_API=example.test", "AWS_LAMBDA_FUNCTION_NAME=other", "TABLE=u"), map[string]string{
		"TABLE": "u", "TZ": "Europe/Berlin", "AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "eu-west-1", "AWS_ACCESS_KEY_ID": "a",
		"AWS_SECRET_ACCESS_KEY": "b", "AWS_SESSION_TOKEN": "c", "AWS_LAMBDA_FUNCTION_NAME": "Function",
	})
}

// TestOutput checks that the output of processes is shown line by line, under
// the number of the process, even if the last line does not end.
func TestOutput(t *testing.T) {
	b, out := open(t, Config{Name: "Bellhop"})
	must(t, b, "say one\ntwo ")
	must(t, b, "say three\r\n")
	must(t, b, "say "+strings.Repeat("x", maxLine+1)+"\nlast")
	out.Find(t, `\] x\n`) // or a busy machine might not read the rest in the second that Close waits for it
	b.Close()
	want := "[Bellhop 1] one\n[Bellhop 1] two three\n[Bellhop 1] " + strings.Repeat("x", maxLine) + "\n[Bellhop 1] x\n[Bellhop 1] last\n"
	if got := out.String(); got != want {
		t.Errorf("shown is %.200q, want %.200q", got, want)
	}
}

// BenchmarkBootstrap measures what a message costs through a warm process, with
// a function that does nothing.
func BenchmarkBootstrap(b *testing.B) {
	f, _ := open(b, Config{})
	var e awsevents.APIGatewayWebsocketProxyRequest
	_, e = fixture(b, "message")
	for b.Loop() {
		if _, err := f.Invoke(b.Context(), e); err != nil {
			b.Fatal(err)
		}
	}
}
