package server

import (
	"context"
	"errors"

	"bellhop/gateway/apigateway"
	"bellhop/handlers"
)

// A Poster is a handlers.Poster to the sockets of a gateway.
type Poster struct{ *apigateway.Gateway }

// Post implements handlers.Poster.
func (p *Poster) Post(ctx context.Context, connectionID string, data []byte) error {
	return postError(p.Gateway.Post(ctx, connectionID, data))
}

// Hangup implements handlers.Poster.
func (p *Poster) Hangup(_ context.Context, connectionID string) error {
	return postError(p.Disconnect(connectionID))
}

func postError(err error) error {
	switch {
	case errors.Is(err, apigateway.ErrGone):
		return handlers.ErrGone
	case errors.Is(err, apigateway.ErrLimitExceeded):
		return handlers.ErrBusy
	default:
		return err
	}
}
