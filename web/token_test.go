package web_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// sign returns the token of a player.
func sign(t *testing.T, secret, player string, lasts time.Duration) string {
	t.Helper()
	claims := jwt.MapClaims{"sub": player, "exp": time.Now().Add(lasts).Unix()}
	token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, claims).SignedString([]byte(secret))
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// TestToken checks that the client sends a fresh token for each connection, and
// tells a refused one apart from a server that cannot be reached.
func TestToken(t *testing.T) {
	t.Parallel()
	secret := strings.Repeat("s", 32)
	g := startGateway(t, "-auth", "required", "-auth-secret-file", writeSecret(t, secret))
	good, old := sign(t, secret, "ann", time.Hour), sign(t, secret, "ann", -time.Hour)
	forged := sign(t, strings.Repeat("x", 32), "ann", time.Hour)
	for _, b := range browsers {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			tab := b.open(t, "Ann").open(g, g.url())
			for _, test := range []struct{ client, code string }{
				{fmt.Sprintf("url, { token: %q }", good), "none"},
				{fmt.Sprintf("url, { token: async () => %q }", forged), "token_refused"},
				{fmt.Sprintf("url, { token: %q }", old), "token_refused"},
				{"url, {}", "unreachable"},
				{fmt.Sprintf("'ws://127.0.0.1:1', { token: %q }", good), "unreachable"},
			} {
				var code string
				tab.run("return new Bellhop("+test.client+").connect().then(() => 'none', ({ code }) => code)", &code)
				if code != test.code {
					t.Errorf("with %s it is %s, want %s", test.client, code, test.code)
				}
			}
			var is string
			tab.run(fmt.Sprintf(`
				const tokens = [%q, %q, %q];
				bellhop = new Bellhop(url, { token: () => tokens.shift() });
				const lobby = await bellhop.host();
				const refused = next(bellhop, "error");
				sockets.at(-1).close();
				const { error } = await refused;
				await until(() => bellhop.connected);
				return [error.code, tokens.length, bellhop.lobby === lobby, lobby.players.get(1).playerId].join()`, good, old, good), &is)
			if is != "token_refused,0,true,ann" {
				t.Errorf("after a drop it is %s", is)
			}
		})
	}
}
