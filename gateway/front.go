package main

import (
	"errors"
	"flag"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// A front is what the flags say of the way in: who may connect, and how.
type front struct {
	certificate string
	key         string
	origins     origins
	trustProxy  bool
	metrics     string
	inspect     bool
}

func (o *front) flags(f *flag.FlagSet) {
	f.StringVar(&o.certificate, "tls-cert", "", "`file` with the certificate and its chain (PEM): clients connect by wss:// then. It is read again\n"+
		"when it changes")
	f.StringVar(&o.key, "tls-key", "", "`file` with the key of -tls-cert (PEM)")
	f.Var(&o.origins, "origins", "`list` of the sites whose pages may connect, as https://a.example,https://b.example. Clients that are\n"+
		"no browsers name no site, and are let in. Without a list all sites are")
	f.BoolVar(&o.trustProxy, "trust-proxy", false, "take a client's address from X-Forwarded-For: only behind a proxy that sets it, and that nobody\n"+
		"can go around")
	f.StringVar(&o.metrics, "metrics", "", "`address` where /metrics is, for Prometheus, such as 127.0.0.1:9100; nowhere unless given")
	f.BoolVar(&o.inspect, "inspect", false, "show connections and lobbies, without secrets, to who asks on this machine for /inspect, a page, or\n"+
		"/inspect.json")
}

func (o *front) check() error {
	if (o.certificate == "") != (o.key == "") {
		return errors.New("-tls-cert and -tls-key belong together: give both, or none")
	}
	return nil
}

// origins are the sites whose pages may connect, as browsers write them in the header Origin (RFC 6454, section 7). It is
// a flag.Value. Empty, it lets in all.
type origins []string

// String implements flag.Value.
func (o *origins) String() string { return strings.Join(*o, ",") }

// Set implements flag.Value.
func (o *origins) Set(list string) error {
	for site := range strings.SplitSeq(list, ",") {
		site = strings.ToLower(strings.TrimSuffix(strings.TrimSpace(site), "/"))
		if !isOrigin(site) {
			return fmt.Errorf("%q is not a site such as https://a.example", site)
		}
		*o = append(*o, site)
	}
	return nil
}

// allow tells whether a handshake may go on. One without the header is no browser's.
func (o origins) allow(r *http.Request) bool {
	site := r.Header.Get("Origin")
	return len(o) == 0 || site == "" || slices.Contains(o, strings.ToLower(site))
}
