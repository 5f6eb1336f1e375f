package locate

import (
	"context"
	"encoding/hex"
	"slices"

	"github.com/miekg/dns"
)

// TLSA is one TLSA record, RFC 6698 section 2.1. The fields are as they came:
// a record with values or a length of data that make no sense is there too, so
// that whoever uses it can tell unusable records from none (RFC 7671 section
// 10.3).
type TLSA struct {
	Usage        uint8 // 0 PKIX-TA, 1 PKIX-EE, 2 DANE-TA, 3 DANE-EE
	Selector     uint8 // 0 the certificate, 1 its public key
	MatchingType uint8 // 0 Data is the thing itself, 1 its SHA-256, 2 its SHA-512
	Data         []byte
}

func newTLSA(rr *dns.TLSA) TLSA {
	// Unpacking has made the hexadecimal digits itself.
	data, _ := hex.DecodeString(rr.Certificate)
	return TLSA{Usage: rr.Usage, Selector: rr.Selector, MatchingType: rr.MatchingType, Data: data}
}

// LookupTLSA returns the TLSA records of a name like
// "_5269._tcp.xmpp.example". They are to be used only if they are authentic,
// which is never so unless TrustAD is set. With an error that is IsNotFound,
// authentic is about there being no records. With any other error authentic is
// false, the records could not be had, and RFC 7673 section 3.4 forbids to
// connect to a host whose addresses or SRV record are authentic.
func (c *Client) LookupTLSA(ctx context.Context, name string) (records []TLSA, authentic bool, err error) {
	a, err := c.lookup(ctx, name, dns.TypeTLSA)
	if err != nil {
		return nil, a.authentic, err
	}
	records = slices.Clone(a.tlsa)
	for i := range records {
		records[i].Data = slices.Clone(records[i].Data)
	}
	return records, a.authentic, nil
}
