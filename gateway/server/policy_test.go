package server

import "testing"

// TestPolicyOfHost checks that the policy names the host's WebSockets, and that
// a host can add nothing else to it.
func TestPolicyOfHost(t *testing.T) {
	for host, want := range map[string]string{
		"a.example": " ws://a.example wss://a.example", "[::1]:3000": " ws://[::1]:3000 wss://[::1]:3000",
		"": "", "a; script-src *": "", "a,b": "", "*": "", "'unsafe-inline'": "", "a*b": "",
	} {
		if got := sockets(host); got != want {
			t.Errorf("host %q: %q, want %q", host, got, want)
		}
	}
}
