package server_test

import (
	"context"
	"fmt"
	"log"
	"log/slog"
	"net"

	"github.com/coder/websocket"

	"bellhop/gateway/server"
)

// Bellhop inside another program, at an address of its own.
func Example() {
	bellhop := server.New(server.Config{Log: slog.New(slog.DiscardHandler)})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	go bellhop.Serve(listener)

	ctx := context.Background()
	player, _, err := websocket.Dial(ctx, "ws://"+listener.Addr().String()+"/?game=chess", nil)
	if err != nil {
		log.Fatal(err)
	}
	player.Write(ctx, websocket.MessageText, []byte(`{"action":"ping","request_id":"1"}`))
	_, event, err := player.Read(ctx)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(string(event))

	go bellhop.Shutdown(ctx)
	_, _, err = player.Read(ctx)
	fmt.Println(websocket.CloseStatus(err))
	// Output:
	// {"event":"pong","content":{},"request_id":"1"}
	// StatusGoingAway
}
