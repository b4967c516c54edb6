package e2e

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"bellhop/gateway/programtest"
	"bellhop/store/dynamodbtest"
)

// awsDomain is the domain of AWS in the Region of the tests.
const awsDomain = "us-east-1.amazonaws.com"

// An emulatedAWS is a ministack that programs reach under AWS's own names. They
// find it through an HTTPS proxy with a certificate of the test's own, so they
// need no setup besides the environment.
type emulatedAWS struct {
	client *http.Client // for clients in the test
	env    []string     // for programs
}

func startAWS(t *testing.T) *emulatedAWS {
	t.Helper()
	names := []string{"*." + awsDomain, "*.execute-api." + awsDomain, "*.s3.amazonaws.com", "scheduler.amazonaws.com"}
	root, key := programtest.Certificate(t, 1, names...)
	certificate, err := tls.X509KeyPair(root, key)
	if err != nil {
		t.Fatal(err)
	}
	front := httptest.NewUnstartedServer(nil)
	front.TLS = &tls.Config{Certificates: []tls.Certificate{certificate}}
	proxy := httptest.NewServer(tunnelTo(front.Listener.Addr().String()))
	t.Cleanup(proxy.Close)
	bundle := filepath.Join(t.TempDir(), "roots.pem")
	if err := os.WriteFile(bundle, root, 0o600); err != nil {
		t.Fatal(err)
	}
	a := &emulatedAWS{env: []string{
		"HTTPS_PROXY=" + proxy.URL, "https_proxy=" + proxy.URL, "NO_PROXY=", "no_proxy=",
		"SSL_CERT_FILE=" + bundle, "AWS_CA_BUNDLE=" + bundle, // Go reads the first, the AWS CLI the second
		"AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test", "AWS_DEFAULT_REGION=us-east-1",
		"AWS_EC2_METADATA_DISABLED=true", "AWS_CONFIG_FILE=/dev/null", "AWS_PAGER=",
		"AWS_ENDPOINT_URL_SCHEDULER=https://scheduler.amazonaws.com", // ministack takes the name in the Region for a bucket's
	}}
	// ministack passes its environment on to functions, and unpacks them in
	// TMPDIR. With AUTH, a function may do only what its role allows; the key
	// "test" may do everything.
	endpoint := dynamodbtest.StartMinistack(t, append(a.env, "AUTH=true",
		"MINISTACK_HOST="+awsDomain, "MINISTACK_REGION=us-east-1", "TMPDIR="+t.TempDir())...)
	target, err := url.Parse(endpoint)
	if err != nil {
		t.Fatal(err)
	}
	front.Config.Handler = httputil.NewSingleHostReverseProxy(target)
	front.StartTLS()
	t.Cleanup(front.Close)

	proxyURL, err := url.Parse(proxy.URL)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(root)
	a.client = &http.Client{Transport: &http.Transport{
		Proxy: http.ProxyURL(proxyURL), TLSClientConfig: &tls.Config{RootCAs: roots},
	}}
	return a
}

// tunnelTo returns a proxy that connects its clients to one server, whichever
// host they name.
func tunnelTo(address string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		server, err := net.Dial("tcp", address)
		if err != nil || r.Method != http.MethodConnect {
			http.Error(w, "only CONNECT is proxied", http.StatusBadGateway)
			return
		}
		defer server.Close()
		w.WriteHeader(http.StatusOK)
		client, buffered, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer client.Close()
		go func() { io.Copy(server, buffered); server.Close() }()
		io.Copy(client, server)
	})
}

// run runs the AWS CLI and returns its output.
func (a *emulatedAWS) run(t *testing.T, args ...string) string {
	t.Helper()
	c := exec.Command("../.cache/aws/bin/aws", args...)
	var stderr bytes.Buffer
	c.Env, c.Stderr = append(os.Environ(), a.env...), &stderr
	out, err := c.Output()
	if err != nil {
		t.Fatalf("aws %s: %v\n%s%s", strings.Join(args, " "), err, out, &stderr)
	}
	return strings.TrimSpace(string(out))
}
