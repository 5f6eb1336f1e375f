package payload

import (
	"encoding/xml"

	"isthmus.im/stanza"
)

// Encryption says how a message is encrypted, for those who cannot read it (XEP-0380
// section 3.1). It proves nothing.
type Encryption struct {
	XMLName   xml.Name `xml:"urn:xmpp:eme:0 encryption"`
	Namespace string   `xml:"namespace,attr"`      // of the encryption protocol; required
	Name      string   `xml:"name,attr,omitempty"` // for people; see Label
}

// UnmarshalXML implements xml.Unmarshaler.
func (n *Encryption) UnmarshalXML(d *xml.Decoder, start xml.StartElement) error {
	x := read(d, start, NSEncryption, "encryption")
	*n = Encryption{Namespace: x.need("namespace"), Name: x.attr("name")}
	return x.err
}

// knownEncryption returns the name of a protocol of XEP-0380 section 3.2.
func knownEncryption(ns string) string {
	switch ns {
	case "urn:xmpp:otr:0":
		return "OTR"
	case "jabber:x:encrypted":
		return "Legacy OpenPGP"
	case "urn:xmpp:openpgp:0":
		return "OpenPGP for XMPP"
	case "eu.siacs.conversations.axolotl":
		return "OMEMO"
	case "urn:xmpp:omemo:1":
		return "OMEMO 1"
	case "urn:xmpp:omemo:2":
		return "OMEMO 2"
	}
	return ""
}

// Label returns what to call the encryption: the name that XEP-0380 section 3.2 has for
// it, which the sender cannot change, else the sender's, else the namespace.
func (n Encryption) Label() string {
	if known := knownEncryption(n.Namespace); known != "" {
		return known
	}
	if n.Name != "" {
		return n.Name
	}
	return n.Namespace
}

// MarkEncrypted says that m is encrypted by the protocol with namespace ns, in place of
// what it said before. The name is left out for the protocols of XEP-0380 section 3.2,
// which everybody knows. It returns [ErrMisplaced] for what is no message, for errors
// and for an empty ns.
func MarkEncrypted(m *stanza.Stanza, ns, name string) error {
	if err := message(m); err != nil {
		return err
	}
	if ns == "" {
		return misplaced("encryption by no protocol")
	}
	if knownEncryption(ns) != "" {
		name = ""
	}
	remove(m, NSEncryption)
	return m.Append(Encryption{Namespace: ns, Name: name})
}
