package handlers_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"bellhop/handlers"
	"bellhop/handlers/handlerstest"
	"bellhop/store/dynamodbtest"
)

// TestDynamoDBFaults checks that a faulty DynamoDB costs the sender one answer,
// before the invocation's time is over, and that everything works when the
// fault is gone. The log has one line with the reference, which names the cause
// if it can be known.
func TestDynamoDBFaults(t *testing.T) {
	endpoint := dynamodbtest.Start(t)
	for name, tt := range map[string]struct {
		fault     dynamodbtest.Fault
		code, log string
	}{
		"too slow":  {dynamodbtest.Hangs, "internal", "deadline exceeded"},
		"broken":    {dynamodbtest.Broken, "internal", "InternalServerError"},
		"throttled": {dynamodbtest.Throttled, "rate_limited", ""},
		"vanished":  {dynamodbtest.Vanished, "internal", "; check its name (TABLE"},
	} {
		for action, wish := range validActions {
			if storeless[action] {
				continue
			}
			t.Run(name+"/"+action, func(t *testing.T) {
				t.Parallel()
				w := handlerstest.New()
				p := dynamodbtest.NewProxy(t, endpoint)
				w.Use(dynamodbtest.Open(t, p.URL, w.Clock.Now))
				openFox(t, w)
				w.Limit = 10 * time.Second
				if name == "too slow" {
					w.Limit = handlers.AnswerTime + 50*time.Millisecond
				}
				body := fmt.Sprintf(`{"action":%q,"content":%s,"request_id":"r1"}`, action, wish.text)

				p.Set(tt.fault)
				w.Invoke(wish.by, "$default", body, "reference-1", nil)
				answers := answersTo(w.Heard()[wish.by], "r1")
				if len(answers) != 1 || !strings.Contains(answers[0], `"code":"`+tt.code+`"`) {
					t.Fatalf("the sender hears %q, want %s", answers, tt.code)
				}
				if tt.code == "internal" && !strings.Contains(answers[0], `"reference":"reference-1"`) {
					t.Errorf("the sender hears %q, want the reference", answers)
				}
				lines := w.Logged()
				if tt.log != "" && (len(lines) != 1 || !strings.Contains(lines[0], "reference-1") || !strings.Contains(lines[0], tt.log)) {
					t.Errorf("the log says %q, want a line with the reference and %s", lines, tt.log)
				} else if tt.log == "" && len(lines) > 0 {
					t.Errorf("the log says %q", lines)
				}

				p.Set(nil)
				w.Limit = 0
				w.Clock.Move(handlers.ClaimTTL) // by then a start or join that got halfway no longer counts
				w.Invoke(wish.by, "$default", strings.Replace(body, "r1", "r2", 1), "reference-2", nil)
				if again := answersTo(w.Heard()[wish.by], "r2"); !isAnswer(again, wish.answer) {
					t.Errorf("when DynamoDB is well again the sender hears %q, want %s", again, wish.answer)
				}
			})
		}
	}
}

// TestThrottledMayTryAgain checks that a client that is throttled by DynamoDB
// can start or join after retry_after_ms, and no later.
func TestThrottledMayTryAgain(t *testing.T) {
	p := dynamodbtest.NewProxy(t, dynamodbtest.Start(t))
	for action, operation := range map[string]string{"start_lobby": "PutItem", "join_lobby": "GetItem", "resume": "GetItem"} {
		t.Run(action, func(t *testing.T) {
			w, wish := handlerstest.New(), validActions[action]
			w.Use(dynamodbtest.Open(t, p.URL, w.Clock.Now))
			openFox(t, w)
			p.Set(dynamodbtest.Times(3, operation, dynamodbtest.Throttled)) // as often as the SDK tries
			for _, id := range []string{"r1", "r2"} {
				w.Invoke(wish.by, "$default", fmt.Sprintf(`{"action":%q,"content":%s,"request_id":%q}`, action, wish.text, id), "reference", nil)
				answers := answersTo(w.Heard()[wish.by], id)
				if id == "r1" && (len(answers) != 1 || !strings.Contains(answers[0], `"code":"rate_limited"`)) {
					t.Errorf("the sender hears %q, want rate_limited", answers)
				}
				if id == "r2" && !isAnswer(answers, wish.answer) {
					t.Errorf("then the sender hears %q, want %s", answers, wish.answer)
				}
				w.Clock.Move(handlers.BusyRetry)
			}
		})
	}
}

// TestListsTooSlow checks that a player whose search for a game ran out of time
// can start one immediately.
func TestListsTooSlow(t *testing.T) {
	p := dynamodbtest.NewProxy(t, dynamodbtest.Start(t))
	w := handlerstest.New()
	w.Use(dynamodbtest.Open(t, p.URL, w.Clock.Now))
	w.Connect("ann", nil)
	p.Set(dynamodbtest.Times(100, "Query", dynamodbtest.Hangs))
	w.Limit = handlers.AnswerTime + 500*time.Millisecond
	w.Say("ann", `{"action":"quick_join","request_id":"Q"}`)
	w.Limit = 0
	w.Say("ann", `{"action":"start_lobby","request_id":"S"}`)
	if diff := cmp.Diff(map[string][]string{"ann": {"error internal Q", "lobby_started S"}}, brief(w.Heard())); diff != "" {
		t.Errorf("heard (-want +got):\n%s", diff)
	}
}
