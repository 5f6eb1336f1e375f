package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/big"
	"net"
	"os"
	"strings"
	"time"

	"isthmus.im/jid"
	"isthmus.im/s2s"
)

// nobody is the domain in whose name fedcheck connects without -from. It cannot
// exist (RFC 6761 section 6.4).
const nobody = "fedcheck.invalid"

// flags are what the command line says.
type flags struct {
	domains       []jid.JID
	json          bool
	dns           []string
	dnssec, posh  bool
	ca, cert, key string
	from          jid.JID
	timeout       time.Duration
}

// parseFlags prints to w what is wrong, or the usage when that was asked for.
func parseFlags(args []string, w io.Writer) (*flags, error) {
	f := &flags{}
	fs := flag.NewFlagSet("fedcheck", flag.ContinueOnError)
	fs.SetOutput(w)
	fs.Usage = func() {
		fmt.Fprintln(w, "usage: fedcheck [-json] [-dns server] [-dnssec] [-posh] [-ca file] [-cert file -key file -from domain] domain...")
		fs.PrintDefaults()
	}
	fs.BoolVar(&f.json, "json", false, "print one JSON object per domain")
	dns := fs.String("dns", "", "name `servers`, host or host:port, separated by commas; empty: the system's")
	fs.BoolVar(&f.dnssec, "dnssec", false, "believe the name servers when they say that DNSSEC vouches for records (DANE)")
	fs.BoolVar(&f.posh, "posh", false, "ask the web servers of domains for their certificates (POSH)")
	fs.StringVar(&f.ca, "ca", "", "`file` (PEM) of authorities to trust besides the system's")
	fs.StringVar(&f.cert, "cert", "", "certificate `file` (PEM) of the domain in -from")
	fs.StringVar(&f.key, "key", "", "its key `file` (PEM)")
	from := fs.String("from", "", "the `domain` in whose name to connect")
	fs.DurationVar(&f.timeout, "timeout", 30*time.Second, "`time` for each attempt")
	if err := fs.Parse(args); err != nil {
		return nil, err
	}
	if err := f.check(*dns, *from, fs.Args()); err != nil {
		fmt.Fprintln(w, "fedcheck:", err)
		return nil, err
	}
	return f, nil
}

func (f *flags) check(dns, from string, domains []string) error {
	switch {
	case len(domains) == 0:
		return errors.New("which domain? (-h shows the usage)")
	case (f.cert == "") != (f.key == "") || (f.cert == "") != (from == ""):
		return errors.New("-cert, -key and -from belong together")
	case f.timeout <= 0:
		return errors.New("-timeout has to be positive")
	case from == "":
		from = nobody
	}
	var err error
	if f.from, err = parseDomain(from); err != nil {
		return fmt.Errorf("-from: %w", err)
	}
	for _, name := range domains {
		d, err := parseDomain(name)
		if err != nil {
			return err
		}
		f.domains = append(f.domains, d)
	}
	for _, server := range strings.Split(dns, ",") {
		if server = strings.TrimSpace(server); server == "" {
			continue
		}
		if _, _, err := net.SplitHostPort(server); err != nil {
			server = net.JoinHostPort(strings.Trim(server, "[]"), "53")
		}
		f.dns = append(f.dns, server)
	}
	return nil
}

func parseDomain(name string) (jid.JID, error) {
	d, err := jid.Parse(name)
	if err == nil && d != d.Host() {
		err = fmt.Errorf("%q is not a domain", name)
	}
	return d, err
}

// anonymous reports whether nobody will trust our certificate.
func (f *flags) anonymous() bool { return f.cert == "" }

// config returns the configuration of a server that listens nowhere. Stanzas
// both ways on one stream let the ping be answered all the same.
func (f *flags) config() (s2s.Config, error) {
	cfg := s2s.Config{
		Services: []string{f.from.Domain()}, DNS: f.dns, DNSSEC: f.dnssec, POSH: f.posh, Bidi: true,
		Limits: s2s.Limits{Negotiation: f.timeout},
		Reach:  s2s.Reach{Private: true, Loopback: true, LinkLocal: true, Literals: true, Dotless: true}, // it is the user who asks
	}
	roots, err := f.roots()
	if err != nil {
		return cfg, err
	}
	cfg.Verifier = s2s.PKIX{Roots: roots}
	var cert tls.Certificate
	if f.anonymous() {
		cert, err = selfSigned(nobody)
	} else {
		cert, err = tls.LoadX509KeyPair(f.cert, f.key)
	}
	cfg.TLS = &tls.Config{Certificates: []tls.Certificate{cert}}
	return cfg, err
}

// roots returns the system's authorities and those in -ca.
func (f *flags) roots() (*x509.CertPool, error) {
	if f.ca == "" {
		return nil, nil
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	pem, err := os.ReadFile(f.ca)
	if err != nil {
		return nil, err
	}
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s has no certificate", f.ca)
	}
	return pool, nil
}

// selfSigned makes a certificate for an hour.
func selfSigned(domain string) (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	now := time.Now()
	t := &x509.Certificate{
		SerialNumber: big.NewInt(now.UnixNano()), DNSNames: []string{domain},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour), KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, t, t, key.Public(), key)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, err
}
