package main

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"bellhop/gateway/programtest"
)

// A pemPair is a certificate for 127.0.0.1 and its key, in files.
type pemPair struct{ certificate, key string }

// write writes a new pair with a serial number.
func (p pemPair) write(t *testing.T, serial int64) *x509.CertPool {
	t.Helper()
	text, key := programtest.Certificate(t, serial, "127.0.0.1")
	p.put(t, p.certificate, text, serial)
	p.put(t, p.key, key, serial)
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(text)
	return pool
}

// put writes a file, with a new modification time even if little time has
// passed.
func (p pemPair) put(t *testing.T, file string, text []byte, serial int64) {
	t.Helper()
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	at := time.Unix(1e9+serial, 0)
	if err := os.Chtimes(file, at, at); err != nil {
		t.Fatal(err)
	}
}

// TestTLS checks that clients connect over wss://, with HTTP/1.1 whatever they
// offer. The next client gets a renewed certificate, and nobody gets a broken
// one. At the end all clients are notified.
func TestTLS(t *testing.T) {
	dir := t.TempDir()
	files := pemPair{filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")}
	pool := files.write(t, 1)
	p := launch(t, "-tls-cert", files.certificate, "-tls-key", files.key)
	url := p.stdout.Find(t, `wss://\S+`)
	p.stdout.Find(t, "https://127")
	c, _, err := websocket.Dial(t.Context(), url, &websocket.DialOptions{HTTPClient: &http.Client{
		Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	programtest.Client{Conn: c}.Say(t, `{"action":"ping"}`, `"pong"`)
	address := strings.TrimPrefix(url, "wss://")
	shown := func() int64 {
		conn, err := tls.Dial("tcp", address, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2", "http/1.1"}})
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		state := conn.ConnectionState()
		if state.NegotiatedProtocol != "http/1.1" {
			t.Errorf("the protocol is %q", state.NegotiatedProtocol)
		}
		return state.PeerCertificates[0].SerialNumber.Int64()
	}
	if got := shown(); got != 1 {
		t.Errorf("at first certificate %d is shown", got)
	}
	files.write(t, 2)
	if got := shown(); got != 2 {
		t.Errorf("after a renewal certificate %d is shown", got)
	}
	files.put(t, files.certificate, []byte("spoilt"), 3)
	for range 2 {
		if got := shown(); got != 2 {
			t.Errorf("after a certificate of no use %d is shown", got)
		}
	}
	if n := strings.Count(p.stderr.String(), "the last one stays"); n != 1 {
		t.Errorf("that was said %d times:\n%s", n, p.stderr)
	}
	p.stop()
	if _, _, err := c.Read(t.Context()); websocket.CloseStatus(err) != websocket.StatusGoingAway {
		t.Errorf("at the end the client hears %v, want status 1001", err)
	}
	if err := <-p.ended; err != nil {
		t.Error(err)
	}
}

// TestFrontArguments checks that a mistake in the flags of the listener ends
// the start with advice.
func TestFrontArguments(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	dir := t.TempDir()
	files := pemPair{filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")}
	files.write(t, 1)
	for _, test := range []struct{ args, want string }{
		{"-tls-cert a", "give both, or none"},
		{"-tls-key a", "give both, or none"},
		{"-tls-cert no/such -tls-key " + files.key, "no/such: no such file or directory"},
		{"-tls-cert " + files.key + " -tls-key " + files.key, "they must be PEM, a certificate with its chain and its key"},
		{"-origins a.example", `"a.example" is not a site such as https://a.example`},
		{"-origins https://a.example,,", `"" is not a site`},
		{"-origins https://a.example/game", "is not a site"},
		{"-origins *", "has a wildcard"},
		{"-origins https://*.itch.zone", `"https://*.itch.zone" has a wildcard, which -origins does not know; list each site`},
		{"-origins https://a.example:443", `"https://a.example:443" never matches: browsers write it as https://a.example; list that`},
		{"-origins http://a.example:80/", "browsers write it as http://a.example;"},
		{"-origins https://a.example:08443", "browsers write it as https://a.example:8443;"},
		{"-origins https://a.example:", "browsers write it as https://a.example;"},
		{"-origins https://[0:0::1]:8443", "browsers write it as https://[::1]:8443;"},
		{"-origins https://bücher.example", "browsers write such a name in its xn-- form"},
		{"-origins https://ann@a.example", "is not a site"},
		{"-origins https://a.example?x", "is not a site"},
		{"-origins https://a.example#", "is not a site"},
		{"-origins capacitor://", "is not a site"},
		{"-origins wss://a.example/live", "is not a site"},
		{"-origins wss://a.example", "list the pages' own, such as https://a.example"},
		{"-metrics " + taken.Addr().String(), "give -metrics as HOST:PORT, of a port that is free"},
		{"-turn " + taken.Addr().String(), "give -turn and -turn-tls as HOST:PORT, of ports that are free"},
		{"-turn 3478", `-turn "3478" is not HOST:PORT, such as :3478, nor off`},
		{"-turn-tls :0", "-turn-tls needs the certificate of -tls-cert and -tls-key"},
		{"-turn off -turn-address 9.9.9.9", "-turn off leaves nothing for"},
		{"-turn-address 224.0.0.1", "-turn-address: 224.0.0.1 is no address of a host"},
		{"-turn-address 0.0.0.0", "is no address of a host"},
		{"-turn-address a.invalid", `-turn-address: cannot look up "a.invalid"`},
		{"-turn-ports 80-90", "-turn-ports are the first and the last, from 1024 to 65535"},
		{"-turn-ports 50000", "-turn-ports are the first and the last"},
		{"-turn-bandwidth -1", "must be 0, for no limit, or more"},
		{"-state no/such/file", "cannot write -state: open no/such/"},
		{"-state " + dir, "is not a file; name one in a folder where this program can write"},
		{"-state " + files.key + "/lobbies", "cannot write -state: open "},
		{"-state a -table b", "with -table they are in DynamoDB"},
		{"-bootstrap a -state b", "a function has its own, by its environment"},
		{"-bootstrap a -turn off", "a function has its own, by its environment"},
		{"-stage a/b", "-stage must be 1 to 128 letters"},
		{"-stage $default", "-stage must be 1 to 128 letters"},
	} {
		var stderr strings.Builder
		err := run(t.Context(), append([]string{"-listen", "127.0.0.1:0"}, strings.Fields(test.args)...), io.Discard, &stderr)
		if err == nil || !strings.Contains(stderr.String()+err.Error(), test.want) {
			t.Errorf("gateway %s says %v, want %s", test.args, err, test.want)
		}
	}
}

// TestHealth checks that /healthz answers 200 while clients can connect, and
// 503 while the server shuts down.
func TestHealth(t *testing.T) {
	p := launch(t)
	url := strings.Replace(p.stdout.Find(t, `ws://\S+`), "ws", "http", 1) + "/healthz"
	health := func() int {
		answer, err := http.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		return answer.StatusCode
	}
	if got := health(); got != 200 {
		t.Errorf("it is %d, want 200", got)
	}
	p.dial().Say(t, `{"action":"ping"}`, "pong") // it is connected by then and reads no more, so the server waits for it
	p.stop()
	p.stdout.Find(t, "Closing 1 connections")
	if got := health(); got != 503 {
		t.Errorf("at the end it is %d, want 503", got)
	}
	if err := <-p.ended; err != nil {
		t.Error(err)
	}
}
