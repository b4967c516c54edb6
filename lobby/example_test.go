package lobby_test

import (
	"fmt"

	"bellhop/lobby"
)

// A host opens a lobby and admits a player who waits.
func Example() {
	l := lobby.New("tanks", "blue-fox", lobby.Member{Conn: "ann"})
	if _, in, err := l.Join(lobby.JoinRequest{Conn: "bob"}, ""); err != nil || in {
		fmt.Println("bob does not wait:", err)
	}
	_, _, err := l.Accept("bob", "bob", 0, "")
	fmt.Println(err)

	bob, _, err := l.Accept("ann", "bob", 0, "")
	fmt.Println("bob is peer", bob.PeerID, err)
	for _, peer := range l.Peers(bob) {
		fmt.Println("and is linked with", peer.Conn)
	}
	// Output:
	// connection is not the host
	// bob is peer 2 <nil>
	// and is linked with ann
}

// If the lobby migrates, another member becomes the host. Events lists who must
// be notified of what.
func ExampleLobby_Leave() {
	l := lobby.New("tanks", "blue-fox", lobby.Member{Conn: "ann"})
	l.AutoAccept, l.Migrates = true, true
	for _, conn := range []string{"bob", "cyd"} {
		if _, _, err := l.Join(lobby.JoinRequest{Conn: conn}, ""); err != nil {
			fmt.Println(err)
		}
	}
	if err := l.Leave("ann"); err != nil {
		fmt.Println(err)
	}
	fmt.Println("the host is", l.Host().Conn)
	for _, e := range l.Events {
		if e.Kind == lobby.HostChanged {
			for _, m := range e.To {
				fmt.Println("notify", m.Conn)
			}
		}
	}
	// Output:
	// the host is bob
	// notify bob
	// notify cyd
}
