package turn

import (
	"encoding/binary"
	"net"
	"net/netip"
	"slices"
	"sync"
)

// A channel is a peer that a player sends to by a number of four bytes (RFC
// 8656, section 12). Nearly all packets of WebRTC go by channels. pion/turn
// binds them and refuses what is wrong. The packets of bound channels over UDP
// are relayed here: from one player to another of this server in one step,
// without the two sockets between them.
type channel struct {
	channelKey
	relay *relay // of the player
	peer  netip.AddrPort
}

// A channelKey is what a packet says of its channel.
type channelKey struct {
	socket *net.UDPConn   // of the server, that received it
	player netip.AddrPort // that sent it
	number uint16
}

// routes find relayed addresses and channels.
type routes struct {
	mu       sync.RWMutex
	relays   map[netip.AddrPort]*relay // as other players see them
	channels map[channelKey]*channel
}

// relay returns the relayed address to, or nil, and its channel to from, or
// nil.
func (r *routes) relay(to, from netip.AddrPort) (*relay, *channel) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if other := r.relays[to]; other != nil {
		return other, other.channels[from]
	}
	return nil, nil
}

func (r *routes) channel(k channelKey) *channel {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.channels[k]
}

func (r *routes) addRelay(new *relay) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.relays[new.public] = new
}

func (r *routes) removeRelay(old *relay) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.relays, old.public) // pion/turn ends its channels
}

// bind adds a channel to a peer, unless its relayed address is gone.
func (r *routes) bind(k channelKey, relayed, peer netip.AddrPort) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if of := r.relays[relayed]; of != nil {
		c := &channel{k, of, peer}
		r.channels[k], of.channels[peer] = c, c
	}
}

func (r *routes) unbind(k channelKey) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if c := r.channels[k]; c != nil {
		delete(r.channels, k)
		delete(c.relay.channels, c.peer)
	}
}

// onChannel is turn.EventHandler's OnChannelCreated.
func (s *Server) onChannel(player, server net.Addr, _, _, _ string, relayed, peer net.Addr, number uint16) {
	if k, ok := s.keyOf(player, server, number); ok {
		s.routes.bind(k, addrPort(relayed), addrPort(peer))
	}
}

// onChannelEnd is turn.EventHandler's OnChannelDeleted.
func (s *Server) onChannelEnd(player, server net.Addr, _, _, _ string, _, _ net.Addr, number uint16) {
	if k, ok := s.keyOf(player, server, number); ok {
		s.routes.unbind(k)
	}
}

// keyOf returns the key of a channel, and false if its player does not use UDP.
func (s *Server) keyOf(player, server net.Addr, number uint16) (k channelKey, ok bool) {
	if _, ok := server.(*net.UDPAddr); !ok {
		return k, false
	}
	at := slices.IndexFunc(s.udp, func(udp *net.UDPConn) bool { return udp.LocalAddr().String() == server.String() })
	if at < 0 {
		return k, false
	}
	return channelKey{s.udp[at], addrPort(player), number}, true
}

// addrPort returns an address without the form in which IPv6 has one of IPv4.
func addrPort(a net.Addr) netip.AddrPort { return unmapped(a.(*net.UDPAddr).AddrPort()) }

func unmapped(a netip.AddrPort) netip.AddrPort { return netip.AddrPortFrom(a.Addr().Unmap(), a.Port()) }

// channelHeader is the size of what comes before the data of a channel: its
// number and the length of the data.
const channelHeader = 4

// deliver sends a packet to the player. It overwrites the packet's header.
func (c *channel) deliver(packet []byte) {
	data := len(packet) - channelHeader
	if !c.relay.spend(data, toPlayer) {
		return
	}
	binary.BigEndian.PutUint16(packet, c.number)
	binary.BigEndian.PutUint16(packet[2:], uint16(data))
	c.socket.WriteToUDPAddrPort(packet, c.player)
}

// packets is a UDP socket of the server. pion/turn reads from it what is not of
// a bound channel.
type packets struct {
	*net.UDPConn
	server *Server
}

// ReadFrom implements net.PacketConn.
func (p *packets) ReadFrom(b []byte) (int, net.Addr, error) {
	for {
		n, from, err := p.ReadFromUDPAddrPort(b)
		if err != nil {
			return 0, nil, err
		}
		if !p.pass(b[:n], unmapped(from)) {
			return n, net.UDPAddrFromAddrPort(from), nil
		}
	}
}

// pass relays a packet of a bound channel. It returns false for any other.
func (p *packets) pass(packet []byte, from netip.AddrPort) bool {
	if len(packet) < channelHeader || len(packet) >= maxPacket {
		return false
	}
	end := channelHeader + int(binary.BigEndian.Uint16(packet[2:]))
	if end > len(packet) { // after its data it can have padding
		return false
	}
	c := p.server.routes.channel(channelKey{p.UDPConn, from, binary.BigEndian.Uint16(packet)})
	if c == nil {
		return false
	}
	other, back := p.server.routes.relay(c.peer, c.relay.public)
	switch data := packet[channelHeader:end]; {
	case !c.relay.allows(len(data), c.peer, other):
	case back != nil:
		back.deliver(packet[:end])
	default:
		c.relay.out(data, c.peer, other)
	}
	return true
}
