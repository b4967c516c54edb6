// Package turn is the STUN and TURN server of the gateway, by pion/turn. Start
// opens it, and Mint makes credentials for players. It relays for them alone,
// within limits, and not into private networks.
package turn

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/turn/v5"
	"golang.org/x/time/rate"

	"bellhop/lobby"
)

// Config configures a Server. Listen, Addresses, Lobby and Now are required.
type Config struct {
	Listen string // HOST:PORT for UDP
	TCP    bool   // listen there over TCP too
	// TLS is HOST:PORT for TURN over TLS, with Certificate; empty: none.
	TLS         string
	Certificate *tls.Config
	// Addresses are where other players reach what is relayed: one of IPv4, one
	// of IPv6, or one alone. Host and TLSHost name the server in URLs; the
	// default is the first address.
	Addresses     []netip.Addr
	Host, TLSHost string
	// FirstPort and LastPort bound the ports of relayed addresses; default 49152
	// to 65535, those that IANA leaves to such uses.
	FirstPort, LastPort int
	// Private allows peers in private networks and on this machine.
	Private bool
	// Bandwidth bounds the bytes a second that one player relays in both
	// directions, and Total those of all; 0 sets no bound.
	Bandwidth, Total int
	// Lifetime is how long credentials are valid; default 3 hours.
	Lifetime time.Duration
	// Lobby reads a lobby: store.Store's method. A player whose lobby no longer
	// lists it loses its relayed addresses.
	Lobby func(context.Context, lobby.Key) (*lobby.Lobby, error)
	Log   *slog.Logger
	Now   func() time.Time
}

const (
	// perPeer bounds the relayed addresses of a player for each other player in
	// its lobby: browsers make one for each transport and each network.
	perPeer = 4
	// maxRelays bounds all relayed addresses. Each takes a file descriptor and
	// some 10 KB.
	maxRelays = 4000
	// sweepEvery is how often players with relayed addresses are checked. A
	// removed player loses them within 5 seconds.
	sweepEvery = 2 * time.Second
	realm      = "bellhop"
)

// A Server serves STUN to everybody, and TURN to players with credentials that
// it minted.
type Server struct {
	Config
	secret  []byte
	policy  *policy
	turn    *turn.Server
	udp     []*net.UDPConn
	streams []*streams
	total   *rate.Limiter
	stop    context.CancelFunc
	swept   sync.WaitGroup

	allocations atomic.Int64
	relayed     [2]atomic.Uint64 // bytes, by direction
	refused     [len(reasons)]atomic.Uint64

	mu      sync.Mutex
	users   map[string]*user // by connection
	lobbies map[lobby.Key]*party
	routes  routes
}

// Start opens the addresses and serves until Close.
func Start(c Config) (*Server, error) {
	c.fill()
	s := &Server{Config: c, secret: make([]byte, 32), users: map[string]*user{}, lobbies: map[lobby.Key]*party{}, total: limiter(c.Total)}
	s.routes.relays, s.routes.channels = map[netip.AddrPort]*relay{}, map[channelKey]*channel{}
	rand.Read(s.secret)
	if err := s.open(); err != nil {
		s.closeSockets()
		return nil, err
	}
	s.policy = newPolicy(c.Addresses, uint16(s.Addr().Port), c.Private)
	generator := &generator{s}
	config := turn.ServerConfig{
		Realm: realm, LoggerFactory: quiet{}, AuthHandler: s.authenticate, QuotaHandler: s.hasRoom,
		EventHandler: turn.EventHandler{OnAuth: s.onAuth, OnChannelCreated: s.onChannel, OnChannelDeleted: s.onChannelEnd},
		// Browsers do not say which family they want, and all must reach each other:
		// everybody gets IPv4, unless there is none.
		StrictAddressFamily: c.Addresses[0].Is4(),
	}
	for _, udp := range s.udp {
		config.PacketConnConfigs = append(config.PacketConnConfigs, turn.PacketConnConfig{PacketConn: &packets{udp, s}, RelayAddressGenerator: generator, PermissionHandler: s.permits})
	}
	for _, l := range s.streams {
		config.ListenerConfigs = append(config.ListenerConfigs, turn.ListenerConfig{Listener: l, RelayAddressGenerator: generator, PermissionHandler: s.permits})
	}
	var err error
	if s.turn, err = turn.NewServer(config); err != nil {
		s.closeSockets()
		return nil, err
	}
	ctx, stop := context.WithCancel(context.Background())
	s.stop = stop
	s.swept.Go(func() { s.sweepUntil(ctx) })
	return s, nil
}

func (c *Config) fill() {
	if c.FirstPort == 0 {
		c.FirstPort, c.LastPort = 49152, 65535
	}
	if c.Host == "" {
		c.Host = c.Addresses[0].String()
	}
	if c.TLSHost == "" {
		c.TLSHost = c.Host
	}
	if c.Lifetime == 0 {
		c.Lifetime = 3 * time.Hour
	}
}

// open opens the sockets. A port that the system chooses can be free for UDP
// and taken for TCP.
func (s *Server) open() (err error) {
	for range 20 {
		if err = s.openFirst(); err == nil || !strings.HasSuffix(s.Listen, ":0") {
			break
		}
		s.closeSockets()
	}
	if err != nil {
		return err
	}
	// Bursts of all players arrive here. The system can give less.
	for _, udp := range s.udp {
		udp.SetReadBuffer(4 << 20)
		udp.SetWriteBuffer(4 << 20)
	}
	if s.TLS != "" {
		return s.stream(s.TLS, s.Certificate)
	}
	return nil
}

// openFirst opens the address of UDP and, if asked for, of TCP.
func (s *Server) openFirst() error {
	host, port, err := net.SplitHostPort(s.Listen)
	if err != nil {
		return err
	}
	for _, at := range s.hosts(host) {
		packets, err := net.ListenPacket("udp", net.JoinHostPort(at, port))
		if err != nil {
			return fmt.Errorf("cannot listen on %q for STUN and TURN over UDP: %w", s.Listen, err)
		}
		s.udp = append(s.udp, packets.(*net.UDPConn))
		port = fmt.Sprint(s.Addr().Port)
	}
	if !s.TCP {
		return nil
	}
	return s.stream(net.JoinHostPort(host, port), nil)
}

// hosts returns where to listen for UDP. A socket for all addresses answers
// from whichever is nearest to a client, and routers drop what comes from
// another address than was asked. So each of the machine's own has a socket.
func (s *Server) hosts(host string) (hosts []string) {
	ip, err := netip.ParseAddr(host)
	if host == "" || err == nil && ip.IsUnspecified() {
		for _, ip := range s.Addresses {
			if IsOwn(ip) {
				hosts = append(hosts, ip.String())
			}
		}
	}
	if len(hosts) == 0 {
		return []string{host}
	}
	return hosts
}

func (s *Server) stream(address string, secure *tls.Config) error {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return fmt.Errorf("cannot listen on %q for TURN over TCP: %w", address, err)
	}
	s.streams = append(s.streams, newStreams(l, secure))
	return nil
}

func (s *Server) closeSockets() {
	for _, udp := range s.udp {
		udp.Close()
	}
	for _, l := range s.streams {
		l.Close()
	}
	s.udp, s.streams = nil, nil
}

// Close ends the server and everything that it relays.
func (s *Server) Close() error {
	s.stop()
	s.swept.Wait()
	err := s.turn.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, u := range s.users {
		u.closeRelays()
	}
	return err
}

// Addr returns the address of UDP.
func (s *Server) Addr() *net.UDPAddr { return s.udp[0].LocalAddr().(*net.UDPAddr) }

// limiter returns a limiter of bytes a second that allows a second's worth in a
// burst. 0 sets no limit.
func limiter(bytes int) *rate.Limiter {
	if bytes == 0 {
		return rate.NewLimiter(rate.Inf, 0)
	}
	return rate.NewLimiter(rate.Limit(bytes), max(bytes, maxPacket))
}

// maxPacket is the largest that pion/turn relays.
const maxPacket = 1600

var errRefused = errors.New("refused")
