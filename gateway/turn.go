package main

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"bellhop/gateway/turn"
	"bellhop/handlers"
	"bellhop/handlers/turnapi"
	"bellhop/store"
)

// turnFlags are the flags of STUN and TURN in this program.
type turnFlags struct {
	listen    string
	tls       string
	address   string
	ports     string
	bandwidth int
	total     int
	private   bool

	first, last int // -turn-ports

	provider, keyID, tokenFile string // of TURN elsewhere
}

func (o *turnFlags) flags(f *flag.FlagSet) {
	f.StringVar(&o.listen, "turn", "", "`address` of STUN and TURN over UDP and TCP, such as :3478, or off. The default is that of -listen, over\n"+
		"UDP alone; with -trust-proxy on this machine's own address it is off")
	f.StringVar(&o.tls, "turn-tls", "", "`address` of TURN over TLS, such as :5349, with the certificate of -tls-cert: for networks that let nothing\n"+
		"else out")
	f.StringVar(&o.address, "turn-address", "", "public `address`, IP or name, at which players reach -turn. The default is this machine's own; behind a\n"+
		"NAT, as in most clouds, it must be given")
	f.StringVar(&o.ports, "turn-ports", "49152-65535", "UDP ports `n`-n of what is relayed, one for each relayed path of a player")
	f.IntVar(&o.bandwidth, "turn-bandwidth", 2<<20, "limit of `n` bytes a second that are relayed for each player; 0 sets none")
	f.IntVar(&o.total, "turn-total", 64<<20, "limit of `n` bytes a second that are relayed for all players; 0 sets none")
	f.BoolVar(&o.private, "turn-private", false, "relay to players in private networks and on this machine, although players on the internet can use it too")
	f.StringVar(&o.provider, "turn-provider", "", "`name` of the provider that relays instead of -turn, by credentials for each player: cloudflare or twilio")
	f.StringVar(&o.keyID, "turn-key-id", "", "`id` of Cloudflare's TURN key, or Twilio's account SID, a slash and the SID of an API key")
	f.StringVar(&o.tokenFile, "turn-token-file", "", "`file` that holds the secret of that key and nothing else; without it, TURN_TOKEN in the environment does")
}

// ownTURN are the flags of turnFlags.
var ownTURN = []string{"turn", "turn-tls", "turn-address", "turn-ports", "turn-bandwidth", "turn-total", "turn-private",
	"turn-provider", "turn-key-id", "turn-token-file"}

func (o *turnFlags) check(certificate string) error {
	first, last, ok := strings.Cut(o.ports, "-")
	var err error
	if o.first, err = strconv.Atoi(first); err == nil && ok {
		o.last, err = strconv.Atoi(last)
	}
	switch {
	case err != nil || !ok || o.first < 1024 || o.last < o.first || o.last > 65535:
		return errors.New("-turn-ports are the first and the last, from 1024 to 65535, such as 50000-50999")
	case o.tls != "" && certificate == "":
		return errors.New("-turn-tls needs the certificate of -tls-cert and -tls-key")
	case o.listen == "off" && (o.tls != "" || o.address != ""):
		return errors.New("-turn off leaves nothing for -turn-tls and -turn-address")
	case o.provider != "" && (o.listen != "" && o.listen != "off" || o.tls != "" || o.address != ""):
		return errors.New("-turn-provider relays instead of -turn; give one of the two")
	case o.provider == "" && (o.keyID != "" || o.tokenFile != ""):
		return errors.New("-turn-key-id and -turn-token-file belong to -turn-provider; give that too")
	case o.bandwidth < 0 || o.total < 0:
		return errors.New("-turn-bandwidth and -turn-total must be 0, for no limit, or more")
	}
	return nil
}

// readProvider makes what gets credentials from -turn-provider, if there is
// one.
func (o *options) readProvider() error {
	if o.turn.provider == "" {
		return nil
	}
	token, err := readSecret("turn-token-file", o.turn.tokenFile, "TURN_TOKEN")
	if err != nil {
		return err
	}
	minter, err := turnapi.New(turnapi.Config{
		Provider: o.turn.provider, KeyID: o.turn.keyID, Token: token, Lifetime: o.turnLifetime, Now: time.Now,
	})
	if err != nil {
		return fmt.Errorf("-turn-provider: %w", err)
	}
	o.ice.Minter, o.turn.listen = minter, "off"
	return nil
}

// openTURN starts STUN and TURN, unless they are off or there is no place for
// them. It sets the servers that clients get, and notes what an operator needs
// to know.
func (o *options) openTURN(lobbies store.Store, listens net.Addr, secure *tls.Config, log *slog.Logger, notes io.Writer) (*turn.Server, error) {
	c, err := o.configureTURN(listens, secure)
	if err != nil || c == nil {
		o.addDefaultICE(c, listens)
		return nil, err
	}
	c.Lobby, c.Log, c.Now = lobbies.Lobby, log, o.now
	if c.Now == nil {
		c.Now = time.Now
	}
	s, err := turn.Start(*c)
	if err != nil && o.turn.listen == "" { // nobody asked for it
		fmt.Fprintf(notes, "There is no STUN and TURN: %v. -turn names another address.\n", err)
		o.addDefaultICE(nil, listens)
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("%w; give -turn and -turn-tls as HOST:PORT, of ports that are free", err)
	}
	o.ice.Minter = s
	o.addDefaultICE(c, listens)
	if at := c.Addresses[0]; turn.IsPrivate(at) && !at.IsLoopback() {
		fmt.Fprintf(notes, "TURN relays at %s, an address of a private network: players elsewhere need -turn-address.\n", at)
	} else if !turn.IsOwn(at) {
		fmt.Fprintf(notes, "TURN relays at %s, which is none of this machine's addresses: its NAT must pass on UDP to ports %d to %d.\n", at, c.FirstPort, c.LastPort)
	}
	return s, nil
}

// configureTURN returns nil if there is to be no TURN.
func (o *options) configureTURN(listens net.Addr, secure *tls.Config) (*turn.Config, error) {
	local := listens.(*net.TCPAddr)
	hidden := o.trustProxy && local.IP.IsLoopback() // clients are elsewhere
	if o.turn.listen == "off" || o.turn.listen == "" && hidden && o.turn.tls == "" && o.turn.address == "" {
		return nil, nil
	}
	c := &turn.Config{
		Listen: cmp.Or(o.turn.listen, local.String()), TCP: o.turn.listen != "", TLS: o.turn.tls, Certificate: secure,
		FirstPort: o.turn.first, LastPort: o.turn.last, Private: o.turn.private,
		Bandwidth: o.turn.bandwidth, Total: o.turn.total, Lifetime: o.turnLifetime,
	}
	host, _, err := net.SplitHostPort(c.Listen)
	if err != nil {
		return nil, fmt.Errorf("-turn %q is not HOST:PORT, such as :3478, nor off", o.turn.listen)
	}
	ctx, cancel := context.WithTimeout(context.Background(), startTime)
	defer cancel()
	if c.Addresses, err = turn.Addresses(ctx, o.turn.address, host); err != nil {
		return nil, fmt.Errorf("-turn-address: %w", err)
	}
	if _, err := netip.ParseAddr(o.turn.address); err != nil {
		c.Host = o.turn.address // a name, or nothing
	}
	if o.turn.tls != "" {
		c.TLSHost = certifiedHost(secure, cmp.Or(o.turn.address, c.Addresses[0].String()))
	}
	return c, nil
}

// certifiedHost returns host, or if the certificate is not for that, a name
// that it is for.
func certifiedHost(secure *tls.Config, host string) string {
	pair, err := secure.GetCertificate(nil)
	if err != nil {
		return host
	}
	leaf, err := x509.ParseCertificate(pair.Certificate[0])
	if err != nil || leaf.VerifyHostname(host) == nil {
		return host
	}
	for _, name := range leaf.DNSNames {
		if !strings.HasPrefix(name, "*") {
			return name
		}
	}
	return host
}

// addDefaultICE sets a STUN server of the internet for clients there that have
// none: the operator names none, and none is in this program at a public
// address.
func (o *options) addDefaultICE(own *turn.Config, listens net.Addr) {
	isLocal := listens.(*net.TCPAddr).IP.IsLoopback() && !o.trustProxy
	if o.iceServers != "" || isLocal || own != nil && !turn.IsPrivate(own.Addresses[0]) {
		return
	}
	minter := o.ice.Minter
	o.ice, _ = handlers.ReadICEServers(handlers.DefaultICEServers, "") // a constant
	o.ice.Minter, o.ice.Lifetime = minter, o.turnLifetime
}
