package endpoints

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	mathrand "math/rand/v2"
	"os"
	"time"
)

// An authority issues certificates. Its key is made at the start and is nowhere
// but in memory.
type authority struct {
	root *x509.Certificate
	key  *ecdsa.PrivateKey // of the root and of all that it issues
}

func newAuthority() (*authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	root := &x509.Certificate{
		Subject: pkix.Name{CommonName: "gateway emulate, for this run"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage:            x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		PermittedDNSDomains: []string{"amazonaws.com", "amazonaws.com.cn"}, PermittedDNSDomainsCritical: true,
	}
	a := &authority{root, key}
	der, err := a.sign(root)
	if err != nil {
		return nil, err
	}
	a.root, err = x509.ParseCertificate(der)
	return a, err
}

// sign completes a certificate and signs it.
func (a *authority) sign(c *x509.Certificate) ([]byte, error) {
	c.SerialNumber, c.NotBefore, c.NotAfter = big.NewInt(mathrand.Int64()), time.Now().Add(-time.Hour), time.Now().AddDate(1, 0, 0)
	return x509.CreateCertificate(rand.Reader, c, a.root, a.key.Public(), a.key)
}

// certificate is a tls.Config's GetCertificate.
func (a *authority) certificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	der, err := a.sign(&x509.Certificate{
		Subject: pkix.Name{CommonName: "gateway emulate"}, DNSNames: []string{hello.ServerName}, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	})
	return &tls.Certificate{Certificate: [][]byte{der, a.root.Raw}, PrivateKey: a.key}, err
}

// rootFiles are where systems keep their authorities, as in crypto/x509.
var rootFiles = []string{
	os.Getenv("SSL_CERT_FILE"), "/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem",
	"/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", "/etc/ssl/cert.pem",
}

// bundle returns the root, and after it the system's, as PEM: a variable that
// names the one hides the others.
func (a *authority) bundle() []byte {
	own := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.root.Raw})
	for _, file := range rootFiles {
		if system, err := os.ReadFile(file); err == nil {
			return append(own, system...)
		}
	}
	return own
}
