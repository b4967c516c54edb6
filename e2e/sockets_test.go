package e2e

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	awsevents "github.com/aws/aws-lambda-go/events"
	"github.com/coder/websocket"

	"bellhop/gateway/apigateway"
	"bellhop/gateway/server"
	"bellhop/store/dynamodbtest"
)

// socketHome is the gateway, with clients of another WebSocket library.
type socketHome struct {
	t        *testing.T
	gateway  *apigateway.Gateway
	url      string
	callback string // where @connections is: http://HOST:PORT
	next     string // the id of the connection in progress
	clients  map[string]*client
	deaf     sync.Map    // names whose end Bellhop does not notice
	ended    chan string // names whose end Bellhop has handled
}

// A client is one end of a WebSocket, with its received and unread messages.
type client struct {
	*websocket.Conn
	inbox []string
}

// fence is a message that comes back unchanged: Bellhop has then handled
// everything sent before it.
const fence = "fence"

func openSockets(t *testing.T, w *world) home {
	invoker := new(apigateway.Invoker)
	h := newSocketHome(t, w, "127.0.0.1:0", invoker)
	*invoker = w.handle(&server.Poster{Gateway: h.gateway}).Handle
	return h
}

// newSocketHome returns a gateway with @connections at its own address. The
// caller sets its invoker.
func newSocketHome(t *testing.T, w *world, callback string, invoker *apigateway.Invoker) *socketHome {
	h := &socketHome{t: t, clients: map[string]*client{}, ended: make(chan string, 100)}
	h.gateway = apigateway.New(apigateway.Config{
		Invoke: h.invoke(invoker), AnyText: true, Now: w.clock.Now, NewConnectionID: func() string { return h.next },
		Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	h.callback = dynamodbtest.Serve(t, callback, h.gateway.Management())
	listener := httptest.NewServer(h.gateway)
	h.url = "ws" + strings.TrimPrefix(listener.URL, "http")
	t.Cleanup(func() {
		for name, c := range h.clients {
			h.deaf.Store(name, true)
			c.CloseNow()
		}
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		h.gateway.Shutdown(ctx)
		listener.Close()
	})
	return h
}

// invoke returns an Invoker that answers fences itself, and hides the end of
// the deaf connections from next.
func (h *socketHome) invoke(behind *apigateway.Invoker) apigateway.Invoker {
	done := awsevents.APIGatewayProxyResponse{StatusCode: 200}
	return func(ctx context.Context, e awsevents.APIGatewayWebsocketProxyRequest) (awsevents.APIGatewayProxyResponse, error) {
		name := e.RequestContext.ConnectionID
		if e.Body == fence {
			return done, h.gateway.Post(ctx, name, []byte(fence))
		}
		if e.RequestContext.EventType != "DISCONNECT" {
			return (*behind)(ctx, e)
		}
		defer func() { h.ended <- name }()
		if _, deaf := h.deaf.Load(name); deaf {
			return done, nil
		}
		return (*behind)(ctx, e)
	}
}

func (h *socketHome) context() context.Context {
	ctx, cancel := context.WithTimeout(h.t.Context(), 20*time.Second)
	h.t.Cleanup(cancel)
	return ctx
}

func (h *socketHome) connect(name, query string) int {
	h.next = name
	c, r, err := websocket.Dial(h.context(), h.url+"/?"+query, nil)
	if r == nil {
		h.t.Fatal(err)
	}
	if err == nil {
		c.SetReadLimit(1 << 20)
		h.clients[name] = &client{Conn: c}
	} else if body, _ := io.ReadAll(r.Body); len(body) == 0 && r.StatusCode == http.StatusBadRequest {
		h.t.Error("a handshake was refused without a word")
	}
	return r.StatusCode
}

func (h *socketHome) send(name, text string) {
	h.write(name, text)
	h.sync(name)
}

func (h *socketHome) write(name, text string) {
	h.t.Helper()
	if err := h.clients[name].Write(h.context(), websocket.MessageText, []byte(text)); err != nil {
		h.t.Fatalf("%s cannot send: %v", name, err)
	}
}

// sync receives until Bellhop has handled everything sent so far.
func (h *socketHome) sync(name string) {
	h.t.Helper()
	c := h.clients[name]
	c.Write(h.context(), websocket.MessageText, []byte(fence)) // or the received close says why not
	for {
		_, data, err := c.Read(h.context())
		if websocket.CloseStatus(err) == websocket.StatusNormalClosure {
			delete(h.clients, name)
			for <-h.ended != name {
			}
			c.inbox = append(c.inbox, hungUp)
			return
		}
		if err != nil {
			h.t.Fatalf("%s cannot receive: %v", name, err)
		}
		if string(data) == fence {
			return
		}
		c.inbox = append(c.inbox, withoutReference(string(data)))
	}
}

func (h *socketHome) heard(name string) (events []string) {
	c := h.clients[name]
	h.sync(name)
	events, c.inbox = c.inbox, nil
	return events
}

func (h *socketHome) drop(name string, silent bool) {
	if silent {
		h.deaf.Store(name, true)
	}
	h.clients[name].Close(websocket.StatusNormalClosure, "")
	delete(h.clients, name)
	for <-h.ended != name {
	}
}
