package endpoints

import (
	"fmt"
	"io"
	"net"
	"net/http"
)

// proxy answers CONNECT of HTTP (RFC 9110, section 9.3.6).
func (e *Endpoints) proxy(w http.ResponseWriter, r *http.Request) {
	host, _, err := net.SplitHostPort(r.Host)
	target := r.Host
	switch {
	case r.Method != http.MethodConnect || err != nil:
		http.Error(w, "only CONNECT HOST:PORT is answered here", http.StatusMethodNotAllowed)
		return
	case isAPI(host), isDynamoDB(host) && e.DynamoDB != nil:
		target = e.secure.Addr().String()
	case !e.Tunnel:
		if _, again := e.refused.LoadOrStore(host, true); !again {
			e.Log.Warn("a function asks for another host, which is refused; -tunnel lets functions reach all", "host", host)
		}
		http.Error(w, host+" is not on this machine", http.StatusForbidden)
		return
	}
	server, err := (&net.Dialer{}).DialContext(r.Context(), "tcp", target)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	client, early, err := http.NewResponseController(w).Hijack()
	if err != nil {
		server.Close()
		return
	}
	fmt.Fprint(client, "HTTP/1.1 200 Connection established\r\n\r\n")
	go func() {
		io.Copy(server, early)
		server.Close()
	}()
	io.Copy(client, server)
	client.Close()
	server.Close()
}
