package web_test

import (
	"fmt"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"
	"time"
)

// from returns the URL of a proxy to a gateway with -trust-proxy, whose clients
// come from an address.
func (g *gateway) from(address string) string {
	proxy := httptest.NewServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(&url.URL{Scheme: "http", Host: g.address})
		r.Out.Header.Set("X-Forwarded-For", address)
	}})
	g.t.Cleanup(proxy.Close)
	return strings.Replace(proxy.URL, "http", "ws", 1)
}

// TestBanned checks that a player who was removed for good cannot come back by
// a fresh page, while others can come.
func TestBanned(t *testing.T) {
	t.Parallel()
	secret := strings.Repeat("s", 32)
	g := startGateway(t, "-trust-proxy", "-auth", "optional", "-auth-secret-file", writeSecret(t, secret))
	host := openTab(t, g, "host", g.from("203.0.113.9"))
	type player struct{ address, account, code string }
	for id, test := range []struct {
		ban     string
		players []player // the host removes the first
	}{
		{`"address"`, []player{{"203.0.113.1", "", "joined"}, {"203.0.113.1", "", "banned"}, {"203.0.113.1", "bob", "banned"}, {"203.0.113.2", "", "joined"}}},
		{`"address"`, []player{{"2001:db8::1", "", "joined"}, {"2001:db8::2", "", "banned"}, {"2001:db8:0:1::1", "", "joined"}}},
		{"true", []player{{"203.0.113.1", "ann", "joined"}, {"203.0.113.2", "ann", "banned"}, {"203.0.113.1", "bob", "joined"}}},
	} {
		host.run(fmt.Sprintf("await play(new Bellhop(url).host({ lobbyId: '%d' }))", id), nil)
		for i, p := range test.players {
			tab, options, code := openTab(t, g, p.address+p.account, g.from(p.address)), "", ""
			if p.account != "" {
				options = fmt.Sprintf("token: %q", sign(t, secret, p.account, time.Hour))
			}
			tab.run(fmt.Sprintf("return new Bellhop(url, { %s }).join('%d').then((l) => { lobby = l; return 'joined'; }, ({ code }) => code)", options, id), &code)
			if code != p.code {
				t.Errorf("after a ban of %s, for %+v it is %s", test.ban, p, code)
			}
			if i == 0 {
				removed := tab.background("await next(lobby, 'close')", nil)
				host.run("await until(() => lobby.peer(2)); await lobby.remove(lobby.peer(2), { ban: "+test.ban+" })", nil)
				removed()
			}
		}
	}
}
