package dynamodb_test

import (
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"bellhop/store/dynamodb"
	"bellhop/store/dynamodbtest"
)

// TestDial checks that the first call uses the connection that Dial has opened.
func TestDial(t *testing.T) {
	var opened, pings atomic.Int32
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/ping" {
			pings.Add(1)
			return
		}
		w.Header().Set("Content-Type", "application/x-amz-json-1.0")
		w.Write([]byte("{}"))
	}))
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			opened.Add(1)
		}
	}
	s.StartTLS()
	defer s.Close()
	c := dynamodbtest.Config()
	c.HTTPClient = s.Client()
	d := dynamodb.New(c, s.URL, "table", time.Now)
	d.Dial(t.Context())
	d.Lobby(t.Context(), "game#fox")
	if opened.Load() != 1 || pings.Load() != 1 {
		t.Errorf("%d connections and %d pings, want one each", opened.Load(), pings.Load())
	}
	nowhere := dynamodb.New(dynamodbtest.Config(), "http://127.0.0.1:1", "table", time.Now)
	nowhere.Dial(t.Context()) // returns
}
