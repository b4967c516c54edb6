package storetest

import (
	"strings"
	"testing"
	"unsafe"

	"github.com/google/go-cmp/cmp"

	"bellhop/lobby"
	"bellhop/store"
)

// borrowed are strings in memory that their owner uses again.
type borrowed struct{ all [][]byte }

func (b *borrowed) string(s string) string {
	memory := []byte(s)
	b.all = append(b.all, memory)
	return unsafe.String(unsafe.SliceData(memory), len(memory))
}

// end overwrites the strings.
func (b *borrowed) end() {
	for _, memory := range b.all {
		copy(memory, strings.Repeat("?", len(memory)))
	}
}

// lend calls write with strings, and overwrites them afterwards.
func lend(write func(b *borrowed)) {
	var b borrowed
	write(&b)
	b.end()
}

// testStringsCopiedIn checks that a store does not keep the strings of a lobby
// that it is given. They can be parts of a message.
func testStringsCopiedIn(t *testing.T, s store.Store, _ *Clock) {
	const key = "tanks#fox"
	update := func(rule func(b *borrowed, l *lobby.Lobby) error) {
		t.Helper()
		lend(func(b *borrowed) {
			_, err := store.UpdateLobby(t.Context(), s, key, func(l *lobby.Lobby) error { return rule(b, l) })
			WantErr(t, "UpdateLobby", err, nil)
		})
	}
	lend(func(b *borrowed) {
		l := lobby.New(b.string("tanks"), b.string("Fox"), lobby.Member{Conn: b.string("host"), Player: b.string("{}"), Token: b.string("t1")})
		l.Metadata, l.Password, l.ExpiresAt = b.string(`{"a":1}`), b.string("hash"), Epoch.Add(lobby.TTL)
		WantErr(t, "CreateLobby", s.CreateLobby(t.Context(), l), nil)
	})
	if l, err := s.Lobby(t.Context(), key); err != nil || l.Game+"#"+l.ID != "tanks#Fox" {
		t.Fatalf("the store keeps the caller's strings, which have changed: %v, %v", l, err)
	}
	update(func(b *borrowed, l *lobby.Lobby) error {
		l.Metadata, l.Password = b.string(`{"b":2}`), b.string("other")
		l.AutoAccept = true
		_, _, err := l.Join(lobby.JoinRequest{Conn: b.string("ann"), Player: b.string("{1}"), Proved: "other"}, b.string("t2"))
		return err
	})
	update(func(b *borrowed, l *lobby.Lobby) error {
		l.AutoAccept = false
		return l.Request(lobby.JoinRequest{
			Conn: b.string("bob"), Player: b.string("{2}"), PlayerID: b.string("bob's"), Address: b.string("hash"),
			RequestID: b.string("r"), Proved: "other",
		})
	})
	update(func(b *borrowed, l *lobby.Lobby) error { return l.SetPlayer("host", b.string("{3}")) })
	update(func(_ *borrowed, l *lobby.Lobby) error { return l.Leave("ann") })
	update(func(b *borrowed, l *lobby.Lobby) error {
		_, _, err := l.Accept("host", "bob", 0, b.string("t3"))
		return err
	})

	l, err := s.Lobby(t.Context(), key)
	WantErr(t, "Lobby", err, nil)
	got := []string{l.Game, l.ID, l.Metadata, l.Password}
	for _, m := range l.Members {
		got = append(got, m.Conn, m.Player, m.PlayerID, m.Address, m.Token)
	}
	want := []string{"tanks", "Fox", `{"b":2}`, "other", "host", "{3}", "", "", "t1", "bob", "{2}", "bob's", "hash", "t3"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("strings of the lobby (-want +got):\n%s", diff)
	}
}

// testConnectionStringsCopiedIn checks the same of connections and claims.
func testConnectionStringsCopiedIn(t *testing.T, s store.Store, _ *Clock) {
	c := ConnectionOf("a")
	c.PlayerID = "ann's"
	lend(func(b *borrowed) {
		put := c
		put.ID, put.Game, put.LobbyID, put.PlayerID = b.string(c.ID), b.string(c.Game), b.string(c.LobbyID), b.string(c.PlayerID)
		WantErr(t, "PutConnection", s.PutConnection(t.Context(), put), nil)
	})
	WantConnection(t, s, c)
	next := lobby.Claim{LobbyID: "red-fox", ID: 7, At: 7}
	lend(func(b *borrowed) {
		borrows := next
		borrows.LobbyID = b.string(next.LobbyID)
		_, err := s.Claim(t.Context(), "a", c.Claim, borrows)
		WantErr(t, "Claim", err, nil)
	})
	c.Claim = next
	WantConnection(t, s, c)
}
