package main

import (
	"net"
	"strings"
	"testing"
)

// TestNetwork checks that a program that listens on all addresses prints those
// for other machines, and no others.
func TestNetwork(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, has, want string }{
		{"IPv4", "127.0.0.1/8 ::1/128 192.168.1.5/24 169.254.3.4/16 fe80::1/64 2001:db8::1/64 10.0.0.2/8", "192.168.1.5 10.0.0.2"},
		{"IPv6", "127.0.0.1/8 fe80::1/64 2001:db8::1/64", "2001:db8::1"},
		{"nothing", "127.0.0.1/8", ""},
	} {
		var all []net.Addr
		for _, each := range strings.Fields(test.has) {
			ip, network, err := net.ParseCIDR(each)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, &net.IPNet{IP: ip, Mask: network.Mask})
		}
		if got := strings.Join(networkAddresses(all, nil), " "); got != test.want {
			t.Errorf("%s: %q is printed, want %q", test.name, got, test.want)
		}
	}
	for listen, want := range map[string]bool{":0": len(networkAddresses(net.InterfaceAddrs())) > 0, "127.0.0.1:0": false} {
		p := launch(t, "-listen", listen)
		p.stdout.Find(t, "Ctrl-C stops it")
		if got := strings.Contains(p.stdout.String(), "  Network    http://"); got != want {
			t.Errorf("with -listen %s it prints\n%s", listen, p.stdout)
		}
		p.stop()
		<-p.ended
	}
}
