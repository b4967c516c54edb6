// Package turnapi gets TURN credentials for players from the HTTP API of a
// provider: Cloudflare's or Twilio's. A provider that is slow or broken keeps
// no player waiting: they get no TURN server then.
package turnapi

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"time"

	"bellhop/events"
	"bellhop/handlers"
	"bellhop/internal/awsclient"
)

// Config configures a Minter. Provider, KeyID, Token and Now are required.
type Config struct {
	Provider string // cloudflare or twilio
	// KeyID is Cloudflare's TURN key id, or Twilio's account SID, or that and the
	// SID of an API key: AC…/SK….
	KeyID string
	// Token is Cloudflare's API token of the key, or Twilio's auth token or the
	// secret of the API key.
	Token string
	// Lifetime is how long credentials are valid. 0 means 3 hours.
	Lifetime time.Duration
	URL      string // default: the provider's
	Now      func() time.Time
	Log      *slog.Logger // nil means slog.Default()
}

const (
	defaultLifetime = 3 * time.Hour
	maxLifetime     = 24 * time.Hour // Twilio's limit; Cloudflare's is twice that
	// maxWait is how long a join waits for the provider. The request then goes on
	// for requestTime, for the player's next event.
	maxWait     = 300 * time.Millisecond
	requestTime = 5 * time.Second
	// pause is how long nobody waits again after a failure.
	pause = 2 * time.Second
	// maxKept bounds the credentials in memory, of some 700 bytes each.
	maxKept   = 10_000
	maxAnswer = 64 << 10 // bytes
	// maxServers is the longest list of servers as JSON. Both providers' have
	// less than 1 KiB; an event carries it together with up to 63 peers.
	maxServers = 2 << 10
)

// A Minter implements handlers.Minter.
type Minter struct {
	Config
	api    api
	client http.Client

	mu       sync.Mutex
	kept     map[string]*credential // by connection
	notUntil time.Time
}

// A credential is one player's. Its servers can be read once done is closed.
type credential struct {
	done    chan struct{}
	servers []events.ICEServer
	until   time.Time
	logged  sync.Once
}

// An api is a provider's: where it is, and the request for a credential.
type api struct {
	url     string
	request func(Config) (*http.Request, error)
}

var apis = map[string]api{
	"cloudflare": {"https://rtc.live.cloudflare.com", cloudflare},
	"twilio":     {"https://api.twilio.com", twilio},
}

// New returns a Minter, or nil if the configuration is empty. The error is one
// sentence for operators and never contains the token.
func New(c Config) (*Minter, error) {
	if c.Provider == "" && c.KeyID == "" && c.Token == "" {
		return nil, nil
	}
	c.Token = strings.TrimSpace(c.Token)
	c.Lifetime = cmp.Or(c.Lifetime, defaultLifetime)
	c.URL = strings.TrimSuffix(cmp.Or(c.URL, apis[c.Provider].url), "/")
	c.Log = cmp.Or(c.Log, slog.Default())
	if err := c.check(); err != nil {
		return nil, err
	}
	return &Minter{Config: c, api: apis[c.Provider], kept: map[string]*credential{}, client: http.Client{
		Transport: awsclient.Transport(requestTime, 0).GetTransport(),
		// No redirect gets the token.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

var (
	cloudflareKey = regexp.MustCompile(`^[A-Za-z0-9_-]{8,64}$`)
	twilioKey     = regexp.MustCompile(`^AC[0-9a-f]{32}(/SK[0-9a-f]{32})?$`)
)

func (c Config) check() error {
	switch {
	case apis[c.Provider].url == "":
		return fmt.Errorf("make the TURN provider cloudflare or twilio, and not %q", c.Provider)
	case c.Provider == "cloudflare" && !cloudflareKey.MatchString(c.KeyID):
		return errors.New("make the key id that of a TURN key, from Cloudflare's dashboard, Realtime, TURN server")
	case c.Provider == "twilio" && !twilioKey.MatchString(c.KeyID):
		return errors.New("make the key id your account SID (AC and 32 digits from 0 to f), or that, a slash and the SID of an API key (SK…)")
	case c.Token == "" || strings.ContainsAny(c.Token, " \t\r\n"):
		return errors.New("give the token that belongs to the key id")
	case c.Lifetime < time.Minute || c.Lifetime > maxLifetime:
		return errors.New("let credentials last from 1m to 24h: no provider makes longer ones")
	}
	return nil
}

// Dial connects to the provider, so that the first player need not wait for
// that. It writes nothing if it fails: that player's request will.
func (m *Minter) Dial(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, requestTime)
	defer cancel()
	if r, err := http.NewRequestWithContext(ctx, http.MethodHead, m.URL, nil); err == nil {
		if answer, err := m.client.Do(r); err == nil {
			answer.Body.Close()
		}
	}
}

// Mint implements handlers.Minter. A player in no lobby gets none.
func (m *Minter) Mint(ctx context.Context, p handlers.Player) ([]events.ICEServer, time.Time) {
	if p.Lobby == "" {
		return nil, time.Time{}
	}
	c := m.credentialOf(p.Conn)
	if c == nil {
		return nil, time.Time{}
	}
	ctx, cancel := context.WithTimeout(ctx, maxWait)
	defer cancel()
	select {
	case <-c.done:
		return c.servers, c.until
	case <-ctx.Done():
		m.failed(c, errors.New("no answer in time"))
		return nil, time.Time{}
	}
}

// credentialOf returns the credential of a connection, which is new or less
// than half its lifetime old, or nil while the provider has a pause.
func (m *Minter) credentialOf(conn string) *credential {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.Now()
	isOld := func(_ string, c *credential) bool { return !now.Add(m.Lifetime / 2).Before(c.until) }
	if c := m.kept[conn]; c != nil && !isOld(conn, c) {
		return c
	}
	if now.Before(m.notUntil) {
		return nil
	}
	if len(m.kept) >= maxKept {
		maps.DeleteFunc(m.kept, isOld)
	}
	if len(m.kept) >= maxKept {
		clear(m.kept)
	}
	c := &credential{done: make(chan struct{}), until: now.Add(m.Lifetime)}
	m.kept[conn] = c
	go m.request(conn, c)
	return c
}

// request fills a credential. It goes on if the event that wants it has ended.
func (m *Minter) request(conn string, c *credential) {
	ctx, cancel := context.WithTimeout(context.Background(), requestTime)
	defer cancel()
	servers, err := m.ask(ctx)
	if err != nil {
		m.mu.Lock()
		delete(m.kept, conn)
		m.mu.Unlock()
		m.failed(c, err)
		c.until = time.Time{}
		close(c.done)
		return
	}
	m.mu.Lock()
	m.notUntil = time.Time{}
	m.mu.Unlock()
	c.servers = servers
	close(c.done)
}

// failed writes one log line for a credential, and lets the provider rest.
func (m *Minter) failed(c *credential, err error) {
	c.logged.Do(func() {
		m.mu.Lock()
		m.notUntil = m.Now().Add(pause)
		m.mu.Unlock()
		m.Log.Warn("no TURN credentials", "provider", m.Provider, "error", err.Error())
	})
}

// ask requests one credential. Its error has nothing of the answer's body, and
// no URL, which has the key id.
func (m *Minter) ask(ctx context.Context) ([]events.ICEServer, error) {
	r, err := m.api.request(m.Config)
	if err != nil {
		return nil, errors.New("it has no such URL")
	}
	answer, err := m.client.Do(r.WithContext(ctx))
	if err != nil {
		if wrapped := (*url.Error)(nil); errors.As(err, &wrapped) {
			err = wrapped.Err
		}
		return nil, err
	}
	defer answer.Body.Close()
	switch answer.StatusCode {
	case http.StatusOK, http.StatusCreated:
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound:
		return nil, fmt.Errorf("status %d: check the key id and the token", answer.StatusCode)
	default:
		return nil, fmt.Errorf("status %d", answer.StatusCode)
	}
	data, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer+1))
	if err != nil {
		return nil, err
	}
	return readAnswer(data)
}

// readAnswer returns the TURN servers in an answer. Its STUN servers are left
// out: the deployment names one. So are those at port 53, which browsers block.
func readAnswer(data []byte) ([]events.ICEServer, error) {
	given, err := handlers.DecodeICEServers(string(data))
	if err != nil || len(data) > maxAnswer {
		return nil, errors.New("the answer is no list of servers")
	}
	var servers []events.ICEServer
	for _, s := range given {
		var urls []string
		for _, u := range s.URLs {
			address, _, _ := strings.Cut(u, "?")
			if strings.HasPrefix(u, "turn") && !strings.HasSuffix(address, ":53") {
				urls = append(urls, u)
			}
		}
		if s.URLs = urls; urls != nil && s.Username != "" {
			servers = append(servers, s)
		}
	}
	if size, err := json.Marshal(servers); err != nil || servers == nil || len(size) > maxServers {
		return nil, errors.New("the answer has no TURN server with credentials, or too many")
	}
	return servers, nil
}

// cloudflare is the request of developers.cloudflare.com/realtime/turn,
// "Generate Credentials".
func cloudflare(c Config) (*http.Request, error) {
	at := c.URL + "/v1/turn/keys/" + c.KeyID + "/credentials/generate-ice-servers"
	body := fmt.Appendf(nil, `{"ttl": %d}`, int(c.Lifetime.Seconds()))
	r, err := http.NewRequest(http.MethodPost, at, bytes.NewReader(body))
	if err == nil {
		r.Header.Set("Authorization", "Bearer "+c.Token)
		r.Header.Set("Content-Type", "application/json")
	}
	return r, err
}

// twilio is the request of twilio.com/docs/stun-turn/api, "Network Traversal
// Service Tokens".
func twilio(c Config) (*http.Request, error) {
	account, user, hasKey := strings.Cut(c.KeyID, "/")
	if !hasKey {
		user = account
	}
	at := c.URL + "/2010-04-01/Accounts/" + account + "/Tokens.json"
	form := url.Values{"Ttl": {fmt.Sprint(int(c.Lifetime.Seconds()))}}.Encode()
	r, err := http.NewRequest(http.MethodPost, at, strings.NewReader(form))
	if err == nil {
		r.SetBasicAuth(user, c.Token)
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	return r, err
}
