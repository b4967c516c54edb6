package turn_test

import (
	"bytes"
	"encoding/json"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/pion/logging"
	pion "github.com/pion/turn/v5"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"bellhop/events"
	"bellhop/gateway/turn"
	"bellhop/handlers/handlerstest"
)

// patience is generous for a busy machine.
const patience = 3 * time.Minute

// A world is a Handler with a TURN server, and its clients.
type world struct {
	*handlerstest.World
	t      testing.TB
	server *turn.Server
	heard  map[string][]string
	conns  map[*pion.Client]net.PacketConn // what dial has opened
}

// internet is an address at which nobody answers a test: behind 1:1 NAT, the
// public address of a server is none of its machine's.
var internet = netip.MustParseAddr("9.9.9.9")

// open starts a world whose server is for the internet, unless change says
// otherwise.
func open(t testing.TB, change func(*turn.Config)) *world {
	t.Helper()
	w := &world{World: handlerstest.New(), t: t, heard: map[string][]string{}, conns: map[*pion.Client]net.PacketConn{}}
	c := turn.Config{
		Listen: "127.0.0.1:0", TCP: true, Addresses: []netip.Addr{internet}, Host: "127.0.0.1",
		Lobby: w.Store.Lobby, Log: w.World.Config.Log, Now: w.Clock.Now,
	}
	if change != nil {
		change(&c)
	}
	var err error
	if w.server, err = turn.Start(c); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.server.Close() })
	w.ICE.Minter = w.server
	for _, conn := range []string{"host", "guest", "other"} {
		w.Connect(conn, nil)
	}
	w.say("host", `{"action":"start_lobby","content":{"lobby_id":"fox","auto_accept":true}}`)
	w.say("guest", `{"action":"join_lobby","content":{"lobby_id":"fox"}}`)
	return w
}

// say sends a client's message, and returns all that the client has heard since
// the last call.
func (w *world) say(conn, text string) string {
	w.Say(conn, text)
	for to, heard := range w.Heard() {
		w.heard[to] = append(w.heard[to], heard...)
	}
	all := strings.Join(w.heard[conn], "\n")
	w.heard[conn] = nil
	return all
}

// credentials returns the TURN server that a client gets, or one without URLs.
func (w *world) credentials(conn string) events.ICEServer {
	w.t.Helper()
	var answer struct {
		Content struct {
			Servers []events.ICEServer `json:"ice_servers"`
		}
	}
	lines := strings.Split(w.say(conn, `{"action":"get_ice_servers"}`), "\n")
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &answer); err != nil {
		w.t.Fatal(err)
	}
	for _, s := range answer.Content.Servers {
		if s.Username != "" {
			return s
		}
	}
	return events.ICEServer{}
}

// dial returns a TURN client, over UDP or TCP.
func (w *world) dial(with events.ICEServer, network string) *pion.Client {
	w.t.Helper()
	at := w.server.Addr().String()
	var conn net.PacketConn
	if network == "tcp" {
		tcp, err := net.Dial("tcp", at)
		if err != nil {
			w.t.Fatal(err)
		}
		conn = pion.NewSTUNConn(tcp)
	} else {
		var err error
		if conn, err = net.ListenPacket("udp", "127.0.0.1:0"); err != nil {
			w.t.Fatal(err)
		}
	}
	quiet := logging.NewDefaultLoggerFactory()
	quiet.Writer = new(bytes.Buffer)
	c, err := pion.NewClient(&pion.ClientConfig{
		STUNServerAddr: at, TURNServerAddr: at, Conn: conn, Username: with.Username, Password: with.Credential, LoggerFactory: quiet,
	})
	if err == nil {
		err = c.Listen()
	}
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { c.Close(); conn.Close() })
	w.conns[c] = conn
	return c
}

// allocate returns a client's relayed address.
func (w *world) allocate(c *pion.Client) net.PacketConn {
	w.t.Helper()
	relayed, err := c.Allocate()
	if err != nil {
		w.t.Fatal(err)
	}
	return relayed
}

// metric returns a number of the server, by its name and label.
func (w *world) metric(name, label string) float64 {
	registry := prometheus.NewRegistry()
	registry.MustRegister(w.server)
	families, err := registry.Gather()
	if err != nil {
		w.t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == name && (len(m.GetLabel()) == 0 || m.GetLabel()[0].GetValue() == label) {
				return value(m)
			}
		}
	}
	w.t.Fatalf("there is no %s of %q", name, label)
	return 0
}

func value(m *dto.Metric) float64 { return m.GetGauge().GetValue() + m.GetCounter().GetValue() }

// until waits for a condition.
func (w *world) until(what string, ok func() bool) {
	w.t.Helper()
	for deadline := time.Now().Add(patience); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			w.t.Fatalf("it does not become true that %s", what)
		}
	}
}
