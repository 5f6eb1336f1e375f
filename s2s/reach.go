package s2s

import (
	"fmt"
	"net/netip"
	"strings"

	"isthmus.im/internal/locate"
	"isthmus.im/jid"
)

// Reach says which unusual places may be connected to, and which unusual domains
// may be spoken to. Each is refused unless its field is set, since whoever can
// make a server connect to a domain of their choice could otherwise make it reach
// into the network that it runs in. What stands for an IPv4 address (mapped
// addresses, NAT64, 6to4, Teredo) is judged by that.
type Reach struct {
	Private   bool // addresses that are private, shared or otherwise not of the open network, but for those that follow
	Loopback  bool // addresses of this host, the unspecified address included
	LinkLocal bool // addresses of this link
	Metadata  bool // addresses of the metadata services of clouds
	Self      bool // this very server, when DNS names it for a domain that it does not serve
	Literals  bool // domains that are IP addresses
	Dotless   bool // domains of a single label
	// OtherHosts: hosts that a domain's server names instead of itself
	// (see-other-host, RFC 6120 section 4.9.3.19). They have to prove the same
	// domain, and the fields above apply to them as well.
	OtherHosts bool
}

// or allows what either allows.
func (r Reach) or(o Reach) Reach {
	return Reach{
		Private: r.Private || o.Private, Loopback: r.Loopback || o.Loopback, LinkLocal: r.LinkLocal || o.LinkLocal,
		Metadata: r.Metadata || o.Metadata, Self: r.Self || o.Self, Literals: r.Literals || o.Literals, Dotless: r.Dotless || o.Dotless,
		OtherHosts: r.OtherHosts || o.OtherHosts,
	}
}

// usual reports why a domain or host is too unusual, or nil.
func (r Reach) usual(domain jid.JID) error {
	switch {
	case domain.IsIPLiteral():
		if !r.Literals {
			return errLiteral
		}
	case !r.Dotless && !strings.Contains(strings.TrimSuffix(domain.Domain(), "."), "."):
		return errDotless
	}
	return nil
}

// allows reports why an address may not be connected to, or nil.
func (r Reach) allows(addr netip.Addr) error {
	kind, why := locate.KindOf(addr)
	allowed := true
	switch kind {
	case locate.Private, locate.Special:
		allowed = r.Private
	case locate.Loopback:
		allowed = r.Loopback
	case locate.LinkLocal:
		allowed = r.LinkLocal
	case locate.Metadata:
		allowed = r.Metadata
	}
	if !allowed {
		return fmt.Errorf("s2s: address not allowed: %s", why)
	}
	return nil
}
