package server

import (
	"errors"
	"net"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"bellhop/gateway/apigateway"
	"bellhop/handlers/metrics"
)

// ServeMetrics serves /metrics for Prometheus at an address of its own, until
// Close. Behind a proxy on this machine every client comes from loopback, and
// the numbers are not for clients. It must be called before Serve.
func (s *Server) ServeMetrics(listener net.Listener) {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), counted{s.Sockets}, about{s})
	if s.counts != nil {
		registry.MustRegister(played{s.counts})
	}
	registry.MustRegister(s.collectors...)
	s.Sockets.Observe = observer(registry, s.Sockets)
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	s.background(listener, mux)
}

// observer returns an apigateway.Config.Observe. It looks up all that it needs
// beforehand, so a message allocates nothing.
func observer(registry *prometheus.Registry, g *apigateway.Gateway) func(string, time.Duration, error) {
	seconds := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "bellhop_invocation_seconds", Help: "Time that the handler or function took for an event.",
		Buckets: []float64{.00005, .0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30},
	}, []string{"route"})
	failed := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "bellhop_invocations_failed_total", Help: "Events that the handler or function failed at, by why.",
	}, []string{"route", "reason"})
	registry.MustRegister(seconds, failed)
	type route struct {
		seconds         prometheus.Observer
		failed, timeout prometheus.Counter
	}
	routes := map[string]route{}
	for key := range g.Routes {
		routes[key] = route{seconds.WithLabelValues(key), failed.WithLabelValues(key, "error"), failed.WithLabelValues(key, "timeout")}
	}
	return func(key string, took time.Duration, err error) {
		r := routes[key]
		r.seconds.Observe(took.Seconds())
		switch {
		case errors.Is(err, apigateway.ErrTimeout):
			r.timeout.Inc()
		case err != nil:
			r.failed.Inc()
		}
	}
}

// counted is a prometheus.Collector of the numbers that a Gateway counts
// itself.
type counted struct{ *apigateway.Gateway }

var (
	connections = prometheus.NewDesc("bellhop_connections", "Connections that are open.", nil, nil)
	queued      = prometheus.NewDesc("bellhop_queued_bytes", "Bytes that wait for clients to read.", nil, nil)
	received    = prometheus.NewDesc("bellhop_messages_received_total", "Messages from clients.", nil, nil)
	posts       = prometheus.NewDesc("bellhop_posts_total", "Messages to clients, by what became of them.", []string{"outcome"}, nil)
	refused     = prometheus.NewDesc("bellhop_handshakes_refused_total", "Handshakes that were refused, by HTTP status.", []string{"status"}, nil)
	ended       = prometheus.NewDesc("bellhop_connections_ended_total", "Connections that have ended, by close code; 3000 stands for all above.", []string{"code"}, nil)
)

// Describe implements prometheus.Collector.
func (c counted) Describe(descriptions chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{connections, queued, received, posts, refused, ended} {
		descriptions <- d
	}
}

// Collect implements prometheus.Collector.
func (c counted) Collect(metrics chan<- prometheus.Metric) {
	s := c.Stats()
	metrics <- prometheus.MustNewConstMetric(connections, prometheus.GaugeValue, float64(s.Connections))
	metrics <- prometheus.MustNewConstMetric(queued, prometheus.GaugeValue, float64(s.Queued))
	metrics <- prometheus.MustNewConstMetric(received, prometheus.CounterValue, float64(s.Received))
	for outcome, n := range s.Posts {
		metrics <- prometheus.MustNewConstMetric(posts, prometheus.CounterValue, float64(n), outcome)
	}
	for status, n := range s.Refused {
		metrics <- prometheus.MustNewConstMetric(refused, prometheus.CounterValue, float64(n), strconv.Itoa(status))
	}
	for code, n := range s.Ended {
		metrics <- prometheus.MustNewConstMetric(ended, prometheus.CounterValue, float64(n), strconv.Itoa(code))
	}
}

// about is a prometheus.Collector of what a Server is and holds.
type about struct{ *Server }

var (
	build   = prometheus.NewDesc("bellhop_build_info", "Always 1, with the version of this program.", []string{"version"}, nil)
	lobbies = prometheus.NewDesc("bellhop_lobbies", "Lobbies that are open, if this program holds them.", nil, nil)
)

// Describe implements prometheus.Collector.
func (a about) Describe(descriptions chan<- *prometheus.Desc) {
	descriptions <- build
	descriptions <- lobbies
}

// Collect implements prometheus.Collector.
func (a about) Collect(all chan<- prometheus.Metric) {
	all <- prometheus.MustNewConstMetric(build, prometheus.GaugeValue, 1, a.version)
	if a.memory != nil {
		n, _ := a.memory.Len()
		all <- prometheus.MustNewConstMetric(lobbies, prometheus.GaugeValue, float64(n))
	}
}

// played is a prometheus.Collector of what a Handler counts.
type played struct{ *metrics.Set }

var (
	counters = descriptionsOf(metrics.Families[:])
	timings  = descriptionsOf(metrics.TimeFamilies[:])
)

func descriptionsOf(families []metrics.Family) (all []*prometheus.Desc) {
	for _, f := range families {
		all = append(all, prometheus.NewDesc(f.Name, f.Help, f.Labels, nil))
	}
	return all
}

// Describe implements prometheus.Collector.
func (p played) Describe(descriptions chan<- *prometheus.Desc) {
	for _, d := range slices.Concat(counters, timings) {
		descriptions <- d
	}
}

// Collect implements prometheus.Collector.
func (p played) Collect(all chan<- prometheus.Metric) {
	for c, d := range counters {
		p.Each(metrics.Counter(c), func(n uint64, labels []string) {
			all <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(n), labels...)
		})
	}
	for t, d := range timings {
		times, sum := p.Times(metrics.Timing(t))
		count, below := uint64(0), map[float64]uint64{}
		for i, n := range times {
			if count += n; i < len(metrics.Bounds) {
				below[metrics.Bounds[i]] = count
			}
		}
		all <- prometheus.MustNewConstHistogram(d, count, float64(sum), below)
	}
}
