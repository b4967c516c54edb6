package server_test

import (
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"bellhop/gateway/programtest"
	"bellhop/gateway/server"
)

// TestMetrics checks that Prometheus can read the figures, only at their own
// address.
func TestMetrics(t *testing.T) {
	x := newTargetOf(t, server.Config{Origins: server.Origins{"https://a.example"}})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	x.ServeMetrics(listener)
	defer x.Close()
	url, metrics := x.url, "http://"+listener.Addr().String()+"/metrics"
	dial(t, url).Say(t, `{"action":"ping"}`, "pong")
	programtest.Upgrade(t, strings.TrimPrefix(url, "ws://"), "Origin: https://b.example\r\n")
	answer, err := http.Get(metrics)
	if err != nil {
		t.Fatal(err)
	}
	text, _ := io.ReadAll(answer.Body)
	answer.Body.Close()
	for _, line := range []string{
		"bellhop_connections 1", "bellhop_queued_bytes 0", "bellhop_messages_received_total 1",
		`bellhop_posts_total{outcome="taken"} 1`, `bellhop_posts_total{outcome="gone"} 0`, `bellhop_posts_total{outcome="limit_exceeded"} 0`,
		`bellhop_handshakes_refused_total{status="403"} 1`,
		`bellhop_invocation_seconds_count{route="$connect"} 1`, `bellhop_invocation_seconds_count{route="$default"} 1`,
		`bellhop_invocation_seconds_bucket{route="$default",le="+Inf"} 1`, `bellhop_invocations_failed_total{reason="timeout",route="$default"} 0`,
		"# TYPE bellhop_invocation_seconds histogram", "# TYPE process_open_fds gauge", "# TYPE go_goroutines gauge",
	} {
		if !strings.Contains(string(text), line+"\n") {
			t.Errorf("%s is not there", line)
		}
	}
	if t.Failed() {
		t.Logf("%s", text)
	}
	if answer, err = http.Get(strings.Replace(url, "ws", "http", 1) + "/metrics"); err != nil {
		t.Fatal(err)
	}
	if answer.Body.Close(); answer.StatusCode != 404 {
		t.Errorf("where clients connect, /metrics is answered %d", answer.StatusCode)
	}
}
