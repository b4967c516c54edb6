package storetest

import (
	"context"

	"bellhop/lobby"
	"bellhop/store"
)

// A Call is one call of a method of a store.
type Call struct {
	Method  string
	LobbyID string       // with Claim: the lobby that is claimed
	Do      func() error // makes the call
}

// Intercept returns a store that passes each call of s to around. The caller
// gets the error that around returns. If around does not call Do, the call is
// not made.
func Intercept(s store.Store, around func(Call) error) store.Store { return &intercepted{s, around} }

// Failing returns a store that first passes the method of each call to fault.
// If fault returns an error, the call is not made and returns that error.
func Failing(s store.Store, fault func(method string) error) store.Store {
	return Intercept(s, func(c Call) error {
		if err := fault(c.Method); err != nil {
			return err
		}
		return c.Do()
	})
}

type intercepted struct {
	store.Store
	around func(Call) error
}

func (s *intercepted) CreateLobby(ctx context.Context, l lobby.Lobby) error {
	return s.around(Call{Method: "CreateLobby", Do: func() error { return s.Store.CreateLobby(ctx, l) }})
}

func (s *intercepted) Lobby(ctx context.Context, key lobby.Key) (l *lobby.Lobby, err error) {
	err = s.around(Call{Method: "Lobby", Do: func() (err error) { l, err = s.Store.Lobby(ctx, key); return err }})
	return l, err
}

func (s *intercepted) SwapLobby(ctx context.Context, old, new *lobby.Lobby) error {
	return s.around(Call{Method: "SwapLobby", Do: func() error { return s.Store.SwapLobby(ctx, old, new) }})
}

func (s *intercepted) List(ctx context.Context, game string, o *lobby.Order, after lobby.Position, n int) (page []lobby.Listing, more bool, err error) {
	err = s.around(Call{Method: "List", Do: func() (err error) { page, more, err = s.Store.List(ctx, game, o, after, n); return err }})
	return page, more, err
}

func (s *intercepted) PutConnection(ctx context.Context, c store.Connection) error {
	return s.around(Call{Method: "PutConnection", Do: func() error { return s.Store.PutConnection(ctx, c) }})
}

func (s *intercepted) Connection(ctx context.Context, id string) (c store.Connection, err error) {
	err = s.around(Call{Method: "Connection", Do: func() (err error) { c, err = s.Store.Connection(ctx, id); return err }})
	return c, err
}

func (s *intercepted) Claim(ctx context.Context, id string, from, to lobby.Claim) (c store.Connection, err error) {
	call := func() (err error) { c, err = s.Store.Claim(ctx, id, from, to); return err }
	err = s.around(Call{Method: "Claim", LobbyID: to.LobbyID, Do: call})
	return c, err
}

func (s *intercepted) DeleteConnection(ctx context.Context, id string) (c store.Connection, err error) {
	err = s.around(Call{Method: "DeleteConnection", Do: func() (err error) { c, err = s.Store.DeleteConnection(ctx, id); return err }})
	return c, err
}
