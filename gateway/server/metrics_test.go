package server_test

import (
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"

	"bellhop/gateway/programtest"
	"bellhop/gateway/server"
)

// TestMetrics checks that Prometheus can read the figures, only at their own
// address.
func TestMetrics(t *testing.T) {
	x := newTargetOf(t, server.Config{Origins: server.Origins{"https://a.example"}, Version: "1.4"})
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
		`bellhop_build_info{version="1.4"} 1`, "bellhop_lobbies 0", `bellhop_actions_total{action="ping",result="ok"} 1`,
		`bellhop_links_total{outcome="relay"} 0`, "bellhop_joins_asked_total 0",
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

// idIn returns the first connection id of an event.
func idIn(event string) string {
	return regexp.MustCompile(`connection_id":"([^"]+)"`).FindStringSubmatch(event)[1]
}

// TestDashboard checks that a session fills the funnel and its times, and that
// /metrics then has all that docs/grafana.json looks for.
func TestDashboard(t *testing.T) {
	x := newTargetOf(t, server.Config{})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	x.ServeMetrics(listener)
	defer x.Close()
	host, guest := dial(t, x.url), dial(t, x.url)
	host.Say(t, opens("fox"), "lobby_started")
	guest.Say(t, joins("none"), "lobby_not_found")
	guest.tell(joins("fox"))
	conn := idIn(host.Hear(t, "request_to_join"))
	host.Say(t, `{"action":"accept_request","request_id":"2"}`, "done")
	to := idIn(guest.Hear(t, "request_accepted"))
	host.Say(t, `{"action":"set_session_description","content":{"connection_id":"`+conn+`","type":"answer","sdp":"v=0"},"request_id":"3"}`, "done")
	guest.Hear(t, "answer")
	guest.Say(t, `{"action":"report_link","content":{"connection_id":"`+to+`","outcome":"direct","ms":80},"request_id":"3"}`, "done")
	answer, err := http.Get("http://" + listener.Addr().String() + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	text, _ := io.ReadAll(answer.Body)
	answer.Body.Close()
	for _, line := range []string{
		"bellhop_lobbies 1", "bellhop_joins_asked_total 2", "bellhop_joins_accepted_total 1", `bellhop_joins_rejected_total{code="lobby_not_found"} 1`,
		`bellhop_relays_total{kind="answer"} 1`, `bellhop_links_total{outcome="direct"} 1`, "bellhop_join_answer_ms_count 1",
		`bellhop_link_ms_bucket{le="50"} 0`, `bellhop_link_ms_bucket{le="100"} 1`, "bellhop_link_ms_sum 80", "bellhop_link_ms_count 1",
	} {
		if !strings.Contains(string(text), line+"\n") {
			t.Errorf("%s is not there", line)
		}
	}
	checkDashboard(t, text)
	if t.Failed() {
		t.Logf("%s", text)
	}
}

// checkDashboard checks that text, the answer of /metrics, has each metric and
// label of docs/grafana.json.
func checkDashboard(t *testing.T, text []byte) {
	file, err := os.ReadFile("../../docs/grafana.json")
	if err != nil {
		t.Fatal(err)
	}
	var dashboard struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr, LegendFormat string }
		}
	}
	if err := json.Unmarshal(file, &dashboard); err != nil || len(dashboard.Panels) < 10 {
		t.Fatalf("docs/grafana.json has %d panels: %v", len(dashboard.Panels), err)
	}
	for _, panel := range dashboard.Panels {
		for _, target := range panel.Targets {
			names := regexp.MustCompile(`\b(bellhop|process)_\w+`).FindAllString(target.Expr, -1)
			for _, label := range regexp.MustCompile(`by \(([^)]+)\)`).FindAllStringSubmatch(target.Expr, -1) {
				for name := range strings.SplitSeq(label[1], ", ") {
					if !regexp.MustCompile(`(?m)^` + names[0] + `{.*\b` + name + `="`).Match(text) {
						t.Errorf("%s: %s has no label %s", panel.Title, names[0], name)
					}
				}
			}
			for _, name := range names {
				if !regexp.MustCompile(`(?m)^` + name + `[{ ]`).Match(text) {
					t.Errorf("%s: /metrics has no %s", panel.Title, name)
				}
			}
		}
	}
}
