package web_test

import (
	"bufio"
	"crypto/tls"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"bellhop/gateway/programtest"
)

// A connectListener is a web proxy in front of one server, whatever host a
// client names.
type connectListener struct{ net.Listener }

func (l connectListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	if _, err = http.ReadRequest(bufio.NewReader(conn)); err == nil { // the client waits for an answer
		_, err = io.WriteString(conn, "HTTP/1.1 200 OK\r\n\r\n")
	}
	if err != nil {
		conn.Close()
	}
	return conn, nil
}

// TestProvider checks that the built function gives a host and a guest a
// provider's credentials, and STUN alone while the provider hangs.
func TestProvider(t *testing.T) {
	t.Parallel()
	const id, token = "c0ffee0123456789c0ffee0123456789", "s3cret-token"
	var hangs atomic.Bool
	provider := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if io.Copy(io.Discard, r.Body); hangs.Load() {
			<-r.Context().Done()
		}
		if r.Header.Get("Authorization") == "Bearer "+token && strings.Contains(r.URL.Path, id) {
			w.WriteHeader(http.StatusCreated)
			io.WriteString(w, `{"iceServers": [{"urls": ["turn:turn.example"], "username": "the provider's", "credential": "c"}]}`)
		}
	}))
	certificate, key := programtest.Certificate(t, 1, "rtc.live.cloudflare.com")
	pair, err := tls.X509KeyPair(certificate, key)
	if err != nil {
		t.Fatal(err)
	}
	trusted := filepath.Join(t.TempDir(), "trusted")
	if err := os.WriteFile(trusted, certificate, 0o600); err != nil {
		t.Fatal(err)
	}
	provider.Config.ErrorLog = log.New(io.Discard, "", 0) // the function hangs up at the end
	provider.TLS = &tls.Config{Certificates: []tls.Certificate{pair}}
	provider.Listener = connectListener{provider.Listener}
	provider.StartTLS()
	t.Cleanup(func() { provider.CloseClientConnections(); provider.Close() })

	g := startFunction(t, "ICE_SERVERS=stun:stun.example", "TURN_PROVIDER=cloudflare", "TURN_KEY_ID="+id, "TURN_TOKEN="+token,
		"HTTPS_PROXY=http://"+provider.Listener.Addr().String(), "SSL_CERT_FILE="+trusted)
	const start, join = `{"action": "start_lobby", "content": {"lobby_id": "fox", "auto_accept": true}}`, `{"action": "join_lobby", "content": {"lobby_id": "fox"}}`
	for _, enters := range [][2]string{{start, "lobby_started"}, {join, "request_accepted"}} {
		c := programtest.Dial(t, g.url())
		for tries := 1; !strings.Contains(c.Say(t, enters[0], enters[1]), `"username":"the provider's"`); tries++ {
			if tries == 12 { // a busy machine can be too slow for a join
				t.Fatalf("%s never has the provider's servers:\n%s", enters[1], g.output)
			}
			c.Say(t, `{"action": "leave_lobby"}`, "lobby_left")
		}
	}
	hangs.Store(true)
	late := programtest.Dial(t, g.url())
	if heard := late.Say(t, join, "request_accepted"); !strings.Contains(heard, "stun:stun.example") || strings.Contains(heard, "turn:") {
		t.Errorf("from a provider that hangs a guest gets %s", heard)
	}
	g.output.Find(t, `no TURN credentials.*no answer in time`)
	if out := g.output.String(); strings.Contains(out, token) || strings.Contains(out, id) {
		t.Errorf("a secret is in the log:\n%s", out)
	}
}
