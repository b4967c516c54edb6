package e2e

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// godotAddress returns the address that Godot 4 connects to for a WebSocket
// URL. It follows String::parse_url (core/string/ustring.cpp), as
// WSLPeer::connect_to_url uses it (modules/websocket/wsl_peer.cpp). A path
// begins only at the first slash. So a query without a path becomes part of the
// host, or of the port, which is then no number ("Invalid URL").
func godotAddress(url string) (host string, port int, path string, err error) {
	scheme, rest, _ := strings.Cut(url, "://")
	if port = map[string]int{"ws": 80, "wss": 443}[strings.ToLower(scheme)]; port == 0 {
		return "", 0, "", errors.New("invalid protocol")
	}
	rest, _, _ = strings.Cut(rest, "#")
	path = "/"
	if i := strings.IndexByte(rest, '/'); i >= 0 {
		rest, path = rest[:i], rest[i:]
	}
	if _, after, ok := strings.Cut(rest, "@"); ok {
		rest = after
	}
	if after, isIPv6 := strings.CutPrefix(rest, "["); isIPv6 {
		i := strings.LastIndexByte(after, ']')
		if i < 0 {
			return "", 0, "", errors.New("no end of an IPv6 address")
		}
		host, rest = after[:i], after[i+1:]
	} else if strings.Count(rest, ":") > 1 {
		return "", 0, "", errors.New("several colons")
	} else if i := strings.IndexByte(rest, ':'); i >= 0 {
		host, rest = rest[:i], rest[i:]
	} else {
		host, rest = rest, ""
	}
	if host == "" {
		return "", 0, "", errors.New("no host")
	}
	if number, ok := strings.CutPrefix(rest, ":"); ok {
		if port, err = strconv.Atoi(number); err != nil || port < 1 || port > 65535 {
			return "", 0, "", fmt.Errorf("the port %q is not a number", number)
		}
	}
	return strings.ToLower(host), port, path, nil
}

// TestURLs checks that Godot and browsers can open each WebSocket URL in docs,
// texts of the programs and comments. A query needs a path before it.
func TestURLs(t *testing.T) {
	shown := regexp.MustCompile(`\bwss?://[A-Za-z0-9\[$%][^\s"'` + "`" + `<>()|\\*,;]*`)
	filled := regexp.MustCompile(`\$\{[^}]*\}|%[a-z]|\bHOST\b|\bADDRESS\b`)
	hostname := regexp.MustCompile(`^[a-z0-9.:-]+$`)
	found := 0
	err := filepath.WalkDir("..", func(file string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && d.Name() != ".." && strings.HasPrefix(d.Name(), "."), d.Name() == "node_modules":
			return filepath.SkipDir
		case d.IsDir() || strings.HasSuffix(file, "_test.go") || !strings.Contains(".md .js .ts .html .go .yaml .txt", filepath.Ext(file)):
			return nil
		}
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		for _, url := range shown.FindAllString(string(text), -1) {
			url = filled.ReplaceAllString(strings.TrimRight(url, ".:"), "x")
			url = strings.Replace(url, ":PORT", ":3000", 1)
			found++
			if host, _, _, err := godotAddress(url); err != nil || !hostname.MatchString(host) {
				t.Errorf("%s shows %s, for which Godot finds no host: %q, %v", file, url, host, err)
			}
		}
		return nil
	})
	if err != nil || found < 15 {
		t.Errorf("%d URLs are found, %v", found, err)
	}
}

// TestGodotAddress checks that the rules above are Godot's in the cases that
// matter.
func TestGodotAddress(t *testing.T) {
	for url, want := range map[string]string{
		"ws://127.0.0.1:3000":                "127.0.0.1 3000 / <nil>",
		"ws://127.0.0.1:3000/?game=tanks":    "127.0.0.1 3000 /?game=tanks <nil>",
		"ws://127.0.0.1:3000?game=tanks":     ` 0  the port "3000?game=tanks" is not a number`,
		"wss://Play.example/live?game=tanks": "play.example 443 /live?game=tanks <nil>",
		"wss://play.example?game=tanks":      "play.example?game=tanks 443 / <nil>",
		"ws://[::1]:3000/":                   "::1 3000 / <nil>",
		"ws://::1:3000/":                     " 0  several colons",
		"http://127.0.0.1:3000":              " 0  invalid protocol",
	} {
		host, port, path, err := godotAddress(url)
		if got := fmt.Sprint(host, " ", port, " ", path, " ", err); got != want {
			t.Errorf("%s gives %q, want %q", url, got, want)
		}
	}
}
