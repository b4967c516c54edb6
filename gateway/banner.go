package main

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"log/slog"
	"net"
	"runtime/debug"
)

// addresses are the URLs that the program announces once it serves. A URL that
// it does not serve is empty.
type addresses struct{ websocket, page, inspect, turn string }

// addressesOf returns, for a listener on all addresses, a URL that works on
// this machine.
func addressesOf(addr net.Addr, secure bool, stage string, o options) (a addresses) {
	tcp := addr.(*net.TCPAddr)
	host := tcp.IP.String()
	if tcp.IP.IsUnspecified() {
		host = "127.0.0.1"
	}
	at := "://" + net.JoinHostPort(host, fmt.Sprint(tcp.Port))
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
	return a
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
	if a.inspect != "" {
		fmt.Fprintf(w, "  Inspect    %s\n", a.inspect)
	}
	if a.turn != "" {
		fmt.Fprintf(w, "  TURN       %s\n", a.turn)
	}
	fmt.Fprint(w, "  Ctrl-C stops it.\n")
}

func (a addresses) log(log *slog.Logger) {
	log.Info("started", "version", version(), "websocket", a.websocket, "page", a.page, "inspect", a.inspect, "turn", a.turn)
}

// version returns the module's version, which Go takes from the tag of a
// checkout, or the commit.
func version() string {
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
