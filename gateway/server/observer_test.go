package server

import (
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"bellhop/gateway/apigateway"
)

// TestObserver checks that observing a message costs no memory, and that
// failures are counted by their kind.
func TestObserver(t *testing.T) {
	s := New(Config{Log: slog.New(slog.DiscardHandler)})
	registry := prometheus.NewRegistry()
	observe := observer(registry, s.Sockets)
	if n := testing.AllocsPerRun(1000, func() { observe("$default", time.Millisecond, nil) }); n != 0 {
		t.Errorf("it allocates %v times", n)
	}
	observe("$default", time.Second, apigateway.ErrTimeout)
	observe("$connect", time.Second, io.EOF)
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var failed []string
	for _, family := range families {
		for _, m := range family.GetMetric() {
			if family.GetName() == "bellhop_invocations_failed_total" && m.GetCounter().GetValue() == 1 {
				failed = append(failed, m.GetLabel()[1].GetValue()+" "+m.GetLabel()[0].GetValue())
			}
		}
	}
	if got := strings.Join(failed, ", "); got != "$connect error, $default timeout" {
		t.Errorf("what failed is %s", got)
	}
}
