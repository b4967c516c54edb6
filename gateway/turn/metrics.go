package turn

import (
	"github.com/pion/logging"
	"github.com/prometheus/client_golang/prometheus"
)

// Directions of what is relayed.
const (
	fromPlayer = iota
	toPlayer
)

// Reasons to refuse.
const (
	badCredentials = iota
	tooMany
	badPeer
	tooFast
)

var (
	directions = [...]string{"from_player", "to_player"}
	reasons    = [...]string{"credentials", "allocations", "peer", "bandwidth"}

	allocationsDesc = prometheus.NewDesc("bellhop_turn_allocations", "Relayed addresses that are open.", nil, nil)
	bytesDesc       = prometheus.NewDesc("bellhop_turn_bytes_total", "Bytes that were relayed, without headers.", []string{"direction"}, nil)
	refusedDesc     = prometheus.NewDesc("bellhop_turn_refused_total", "Requests and packets that were refused, by why.", []string{"reason"}, nil)
)

func (s *Server) refuse(reason int) { s.refused[reason].Add(1) }

// Describe implements prometheus.Collector.
func (s *Server) Describe(descriptions chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{allocationsDesc, bytesDesc, refusedDesc} {
		descriptions <- d
	}
}

// Collect implements prometheus.Collector.
func (s *Server) Collect(metrics chan<- prometheus.Metric) {
	metrics <- prometheus.MustNewConstMetric(allocationsDesc, prometheus.GaugeValue, float64(s.allocations.Load()))
	for i, name := range directions {
		metrics <- prometheus.MustNewConstMetric(bytesDesc, prometheus.CounterValue, float64(s.relayed[i].Load()), name)
	}
	for i, name := range reasons {
		metrics <- prometheus.MustNewConstMetric(refusedDesc, prometheus.CounterValue, float64(s.refused[i].Load()), name)
	}
}

// quiet is a logger of pion's that logs nothing: strangers cause its lines, and
// they name players.
type quiet struct{}

// NewLogger implements logging.LoggerFactory.
func (quiet) NewLogger(string) logging.LeveledLogger { return quiet{} }

// Trace and the others implement logging.LeveledLogger.
func (quiet) Trace(string)          {}
func (quiet) Tracef(string, ...any) {}
func (quiet) Debug(string)          {}
func (quiet) Debugf(string, ...any) {}
func (quiet) Info(string)           {}
func (quiet) Infof(string, ...any)  {}
func (quiet) Warn(string)           {}
func (quiet) Warnf(string, ...any)  {}
func (quiet) Error(string)          {}
func (quiet) Errorf(string, ...any) {}
