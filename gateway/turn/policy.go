package turn

import (
	"net"
	"net/netip"
	"slices"
)

// A policy decides where players can send through this server: to the internet,
// and not into the networks that this machine is in.
type policy struct {
	public  []netip.Addr        // where others reach what is relayed
	machine map[netip.Addr]bool // all addresses of this machine
	near    []netip.Prefix      // the network that this server is for, if it is none of the internet's
	port    uint16              // this server's own
	private bool
}

// never are addresses that no player has: those of clouds' metadata services,
// which hand out credentials, and those that are no single host's.
var never = prefixes("0.0.0.0/8", "224.0.0.0/4", "240.0.0.0/4", "169.254.169.254/32", "169.254.170.2/32", "100.100.100.200/32",
	"168.63.129.16/32", "192.0.0.192/32", "::/128", "ff00::/8", "fd00:ec2::/32", "fd20:ce::254/128")

// inside are addresses that are not of the internet, by IANA's registries of
// special-purpose addresses. If one contains an IPv4 address, it could lead
// there.
var inside = prefixes("10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24",
	"192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "::/96", "::ffff:0:0/96", "64:ff9b::/96",
	"64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20", "5f00::/16", "fc00::/7", "fe80::/10", "fec0::/10")

func prefixes(texts ...string) (all []netip.Prefix) {
	for _, text := range texts {
		all = append(all, netip.MustParsePrefix(text))
	}
	return all
}

func contains(all []netip.Prefix, ip netip.Addr) bool {
	return slices.ContainsFunc(all, func(p netip.Prefix) bool { return p.Contains(ip) })
}

// IsPrivate reports whether an address is not of the internet.
func IsPrivate(ip netip.Addr) bool { return contains(inside, ip) }

// newPolicy returns the policy of a server whose relayed addresses are public.
// If one of those is in a private network, its players are there too.
func newPolicy(public []netip.Addr, port uint16, private bool) *policy {
	p := &policy{public: public, machine: map[netip.Addr]bool{}, port: port, private: private}
	networks := machineNetworks()
	for _, network := range networks {
		p.machine[network.Addr()] = true
	}
	for _, ip := range public {
		if !IsPrivate(ip) {
			continue
		}
		for _, network := range networks {
			switch {
			case ip.IsLoopback(): // everybody is on this machine
				p.near = append(p.near, netip.PrefixFrom(network.Addr(), network.Addr().BitLen()))
			case network.Addr() == ip:
				p.near = append(p.near, network.Masked())
			}
		}
		if ip.IsLoopback() {
			p.near = append(p.near, prefixes("127.0.0.0/8", "::1/128")...)
		}
	}
	return p
}

// machineNetworks returns the addresses of this machine with their networks.
func machineNetworks() (all []netip.Prefix) {
	addresses, _ := net.InterfaceAddrs()
	for _, a := range addresses {
		network, ok := a.(*net.IPNet)
		if !ok {
			continue
		}
		ip, _ := netip.AddrFromSlice(network.IP)
		bits, _ := network.Mask.Size()
		all = append(all, netip.PrefixFrom(ip.Unmap().WithZone(""), bits))
	}
	return all
}

// permits reports whether a player may have a peer at an address.
func (p *policy) permits(ip netip.Addr) bool {
	ip = ip.Unmap()
	switch {
	case !ip.IsValid() || ip.Zone() != "" || contains(never, ip):
		return false
	case slices.Contains(p.public, ip) || !IsPrivate(ip) || p.private:
		return true
	}
	return contains(p.near, ip)
}

// reaches reports whether a player may send to an address that permits allows.
// Of this server's own addresses, the relayed ones are open to all; others only
// where players may be on this machine.
func (p *policy) reaches(to netip.AddrPort, relayed bool) bool {
	isPublic := slices.Contains(p.public, to.Addr())
	switch {
	case relayed:
		return true
	case to.Port() == 0, to.Port() == p.port && (isPublic || p.machine[to.Addr()]):
		return false
	case isPublic:
		return p.private || contains(p.near, to.Addr())
	}
	return true
}

// permits is turn.PermissionHandler.
func (s *Server) permits(_ net.Addr, peer net.IP) bool {
	ip, ok := netip.AddrFromSlice(peer)
	if ok && s.policy.permits(ip) {
		return true
	}
	s.refuse(badPeer)
	return false
}
