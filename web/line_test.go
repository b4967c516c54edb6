package web_test

import (
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// A line is a path to a gateway that can be cut, as a phone's can in a tunnel.
type line struct {
	target string
	net.Listener
	mu   sync.Mutex
	open map[net.Conn]bool // true if its data is swallowed
	dead bool              // whether nothing gets through for now

	stalled bool          // whether data is read and swallowed
	late    time.Duration // how long data takes
}

var lines sync.Map // by port

func cutLine(port string) {
	if l, ok := lines.Load(port); ok {
		l.(*line).cut()
	}
}

func newLine(t *testing.T, g *gateway) *line {
	t.Helper()
	return newLineTo(t, g.address)
}

func newLineTo(t *testing.T, address string) *line {
	t.Helper()
	listener, err := listenAlone()
	if err != nil {
		t.Fatal(err)
	}
	l := &line{target: address, Listener: listener, open: map[net.Conn]bool{}}
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	lines.Store(port, l)
	go l.serve()
	t.Cleanup(l.end)
	return l
}

// lastAlone counts the addresses that listenAlone has tried.
var lastAlone atomic.Uint32

// listenAlone listens on an address of its own, if the system has several local
// ones. Firefox opens one WebSocket to an address at a time, so a stalled line
// would hold up the others.
func listenAlone() (net.Listener, error) {
	n := lastAlone.Add(1)
	l, err := net.Listen("tcp", fmt.Sprintf("127.0.%d.%d:0", 1+n/250%250, 2+n%250))
	if err != nil {
		return net.Listen("tcp", "127.0.0.1:0")
	}
	return l, nil
}

// end closes the line for good.
func (l *line) end() {
	_, port, _ := net.SplitHostPort(l.Addr().String())
	lines.Delete(port)
	l.Close()
	l.cut()
}

func (l *line) url() string { return "ws://" + l.Addr().String() }

func (l *line) serve() {
	for {
		near, err := l.Accept()
		if err != nil {
			return
		}
		far, err := net.Dial("tcp", l.target)
		l.mu.Lock()
		if err != nil || l.dead {
			near.Close()
			if far != nil {
				far.Close()
			}
		} else {
			l.open[near], l.open[far] = l.stalled, l.stalled
			go l.copy(near, far)
			go l.copy(far, near)
		}
		l.mu.Unlock()
	}
}

func (l *line) copy(to, from net.Conn) {
	defer to.Close()
	for b := make([]byte, 32<<10); ; {
		n, err := from.Read(b)
		l.mu.Lock()
		swallowed, late := l.open[from], l.late
		if err != nil {
			delete(l.open, from)
		}
		l.mu.Unlock()
		if err != nil {
			return
		}
		if late > 0 {
			<-time.After(late)
		}
		if !swallowed {
			to.Write(b[:n])
		}
	}
}

// mute silently swallows all data of the open connections. Later connections
// get through.
func (l *line) mute() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for conn := range l.open {
		l.open[conn] = true
	}
}

// stall swallows all data, of new connections too, until it is over. The
// connections are dead then.
func (l *line) stall(yes bool) {
	l.mu.Lock()
	l.stalled = yes
	l.mu.Unlock()
	if yes {
		l.mute()
	}
}

// up lets everything through from now on. Stalled connections stay dead.
func (l *line) up() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.dead, l.stalled, l.late = false, false, 0
}

// delay delays all data by that long.
func (l *line) delay(d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.late = d
}

// cut ends all connections through the line. Later ones get through, unless the
// line is down.
func (l *line) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for conn := range l.open {
		conn.Close()
	}
}

// down lets nothing through, or everything again.
func (l *line) down(yes bool) {
	l.mu.Lock()
	l.dead = yes
	l.mu.Unlock()
	if yes {
		l.cut()
	}
}
