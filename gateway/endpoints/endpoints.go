// Package endpoints lets functions reach what runs on this machine by the names
// that it has on AWS, so their code needs no change:
// API.execute-api.REGION.amazonaws.com is the API, and
// dynamodb.REGION.amazonaws.com a DynamoDB. Call Open, give Env to the
// functions, then Serve.
//
// Programs find it through variables: SDKs use the proxy of HTTPS_PROXY, and
// trust the certificates of an authority that is made at the start. It can
// vouch for names of AWS alone. Node knows no proxy; a module that NODE_OPTIONS
// loads connects it directly.
package endpoints

import (
	"crypto/tls"
	_ "embed"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
)

// Config configures Endpoints.
type Config struct {
	DynamoDB *url.URL // a DynamoDB on this machine; nil means that dynamodb is a host like any other
	Tunnel   bool     // other hosts can be reached; else they are refused, with a line in the log
	Log      *slog.Logger
}

// Endpoints are AWS's names on this machine. They are safe for concurrent use.
type Endpoints struct {
	Config
	authority *authority
	proxied   net.Listener // of the proxy
	secure    net.Listener // of TLS
	servers   [2]*http.Server
	folder    string // of the file of authorities
	refused   sync.Map
}

// Open listens at two ports of this machine. Until Serve, connections wait.
func Open(c Config) (e *Endpoints, err error) {
	e = &Endpoints{Config: c}
	if e.authority, err = newAuthority(); err != nil {
		return nil, err
	}
	if e.folder, err = os.MkdirTemp("", "gateway-emulate-"); err != nil {
		return nil, err
	}
	if err = os.WriteFile(e.bundleFile(), e.authority.bundle(), 0o600); err == nil {
		if e.proxied, err = net.Listen("tcp", "127.0.0.1:0"); err == nil {
			e.secure, err = net.Listen("tcp", "127.0.0.1:0")
		}
	}
	if err != nil {
		return nil, errors.Join(err, e.Close())
	}
	return e, nil
}

// Folder returns a folder that Close removes.
func (e *Endpoints) Folder() string { return e.folder }

func (e *Endpoints) bundleFile() string { return filepath.Join(e.folder, "authorities.pem") }

// Serve begins to serve an API at every API's name.
func (e *Endpoints) Serve(api http.Handler) {
	quiet := slog.NewLogLogger(e.Log.Handler(), slog.LevelDebug)
	database := http.NotFoundHandler()
	if e.DynamoDB != nil {
		database = &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(e.DynamoDB) }, ErrorLog: slog.NewLogLogger(e.Log.Handler(), slog.LevelError)}
	}
	byName := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if isDynamoDB(r.TLS.ServerName) {
			database.ServeHTTP(w, r)
			return
		}
		api.ServeHTTP(w, r)
	})
	e.servers[0] = &http.Server{Handler: http.HandlerFunc(e.proxy), ErrorLog: quiet}
	e.servers[1] = &http.Server{Handler: byName, ErrorLog: quiet, TLSConfig: &tls.Config{GetCertificate: e.authority.certificate}}
	go e.servers[0].Serve(e.proxied)
	go e.servers[1].ServeTLS(e.secure, "", "")
}

// Close ends everything.
func (e *Endpoints) Close() error {
	for _, s := range e.servers {
		if s != nil {
			s.Close()
		}
	}
	for _, l := range []net.Listener{e.proxied, e.secure} {
		if l != nil {
			l.Close()
		}
	}
	return os.RemoveAll(e.folder)
}

var (
	apiName      = regexp.MustCompile(`^[\w-]+\.execute-api\.[\w-]+\.amazonaws\.com(\.cn)?$`)
	dynamoDBName = regexp.MustCompile(`^(dynamodb|\d+\.ddb)\.[\w-]+\.amazonaws\.com(\.cn)?$`)
)

func isAPI(host string) bool      { return apiName.MatchString(host) }
func isDynamoDB(host string) bool { return dynamoDBName.MatchString(host) }

func (e *Endpoints) serves(host string) bool {
	return isAPI(host) || isDynamoDB(host) && e.DynamoDB != nil
}

//go:embed node.js
var nodeModule string

// Env returns the variables of functions, as NAME=VALUE. They keep what
// NO_PROXY and NODE_OPTIONS are in the environment of this program.
func (e *Endpoints) Env() []string {
	hosts := apiName.String()
	if e.DynamoDB != nil {
		hosts += "|" + dynamoDBName.String()
	}
	module := strings.NewReplacer("HOSTS", hosts, "PORT", fmt.Sprint(e.secure.Addr().(*net.TCPAddr).Port)).Replace(nodeModule)
	module = "--import=data:text/javascript;base64," + base64.StdEncoding.EncodeToString([]byte(module))
	direct := strings.TrimPrefix(os.Getenv("NO_PROXY")+",127.0.0.1,localhost,::1", ",")
	env := []string{"NODE_OPTIONS=" + strings.TrimSpace(os.Getenv("NODE_OPTIONS")+" "+module)}
	for _, name := range []string{"HTTPS_PROXY", "https_proxy"} {
		env = append(env, name+"=http://"+e.proxied.Addr().String())
	}
	for _, name := range []string{"NO_PROXY", "no_proxy"} {
		env = append(env, name+"="+direct)
	}
	for _, name := range []string{"AWS_CA_BUNDLE", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS"} {
		env = append(env, name+"="+e.bundleFile())
	}
	return env
}
