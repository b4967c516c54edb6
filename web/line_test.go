package web_test

import (
	"net"
	"sync"
	"testing"
)

// A line is a way to a gateway that can be cut, as a phone's is in a tunnel.
type line struct {
	target string
	net.Listener
	mu   sync.Mutex
	open map[net.Conn]bool // true if what comes from it is swallowed
	dead bool              // whether nobody gets through for now
}

var lines sync.Map // by port

func cutLine(port string) {
	if l, ok := lines.Load(port); ok {
		l.(*line).cut()
	}
}

func newLine(t *testing.T, g *gateway) *line {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := &line{target: g.address, Listener: listener, open: map[net.Conn]bool{}}
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	lines.Store(port, l)
	go l.serve()
	t.Cleanup(func() {
		lines.Delete(port)
		l.Close()
		l.cut()
	})
	return l
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
			l.open[near], l.open[far] = false, false
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
		swallowed := l.open[from]
		if err != nil {
			delete(l.open, from)
		}
		l.mu.Unlock()
		if err != nil {
			return
		}
		if !swallowed {
			to.Write(b[:n])
		}
	}
}

// mute has whoever is connected hear nothing any more, nor be heard, without a word. Who comes afterwards gets through.
func (l *line) mute() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for conn := range l.open {
		l.open[conn] = true
	}
}

// cut ends what goes through the line. What comes afterwards gets through, unless it is down.
func (l *line) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for conn := range l.open {
		conn.Close()
	}
}

// down has nobody get through, or everybody again.
func (l *line) down(yes bool) {
	l.mu.Lock()
	l.dead = yes
	l.mu.Unlock()
	if yes {
		l.cut()
	}
}
