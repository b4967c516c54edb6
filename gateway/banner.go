package main

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"log/slog"
	"net"
	"runtime/debug"
	"strings"
)

// addresses are the URLs that the program announces once it serves. A URL that
// it does not serve is empty.
type addresses struct {
	websocket, page, inspect, turn string
	network                        []string // of the page, or else the WebSocket, for other machines
}

// addressesOf returns, for a listener on all addresses, a URL that works on
// this machine.
func addressesOf(addr net.Addr, secure bool, stage string, o options) (a addresses) {
	tcp := addr.(*net.TCPAddr)
	host := tcp.IP.String()
	if tcp.IP.IsUnspecified() {
		host = "127.0.0.1"
	}
	port := fmt.Sprint(tcp.Port)
	at := "://" + net.JoinHostPort(host, port)
	if secure {
		at = "s" + at
	}
	a.websocket = "ws" + at
	if o.template != "" {
		a.websocket += "/" + stage
	}
	if o.template == "" && o.page == "on" {
		a.page = "http" + at
	}
	if o.inspect {
		a.inspect = "http" + at + "/inspect"
	}
	if tcp.IP.IsUnspecified() && !secure { // a certificate is for a name
		scheme, _, _ := strings.Cut(cmp.Or(a.page, a.websocket), ":")
		for _, ip := range networkAddresses(net.InterfaceAddrs()) {
			a.network = append(a.network, scheme+"://"+net.JoinHostPort(ip, port))
		}
	}
	return a
}

// networkAddresses returns those of this machine's addresses that other
// machines can use: IPv4 ones or, without any, IPv6 ones. If they cannot be
// read, there are none.
func networkAddresses(all []net.Addr, _ error) (v4 []string) {
	var v6 []string
	for _, each := range all {
		network, ok := each.(*net.IPNet)
		switch {
		case !ok || !network.IP.IsGlobalUnicast():
		case network.IP.To4() != nil:
			v4 = append(v4, network.IP.String())
		default:
			v6 = append(v6, network.IP.String())
		}
	}
	if v4 == nil {
		return v6
	}
	return v4
}

func (a addresses) print(w io.Writer, template string) {
	what := "Bellhop"
	if template != "" {
		what = "The stack of " + template
	}
	fmt.Fprintf(w, "%s is running.\n  WebSocket  %s\n", what, a.websocket)
	if a.page != "" {
		fmt.Fprintf(w, "  Page       %s\n", a.page)
	}
	for _, url := range a.network {
		fmt.Fprintf(w, "  Network    %s\n", url)
	}
	if a.inspect != "" {
		fmt.Fprintf(w, "  Inspect    %s\n", a.inspect)
	}
	if a.turn != "" {
		fmt.Fprintf(w, "  TURN       %s\n", a.turn)
	}
	fmt.Fprint(w, "  Ctrl-C stops it.\n")
}

func (a addresses) log(log *slog.Logger) {
	log.Info("started", "version", version(), "websocket", a.websocket, "page", a.page, "network", a.network, "inspect", a.inspect, "turn", a.turn)
}

// released is the version of a release, which the linker sets:
// -ldflags "-X main.released=v1.2.3".
var released string

// version returns the version of a release or, without one, the module's, which
// Go takes from the tag of a checkout, or the commit.
func version() string {
	if released != "" {
		return released
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	commit := ""
	for _, setting := range info.Settings {
		if setting.Key == "vcs.revision" {
			commit = setting.Value
		}
	}
	if info.Main.Version == "(devel)" {
		return cmp.Or(commit, "devel")
	}
	return cmp.Or(info.Main.Version, commit, "unknown")
}

// A lineLog logs each line that is printed to it: with -log json all output is
// JSON.
type lineLog struct {
	log  *slog.Logger
	rest []byte // an unfinished line
}

// Write implements io.Writer.
func (l *lineLog) Write(b []byte) (int, error) {
	l.rest = append(l.rest, b...)
	for {
		line, rest, ended := bytes.Cut(l.rest, []byte("\n"))
		if !ended {
			return len(b), nil
		}
		l.rest = rest
		l.log.Info(string(bytes.TrimSpace(line)))
	}
}

// A loggedError is already in the log.
type loggedError struct{ error }

// Unwrap returns the logged error.
func (e loggedError) Unwrap() error { return e.error }

// logged logs how serving ended, and returns that.
func logged(log *slog.Logger, err error) error {
	if err != nil {
		log.Error("stopped", "error", err)
		return loggedError{err}
	}
	log.Info("stopped")
	return nil
}
