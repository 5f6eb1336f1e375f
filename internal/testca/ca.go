package testca

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"
	"net/netip"
	"time"
)

// CA issues certificates. Make one with [New].
type CA struct {
	cert  *x509.Certificate
	key   crypto.Signer
	root  *x509.Certificate
	above [][]byte // certificates sent after an issued one, this CA's own first
}

// Usage is the extended key usage of a certificate.
type Usage int

// Usages. The zero Usage is what public authorities used to issue.
const (
	ServerAndClient Usage = iota // serverAuth and clientAuth
	ServerOnly                   // serverAuth, as public authorities issue since 2026
	ClientOnly                   // clientAuth
	NoUsage                      // no extended key usage extension
	AnyUsage                     // anyExtendedKeyUsage
	CodeSigning                  // codeSigning, useless for a connection
	XMPPUsage                    // id-on-xmppAddr as a usage, RFC 6120 section 13.7.1.4
	OCSPSigning                  // OCSPSigning, for the responder of an OCSP
)

// Options describe a certificate. The zero Options make a good certificate
// without any name.
type Options struct {
	DNS      []string     // dNSName as is, "*.example" for a wildcard
	SRV      []string     // SRVName, such as "_xmpp-server.example"
	XMPPAddr []string     // id-on-xmppAddr
	UPN      []string     // Microsoft's user principal name, which is no XMPP address
	IPs      []netip.Addr // iPAddress
	CN       string       // common name of the subject; "" means none

	// Others are further GeneralName elements in DER. RawSAN, if set, is the
	// whole value of the subjectAltName extension in place of all names above.
	Others [][]byte
	RawSAN []byte
	// CriticalSAN marks the subjectAltName extension critical.
	CriticalSAN bool

	Usage     Usage
	NotBefore time.Time // zero: an hour ago
	NotAfter  time.Time // zero: in 90 days
	IsCA      bool      // also set basicConstraints cA

	// RSA is the size in bits of an RSA key, at least 1024; crypto/rsa makes
	// smaller ones only with GODEBUG=rsa1024min=0. Zero: ECDSA on P-256.
	RSA int
}

// Constraints limit what an intermediate authority may vouch for.
type Constraints struct {
	PermittedDNS []string  // empty: all
	ExcludedDNS  []string  // empty: none
	Usage        Usage     // as in Options; NoUsage lets everything through
	NotAfter     time.Time // zero: in ten years
	RSA          int       // as in Options
}

// New makes a self-signed root, valid from an hour ago for ten years.
func New() *CA {
	key := newKey(0)
	t := caTemplate("Isthmus test root", Constraints{Usage: NoUsage})
	der := create(t, t, key, key)
	cert := parse(der)
	return &CA{cert: cert, key: key, root: cert}
}

// Load returns the authority of a certificate and its ECDSA key, both PEM; the
// key in the form of SEC 1 or PKCS #8.
func Load(certificate, key []byte) (*CA, error) {
	pair, err := tls.X509KeyPair(certificate, key)
	if err != nil {
		return nil, err
	}
	signer, ok := pair.PrivateKey.(*ecdsa.PrivateKey)
	if !ok {
		return nil, errors.New("testca: the key is not ECDSA")
	}
	return &CA{cert: pair.Leaf, key: signer, root: pair.Leaf}, nil
}

// Pool returns a pool with the root above ca alone.
func (ca *CA) Pool() *x509.CertPool {
	p := x509.NewCertPool()
	p.AddCert(ca.root)
	return p
}

// Certificate returns the authority's own certificate.
func (ca *CA) Certificate() *x509.Certificate { return ca.cert }

// Intermediate makes a subordinate authority. What it issues carries the
// intermediate certificates in its chain.
func (ca *CA) Intermediate(c Constraints) *CA {
	key := newKey(c.RSA)
	der := create(caTemplate("Isthmus test intermediate", c), ca.cert, key, ca.key)
	return &CA{cert: parse(der), key: key, root: ca.root, above: append([][]byte{der}, ca.above...)}
}

// Issue makes a certificate and its key. Leaf is set and the chain contains
// the intermediates, not the root.
func (ca *CA) Issue(o Options) tls.Certificate {
	key := newKey(o.RSA)
	der := create(o.template(), ca.cert, key, ca.key)
	return tls.Certificate{
		Certificate: append([][]byte{der}, ca.above...),
		PrivateKey:  key,
		Leaf:        parse(der),
	}
}

// SelfSigned makes a certificate signed by its own key.
func SelfSigned(o Options) tls.Certificate {
	key := newKey(o.RSA)
	t := o.template()
	der := create(t, t, key, key)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: parse(der)}
}

// Chain returns the parsed certificates of c, the leaf first, as a TLS peer
// would see them.
func Chain(c tls.Certificate) []*x509.Certificate {
	var chain []*x509.Certificate
	for _, der := range c.Certificate {
		chain = append(chain, parse(der))
	}
	return chain
}

func caTemplate(name string, c Constraints) *x509.Certificate {
	now := time.Now()
	t := &x509.Certificate{
		SerialNumber:                serial(),
		Subject:                     pkix.Name{CommonName: name, SerialNumber: serial().Text(16)},
		NotBefore:                   now.Add(-time.Hour),
		NotAfter:                    orTime(c.NotAfter, now.AddDate(10, 0, 0)),
		KeyUsage:                    x509.KeyUsageCertSign | x509.KeyUsageCRLSign | x509.KeyUsageDigitalSignature,
		BasicConstraintsValid:       true,
		IsCA:                        true,
		PermittedDNSDomains:         c.PermittedDNS,
		ExcludedDNSDomains:          c.ExcludedDNS,
		PermittedDNSDomainsCritical: true,
	}
	c.Usage.apply(t)
	return t
}

func (o Options) template() *x509.Certificate {
	now := time.Now()
	t := &x509.Certificate{
		SerialNumber:          serial(),
		Subject:               pkix.Name{Organization: []string{"Isthmus tests"}, CommonName: o.CN},
		NotBefore:             orTime(o.NotBefore, now.Add(-time.Hour)),
		NotAfter:              orTime(o.NotAfter, now.AddDate(0, 0, 90)),
		KeyUsage:              x509.KeyUsageDigitalSignature,
		BasicConstraintsValid: true,
		IsCA:                  o.IsCA,
	}
	if o.IsCA {
		t.KeyUsage |= x509.KeyUsageCertSign
	}
	o.Usage.apply(t)
	if san := o.san(); san != nil {
		t.ExtraExtensions = []pkix.Extension{{Id: oidSAN, Critical: o.CriticalSAN, Value: san}}
	}
	return t
}

func (u Usage) apply(t *x509.Certificate) {
	switch u {
	case ServerAndClient:
		t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	case ServerOnly:
		t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	case ClientOnly:
		t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	case NoUsage:
	case AnyUsage:
		t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageAny}
	case CodeSigning:
		t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning}
	case OCSPSigning:
		t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageOCSPSigning}
	case XMPPUsage:
		t.UnknownExtKeyUsage = []asn1.ObjectIdentifier{oidXMPPAddr}
	default:
		panic(fmt.Sprintf("testca: no usage %d", u))
	}
}

func create(t, parent *x509.Certificate, key, signer crypto.Signer) []byte {
	der, err := x509.CreateCertificate(rand.Reader, t, parent, key.Public(), signer)
	if err != nil {
		panic("testca: " + err.Error())
	}
	return der
}

func parse(der []byte) *x509.Certificate {
	c, err := x509.ParseCertificate(der)
	if err != nil {
		panic("testca: " + err.Error())
	}
	return c
}

// newKey makes an RSA key of some bits, or for zero one for ECDSA.
func newKey(bits int) (key crypto.Signer) {
	var err error
	if bits == 0 {
		key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	} else {
		key, err = rsa.GenerateKey(rand.Reader, bits)
	}
	if err != nil {
		panic("testca: " + err.Error())
	}
	return key
}

func serial() *big.Int {
	n, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		panic("testca: " + err.Error())
	}
	return n.Add(n, big.NewInt(1))
}

func orTime(t, def time.Time) time.Time {
	if t.IsZero() {
		return def
	}
	return t
}
