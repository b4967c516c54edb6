package dynamodbtest

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
)

// A Fault handles a request for DynamoDB's operation. It can answer on w itself
// or call forward, each of them never, once or twice.
type Fault func(operation string, w http.ResponseWriter, r *http.Request, forward http.Handler)

// A Proxy forwards requests to a DynamoDB, and injects faults.
type Proxy struct {
	URL   string
	fault atomic.Pointer[Fault]
}

// NewProxy starts a Proxy without faults.
func NewProxy(t testing.TB, endpoint string) *Proxy { return NewProxyAt(t, "127.0.0.1:0", endpoint) }

// NewProxyAt starts a Proxy that listens on an address.
func NewProxyAt(t testing.TB, address, endpoint string) *Proxy {
	target, err := url.Parse(endpoint)
	if err != nil {
		t.Fatal(err)
	}
	p, forward := new(Proxy), httputil.NewSingleHostReverseProxy(target)
	p.URL = Serve(t, address, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
		if fault := p.fault.Load(); fault != nil {
			(*fault)(operation, w, r, forward)
			return
		}
		forward.ServeHTTP(w, r)
	}))
	return p
}

// Serve serves h on an address until the test ends, and returns its URL.
func Serve(t testing.TB, address string, h http.Handler) (url string) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	server := &httptest.Server{Listener: listener, Config: &http.Server{Handler: h}}
	server.Start()
	t.Cleanup(server.Close)
	t.Cleanup(server.CloseClientConnections)
	return server.URL
}

// Set lets f handle all requests from now on; nil forwards them.
func (p *Proxy) Set(f Fault) {
	if f == nil {
		p.fault.Store(nil)
		return
	}
	p.fault.Store(&f)
}

// Times returns a Fault that is f for the first n requests of operation.
func Times(n int, operation string, f Fault) Fault {
	var left atomic.Int64
	left.Store(int64(n))
	return func(op string, w http.ResponseWriter, r *http.Request, forward http.Handler) {
		if op == operation && left.Add(-1) >= 0 {
			f(op, w, r, forward)
			return
		}
		forward.ServeHTTP(w, r)
	}
}

// Lost forwards the request and loses the answer.
func Lost(operation string, w http.ResponseWriter, r *http.Request, forward http.Handler) {
	Keep(operation, w, r, forward)
	panic(http.ErrAbortHandler)
}

// Keep forwards the request and withholds the answer.
func Keep(_ string, _ http.ResponseWriter, r *http.Request, forward http.Handler) {
	forward.ServeHTTP(httptest.NewRecorder(), r)
}

// Hangs never answers.
func Hangs(_ string, _ http.ResponseWriter, r *http.Request, _ http.Handler) {
	io.Copy(io.Discard, r.Body) // or the server does not notice that the client has gone
	<-r.Context().Done()
}

// Throttled answers as DynamoDB does when requests exceed the limit of a table
// or an account.
func Throttled(_ string, w http.ResponseWriter, _ *http.Request, _ http.Handler) {
	refuse(w, http.StatusBadRequest, "ProvisionedThroughputExceededException")
}

// Broken answers as DynamoDB does when the fault is its own.
func Broken(_ string, w http.ResponseWriter, _ *http.Request, _ http.Handler) {
	refuse(w, http.StatusInternalServerError, "InternalServerError")
}

// Vanished answers as DynamoDB does when the table is gone.
func Vanished(_ string, w http.ResponseWriter, _ *http.Request, _ http.Handler) {
	refuse(w, http.StatusBadRequest, "ResourceNotFoundException")
}

func refuse(w http.ResponseWriter, status int, kind string) {
	w.Header().Set("Content-Type", "application/x-amz-json-1.0")
	w.WriteHeader(status)
	io.WriteString(w, `{"__type":"com.amazonaws.dynamodb.v20120810#`+kind+`","message":"made so by a test"}`)
}
