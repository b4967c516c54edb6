// Command record is Bellhop on one machine, and writes what clients send and
// receive to a file in the format of testdata/conversations:
//
//	go run ./internal/record testdata/conversations/mine.txt
//
// The file holds all content. One message is handled at a time. As on AWS, a
// slot expires when a client next looks. Ctrl-C ends the recording.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"bellhop/gateway/apigateway"
	"bellhop/gateway/server"
	"bellhop/handlers"
)

func main() {
	log.SetFlags(0)
	log.SetPrefix("record: ")
	listen := flag.String("listen", "127.0.0.1:3000", "`address` to listen on; port 0 takes any free port")
	flag.Usage = func() {
		fmt.Fprint(flag.CommandLine.Output(), "Bellhop that records a conversation: go run ./internal/record FILE\n\nFlags:\n")
		flag.PrintDefaults()
	}
	flag.Parse()
	if flag.NArg() != 1 {
		log.Fatal("give the file to write, and nothing else")
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *listen, flag.Arg(0)); err != nil {
		log.Fatal(err)
	}
}

// run records until ctx ends.
func run(ctx context.Context, address, file string) error {
	listener, err := server.Listen(address, slog.Default())
	if err != nil {
		return err
	}
	r, err := openRecorder(file, slog.Default())
	if err != nil {
		return err
	}
	s := server.New(r.config())
	failed := make(chan error, 1)
	go func() { failed <- s.Serve(listener) }()
	fmt.Printf("Bellhop records to %s.\n  WebSocket  ws://%s\n  Ctrl-C stops it.\n", file, listener.Addr())
	select {
	case err = <-failed:
	case <-ctx.Done():
	}
	end, cancel := context.WithTimeout(context.Background(), 7*time.Second)
	defer cancel()
	over, stop := context.WithTimeout(end, 2*time.Second)
	defer stop()
	return errors.Join(err, r.close(over), s.Shutdown(end))
}

// config returns the configuration of a server that r records. It has no timer,
// since a replay has none.
func (r *recorder) config() server.Config {
	r.ends = true
	return server.Config{
		Handler:   handlers.Config{Later: func(time.Duration, func()) {}},
		Sockets:   apigateway.Config{Hooks: apigateway.Hooks{Arrive: r.arrive, Posted: r.posted, Closed: r.closes}},
		Intercept: r.invoker,
	}
}
