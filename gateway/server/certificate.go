package server

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"
)

// A certificate is a pair of files. If they have changed, it reads them at the
// next handshake: a restart to renew a certificate would end every connection.
type certificate struct {
	file, key string
	log       *slog.Logger

	mu      sync.Mutex
	pair    *tls.Certificate
	changed [2]time.Time // times of the files when they were last read
}

// LoadTLS returns a TLS configuration with the certificate and the key in two
// PEM files. It reads them again when they change.
func LoadTLS(certificateFile, keyFile string, log *slog.Logger) (*tls.Config, error) {
	c := &certificate{file: certificateFile, key: keyFile, log: log}
	if err := c.read(); err != nil {
		return nil, err
	}
	return &tls.Config{
		GetCertificate: c.get,
		NextProtos:     []string{"http/1.1"}, // with HTTP/2 a browser could open no WebSocket here
	}, nil
}

func (c *certificate) read() error {
	c.changed = c.times()
	pair, err := tls.LoadX509KeyPair(c.file, c.key)
	if err != nil {
		return fmt.Errorf("cannot use -tls-cert %s with -tls-key %s: %w; they must be PEM, a certificate with its chain and its key", c.file, c.key, err)
	}
	c.pair = &pair
	return nil
}

func (c *certificate) times() (t [2]time.Time) {
	for i, file := range []string{c.file, c.key} {
		if info, err := os.Stat(file); err == nil {
			t[i] = info.ModTime()
		}
	}
	return t
}

// get is a tls.Config's GetCertificate. If the files are not usable, it returns
// the last usable certificate.
func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.times() != c.changed {
		if err := c.read(); err != nil {
			c.log.Error("the certificate has changed and is of no use; the last one stays", "error", err)
		}
	}
	return c.pair, nil
}
