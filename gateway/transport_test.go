package main

import (
	"bufio"
	"bytes"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os/exec"
	"runtime"
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
	for _, half := range []string{"", "GET", "GET / HTTP/1.1\r\n", handshake[:len(handshake)/2], handshake} {
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
	if r := upgrade(t, address, ""); r.StatusCode != 101 {
		t.Errorf("another client is answered %d", r.StatusCode)
	}
	for _, conn := range halves {
		conn.SetReadDeadline(time.Now().Add(30 * time.Second))
		if _, err := io.Copy(io.Discard, conn); err != nil {
			t.Fatalf("half a handshake ends with %v, want the end of the connection", err)
		}
	}
}

// TestManyHandshakes checks that a thousand clients that connect together all
// succeed, and prints how long it takes.
func TestManyHandshakes(t *testing.T) {
	address := strings.TrimPrefix(start(t), "ws://")
	began := time.Now()
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			for range 50 {
				if r := upgrade(t, address, ""); r.StatusCode != 101 {
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
	address := strings.TrimPrefix(start(t), "ws://")
	for _, test := range []struct {
		headers string
		status  int
	}{
		{"Cookie: " + strings.Repeat("x", 16<<10) + "\r\n", 101},
		{"Cookie: " + strings.Repeat("x", 1<<20) + "\r\n", 431},
		{strings.Repeat("A: b\r\n", 1<<18), 431},
	} {
		if r := upgrade(t, address, test.headers); r.StatusCode != test.status {
			t.Errorf("with headers of %d bytes answered %d, want %d", len(test.headers), r.StatusCode, test.status)
		}
	}
}

// TestNoDescriptors checks that a program that cannot open more files goes on
// serving its clients, and logs it once. Waiting clients connect when there is
// room.
func TestNoDescriptors(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("ulimit is tried on Linux alone")
	}
	const limit, clients = 48, 100
	program, stdout, stderr := exec.Command("sh", "-c", `ulimit -n "$1" && exec "$2" -listen 127.0.0.1:0`, "sh", "48", compile(t, ".")), programtest.NewOutput(), programtest.NewOutput()
	program.Stdout, program.Stderr = stdout, stderr
	if err := program.Start(); err != nil {
		t.Fatal(err)
	}
	defer program.Wait()
	defer program.Process.Kill()
	address := strings.TrimPrefix(stdout.Find(t, `ws://\S+`), "ws://")
	in, conns := make(chan net.Conn, clients), make([]net.Conn, clients)
	for i := range conns {
		conn, err := net.Dial("tcp", address) // the system accepts it, though the program does not yet
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		conn.SetDeadline(time.Now().Add(30 * time.Second))
		io.WriteString(conn, handshake+"\r\n")
		go func() {
			if r, err := http.ReadResponse(bufio.NewReader(conn), nil); err == nil && r.StatusCode == 101 {
				in <- conn
			}
		}()
		conns[i] = conn
	}
	stderr.Find(t, "nobody else can connect until somebody leaves")
	ping := append([]byte{0x89, 0x82, 0, 0, 0, 0}, "hi"...)
	for range clients { // a client leaves once it has been served, and so lets in another
		conn := <-in
		conn.Write(ping)
		pong := make([]byte, 4)
		if _, err := io.ReadFull(conn, pong); err != nil || !bytes.Equal(pong, []byte("\x8a\x02hi")) {
			t.Fatalf("who is in hears %q, %v", pong, err)
		}
		conn.Close()
	}
	if n := strings.Count(stderr.String(), "\n"); n != 1 {
		t.Errorf("of %d files for %d clients it said, in %d lines:\n%s", limit, clients, n, stderr)
	}
}
