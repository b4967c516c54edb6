package apigateway

import (
	"bytes"
	"context"
	"errors"
)

// Hooks let a program watch a Gateway's traffic, and inject faults that AWS
// allows. Each hook can be nil. They are called by many goroutines.
type Hooks struct {
	// Arrive gets each message of a client and the function that handles it, which
	// it calls once: immediately, later, or elsewhere. Without Arrive, or if it
	// waits for deal, the messages of one connection are handled in order.
	Arrive func(connectionID, body string, deal func())
	// Posting is called before Post and Disconnect do anything. They return its
	// error. If that is ErrGone, the connection is cut, as the error says. Frames
	// of API Gateway's own, and route responses, do not call it.
	Posting func(ctx context.Context, connectionID string) error
	// Posted is called for every message to a client, including frames of API
	// Gateway's own, with its result. It is called before the sender goes on.
	Posted func(connectionID string, data []byte, err error)
	// Closed is called for every connection that Disconnect closes, before its
	// $disconnect.
	Closed func(connectionID string)
}

// checkPosting returns the error of Hooks.Posting for a call of @connections.
// If that is ErrGone, it cuts the connection.
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
		g.Hooks.Posted(connectionID, bytes.Clone(data), err) // otherwise every message would have to live on the heap
	}
	return err
}
