package turn

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
)

// Addresses returns Config.Addresses: those of given, an address or a name, or
// without that this machine's own for a server that listens at host.
func Addresses(ctx context.Context, given, host string) ([]netip.Addr, error) {
	if given != "" {
		return lookUp(ctx, given)
	}
	if host != "" {
		found, err := lookUp(ctx, host)
		if err == nil || !errors.Is(err, errNoHost) {
			return found, err
		}
	}
	return []netip.Addr{machineAddress()}, nil
}

// errNoHost is the error for addresses that are no single host's.
var errNoHost = errors.New("is no address of a host")

// lookUp returns up to one address of each family, IPv4 first.
func lookUp(ctx context.Context, host string) (found []netip.Addr, err error) {
	all, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return nil, fmt.Errorf("cannot look up %q: %w", host, err)
	}
	for _, is4 := range []bool{true, false} {
		at := slices.IndexFunc(all, func(ip netip.Addr) bool { return ip.Unmap().Is4() == is4 })
		if at >= 0 {
			found = append(found, all[at].Unmap())
		}
	}
	for _, ip := range found {
		if contains(never, ip) || ip.Zone() != "" || ip.IsLinkLocalUnicast() {
			return nil, fmt.Errorf("%s %w", ip, errNoHost)
		}
	}
	return found, nil
}

// machineAddress returns the address by which this machine reaches others. It
// sends nothing: connecting a UDP socket only chooses a route.
func machineAddress() netip.Addr {
	for _, target := range []string{"192.0.2.1:9", "[2001:db8::1]:9"} { // addresses of documentation
		conn, err := net.Dial("udp", target)
		if err != nil {
			continue
		}
		defer conn.Close()
		if ip := conn.LocalAddr().(*net.UDPAddr).AddrPort().Addr().Unmap(); !ip.IsLoopback() {
			return ip
		}
	}
	for _, network := range machineNetworks() {
		if ip := network.Addr(); !ip.IsLoopback() && !ip.IsLinkLocalUnicast() {
			return ip
		}
	}
	return netip.AddrFrom4([4]byte{127, 0, 0, 1})
}

// IsOwn reports whether an address is this machine's.
func IsOwn(ip netip.Addr) bool {
	return slices.ContainsFunc(machineNetworks(), func(n netip.Prefix) bool { return n.Addr() == ip })
}
