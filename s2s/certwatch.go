package s2s

import (
	"crypto/x509"
	"math/rand/v2"
	"time"

	"isthmus.im/jid"
)

const (
	// certPeriod is the time between two looks at the own certificates, give or
	// take a tenth, so that many servers do not read the same disk at once.
	certPeriod = 24 * time.Hour
	// firstLook is within what time the first look is taken.
	firstLook = time.Minute
	// defaultExpiryWarning is Config.ExpiryWarning if that is zero.
	defaultExpiryWarning = 14 * 24 * time.Hour
)

// watchCertificates begins to look after the own certificates. s.mu is held.
func (s *Server) watchCertificates() {
	if s.certTimer == nil {
		s.certTimer = time.AfterFunc(rand.N(firstLook), s.lookAtCertificates)
	}
}

// lookAtCertificates warns of certificates that end soon or cannot be had.
func (s *Server) lookAtCertificates() {
	if !s.begin() {
		return
	}
	defer s.running.Done()
	ending := make(map[string]*expiry) // by certificate
	s.domains.each(func(d *domain) bool {
		leaf, err := s.leaf(d.jid)
		switch {
		case s.domains.get(d.jid.Domain()) == nil: // removed meanwhile
		case err != nil:
			s.log.Error("no certificate", "local", d.jid, "err", err)
			s.certificateTrouble(d.jid, time.Time{}, err)
		case s.endsSoon(leaf):
			e := ending[string(leaf.Raw)]
			if e == nil {
				e = &expiry{local: d.jid, at: leaf.NotAfter}
				ending[string(leaf.Raw)] = e
			}
			e.domains++
			s.certificateTrouble(d.jid, leaf.NotAfter, nil)
		}
		return s.ctx.Err() == nil
	})
	now := time.Now()
	for _, e := range ending {
		s.log.Warn("certificate ends soon", "local", e.local, "domains", e.domains, "ends", e.at.UTC(), "left", e.at.Sub(now).Round(time.Hour))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ctx.Err() == nil {
		s.certTimer.Reset(certPeriod - certPeriod/10 + rand.N(certPeriod/5))
	}
}

// expiry is a certificate that ends, with the number of local domains that use it
// and one of them.
type expiry struct {
	local   jid.JID
	domains int
	at      time.Time
}

func (s *Server) certificateTrouble(local jid.JID, ends time.Time, err error) {
	if t := s.trace.Certificate; t != nil {
		t(local, ends, err)
	}
}

// leaf returns the certificate of a local domain without its chain.
func (s *Server) leaf(local jid.JID) (*x509.Certificate, error) {
	c, err := s.certificate(local)
	if err != nil {
		return nil, err
	}
	return leafOf(c)
}

// endsSoon reports whether it is time to renew a certificate. One that is made to
// live for a few days only is not complained about from its first day.
func (s *Server) endsSoon(leaf *x509.Certificate) bool {
	before := min(s.expiryWarning, leaf.NotAfter.Sub(leaf.NotBefore)/3)
	return time.Until(leaf.NotAfter) < before
}
