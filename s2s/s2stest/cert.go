package s2stest

import (
	"crypto/tls"
	"crypto/x509"

	"isthmus.im/internal/testca"
)

// CertOptions describe a certificate for [Network.Issue]; the zero value makes a
// good one without any name. Fields: DNS, SRV, XMPPAddr, UPN, IPs, CN, Others,
// RawSAN and CriticalSAN for the names, Usage for the extended key usage,
// NotBefore and NotAfter, IsCA.
type CertOptions = testca.Options

// The values of CertOptions.Usage.
const (
	ServerAndClient = testca.ServerAndClient
	ServerOnly      = testca.ServerOnly
	ClientOnly      = testca.ClientOnly
	NoUsage         = testca.NoUsage
	AnyUsage        = testca.AnyUsage
)

// Certificate issues a certificate with the names as dNSNames.
func (n *Network) Certificate(names ...string) tls.Certificate {
	n.t.Helper()
	return n.ca.Issue(testca.Options{DNS: ascii(n.t, names)})
}

// Issue issues a certificate with something unusual about it.
func (n *Network) Issue(o CertOptions) tls.Certificate { return n.ca.Issue(o) }

// Roots returns a pool that holds the network's authority.
func (n *Network) Roots() *x509.CertPool { return n.ca.Pool() }

// Authority returns the certificate of the network's authority.
func (n *Network) Authority() *x509.Certificate { return n.ca.Certificate() }
