package identity

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/MicahParks/keyfunc/v3"
	"github.com/golang-jwt/jwt/v5"
)

// Limits of a key set by URL. Its keys are fetched again once they are old, or
// when a token names an unknown key. After a failure they are not fetched again
// for a while, so that a slow or broken server of keys does not hold up every
// client.
const (
	maxKeySet    = 256 << 10 // bytes
	maxKeys      = 100
	fetchTime    = 3 * time.Second
	maxAge       = time.Hour
	unknownPause = 5 * time.Minute
	failurePause = 10 * time.Second
)

// A keySet is a set of public keys (RFC 7517), given as it is or by its URL.
type keySet struct {
	Config
	url string // empty: the set was given

	keys atomic.Pointer[fetchedKeys] // nil before the first fetch that succeeds

	mu       sync.Mutex // held while the set is fetched: tokens that need it wait
	notUntil time.Time  // when that can be tried again
	failed   bool       // the last try
}

type fetchedKeys struct {
	keyfunc.Keyfunc
	at time.Time
}

func newKeySet(c Config) (*keySet, error) {
	s := &keySet{Config: c}
	if s.Log == nil {
		s.Log = slog.Default()
	}
	if strings.HasPrefix(strings.TrimSpace(c.JWKS), "{") {
		keys, err := readKeySet([]byte(c.JWKS))
		if err != nil {
			return nil, fmt.Errorf("the key set: %w", err)
		}
		s.keys.Store(&fetchedKeys{Keyfunc: keys})
		return s, nil
	}
	u, err := url.Parse(c.JWKS)
	if err != nil || u.Host == "" || u.User != nil || u.Scheme != "https" && !(u.Scheme == "http" && isLoopback(u.Hostname())) {
		return nil, errors.New("make the key set a URL that begins with https://, or JSON")
	}
	s.url = c.JWKS
	return s, nil
}

// client follows no redirect: only the URL that the operator gave has keys.
var client = http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// key returns the key or keys that t might be signed with. It fetches the set
// if that is old or does not have them.
func (s *keySet) key(ctx context.Context, t *jwt.Token) (any, error) {
	now := s.Now()
	if keys := s.keys.Load(); keys != nil && (s.url == "" || now.Sub(keys.at) < maxAge) {
		if key, err := keys.KeyfuncCtx(ctx)(t); err == nil || s.url == "" {
			return key, err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fetch(ctx, now)
	if keys := s.keys.Load(); keys != nil {
		if key, err := keys.KeyfuncCtx(ctx)(t); err == nil || !s.failed {
			return key, err
		}
	}
	return nil, &Refusal{http.StatusServiceUnavailable, "Tokens cannot be verified for now; try again in a moment."}
}

// fetch replaces the keys by those at the URL, unless that was tried a moment
// ago. If it fails, it keeps the old keys and writes one log line. Called with
// mu held.
func (s *keySet) fetch(ctx context.Context, now time.Time) {
	if now.Before(s.notUntil) {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, fetchTime)
	defer cancel()
	keys, err := s.get(ctx)
	if s.failed = err != nil; s.failed {
		s.notUntil = now.Add(failurePause)
		s.Log.LogAttrs(ctx, slog.LevelError, "key set not fetched", slog.String("url", s.url), slog.Any("error", err))
		return
	}
	s.keys.Store(&fetchedKeys{keys, now})
	s.notUntil = now.Add(unknownPause)
}

func (s *keySet) get(ctx context.Context) (keyfunc.Keyfunc, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url, nil)
	if err != nil {
		return nil, err
	}
	answer, err := client.Do(r)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("status %d", answer.StatusCode)
	}
	data, err := io.ReadAll(io.LimitReader(answer.Body, maxKeySet+1))
	if err != nil {
		return nil, err
	}
	return readKeySet(data)
}

// readKeySet reads a set of public keys.
func readKeySet(data []byte) (keyfunc.Keyfunc, error) {
	if len(data) > maxKeySet {
		return nil, fmt.Errorf("make it at most %d KiB long", maxKeySet>>10)
	}
	var set struct {
		Keys []struct {
			Type    string          `json:"kty"`
			Private json.RawMessage `json:"d"`
		} `json:"keys"`
	}
	if err := json.NewDecoder(bytes.NewReader(data)).Decode(&set); err != nil {
		return nil, errors.New("make it JSON with keys, as in RFC 7517")
	}
	if len(set.Keys) == 0 || len(set.Keys) > maxKeys {
		return nil, fmt.Errorf("it has %d keys; make that 1 to %d", len(set.Keys), maxKeys)
	}
	for _, k := range set.Keys {
		if k.Private != nil || k.Type == "oct" {
			return nil, errors.New("it holds a private key: publish public keys alone, and replace that one")
		}
	}
	keys, err := keyfunc.NewJWKSetJSON(data)
	if err != nil {
		return nil, errors.New("it holds a key that cannot be read")
	}
	return keys, nil
}
