package store_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"bellhop/lobby"
	"bellhop/store"
)

// Update applies a rule to a stored lobby as one step, also while others write.
func ExampleUpdate() {
	ctx := context.Background()
	s := store.NewMemory(time.Now)
	l := lobby.New("tanks", "blue-fox", lobby.Member{Conn: "ann"})
	l.ExpiresAt = time.Now().Add(lobby.TTL)
	if err := s.CreateLobby(ctx, l); err != nil {
		log.Fatal(err)
	}

	lock := true
	update := store.Update{Store: s, Key: lobby.KeyOf("tanks", "Blue-Fox")}
	_, err := update.Apply(ctx, func(l *lobby.Lobby) error {
		return l.Set("bob", lobby.Settings{Locked: &lock}, time.Now())
	})
	fmt.Println(errors.Is(err, lobby.ErrNotHost), err)

	after, err := update.Apply(ctx, func(l *lobby.Lobby) error {
		return l.Set("ann", lobby.Settings{Locked: &lock}, time.Now())
	})
	fmt.Println(after.ID, "is locked:", after.Locked, err)
	// Output:
	// true connection is not the host
	// blue-fox is locked: true <nil>
}
