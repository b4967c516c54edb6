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

// arrive has a message dealt with.
func (g *Gateway) arrive(held *cork, c *connection, body string) {
	if g.Hooks.Arrive == nil {
		g.message(held, c, body)
		return
	}
	g.running.Add(1) // which cannot be over: the connection is counted until it has been read to its end
	g.Hooks.Arrive(c.id, body, func() {
		defer g.running.Done()
		held := &cork{Context: context.Background()} // what came along may be dealt with already
		defer held.draw()
		g.message(held, c, body)
	})
}

// ask returns what the hook says to a call of @connections.
func (g *Gateway) ask(ctx context.Context, connectionID string) error {
	if g.Hooks.Posting == nil {
		return nil
	}
	err := g.Hooks.Posting(ctx, connectionID)
	if c := g.find(connectionID); errors.Is(err, ErrGone) && c != nil {
		c.close(endLost)
	}
	return err
}

// posted tells of a message to a client, and returns its error.
func (g *Gateway) posted(connectionID string, data []byte, err error) error {
	g.counts.countPost(err)
	if g.Hooks.Posted != nil {
		g.Hooks.Posted(connectionID, bytes.Clone(data), err) // or what is posted would always have to live on the heap
	}
	return err
}
