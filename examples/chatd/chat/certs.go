package chat

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"path/filepath"

	"isthmus.im/jid"
)

// LoadCertificates reads the certificate and key of each domain: from certFile
// and keyFile, which then serve all of them, or else from DOMAIN.crt and
// DOMAIN.key in dir.
func LoadCertificates(domains []string, certFile, keyFile, dir string) (*tls.Config, error) {
	if dir == "" {
		cert, err := tls.LoadX509KeyPair(certFile, keyFile)
		if err != nil {
			return nil, fmt.Errorf("chat: certificate: %w", err)
		}
		return &tls.Config{Certificates: []tls.Certificate{cert}}, nil
	}
	c := &tls.Config{}
	for _, name := range domains {
		d, err := jid.New("", name, "")
		if err != nil {
			return nil, fmt.Errorf("chat: domain: %w", err)
		}
		file := filepath.Join(dir, d.ASCIIDomain())
		cert, err := tls.LoadX509KeyPair(file+".crt", file+".key")
		if err != nil {
			return nil, fmt.Errorf("chat: certificate of %s: %w", name, err)
		}
		c.Certificates = append(c.Certificates, cert)
	}
	return c, nil
}

// LoadRoots returns the system's authorities and those in file (PEM). An empty
// file name means the system's alone.
func LoadRoots(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("chat: authorities: %w", err)
	}
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("chat: authorities: %s has no certificate", file)
	}
	return pool, nil
}
