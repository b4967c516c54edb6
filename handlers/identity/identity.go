// Package identity verifies the tokens by which clients say who they are.
//
// Call New with what the operator has configured, then Verify for each client
// that connects. A token is a JWT (RFC 7519); its sub becomes the player id.
package identity

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/golang-jwt/jwt/v5"
)

// Limits of a token. Clocks of signers differ from ours by up to leeway.
const (
	maxToken    = 8 << 10
	maxPlayerID = 128
	minSecret   = 32 // RFC 7518, section 3.2: at least as long as the hash
	leeway      = time.Minute
)

// Config is what the operator sets. All but Mode can be empty.
type Config struct {
	Mode     string // off, optional or required; empty means off
	Secret   string // for tokens signed with HS256
	JWKS     string // for RS256, ES256 and EdDSA: a key set (RFC 7517, section 5) or its URL
	Issuer   string // iss that a token must have
	Audience string // aud that a token must name

	Now func() time.Time // default time.Now
	Log *slog.Logger     // default slog.Default()
}

// A Verifier verifies tokens. Its methods can be called concurrently.
type Verifier struct {
	required bool
	parser   *jwt.Parser
	key      func(ctx context.Context, t *jwt.Token) (any, error)
}

// A Refusal is why a client cannot connect. Status is of HTTP, and Message a
// sentence for the client's developer, without any part of the token.
type Refusal struct {
	Status  int
	Message string
}

func (r *Refusal) Error() string { return r.Message }

func refused(message string) error { return &Refusal{http.StatusUnauthorized, message} }

// New returns a Verifier, or nil if tokens are off. It returns an error, a
// sentence that says what to change, if the configuration contradicts itself.
func New(c Config) (*Verifier, error) {
	if err := c.check(); err != nil || c.Mode == "" || c.Mode == "off" {
		return nil, err
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	v := &Verifier{required: c.Mode == "required"}
	methods := []string{"HS256"}
	if c.JWKS == "" {
		v.key = func(context.Context, *jwt.Token) (any, error) { return []byte(c.Secret), nil }
	} else {
		methods = []string{"RS256", "ES256", "EdDSA"}
		keys, err := newKeySet(c)
		if err != nil {
			return nil, err
		}
		v.key = keys.key
	}
	options := []jwt.ParserOption{
		jwt.WithValidMethods(methods), jwt.WithLeeway(leeway), jwt.WithExpirationRequired(), jwt.WithTimeFunc(c.Now), jwt.WithStrictDecoding(),
	}
	if c.Issuer != "" {
		options = append(options, jwt.WithIssuer(c.Issuer))
	}
	if c.Audience != "" {
		options = append(options, jwt.WithAudience(c.Audience))
	}
	v.parser = jwt.NewParser(options...)
	return v, nil
}

// check returns an error if c contradicts itself.
func (c Config) check() error {
	set := cmp.Or(c.Secret, c.JWKS, c.Issuer, c.Audience) != ""
	switch {
	case c.Mode != "" && c.Mode != "off" && c.Mode != "optional" && c.Mode != "required":
		return fmt.Errorf("make the mode off, optional or required, and not %q", c.Mode)
	case c.Mode == "" || c.Mode == "off":
		if set {
			return errors.New("tokens are off, but a key, an issuer or an audience is set: make the mode optional or required, or remove them")
		}
		return nil
	case c.Secret == "" && c.JWKS == "":
		return errors.New("give the secret or the key set that tokens are verified with")
	case c.Secret != "" && c.JWKS != "":
		return errors.New("give a secret or a key set, and not both")
	case c.Secret != "" && len(c.Secret) < minSecret:
		return fmt.Errorf("make the secret at least %d bytes long", minSecret)
	}
	return nil
}

// claims are what a token says.
type claims struct {
	jwt.RegisteredClaims
	Game *string `json:"game"`
}

// Verify returns the player id of a client that connects to a game with a
// token; or "" if it has none and needs none. It returns a *Refusal.
func (v *Verifier) Verify(ctx context.Context, token, game string) (playerID string, err error) {
	switch {
	case token == "" && v.required:
		return "", refused("Give the parameter token, a JWT: this server requires one.")
	case token == "":
		return "", nil
	case len(token) > maxToken:
		return "", refused("Make the token at most 8 KiB long.")
	}
	var c claims
	t, err := v.parser.ParseWithClaims(token, &c, func(t *jwt.Token) (any, error) {
		if _, ok := t.Header["crit"]; ok { // RFC 7515, section 4.1.11: we understand no extension
			return nil, jwt.ErrTokenUnverifiable
		}
		return v.key(ctx, t)
	})
	var unavailable *Refusal
	switch {
	case errors.As(err, &unavailable):
		return "", unavailable
	case err != nil || !t.Valid:
		return "", refused(reason(err))
	case c.Game != nil && *c.Game != game:
		return "", refused("The token is for another game.")
	case !isPlayerID(c.Subject):
		return "", refused("Make the token's sub 1 to 128 bytes of text without control characters.")
	}
	return c.Subject, nil
}

func isPlayerID(s string) bool {
	if s == "" || len(s) > maxPlayerID || !utf8.ValidString(s) {
		return false
	}
	for _, r := range s {
		if unicode.IsControl(r) || r == utf8.RuneError {
			return false
		}
	}
	return true
}

// reason returns what is wrong with a token. An error of the parser itself can
// quote the token.
func reason(err error) string {
	for _, r := range []struct {
		err     error
		message string
	}{
		{jwt.ErrTokenExpired, "The token has expired: get a new one for each connection."},
		{jwt.ErrTokenNotValidYet, "The token is not valid yet: check the signer's clock."},
		{jwt.ErrTokenInvalidIssuer, "The token is from another issuer."},
		{jwt.ErrTokenInvalidAudience, "The token is for another audience."},
		{jwt.ErrTokenRequiredClaimMissing, "Give the token all claims that this server requires, and exp in any case."},
		{jwt.ErrTokenMalformed, "Make the token a JWT."},
	} {
		if errors.Is(err, r.err) {
			return r.message
		}
	}
	return "Sign the token with a key and an algorithm that this server accepts."
}
