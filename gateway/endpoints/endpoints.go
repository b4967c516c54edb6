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
	Folder    string // that Close removes
	bundle    string // file of authorities
	authority *authority
	proxied   net.Listener // of the proxy
	secure    net.Listener // of TLS
	refused   sync.Map     // hosts
}

// Open listens at two ports of this machine. Until Serve, connections wait.
func Open(c Config) (e *Endpoints, err error) {
	e = &Endpoints{Config: c}
	if e.authority, err = newAuthority(); err != nil {
		return nil, err
	}
	if e.Folder, err = os.MkdirTemp("", "gateway-emulate-"); err != nil {
		return nil, err
	}
	e.bundle = filepath.Join(e.Folder, "authorities.pem")
	err = os.WriteFile(e.bundle, e.authority.bundle(), 0o600)
	for _, l := range []*net.Listener{&e.proxied, &e.secure} {
		if err == nil {
			*l, err = net.Listen("tcp", "127.0.0.1:0")
		}
	}
	if err != nil {
		os.RemoveAll(e.Folder)
		return nil, err
	}
	return e, nil
}

// Serve begins to serve an API at every API's name: clients' connections, and
// @connections.
func (e *Endpoints) Serve(clients, connections http.Handler) {
	errorLog := slog.NewLogLogger(e.Log.Handler(), slog.LevelDebug)
	database := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(e.DynamoDB) }}
	byName := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case isDynamoDB(r.TLS.ServerName) && e.DynamoDB != nil:
			database.ServeHTTP(w, r)
		case strings.Contains(r.URL.Path, "/@connections/"):
			connections.ServeHTTP(w, r)
		default:
			clients.ServeHTTP(w, r)
		}
	})
	go (&http.Server{Handler: http.HandlerFunc(e.proxy), ErrorLog: errorLog}).Serve(e.proxied)
	go (&http.Server{Handler: byName, ErrorLog: errorLog}).Serve(tls.NewListener(e.secure, &tls.Config{GetCertificate: e.authority.certificate}))
}

// Close ends listening. Connections end with the functions.
func (e *Endpoints) Close() error {
	return errors.Join(e.proxied.Close(), e.secure.Close(), os.RemoveAll(e.Folder))
}

var (
	apiName      = regexp.MustCompile(`^[\w-]+\.execute-api\.[\w-]+\.amazonaws\.com(\.cn)?$`)
	dynamoDBName = regexp.MustCompile(`^(dynamodb|\d+\.ddb)\.[\w-]+\.amazonaws\.com(\.cn)?$`)
	isAPI        = apiName.MatchString
	isDynamoDB   = dynamoDBName.MatchString
)

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
	env := []string{"NODE_OPTIONS=" + strings.TrimSpace(os.Getenv("NODE_OPTIONS")+" "+module), "NO_PROXY=" + direct, "no_proxy=" + direct}
	for _, name := range []string{"HTTPS_PROXY", "https_proxy"} {
		env = append(env, name+"=http://"+e.proxied.Addr().String())
	}
	for _, name := range []string{"AWS_CA_BUNDLE", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS"} {
		env = append(env, name+"="+e.bundle)
	}
	return env
}
