package pkixid

import (
	"bytes"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"net/netip"
	"unicode/utf8"
)

// Names are the identities a certificate carries in its subjectAltName
// extension, as written there.
type Names struct {
	DNS      []string // dNSName
	SRV      []string // SRVName, such as "_xmpp-server.example"
	XMPPAddr []string // id-on-xmppAddr
	IP       []netip.Addr
}

// All returns the names in one list of texts.
func (n Names) All() []string {
	all := make([]string, 0, len(n.DNS)+len(n.SRV)+len(n.XMPPAddr)+len(n.IP))
	all = append(all, n.DNS...)
	all = append(all, n.SRV...)
	all = append(all, n.XMPPAddr...)
	for _, a := range n.IP {
		all = append(all, a.String())
	}
	return all
}

// Object identifiers, the otherName types as the contents of their DER:
// id-on-xmppAddr 1.3.6.1.5.5.7.8.5 and id-on-dnsSRV 1.3.6.1.5.5.7.8.7.
var (
	oidSAN     = asn1.ObjectIdentifier{2, 5, 29, 17}
	idXMPPAddr = []byte{0x2b, 6, 1, 5, 5, 7, 8, 5}
	idDNSSRV   = []byte{0x2b, 6, 1, 5, 5, 7, 8, 7}
)

// Tags of GeneralName, RFC 5280 section 4.2.1.6.
const (
	tagOtherName = 0
	tagDNSName   = 2
	tagIPAddress = 7
)

var errSAN = errors.New("malformed subjectAltName extension")

// NamesOf returns the identities in the subjectAltName extension of c, none
// if it has no such extension. It fails if the extension is not the sequence
// of names that RFC 5280 section 4.2.1.6 describes; a single otherName whose
// value is not of its type's form is left out.
func NamesOf(c *x509.Certificate) (Names, error) {
	for _, e := range c.Extensions {
		if e.Id.Equal(oidSAN) {
			return parseSAN(e.Value)
		}
	}
	return Names{}, nil
}

func parseSAN(der []byte) (Names, error) {
	var n Names
	var seq asn1.RawValue
	rest, err := asn1.Unmarshal(der, &seq)
	if err != nil || len(rest) > 0 || !universal(seq, asn1.TagSequence, true) {
		return n, errSAN
	}
	for rest = seq.Bytes; len(rest) > 0; {
		var name asn1.RawValue
		if rest, err = asn1.Unmarshal(rest, &name); err != nil || name.Class != asn1.ClassContextSpecific {
			return Names{}, errSAN
		}
		switch name.Tag {
		case tagOtherName:
			if !n.addOther(name) {
				return Names{}, errSAN
			}
		case tagDNSName:
			if name.IsCompound || !ascii(name.Bytes) {
				return Names{}, errSAN
			}
			n.DNS = append(n.DNS, string(name.Bytes))
		case tagIPAddress:
			ip, ok := netip.AddrFromSlice(name.Bytes)
			if name.IsCompound || !ok {
				return Names{}, errSAN
			}
			n.IP = append(n.IP, ip)
		}
	}
	return n, nil
}

// addOther adds the value of an otherName if it is one of ours. It reports
// false if the otherName is not a type and one explicitly tagged value.
func (n *Names) addOther(name asn1.RawValue) bool {
	var id, value asn1.RawValue
	rest, err := asn1.Unmarshal(name.Bytes, &id)
	if err != nil || !name.IsCompound || !universal(id, asn1.TagOID, false) {
		return false
	}
	rest, err = asn1.Unmarshal(rest, &value)
	if err != nil || len(rest) > 0 || value.Class != asn1.ClassContextSpecific || value.Tag != 0 || !value.IsCompound {
		return false
	}
	switch {
	case bytes.Equal(id.Bytes, idXMPPAddr):
		if s, ok := primitive(value.Bytes, asn1.TagUTF8String); ok && utf8.Valid(s) {
			n.XMPPAddr = append(n.XMPPAddr, string(s))
		}
	case bytes.Equal(id.Bytes, idDNSSRV):
		if s, ok := primitive(value.Bytes, asn1.TagIA5String); ok && ascii(s) {
			n.SRV = append(n.SRV, string(s))
		}
	}
	return true
}

// primitive returns the contents of der if it is exactly one primitive value
// of the universal tag.
func primitive(der []byte, tag int) ([]byte, bool) {
	var v asn1.RawValue
	rest, err := asn1.Unmarshal(der, &v)
	if err != nil || len(rest) > 0 || !universal(v, tag, false) {
		return nil, false
	}
	return v.Bytes, true
}

func universal(v asn1.RawValue, tag int, compound bool) bool {
	return v.Class == asn1.ClassUniversal && v.Tag == tag && v.IsCompound == compound
}

func ascii(b []byte) bool {
	for _, c := range b {
		if c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
