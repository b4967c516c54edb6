package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	awsevents "github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"

	"bellhop/handlers"
	"bellhop/internal/awsclient"
	"bellhop/lobby"
)

// scheduleTime limits the one attempt to make a schedule. Without it, the next
// message through the lobby ends the grace.
const scheduleTime = time.Second

// A schedule lets EventBridge Scheduler call this function once, at the end
// of a grace (its API reference, "CreateSchedule"). One request needs no
// package of the SDK.
type schedule struct {
	config      aws.Config
	url         string // of the service
	role, group string
	client      *awshttp.BuildableClient
}

// newSchedule returns nil if RESUME_SCHEDULE is off.
func newSchedule(config aws.Config, getenv func(string) string) (*schedule, error) {
	switch getenv("RESUME_SCHEDULE") {
	case "", "off":
		return nil, nil
	case "on":
	default:
		return nil, fmt.Errorf("make RESUME_SCHEDULE on or off, and not %q", getenv("RESUME_SCHEDULE"))
	}
	if getenv("SCHEDULE_ROLE") == "" || getenv("SCHEDULE_GROUP") == "" || getenv("CALLBACK_URL") == "" {
		return nil, errors.New("set SCHEDULE_ROLE, SCHEDULE_GROUP and CALLBACK_URL, or RESUME_SCHEDULE to off; template.yaml sets all")
	}
	url := getenv("AWS_ENDPOINT_URL_SCHEDULER")
	if url == "" {
		url = "https://scheduler." + config.Region + ".amazonaws.com"
		if strings.HasPrefix(config.Region, "cn-") {
			url += ".cn"
		}
	}
	return &schedule{
		config: config, url: url, role: getenv("SCHEDULE_ROLE"), group: getenv("SCHEDULE_GROUP"),
		client: awsclient.Transport(scheduleTime, 0),
	}, nil
}

// expiry returns the function's handlers.Config.ExpireAt, nil if it is off.
func expiry(config aws.Config, getenv func(string) string) (func(context.Context, lobby.Key, time.Time) error, error) {
	s, err := newSchedule(config, getenv)
	if s == nil || err != nil {
		return nil, err
	}
	return s.expire, nil
}

// expire implements handlers.Config.ExpireAt. The invocation's own function is
// called.
func (s *schedule) expire(ctx context.Context, key lobby.Key, at time.Time) error {
	self, ok := lambdacontext.FromContext(ctx)
	if !ok {
		return errors.New("the context names no function")
	}
	event := awsevents.APIGatewayWebsocketProxyRequest{Body: string(key)}
	event.RequestContext.RouteKey = handlers.ExpireRoute
	input, err := json.Marshal(event)
	if err != nil {
		return err
	}
	body, err := json.Marshal(map[string]any{
		"ScheduleExpression":    at.Add(time.Second).UTC().Format("at(2006-01-02T15:04:05)"),
		"FlexibleTimeWindow":    map[string]string{"Mode": "OFF"},
		"ActionAfterCompletion": "DELETE",
		"GroupName":             s.group,
		"Target": map[string]any{
			"Arn": self.InvokedFunctionArn, "RoleArn": s.role, "Input": string(input),
			"RetryPolicy": map[string]int{"MaximumRetryAttempts": 0, "MaximumEventAgeInSeconds": 600},
		},
	})
	if err != nil {
		return err
	}
	return s.post(ctx, "/schedules/"+rand.Text(), body)
}

func (s *schedule) post(ctx context.Context, path string, body []byte) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	who, err := s.config.Credentials.Retrieve(ctx)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(body)
	if err := v4.NewSigner().SignHTTP(ctx, who, r, hex.EncodeToString(sum[:]), "scheduler", s.config.Region, time.Now()); err != nil {
		return err
	}
	answer, err := s.client.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		why, _ := io.ReadAll(io.LimitReader(answer.Body, 512))
		return fmt.Errorf("EventBridge Scheduler answers %s: %s", answer.Status, why)
	}
	return nil
}
