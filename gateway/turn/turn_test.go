package turn_test

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/pion/stun/v4"

	"bellhop/events"
	"bellhop/gateway/turn"
	"bellhop/internal/turnrest"
)

// everywhere runs a test with a server behind 1:1 NAT, and with one for this
// machine alone. address is where others reach it.
func everywhere(t *testing.T, test func(t *testing.T, w *world, address netip.Addr)) {
	for name, address := range map[string]netip.Addr{"NAT": internet, "loopback": netip.MustParseAddr("127.0.0.1")} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, open(t, func(c *turn.Config) { c.Addresses = []netip.Addr{address} }), address)
		})
	}
}

// TestRelay checks that players in a lobby reach each other by their relayed
// addresses, over UDP and TCP, behind 1:1 NAT, in a LAN and on one machine. The
// gateway's own port is out of their reach.
func TestRelay(t *testing.T) {
	everywhere(t, func(t *testing.T, w *world, address netip.Addr) {
		host, guest := w.dial(w.credentials("host"), "udp"), w.dial(w.credentials("guest"), "tcp")
		a, b := w.allocate(host), w.allocate(guest)
		if err := guest.CreatePermission(a.LocalAddr()); err != nil {
			t.Fatal(err)
		}
		if _, err := a.WriteTo([]byte("hello"), b.LocalAddr()); err != nil {
			t.Fatal(err)
		}
		got := make([]byte, 100)
		b.SetReadDeadline(time.Now().Add(patience))
		n, from, err := b.ReadFrom(got)
		if err != nil || string(got[:n]) != "hello" || from.String() != a.LocalAddr().String() {
			t.Errorf("the guest gets %q from %v, %v; want it from %v", got[:n], from, err, a.LocalAddr())
		}
		own := &net.UDPAddr{IP: address.AsSlice(), Port: w.server.Addr().Port}
		before := w.metric("bellhop_turn_refused_total", "peer")
		a.WriteTo([]byte("hello"), own)
		w.until("a packet to the gateway is refused", func() bool { return w.metric("bellhop_turn_refused_total", "peer") > before })
		if n := w.metric("bellhop_turn_allocations", ""); n != 2 {
			t.Errorf("there are %v allocations", n)
		}
		if n := w.metric("bellhop_turn_bytes_total", "to_player"); n != 5 {
			t.Errorf("%v bytes were relayed", n)
		}
	})
}

// TestChannels checks that packets of channels pass from one player to another
// as they are, in both directions, and that a channel ends with its relayed
// address. A packet that lies about its length goes nowhere.
func TestChannels(t *testing.T) {
	everywhere(t, func(t *testing.T, w *world, _ netip.Addr) {
		host, guest := w.dial(w.credentials("host"), "udp"), w.dial(w.credentials("guest"), "udp")
		a, b := w.allocate(host), w.allocate(guest)
		got := make([]byte, 2000)
		hears := func(at net.PacketConn, want string, from net.PacketConn) {
			t.Helper()
			at.SetReadDeadline(time.Now().Add(patience))
			for { // until what was sent to bind the channel is over
				n, is, err := at.ReadFrom(got)
				if err == nil && string(got[:n]) == want && is.String() == from.LocalAddr().String() {
					return
				}
				if err != nil || string(got[:n]) != "bind" {
					t.Fatalf("%q arrives from %v, %v; want %q", got[:n], is, err, want)
				}
			}
		}
		w.until("both channels are bound", func() bool {
			a.WriteTo([]byte("bind"), b.LocalAddr())
			b.WriteTo([]byte("bind"), a.LocalAddr())
			return w.server.Channels() == 2
		})
		long := strings.Repeat("x", 1500)
		a.WriteTo([]byte(long), b.LocalAddr())
		hears(b, long, a)
		b.WriteTo([]byte("hello"), a.LocalAddr())
		hears(a, "hello", b)
		for _, packet := range []string{
			"\x40\x00\x00\x06hello", "\x40\x00\xff\xffhello", "\x40\x01\x00\x05hello", "\x40\x00\x00", // and none of these
			"\x40\x00\x00\x05padded\x00\x00",
		} {
			w.conns[host].WriteTo([]byte(packet), w.server.Addr())
		}
		hears(b, "padde", a)
		w.say("host", `{"action":"remove_player","content":{"connection_id":"guest"}}`)
		w.server.Sweep(t.Context())
		w.until("the guest's channel is gone", func() bool { return w.server.Channels() == 1 })
	})
}

// forge returns credentials made with another secret.
func forge(w *world, conn string) events.ICEServer {
	name := turnrest.Username(conn, w.Clock.Now().Add(time.Hour))
	return events.ICEServer{Username: name, Credential: turnrest.Password([]byte("guessed"), name)}
}

// TestRefusals checks who gets nothing, and what for.
func TestRefusals(t *testing.T) {
	for _, test := range []struct {
		name, want, reason string
		do                 func(w *world) error
	}{
		{"no password", "401", "credentials", func(w *world) error {
			with := w.credentials("host")
			with.Credential = "wrong"
			_, err := w.dial(with, "udp").Allocate()
			return err
		}},
		{"foreign credentials", "401", "credentials", func(w *world) error {
			_, err := w.dial(forge(w, "host"), "udp").Allocate()
			return err
		}},
		{"a stranger's name", "401", "credentials", func(w *world) error {
			_, err := w.dial(forge(w, "other"), "tcp").Allocate()
			return err
		}},
		{"a later expiry", "401", "credentials", func(w *world) error {
			with := w.credentials("host")
			with.Username = turnrest.Username("host", w.Clock.Now().Add(100*time.Hour))
			_, err := w.dial(with, "udp").Allocate()
			return err
		}},
		{"expired credentials", "401", "credentials", func(w *world) error {
			with := w.credentials("host")
			w.Clock.Move(3*time.Hour + time.Second)
			_, err := w.dial(with, "udp").Allocate()
			return err
		}},
		{"a fifth allocation", "486", "allocations", func(w *world) error {
			for range 4 {
				w.allocate(w.dial(w.credentials("host"), "udp"))
			}
			_, err := w.dial(w.credentials("host"), "tcp").Allocate()
			return err
		}},
		{"TCP to others", "508", "", func(w *world) error {
			_, err := w.dial(w.credentials("host"), "tcp").AllocateTCP()
			return err
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w := open(t, nil)
			if err := test.do(w); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("it ends with %v, want %s", err, test.want)
			}
			if test.reason != "" && w.metric("bellhop_turn_refused_total", test.reason) == 0 {
				t.Errorf("no refusal is counted for %s", test.reason)
			}
			if w.World.Log.Len() > 0 {
				t.Errorf("the log has %s", &w.World.Log)
			}
		})
	}
}

// TestPeers checks to where players can send through the server: nowhere near
// it, unless it is for a network that is near.
func TestPeers(t *testing.T) {
	const never = "0.0.0.0 224.0.0.251 239.1.2.3 255.255.255.255 169.254.169.254 169.254.170.2 100.100.100.200 168.63.129.16 :: ff02::1 fd00:ec2::254 " +
		"::ffff:169.254.169.254"
	const inside = "127.0.0.1 127.1.2.3 10.0.0.1 172.16.0.1 172.31.255.255 192.168.1.1 169.254.1.1 100.64.0.1 198.18.0.1 ::1 fe80::1 fc00::1 " +
		"64:ff9b::7f00:1 2002:7f00:1:: ::ffff:10.0.0.1 ::127.0.0.1"
	const outside = "8.8.8.8 9.9.9.9 172.32.0.1 2606:4700::1111 ::ffff:8.8.8.8"
	loopback := netip.MustParseAddr("127.0.0.1")
	for _, test := range []struct {
		name    string
		public  netip.Addr
		private bool
		allowed string
		refused string
	}{
		{"of the internet", internet, false, outside, inside + " " + never},
		{"with -turn-private", internet, true, inside + " " + outside, never},
		{"of this machine", loopback, false, "127.0.0.1 127.1.2.3 ::1 " + outside, "10.255.0.1 169.254.1.1 fe80::1 64:ff9b::7f00:1 " + never},
	} {
		allows := turn.Policy([]netip.Addr{test.public}, test.private)
		for ip := range strings.FieldsSeq(test.allowed) {
			if !allows(ip) {
				t.Errorf("a server %s refuses %s", test.name, ip)
			}
		}
		for ip := range strings.FieldsSeq(test.refused) {
			if allows(ip) {
				t.Errorf("a server %s allows %s", test.name, ip)
			}
		}
	}
	w := open(t, nil)
	c := w.dial(w.credentials("host"), "udp")
	w.allocate(c)
	for _, ip := range []string{"169.254.169.254", "127.0.0.1", "10.0.0.1", "::1"} {
		if err := c.CreatePermission(&net.UDPAddr{IP: net.ParseIP(ip), Port: 80}); err == nil {
			t.Errorf("a permission for %s is given", ip)
		}
	}
}

// TestRemoved checks that a player loses its relayed address with its slot, and
// not with the lobby or its connection.
func TestRemoved(t *testing.T) {
	for _, test := range []struct {
		name string
		do   func(w *world)
		out  bool
	}{
		{"removed", func(w *world) { w.say("host", `{"action":"remove_player","content":{"connection_id":"guest"}}`) }, true},
		{"banned", func(w *world) {
			w.say("host", `{"action":"remove_player","content":{"connection_id":"guest","ban":true}}`)
		}, true},
		{"left", func(w *world) { w.say("guest", `{"action":"leave_lobby"}`) }, true},
		{"dropped", func(w *world) { w.Drop("guest") }, false},
		{"lobby closed", func(w *world) { w.say("host", `{"action":"close_lobby"}`) }, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w := open(t, nil)
			with := w.credentials("guest")
			w.allocate(w.dial(with, "udp"))
			test.do(w)
			w.server.Sweep(t.Context())
			if test.out {
				w.until("the guest has no allocation", func() bool { return w.metric("bellhop_turn_allocations", "") == 0 })
			} else if n := w.metric("bellhop_turn_allocations", ""); n != 1 {
				t.Errorf("the guest has %v allocations", n)
			}
			if _, err := w.dial(with, "udp").Allocate(); (err != nil) != test.out {
				t.Errorf("with its old credentials it gets %v", err)
			}
			if test.out {
				if got := w.credentials("guest"); got.URLs != nil {
					t.Errorf("it gets credentials for %v", got.URLs)
				}
			}
		})
	}
	w := open(t, nil)
	if got := w.credentials("other"); got.URLs != nil {
		t.Errorf("a client in no lobby gets credentials for %v", got.URLs)
	}
	w.say("host", `{"action":"update_lobby","content":{"auto_accept":false}}`)
	w.say("other", `{"action":"join_lobby","content":{"lobby_id":"fox"}}`)
	if got := w.credentials("other"); len(got.URLs) != 2 {
		t.Errorf("a client that waits gets credentials for %v", got.URLs)
	}
}

// TestBandwidth checks that each player, and all together, relay no more than
// they may.
func TestBandwidth(t *testing.T) {
	for name, limit := range map[string]func(*turn.Config){
		"of one": func(c *turn.Config) { c.Bandwidth = 5000 },
		"of all": func(c *turn.Config) { c.Total = 5000 },
	} {
		w := open(t, limit) // whose clock stands still
		a, b := w.allocate(w.dial(w.credentials("host"), "udp")), w.allocate(w.dial(w.credentials("guest"), "udp"))
		for range 20 {
			if _, err := a.WriteTo(make([]byte, 1000), b.LocalAddr()); err != nil {
				t.Fatal(err)
			}
		}
		w.until("all packets have come", func() bool {
			return w.metric("bellhop_turn_bytes_total", "from_player")/1000+w.metric("bellhop_turn_refused_total", "bandwidth") >= 20
		})
		if n := w.metric("bellhop_turn_bytes_total", "from_player"); n > 5000 || n < 2000 {
			t.Errorf("%s: %v bytes were relayed", name, n)
		}
	}
}

// TestTaken checks that a port that is taken is an error that names it.
func TestTaken(t *testing.T) {
	w := open(t, nil)
	_, err := turn.Start(turn.Config{Listen: w.server.Addr().String(), Addresses: []netip.Addr{internet}, Now: time.Now})
	if err == nil || !strings.Contains(err.Error(), w.server.Addr().String()) {
		t.Errorf("it ends with %v", err)
	}
}

// FuzzPackets checks that the server goes on after any packet, over UDP and
// TCP.
func FuzzPackets(f *testing.F) {
	lie := []byte{0x40, 0, 0xff, 0xff, 1, 2, 3, 4}
	allocate := stun.MustBuild(stun.TransactionID, stun.NewType(stun.MethodAllocate, stun.ClassRequest), stun.NewUsername("1:x"),
		stun.NewRealm("bellhop"), stun.NewNonce("n"), stun.NewShortTermIntegrity("p")).Raw
	for _, seed := range [][]byte{nil, {0}, lie, make([]byte, 65000), append(lie, make([]byte, 64000)...), allocate, allocate[:30]} {
		f.Add(seed)
	}
	w := open(f, nil)
	at := w.server.Addr().String()
	f.Fuzz(func(t *testing.T, packet []byte) {
		for _, network := range []string{"udp", "tcp"} {
			conn, err := net.Dial(network, at)
			if err != nil {
				t.Fatal(err)
			}
			conn.Write(packet[:min(len(packet), 65000)])
			conn.Close()
			if err := binds(network, at); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// binds asks a STUN server for this end's address.
func binds(network, at string) error {
	conn, err := net.Dial(network, at)
	if err != nil {
		return err
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(patience))
	if _, err := conn.Write(stun.MustBuild(stun.TransactionID, stun.BindingRequest).Raw); err != nil {
		return err
	}
	answer := make([]byte, 1000)
	n, err := conn.Read(answer)
	if err != nil || n < 20 || binary.BigEndian.Uint16(answer) != 0x101 {
		return fmt.Errorf("a binding request is answered %x, %v", answer[:n], err)
	}
	return nil
}

// FuzzUsername checks that a user name has one reading.
func FuzzUsername(f *testing.F) {
	f.Add("1893564245:guest")
	f.Add("+1:a")
	f.Add("01::")
	f.Fuzz(func(t *testing.T, name string) {
		if conn, end, ok := turnrest.Parse(name); ok && turnrest.Username(conn, end) != name {
			t.Errorf("%q is read as %q until %v", name, conn, end)
		}
	})
}
