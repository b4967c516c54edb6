package apigateway

import (
	"bytes"
	"context"
	"errors"
)

// Hooks let a program watch what passes through a Gateway, and have it meet what AWS may do and this Gateway does not do
// by itself. Each may be nil. They are called by many goroutines.
type Hooks struct {
	// Arrive is given each message of a client with what deals with it, once: at once, later, or elsewhere. Without it, or
	// if it waits for deal, the messages of one connection are dealt with in order.
	Arrive func(connectionID, body string, deal func())
	// Posting is asked before Post and Disconnect do anything. An error is their answer; of ErrGone the connection is cut,
	// so that it is true. Frames of API Gateway's own, and route responses, ask nobody.
	Posting func(ctx context.Context, connectionID string) error
	// Posted is told of every message to a client, frames of API Gateway's own included, and whether it was taken. It is
	// called before whoever has posted goes on.
	Posted func(connectionID string, data []byte, err error)
	// Closed is told of every connection that Disconnect closes, before its $disconnect.
	Closed func(connectionID string)
}

// checkPosting returns the error of Hooks.Posting for a call of @connections. If
// that is ErrGone, it cuts the connection.
func (g *Gateway) checkPosting(ctx context.Context, connectionID string) error {
	if g.Hooks.Posting == nil {
		return nil
	}
	err := g.Hooks.Posting(ctx, connectionID)
	if c := g.find(connectionID); errors.Is(err, ErrGone) && c != nil {
		c.close(endLost)
	}
	return err
}

// notePost counts a message to a client and reports it to Hooks.Posted. It
// returns the message's error.
func (g *Gateway) notePost(connectionID string, data []byte, err error) error {
	g.counts.countPost(err)
	if g.Hooks.Posted != nil {
		g.Hooks.Posted(connectionID, bytes.Clone(data), err) // or what is posted would always have to live on the heap
	}
	return err
}
