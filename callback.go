package main

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	awsevents "github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/apigatewaymanagementapi"
	"github.com/aws/aws-sdk-go-v2/service/apigatewaymanagementapi/types"

	"bellhop/handlers"
	"bellhop/internal/awsclient"
)

// Limits of posts. A lobby's change can mean 63 posts at once. A TLS handshake
// for each costs a small function more time than waiting for one of a few
// connections.
const (
	postTime  = time.Second // of an attempt
	postConns = 16
)

// callback is a Poster that uses API Gateway's management API (its reference,
// "PostToConnection").
type callback struct {
	config aws.Config
	client atomic.Pointer[apigatewaymanagementapi.Client]
}

// newCallback returns a Poster to url. If url is empty, the first event gives
// the address.
func newCallback(config aws.Config, url string) *callback {
	c := &callback{config: config}
	if url != "" {
		c.open(url)
	}
	return c
}

func (c *callback) open(url string) {
	c.client.Store(apigatewaymanagementapi.NewFromConfig(c.config, func(o *apigatewaymanagementapi.Options) {
		o.BaseEndpoint = aws.String(url)
		// A post takes about 10 ms. A post that hangs must leave time to undo the
		// change that it announces, and to answer.
		o.HTTPClient = awsclient.Transport(postTime, postConns)
		o.Retryer = awsclient.Attempts()
	}))
}

// learn takes the address of the API from an event. One function serves one
// stage, so the first event is as good as any.
func (c *callback) learn(rc awsevents.APIGatewayWebsocketProxyRequestContext) {
	if c.client.Load() == nil && rc.DomainName != "" {
		c.open("https://" + rc.DomainName + "/" + rc.Stage)
	}
}

// Post implements handlers.Poster.
func (c *callback) Post(ctx context.Context, connectionID string, data []byte) error {
	_, err := c.client.Load().PostToConnection(ctx, &apigatewaymanagementapi.PostToConnectionInput{
		ConnectionId: aws.String(connectionID), Data: data,
	})
	return postError(err)
}

// Hangup implements handlers.Poster.
func (c *callback) Hangup(ctx context.Context, connectionID string) error {
	_, err := c.client.Load().DeleteConnection(ctx, &apigatewaymanagementapi.DeleteConnectionInput{ConnectionId: aws.String(connectionID)})
	return postError(err)
}

func postError(err error) error {
	var gone *types.GoneException
	var busy *types.LimitExceededException
	switch {
	case errors.As(err, &gone):
		return handlers.ErrGone
	case errors.As(err, &busy):
		return handlers.ErrBusy
	}
	return err
}
