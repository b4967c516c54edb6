package server_test

import (
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"bellhop/gateway/programtest"
	"bellhop/gateway/server"
)

// TestHalfHandshake checks that unfinished handshakes are cut, and keep nobody
// out meanwhile.
func TestHalfHandshake(t *testing.T) {
	log := slog.New(slog.DiscardHandler)
	s := server.New(server.Config{RequestTime: 300 * time.Millisecond, Log: log})
	listener, err := server.Listen("127.0.0.1:0", log)
	if err != nil {
		t.Fatal(err)
	}
	go s.Serve(listener)
	defer s.Close()
	address := listener.Addr().String()
	var halves []net.Conn
	for _, half := range []string{"", "GET", "GET / HTTP/1.1\r\n", programtest.Handshake[:len(programtest.Handshake)/2], programtest.Handshake} {
		for range 20 {
			conn, err := net.Dial("tcp", address)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			io.WriteString(conn, half)
			halves = append(halves, conn)
		}
	}
	if r := programtest.Upgrade(t, address, ""); r.StatusCode != 101 {
		t.Errorf("another client is answered %d", r.StatusCode)
	}
	for _, conn := range halves {
		conn.SetReadDeadline(time.Now().Add(30 * time.Second))
		if _, err := io.Copy(io.Discard, conn); err != nil {
			t.Fatalf("half a programtest.Handshake ends with %v, want the end of the connection", err)
		}
	}
}

// TestManyHandshakes checks that a thousand clients that connect together all
// succeed, and prints how long it takes.
func TestManyHandshakes(t *testing.T) {
	address := strings.TrimPrefix(start(t, server.Config{}), "ws://")
	began := time.Now()
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			for range 50 {
				if r := programtest.Upgrade(t, address, ""); r.StatusCode != 101 {
					t.Errorf("answered %d", r.StatusCode)
				}
			}
		})
	}
	all.Wait()
	t.Logf("1000 handshakes in %v", time.Since(began).Round(time.Millisecond))
}

// TestLongHeaders checks that headers of a megabyte are refused before they are
// read whole, and headers of 16 KiB are not.
func TestLongHeaders(t *testing.T) {
	address := strings.TrimPrefix(start(t, server.Config{}), "ws://")
	for _, test := range []struct {
		headers string
		status  int
	}{
		{"Cookie: " + strings.Repeat("x", 16<<10) + "\r\n", 101},
		{"Cookie: " + strings.Repeat("x", 1<<20) + "\r\n", 431},
		{strings.Repeat("A: b\r\n", 1<<18), 431},
	} {
		if r := programtest.Upgrade(t, address, test.headers); r.StatusCode != test.status {
			t.Errorf("with headers of %d bytes answered %d, want %d", len(test.headers), r.StatusCode, test.status)
		}
	}
}
