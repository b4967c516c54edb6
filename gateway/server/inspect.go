package server

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"html/template"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"bellhop/gateway/apigateway"
	"bellhop/handlers/metrics"
	"bellhop/store"
)

// An inspector shows a person at this machine what the program holds: /inspect
// for people, /inspect.json for programs (docs/operations.md). Neither shows
// tokens, passwords or players' texts and descriptions.
type inspector struct {
	sockets *apigateway.Gateway
	memory  *store.Memory // of lobbies; nil if this program does not hold them
	nowhere string        // why there are none
	meter   meter
	counts  *metrics.Set // of the handler; nil if the integration is another
}

// newInspector returns an inspector of sockets, and of lobbies if they are in
// memory.
func newInspector(c Config, sockets *apigateway.Gateway, counts *metrics.Set) *inspector {
	i := &inspector{sockets: sockets, meter: meter{at: sockets.Now()}, counts: counts}
	i.memory, _ = c.Handler.Store.(*store.Memory)
	switch {
	case c.Other:
		i.nowhere = "What the functions of this stack keep is not known here."
	case i.memory == nil:
		i.nowhere = "Lobbies are in the table, and not in this program: docs/operations.md says how to look into it."
	}
	return i
}

// CanInspect returns an error if the pages of Config.Inspect cannot be reached
// at an address: they are for this machine alone.
func CanInspect(addr net.Addr) error {
	ip := addr.(*net.TCPAddr).IP
	if ip.IsUnspecified() || isHere(ip.String()) {
		return nil
	}
	return fmt.Errorf("-inspect is for this machine alone, and %s is not reached by 127.0.0.1; give -listen 127.0.0.1:PORT, or :PORT for all addresses", ip)
}

// inspections are the paths of an inspector.
var inspections = map[string]func(*inspector, http.ResponseWriter, *http.Request){
	"/inspect":      (*inspector).servePage,
	"/inspect.css":  (*inspector).serveStyle,
	"/inspect.json": (*inspector).serveJSON,
}

// sees reports whether a request is for an inspector, and from a person who may
// see it. For everybody else the path does not exist.
func (i *inspector) sees(r *http.Request) bool {
	return i != nil && inspections[r.URL.Path] != nil && (r.Method == "GET" || r.Method == "HEAD") && isFromHere(r)
}

// isFromHere reports whether a request comes from this machine. A request that
// a local proxy forwards can come from anywhere. A site can also let its name
// resolve to 127.0.0.1, so that its pages count as this server's (DNS
// rebinding), but then Host is the site's name.
func isFromHere(r *http.Request) bool {
	for name := range r.Header {
		if strings.HasPrefix(name, "X-Forwarded-") || slices.Contains([]string{"Forwarded", "X-Real-Ip", "Via"}, name) {
			return false
		}
	}
	from, err := netip.ParseAddrPort(r.RemoteAddr)
	return err == nil && from.Addr().Unmap().IsLoopback() && isHere((&url.URL{Host: r.Host}).Hostname())
}

// isHere reports whether an inspector can be reached under a host.
func isHere(host string) bool {
	return slices.Contains([]string{"localhost", "127.0.0.1", "::1"}, strings.ToLower(host))
}

// ServeHTTP implements http.Handler for requests that sees accepts.
func (i *inspector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	protect(h)
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	inspections[r.URL.Path](i, w, r)
}

func (i *inspector) serveJSON(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(i.look(r.Context()))
}

//go:embed inspect.css
var inspectStyle string

func (i *inspector) serveStyle(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/css; charset=utf-8")
	w.Write([]byte(inspectStyle))
}

//go:embed inspect.html
var inspectText string

var inspectPage = template.Must(template.New("inspect").Funcs(template.FuncMap{"span": span}).Parse(inspectText))

// pageRows is the number of lobbies, and of connections, on the page: more than
// anybody reads, and few enough for a phone.
const pageRows = 100

// servePage shows the newest. The page reloads every two seconds, unless it is
// told to stand still.
func (i *inspector) servePage(w http.ResponseWriter, r *http.Request) {
	p := struct {
		Snapshot
		Still                        bool
		Players, Waiting             int
		MoreLobbies, MoreConnections int
		LobbyCount, ConnectionCount  int
	}{Snapshot: i.look(r.Context()), Still: r.URL.Query().Has("still")}
	for _, l := range p.Lobbies {
		p.Players += len(l.Members)
		p.Waiting += len(l.Waiting)
	}
	p.LobbyCount, p.ConnectionCount = len(p.Lobbies), len(p.Connections)
	p.Lobbies, p.MoreLobbies = first(p.Lobbies)
	p.Connections, p.MoreConnections = first(p.Connections)
	if !p.Still {
		w.Header().Set("Refresh", "2")
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	inspectPage.Execute(w, p)
}

func first[T any](all []T) (some []T, more int) {
	n := min(len(all), pageRows)
	return all[:n], len(all) - n
}

// span formats a number of seconds for people.
func span(seconds int) string {
	switch {
	case seconds < 60:
		return fmt.Sprintf("%d s", seconds)
	case seconds < 3600:
		return fmt.Sprintf("%d min", seconds/60)
	default:
		return fmt.Sprintf("%d h %d min", seconds/3600, seconds/60%60)
	}
}
