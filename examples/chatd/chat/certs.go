package chat

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"path/filepath"

	"isthmus.im/s2s"
)

// LoadCertificates finds the certificate and key of each domain: in certFile and
// keyFile, which then serve all of them, or else in DOMAIN.crt and DOMAIN.key in
// dir. They are read again when they change.
func LoadCertificates(domains []string, certFile, keyFile, dir string) (*tls.Config, error) {
	files := &s2s.CertFiles{Cert: certFile, Key: keyFile}
	if dir != "" {
		files = &s2s.CertFiles{Cert: filepath.Join(dir, "{domain}.crt"), Key: filepath.Join(dir, "{domain}.key")}
	}
	for _, name := range domains {
		if _, err := files.GetCertificate(&tls.ClientHelloInfo{ServerName: name}); err != nil {
			return nil, fmt.Errorf("chat: %w", err)
		}
	}
	return &tls.Config{GetCertificate: files.GetCertificate}, nil
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
