package s2s

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"time"

	"isthmus.im/jid"
)

// CertFiles reads certificates from files, such as those that an ACME client
// keeps up to date, and reads them again when they have changed, which every
// handshake looks for. Streams that are open stay open. Its GetCertificate is
// what Config.TLS and [Domain] ask for, and serves web servers, too:
//
//	files := &s2s.CertFiles{
//		Cert: "/etc/letsencrypt/live/{domain}/fullchain.pem",
//		Key:  "/etc/letsencrypt/live/{domain}/privkey.pem",
//	}
//
// Its methods are safe for concurrent use; its fields must not change after the
// first call of one.
type CertFiles struct {
	// Cert is the file of the certificate and the chain that leads from it to its
	// authority, in this order and in PEM. "{domain}" stands for the domain in
	// A-labels.
	Cert string
	// Key is the file of the private key in PEM, named in the same way. Empty: it
	// is in Cert.
	Key string
	// Logger receives a warning when files that were read before have changed and
	// cannot be read: then the old certificate serves on. Nil: [slog.Default].
	Logger *slog.Logger

	files sync.Map // name of a domain, or "" if the paths have no place for it -> *certFile
}

// placeholder stands for the domain in the paths of CertFiles.
const placeholder = "{domain}"

// certFile is one certificate with its key.
type certFile struct {
	mu     sync.Mutex
	cert   *tls.Certificate // nil: never read
	stamp  [2]stamp         // of the files when they were last looked at
	failed error            // what reading them then came to
}

// stamp tells versions of a file apart.
type stamp struct {
	modified time.Time
	size     int64
}

// GetCertificate returns the certificate for hello.ServerName. It fails for names
// that are no domains, and for those without files or with files that do not hold
// a certificate and its key.
func (f *CertFiles) GetCertificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	name := ""
	if strings.Contains(f.Cert+f.Key, placeholder) {
		d, err := jid.Parse(hello.ServerName)
		if err != nil || d != d.Host() {
			return nil, fmt.Errorf("s2s: no certificate for %q: not a domain", hello.ServerName)
		}
		name = d.ASCIIDomain()
		if strings.HasPrefix(name, ".") || strings.Contains(name, "..") || strings.ContainsAny(name, `/\`) {
			return nil, fmt.Errorf("s2s: no certificate for %q: not the name of a file", hello.ServerName)
		}
	}
	known, ok := f.files.Load(name)
	if !ok {
		known = new(certFile)
	}
	file := known.(*certFile)
	cert, err := f.look(file, name, false)
	if err == nil && !ok {
		f.files.LoadOrStore(name, file) // names without files are not remembered
	}
	return cert, err
}

// Reload reads all files again that were read before, whether they seem to have
// changed or not, and returns what went wrong; then the old certificate serves
// on. It is for hosts that are told of changes, and want to hear of mistakes at
// once.
func (f *CertFiles) Reload() error {
	var errs []error
	f.files.Range(func(name, file any) bool {
		c := file.(*certFile)
		f.look(c, name.(string), true)
		c.mu.Lock()
		errs = append(errs, c.failed)
		c.mu.Unlock()
		return true
	})
	return errors.Join(errs...)
}

// look returns a certificate, after reading its files if that was never done, or
// they have changed, or force says so.
func (f *CertFiles) look(c *certFile, name string, force bool) (*tls.Certificate, error) {
	paths := [2]string{strings.ReplaceAll(f.Cert, placeholder, name), strings.ReplaceAll(f.Key, placeholder, name)}
	if paths[1] == "" {
		paths[1] = paths[0]
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	var now [2]stamp // zero for files that are not there
	for i, path := range paths {
		if info, err := os.Stat(path); err == nil {
			now[i] = stamp{info.ModTime(), info.Size()}
		}
	}
	if now != c.stamp || c.cert == nil || force {
		c.stamp = now
		cert, err := tls.LoadX509KeyPair(paths[0], paths[1])
		c.failed = err
		if err == nil {
			c.cert = &cert
		} else {
			c.failed = fmt.Errorf("s2s: certificate of %s: %w", paths[0], err)
			f.warn(c)
		}
	}
	if c.cert == nil {
		return nil, c.failed
	}
	return c.cert, nil
}

// warn tells of files that were good before.
func (f *CertFiles) warn(c *certFile) {
	if c.cert == nil {
		return
	}
	log := f.Logger
	if log == nil {
		log = slog.Default()
	}
	log.Warn("certificate not read again", "err", c.failed)
}
