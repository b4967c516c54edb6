// Package network groups the addresses of clients by household.
package network

import "net/netip"

// Of returns what one household has of an address: an IPv4 address, or the /64
// of an IPv6 address. It returns "" if address is none.
func Of(address string) string {
	ip, err := netip.ParseAddr(address)
	if err != nil {
		return ""
	}
	if ip = ip.Unmap().WithZone(""); ip.Is4() {
		return ip.String()
	}
	return netip.PrefixFrom(ip, 64).Masked().String()
}

// IsPublic reports whether address is one of the internet, and not of this
// machine or a private network, where a proxy might be.
func IsPublic(address string) bool {
	ip, err := netip.ParseAddr(address)
	ip = ip.Unmap()
	return err == nil && ip.IsGlobalUnicast() && !ip.IsPrivate()
}
