package store_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"bellhop/lobby"
	"bellhop/store"
	"bellhop/store/dynamodbtest"
	"bellhop/store/storetest"
)

// places is how many players the host admits.
const places = 7

// TestCrowd checks that a host admits its players while a crowd asks to join,
// that the limit of waiting players can be reached, and that everybody gets an
// answer.
func TestCrowd(t *testing.T) {
	endpoint := dynamodbtest.Start(t)
	for name, s := range map[string]store.Store{"memory": store.NewMemory(time.Now), "dynamodb": dynamodbtest.Open(t, endpoint, time.Now)} {
		t.Run(name, func(t *testing.T) {
			in, all := rush(t, s, 24)
			t.Logf("the last of %d in after %v, the last of %d answered after %v", places, in, 24, all)
		})
	}
}

// rush lets a crowd ask to join. The host accepts each request that it sees
// until the lobby is full.
func rush(t *testing.T, s store.Store, crowd int) (lastIn, allAnswered time.Duration) {
	l := storetest.LobbyOf("blue-fox")
	l.ExpiresAt = time.Now().Add(100 * 365 * 24 * time.Hour)
	if err := s.CreateLobby(context.Background(), l); err != nil {
		t.Fatal(err)
	}
	began, asked := time.Now(), make(chan string, crowd)
	var crowding sync.WaitGroup
	for i := range crowd {
		crowding.Go(func() {
			guest := fmt.Sprint("guest", i)
			_, err := store.UpdateLobby(context.Background(), s, l.Key(), func(l *lobby.Lobby) error {
				return l.Request(lobby.JoinRequest{Conn: guest})
			})
			switch {
			case err == nil:
				asked <- guest
			case !errors.Is(err, lobby.ErrFull):
				t.Errorf("%s: %v", guest, err)
			}
		})
	}
	for range places {
		guest := <-asked
		_, err := store.UpdateLobby(context.Background(), s, l.Key(), func(l *lobby.Lobby) error {
			_, _, err := l.Accept("host", guest, 0, "")
			return err
		})
		if err != nil {
			t.Fatalf("%s is not let in: %v", guest, err)
		}
	}
	lastIn = time.Since(began)
	crowding.Wait()
	return lastIn, time.Since(began)
}
