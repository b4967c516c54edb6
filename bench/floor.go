package main

import (
	"fmt"
	"net"
	"net/http"
	"runtime/debug"
	"sync"

	"github.com/lxzan/gws"
)

// serveFloor is the floor's server: plain gws, which forwards each message
// unchanged to the other end of its sender's pair. Ends connect with
// ?pair=NAME&side=a and side=b. It returns only if it fails.
func serveFloor() error {
	debug.SetGCPercent(400) // as in the gateway: a difference would measure the collector, not the relay
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Printf("ws://%s\n", listener.Addr())
	r := &relay{pairs: map[string]*ends{}}
	upgrader := gws.NewUpgrader(r, &gws.ServerOption{
		NewSession: func() gws.SessionStorage { return new(seat) },
		Authorize:  r.seat,
	})
	return http.Serve(listener, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		socket, err := upgrader.Upgrade(w, r)
		if err != nil {
			return // gws has answered
		}
		go func() { // apart from the request, so that can be freed
			defer func() {
				if recover() != nil { // gws v1.8.9 panics on a frame that claims 2^63 bytes or more
					socket.NetConn().Close()
				}
			}()
			socket.ReadLoop()
		}()
	}))
}

// A relay holds its pairs. It forgets none: the process serves one measurement.
type relay struct {
	gws.BuiltinEventHandler
	mu    sync.Mutex
	pairs map[string]*ends
}

// ends are two connections that forward to each other.
type ends struct {
	missing sync.WaitGroup
	sockets [2]*gws.Conn
}

// A seat is one end of a pair. It is a session of gws, but does not use the
// session's map: fields cost no lock and no hash.
type seat struct {
	gws.SessionStorage
	*ends
	side int // index in sockets
}

// seat returns the end that a request names.
func (r *relay) seat(request *http.Request, session gws.SessionStorage) bool {
	q := request.URL.Query()
	r.mu.Lock()
	defer r.mu.Unlock()
	e := r.pairs[q.Get("pair")]
	if e == nil {
		e = new(ends)
		e.missing.Add(len(e.sockets))
		r.pairs[q.Get("pair")] = e
	}
	s := session.(*seat)
	s.ends = e
	if q.Get("side") == "b" {
		s.side = 1
	}
	return true
}

// OnOpen implements gws.Event.
func (r *relay) OnOpen(socket *gws.Conn) {
	s := socket.Session().(*seat)
	s.sockets[s.side] = socket
	s.missing.Done()
}

// OnMessage implements gws.Event.
func (r *relay) OnMessage(socket *gws.Conn, message *gws.Message) {
	defer message.Close()
	s := socket.Session().(*seat)
	s.missing.Wait() // a client may send before the other's OnOpen; later this is one atomic load
	s.sockets[1-s.side].WriteMessage(message.Opcode, message.Bytes())
}
