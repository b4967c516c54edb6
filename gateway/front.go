package main

import (
	"crypto/tls"
	"errors"
	"flag"
	"log/slog"

	"bellhop/gateway/server"
)

// listenFlags are the flags that decide who can connect, and how.
type listenFlags struct {
	certificate string
	key         string
	origins     server.Origins
	trustProxy  bool
	metrics     string
	inspect     bool
}

func (o *listenFlags) flags(f *flag.FlagSet) {
	f.StringVar(&o.certificate, "tls-cert", "", "`file` with the certificate and its chain (PEM), for wss://; read again when it changes")
	f.StringVar(&o.key, "tls-key", "", "`file` with the key of -tls-cert (PEM)")
	f.Var(&o.origins, "origins", "`sites` whose pages can connect, as https://a.example,https://b.example; also null and apps' own, such\n"+
		"as capacitor://localhost. Without it pages of all sites can. Clients that are not browsers always can")
	f.BoolVar(&o.trustProxy, "trust-proxy", false, "client addresses from X-Forwarded-For: only behind a proxy that sets it and cannot be bypassed")
	f.StringVar(&o.metrics, "metrics", "", "`address` of /metrics, for Prometheus, such as 127.0.0.1:9100; without it there is none")
	f.BoolVar(&o.inspect, "inspect", false, "connections and lobbies, without secrets, at /inspect and /inspect.json, for this machine alone")
}

func (o *listenFlags) check() error {
	if (o.certificate == "") != (o.key == "") {
		return errors.New("-tls-cert and -tls-key belong together: give both, or none")
	}
	return nil
}

// secure returns the TLS configuration of the flags, or nil if they ask for
// none.
func (o *listenFlags) secure(log *slog.Logger) (*tls.Config, error) {
	if o.certificate == "" {
		return nil, nil
	}
	return server.LoadTLS(o.certificate, o.key, log)
}
