package network_test

import (
	"testing"

	"bellhop/internal/network"
)

func TestNetwork(t *testing.T) {
	for _, tt := range []struct {
		address, of string
		public      bool
	}{
		{"192.0.2.7", "192.0.2.7", true},
		{"::ffff:192.0.2.7", "192.0.2.7", true},
		{"2001:db8:0:1:2::3", "2001:db8:0:1::/64", true},
		{"fe80::1%eth0", "fe80::/64", false},
		{"10.0.0.1", "10.0.0.1", false},
		{"::ffff:127.0.0.1", "127.0.0.1", false},
		{"fd00::1", "fd00::/64", false},
		{"", "", false},
		{"example.com", "", false},
	} {
		if of, public := network.Of(tt.address), network.IsPublic(tt.address); of != tt.of || public != tt.public {
			t.Errorf("%q is in %q, public %v; want %q, %v", tt.address, of, public, tt.of, tt.public)
		}
	}
}
