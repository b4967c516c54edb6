package turn

import (
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"

	"github.com/pion/turn/v5"
)

// A relay is one relayed address: a socket that other players send to. It
// counts and bounds what passes, and lets nothing out to where policy forbids.
type relay struct {
	net.PacketConn
	udp    *net.UDPConn
	server *Server
	user   *user
	public netip.AddrPort // as other players see it
	local  netip.AddrPort // as this machine sees it

	channels map[netip.AddrPort]*channel // by peer; routes.mu guards it
}

// A generator is the turn.RelayAddressGenerator of a Server.
type generator struct{ s *Server }

// Validate implements turn.RelayAddressGenerator.
func (g *generator) Validate() error { return nil }

// AllocateListener implements turn.RelayAddressGenerator. WebRTC only relays
// over UDP.
func (g *generator) AllocateListener(turn.AllocateListenerConfig) (net.Listener, net.Addr, error) {
	return nil, nil, errRefused
}

// AllocateConn implements turn.RelayAddressGenerator.
func (g *generator) AllocateConn(turn.AllocateConnConfig) (net.Conn, error) { return nil, errRefused }

// AllocatePacketConn implements turn.RelayAddressGenerator. Requests over TCP
// come at the same time as others, so it counts once more.
func (g *generator) AllocatePacketConn(c turn.AllocateListenerConfig) (net.PacketConn, net.Addr, error) {
	s := g.s
	at := slices.IndexFunc(s.Addresses, func(ip netip.Addr) bool { return ip.Is6() == (c.Network == "udp6") })
	if at < 0 {
		return nil, nil, errRefused
	}
	udp, err := s.listen(s.Addresses[at], c)
	if err != nil {
		return nil, nil, err
	}
	port := udp.LocalAddr().(*net.UDPAddr).AddrPort().Port()
	r := &relay{
		PacketConn: udp, udp: udp, server: s, public: netip.AddrPortFrom(s.Addresses[at], port), channels: map[netip.AddrPort]*channel{},
	}
	r.local = r.public
	if !s.policy.machine[r.public.Addr()] {
		r.local = netip.AddrPortFrom(loopbackOf(r.public.Addr()), port)
	}
	if c.UserID == "" { // pion/turn looks for a free even port
		return udp, net.UDPAddrFromAddrPort(r.public), nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.user = s.users[c.UserID]; r.user == nil || !s.roomFor(r.user) {
		udp.Close()
		s.refuse(tooMany)
		return nil, nil, errRefused
	}
	if r.user.relays == nil {
		r.user.relays, r.user.bandwidth = map[*relay]bool{}, limiter(s.Bandwidth)
	}
	r.user.relays[r] = true
	s.routes.addRelay(r)
	s.allocations.Add(1)
	return r, net.UDPAddrFromAddrPort(r.public), nil
}

func loopbackOf(ip netip.Addr) netip.Addr {
	if ip.Is4() {
		return netip.AddrFrom4([4]byte{127, 0, 0, 1})
	}
	return netip.IPv6Loopback()
}

// listen opens a socket at a free port. Behind 1:1 NAT the address is not this
// machine's, and the socket listens on all.
func (s *Server) listen(ip netip.Addr, c turn.AllocateListenerConfig) (udp *net.UDPConn, err error) {
	bound := ip
	if !s.policy.machine[ip] {
		bound = netip.IPv6Unspecified()
		if ip.Is4() {
			bound = netip.IPv4Unspecified()
		}
	}
	for range 100 {
		port := c.RequestedPort
		if port == 0 {
			port = s.FirstPort + rand.IntN(s.LastPort-s.FirstPort+1)
		}
		udp, err = net.ListenUDP(c.Network, net.UDPAddrFromAddrPort(netip.AddrPortFrom(bound, uint16(port))))
		if err == nil || c.RequestedPort != 0 {
			break
		}
	}
	return udp, err
}

// Close implements net.PacketConn.
func (r *relay) Close() error {
	err := r.PacketConn.Close()
	r.server.mu.Lock()
	defer r.server.mu.Unlock()
	if r.user.relays[r] {
		delete(r.user.relays, r)
		r.server.routes.removeRelay(r)
		r.server.allocations.Add(-1)
	}
	return err
}

// WriteTo implements net.PacketConn: it sends what the player sends. What may
// not leave is dropped, as a network drops.
func (r *relay) WriteTo(b []byte, addr net.Addr) (int, error) {
	to := addrPort(addr)
	other, _ := r.server.routes.relay(to, r.public)
	if r.allows(len(b), to, other) {
		r.out(b, to, other)
	}
	return len(b), nil
}

// allows counts what the player sends to a peer, and reports whether it may
// leave. other is the peer's relay, if it has one here.
func (r *relay) allows(n int, to netip.AddrPort, other *relay) bool {
	if !r.server.policy.reaches(to, other != nil) {
		r.server.refuse(badPeer)
		return false
	}
	return r.spend(n, fromPlayer)
}

// out sends data to a peer. One that cannot be reached is no reason to end.
func (r *relay) out(data []byte, to netip.AddrPort, other *relay) {
	if other != nil {
		to = other.local
	}
	r.udp.WriteToUDPAddrPort(data, to)
}

// ReadFrom implements net.PacketConn: it receives what others send to the
// player. It passes on what belongs to a channel over UDP.
func (r *relay) ReadFrom(b []byte) (int, net.Addr, error) {
	for {
		n, from, err := r.udp.ReadFromUDPAddrPort(b[channelHeader:])
		if err != nil {
			return 0, nil, err
		}
		from = unmapped(from)
		if from.Addr() == r.local.Addr() && r.local != r.public { // another relayed address, by its way inside this machine
			from = netip.AddrPortFrom(r.public.Addr(), from.Port())
			if other, _ := r.server.routes.relay(from, r.public); other == nil {
				continue
			}
		}
		if _, c := r.server.routes.relay(r.public, from); c != nil {
			c.deliver(b[:channelHeader+n])
		} else if r.spend(n, toPlayer) {
			return copy(b, b[channelHeader:channelHeader+n]), net.UDPAddrFromAddrPort(from), nil
		}
	}
}

// spend counts bytes, and reports whether the bounds leave room for them.
func (r *relay) spend(n, direction int) bool {
	now := r.server.Now()
	if !r.user.bandwidth.AllowN(now, n) || !r.server.total.AllowN(now, n) {
		r.server.refuse(tooFast)
		return false
	}
	r.server.relayed[direction].Add(uint64(n))
	return true
}
