package main

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	awsevents "github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambdacontext"

	"bellhop/handlers"
	"bellhop/internal/awsclient"
	"bellhop/lobby"
	"bellhop/store/dynamodbtest"
)

// TestSchedule checks that the end of a grace makes a schedule that calls the
// function at that time, once, by ministack's EventBridge Scheduler.
func TestSchedule(t *testing.T) {
	const function, role = "arn:aws:lambda:us-east-1:000000000000:function:bellhop", "arn:aws:iam::000000000000:role/schedules"
	url := dynamodbtest.StartMinistack(t)
	s, err := newSchedule(dynamodbtest.Config(), func(name string) string {
		return map[string]string{
			"RESUME_SCHEDULE": "on", "SCHEDULE_ROLE": role, "SCHEDULE_GROUP": "default",
			"CALLBACK_URL": "https://example.com/live", "AWS_ENDPOINT_URL_SCHEDULER": url,
		}[name]
	})
	if err != nil {
		t.Fatal(err)
	}
	s.client = awsclient.Transport(time.Minute, 0) // the machine of tests can be busy
	ctx := lambdacontext.NewContext(t.Context(), &lambdacontext.LambdaContext{InvokedFunctionArn: function})
	at := time.Now().Add(time.Hour).UTC().Truncate(time.Second)
	if err := s.expire(ctx, lobby.KeyOf("game", "Fox"), at); err != nil {
		t.Fatal(err)
	}
	var list struct{ Schedules []struct{ Name string } }
	get(t, url+"/schedules", &list)
	if len(list.Schedules) != 1 {
		t.Fatalf("there are %d schedules, want 1", len(list.Schedules))
	}
	var made struct {
		ScheduleExpression, ActionAfterCompletion string
		FlexibleTimeWindow                        struct{ Mode string }
		Target                                    struct{ Arn, RoleArn, Input string }
	}
	get(t, url+"/schedules/"+list.Schedules[0].Name, &made)
	var event awsevents.APIGatewayWebsocketProxyRequest
	if err := json.Unmarshal([]byte(made.Target.Input), &event); err != nil {
		t.Fatal(err)
	}
	if made.ScheduleExpression != at.Add(time.Second).Format("at(2006-01-02T15:04:05)") || made.ActionAfterCompletion != "DELETE" ||
		made.FlexibleTimeWindow.Mode != "OFF" || made.Target.Arn != function || made.Target.RoleArn != role ||
		event.RequestContext.RouteKey != handlers.ExpireRoute || event.Body != "game#fox" {
		t.Errorf("the schedule is %+v", made)
	}
	s.group = "none"
	if err := s.expire(ctx, "game#fox", at); err == nil || !strings.Contains(err.Error(), "404") {
		t.Errorf("without the group: %v", err)
	}
}

// get reads an answer of EventBridge Scheduler. ministack tells services apart
// by the signature's header.
func get(t *testing.T, url string, v any) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=test/20300101/us-east-1/scheduler/aws4_request, SignedHeaders=host, Signature=0")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, _ := io.ReadAll(answer.Body)
	if err := json.Unmarshal(body, v); err != nil {
		t.Fatalf("%s answers %s %s", url, answer.Status, body)
	}
}
