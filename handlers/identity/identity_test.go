package identity_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"bellhop/handlers/identity"
)

var now = time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)

const secret = "0123456789abcdef0123456789abcdef"

// Keys of a signer, and the set that it publishes.
var (
	rsaKey, _       = rsa.GenerateKey(rand.Reader, 2048)
	ecKey, _        = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	_, edKey, _     = ed25519.GenerateKey(rand.Reader)
	publicKeys      = keySet(rsaJWK("rsa"), ecJWK("ec"), edJWK("ed"))
	otherRSAKey, _  = rsa.GenerateKey(rand.Reader, 2048)
	rsaPublicDER, _ = x509.MarshalPKIXPublicKey(&rsaKey.PublicKey)
)

type object = map[string]any

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func rsaJWK(kid string) object {
	return object{"kty": "RSA", "kid": kid, "n": b64(rsaKey.N.Bytes()), "e": "AQAB"}
}

func ecJWK(kid string) object {
	return object{"kty": "EC", "kid": kid, "crv": "P-256", "x": b64(ecKey.X.FillBytes(make([]byte, 32))), "y": b64(ecKey.Y.FillBytes(make([]byte, 32)))}
}

func edJWK(kid string) object {
	return object{"kty": "OKP", "kid": kid, "crv": "Ed25519", "x": b64(edKey.Public().(ed25519.PublicKey))}
}

func keySet(keys ...object) string {
	data, _ := json.Marshal(object{"keys": keys})
	return string(data)
}

// claims returns valid claims with changes; a nil removes a claim.
func claims(changes object) jwt.MapClaims {
	c := jwt.MapClaims{"sub": "ann", "exp": now.Add(time.Minute).Unix()}
	for name, value := range changes {
		if c[name] = value; value == nil {
			delete(c, name)
		}
	}
	return c
}

func signed(method jwt.SigningMethod, key any, c jwt.MapClaims, header object) string {
	t := jwt.NewWithClaims(method, c)
	for name, value := range header {
		t.Header[name] = value
	}
	s, err := t.SignedString(key)
	if err != nil {
		panic(err)
	}
	return s
}

func hs256(changes object) string {
	return signed(jwt.SigningMethodHS256, []byte(secret), claims(changes), nil)
}

// How tokens are verified in the tests.
var (
	bySecret = identity.Config{Mode: "optional", Secret: secret}
	strict   = identity.Config{Mode: "required", Secret: secret, Issuer: "us", Audience: "bellhop"}
	byKeys   = identity.Config{Mode: "optional", JWKS: publicKeys}
)

func at(d time.Duration) int64 { return now.Add(d).Unix() }

// tokens are good, with the player id, or refused, with words of the reason.
var tokens = map[string]struct {
	config            identity.Config
	token, id, refuse string
}{
	"none where none is needed":     {bySecret, "", "", ""},
	"none where one is required":    {strict, "", "", "requires one"},
	"HS256":                         {bySecret, hs256(nil), "ann", ""},
	"all claims":                    {strict, hs256(object{"iss": "us", "aud": []string{"x", "bellhop"}}), "ann", ""},
	"another issuer":                {strict, hs256(object{"iss": "them", "aud": "bellhop"}), "", "another issuer"},
	"no issuer":                     {strict, hs256(object{"aud": "bellhop"}), "", "claims"},
	"another audience":              {strict, hs256(object{"iss": "us", "aud": "x"}), "", "another audience"},
	"expired within the leeway":     {bySecret, hs256(object{"exp": at(-59 * time.Second)}), "ann", ""},
	"expired":                       {bySecret, hs256(object{"exp": at(-61 * time.Second)}), "", "expired"},
	"without an end":                {bySecret, hs256(object{"exp": nil}), "", "exp"},
	"an end that is text":           {bySecret, hs256(object{"exp": "soon"}), "", "JWT"},
	"from the future, a little":     {bySecret, hs256(object{"nbf": at(59 * time.Second)}), "ann", ""},
	"from the future":               {bySecret, hs256(object{"nbf": at(61 * time.Second)}), "", "not valid yet"},
	"this game":                     {bySecret, hs256(object{"game": "tanks"}), "ann", ""},
	"another game":                  {bySecret, hs256(object{"game": "chess"}), "", "another game"},
	"a game that is a number":       {bySecret, hs256(object{"game": 1}), "", "JWT"},
	"without a sub":                 {bySecret, hs256(object{"sub": nil}), "", "sub"},
	"a sub of 128 bytes":            {bySecret, hs256(object{"sub": strings.Repeat("a", 128)}), strings.Repeat("a", 128), ""},
	"a sub of 129 bytes":            {bySecret, hs256(object{"sub": strings.Repeat("a", 129)}), "", "sub"},
	"a sub of control characters":   {bySecret, hs256(object{"sub": "a\u0007b"}), "", "sub"},
	"another secret":                {bySecret, signed(jwt.SigningMethodHS256, []byte("other"), claims(nil), nil), "", "Sign"},
	"HS512":                         {bySecret, signed(jwt.SigningMethodHS512, []byte(secret), claims(nil), nil), "", "Sign"},
	"no signature":                  {bySecret, signed(jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, claims(nil), nil), "", "Sign"},
	"an extension":                  {bySecret, signed(jwt.SigningMethodHS256, []byte(secret), claims(nil), object{"crit": []string{"b64"}}), "", "Sign"},
	"garbage":                       {bySecret, "garbage", "", "JWT"},
	"100 KB":                        {bySecret, strings.Repeat("a", 100<<10), "", "8 KiB"},
	"RS256":                         {byKeys, signed(jwt.SigningMethodRS256, rsaKey, claims(nil), object{"kid": "rsa"}), "ann", ""},
	"ES256":                         {byKeys, signed(jwt.SigningMethodES256, ecKey, claims(nil), object{"kid": "ec"}), "ann", ""},
	"EdDSA":                         {byKeys, signed(jwt.SigningMethodEdDSA, edKey, claims(nil), object{"kid": "ed"}), "ann", ""},
	"without the key's name":        {byKeys, signed(jwt.SigningMethodES256, ecKey, claims(nil), nil), "ann", ""},
	"a key of another kind":         {byKeys, signed(jwt.SigningMethodRS256, rsaKey, claims(nil), object{"kid": "ec"}), "", "Sign"},
	"an unknown key":                {byKeys, signed(jwt.SigningMethodRS256, otherRSAKey, claims(nil), object{"kid": "new"}), "", "Sign"},
	"a key that is a path":          {byKeys, signed(jwt.SigningMethodRS256, rsaKey, claims(nil), object{"kid": "../../etc/passwd"}), "", "Sign"},
	"a key that is no text":         {byKeys, signed(jwt.SigningMethodRS256, rsaKey, claims(nil), object{"kid": 1}), "", "Sign"},
	"HS256 with the public key":     {byKeys, signed(jwt.SigningMethodHS256, rsaPublicDER, claims(nil), object{"kid": "rsa"}), "", "Sign"},
	"no signature, of a key set":    {byKeys, signed(jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, claims(nil), object{"kid": "rsa"}), "", "Sign"},
	"RS384 with a key of the set":   {byKeys, signed(jwt.SigningMethodRS384, rsaKey, claims(nil), object{"kid": "rsa"}), "", "Sign"},
	"a signature of another's text": {bySecret, hs256(nil)[:strings.LastIndex(hs256(nil), ".")] + hs256(object{"sub": "x"})[strings.LastIndex(hs256(object{"sub": "x"}), "."):], "", "Sign"},
}

// TestTokens checks which tokens are good. A bad one is refused with 401.
func TestTokens(t *testing.T) {
	for name, tt := range tokens {
		tt.config.Now = func() time.Time { return now }
		v, err := identity.New(tt.config)
		if err != nil {
			t.Fatal(err)
		}
		id, err := v.Verify(t.Context(), tt.token, "tanks")
		var refusal *identity.Refusal
		switch {
		case tt.refuse == "" && (err != nil || id != tt.id):
			t.Errorf("%s: %q, %v; want %q", name, id, err, tt.id)
		case tt.refuse != "" && (!errors.As(err, &refusal) || refusal.Status != 401 || !strings.Contains(refusal.Message, tt.refuse) || id != ""):
			t.Errorf("%s: %q, %v; want a 401 that says %q", name, id, err, tt.refuse)
		}
	}
}

// TestConfig checks that a configuration that contradicts itself is an error
// that says what to change, without the secret.
func TestConfig(t *testing.T) {
	for _, tt := range []struct {
		config identity.Config
		want   string
	}{
		{identity.Config{}, ""},
		{identity.Config{Mode: "off"}, ""},
		{identity.Config{Mode: "on", Secret: secret}, "off, optional or required"},
		{identity.Config{Secret: secret}, "tokens are off"},
		{identity.Config{Mode: "off", Audience: "x"}, "tokens are off"},
		{identity.Config{Mode: "required"}, "give the secret or the key set"},
		{identity.Config{Mode: "required", Secret: secret, JWKS: publicKeys}, "not both"},
		{identity.Config{Mode: "required", Secret: "short"}, "at least 32 bytes"},
		{identity.Config{Mode: "required", JWKS: "http://example.com/keys"}, "https://"},
		{identity.Config{Mode: "required", JWKS: "keys"}, "https://"},
		{identity.Config{Mode: "required", JWKS: "{}"}, "0 keys"},
		{identity.Config{Mode: "required", JWKS: keySet(object{"kty": "oct", "k": "c2VjcmV0"})}, "private key"},
		{identity.Config{Mode: "required", JWKS: keySet(object{"kty": "RSA", "n": "AQAB", "e": "AQAB", "d": "AQAB"})}, "private key"},
		{identity.Config{Mode: "required", JWKS: keySet(object{"kty": "RSA", "n": "*"})}, "cannot be read"},
	} {
		_, err := identity.New(tt.config)
		if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%+v: %v, want %q", tt.config, err, tt.want)
		}
		if err != nil && (strings.Contains(err.Error(), secret) || strings.Contains(err.Error(), "short")) {
			t.Errorf("%v shows the secret", err)
		}
	}
}

// A publisher serves a key set, and counts how often it is fetched.
type publisher struct {
	*httptest.Server
	clock   time.Time
	fetches atomic.Int32
	serve   atomic.Value // an http.HandlerFunc
	log     bytes.Buffer
	*identity.Verifier
}

func good(w http.ResponseWriter, _ *http.Request) { w.Write([]byte(publicKeys)) }

func publish(t *testing.T) *publisher {
	p := &publisher{clock: now}
	p.serve.Store(http.HandlerFunc(good))
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.fetches.Add(1)
		p.serve.Load().(http.HandlerFunc)(w, r)
	}))
	t.Cleanup(p.Close)
	var err error
	p.Verifier, err = identity.New(identity.Config{
		Mode: "required", JWKS: p.URL, Now: func() time.Time { return p.clock }, Log: slog.New(slog.NewTextHandler(&p.log, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// status connects with a token by the key kid, and returns 200 or the status of
// the refusal.
func (p *publisher) status(t *testing.T, kid string) int {
	c := jwt.MapClaims{"sub": "ann", "exp": p.clock.Add(time.Minute).Unix()}
	_, err := p.Verify(t.Context(), signed(jwt.SigningMethodRS256, rsaKey, c, object{"kid": kid}), "tanks")
	var refusal *identity.Refusal
	if errors.As(err, &refusal) {
		return refusal.Status
	}
	return 200
}

// TestKeySetByURL checks when a key set is fetched: at the first token that
// needs it, for an unknown key at most once in five minutes, and once an hour.
func TestKeySetByURL(t *testing.T) {
	p := publish(t)
	for _, step := range []struct {
		what    string
		after   time.Duration
		kid     string
		status  int
		fetches int32
	}{
		{"the first token", 0, "rsa", 200, 1},
		{"another", time.Minute, "rsa", 200, 1},
		{"an unknown key", time.Minute, "new", 401, 1},
		{"an unknown key, five minutes later", 5 * time.Minute, "new", 401, 2},
		{"and at once again", 0, "newer", 401, 2},
		{"a known key after an hour", time.Hour, "rsa", 200, 3},
	} {
		p.clock = p.clock.Add(step.after)
		if status := p.status(t, step.kid); status != step.status || p.fetches.Load() != step.fetches {
			t.Errorf("%s: %d after %d fetches, want %d after %d", step.what, status, p.fetches.Load(), step.status, step.fetches)
		}
	}
}

// TestKeySetFails checks that a server of keys that fails refuses only tokens
// that need it, and is left alone for a while.
func TestKeySetFails(t *testing.T) {
	for name, serve := range map[string]http.HandlerFunc{
		"500":     func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) },
		"HTML":    func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("<html>")) },
		"empty":   func(http.ResponseWriter, *http.Request) {},
		"no keys": func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte(`{"keys":[]}`)) },
		"a private key": func(w http.ResponseWriter, _ *http.Request) {
			w.Write([]byte(keySet(object{"kty": "RSA", "d": "AQAB"})))
		},
		"huge":       func(w http.ResponseWriter, _ *http.Request) { w.Write(bytes.Repeat([]byte(" "), 300<<10)) },
		"a redirect": func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/keys", http.StatusFound) },
		"a hang":     func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := publish(t)
			p.serve.Store(serve)
			if status := p.status(t, "rsa"); status != 503 {
				t.Errorf("without keys: %d", status)
			}
			p.status(t, "rsa")
			if n := p.fetches.Load(); n != 1 || strings.Count(p.log.String(), "\n") != 1 {
				t.Errorf("%d fetches, and the log\n%s", n, &p.log)
			}
			p.serve.Store(http.HandlerFunc(good))
			p.clock = p.clock.Add(10 * time.Second)
			if status := p.status(t, "rsa"); status != 200 {
				t.Errorf("once it is well: %d", status)
			}
			p.serve.Store(serve)
			p.clock = p.clock.Add(2 * time.Hour)
			if known, unknown := p.status(t, "rsa"), p.status(t, "new"); known != 200 || unknown != 503 {
				t.Errorf("with keys from before: %d for a known key, %d for an unknown one", known, unknown)
			}
		})
	}
}

// TestSlowKeySet checks that a token by a known key does not wait for the keys
// that a token by an unknown one asks for.
func TestSlowKeySet(t *testing.T) {
	p := publish(t)
	p.status(t, "rsa")
	p.clock = p.clock.Add(10 * time.Minute)
	p.serve.Store(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if status := p.status(t, "rsa"); status != 200 {
			t.Errorf("a known key: %d", status)
		}
		good(w, r)
	}))
	if status := p.status(t, "new"); status != 401 {
		t.Errorf("an unknown key: %d", status)
	}
}

func BenchmarkVerify(b *testing.B) {
	for name, c := range map[string]struct {
		config identity.Config
		token  string
	}{
		"HS256": {identity.Config{Mode: "required", Secret: secret}, hs256(nil)},
		"RS256": {identity.Config{Mode: "required", JWKS: publicKeys}, signed(jwt.SigningMethodRS256, rsaKey, claims(nil), object{"kid": "rsa"})},
		"ES256": {identity.Config{Mode: "required", JWKS: publicKeys}, signed(jwt.SigningMethodES256, ecKey, claims(nil), object{"kid": "ec"})},
	} {
		b.Run(name, func(b *testing.B) {
			c.config.Now = func() time.Time { return now }
			v, err := identity.New(c.config)
			if err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				if _, err := v.Verify(b.Context(), c.token, "tanks"); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
