package turn

import (
	"context"
	"net/netip"
)

// Policy returns which peers a server allows.
func Policy(public []netip.Addr, private bool) func(ip string) bool {
	p := newPolicy(public, 3478, private)
	return func(ip string) bool { return p.permits(netip.MustParseAddr(ip)) }
}

// Sweep checks now who may use the server.
func (s *Server) Sweep(ctx context.Context) { s.sweep(ctx) }

// Channels returns how many channels are passed on in one step.
func (s *Server) Channels() int {
	s.routes.mu.RLock()
	defer s.routes.mu.RUnlock()
	return len(s.routes.channels)
}
