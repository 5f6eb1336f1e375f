package locate

import "net/netip"

// block is a range of addresses that no public server has.
type block struct {
	prefix netip.Prefix
	reason string
}

// blocks returns the ranges of the IANA registries of special addresses
// (RFC 6890) in which no server of another domain is to be found, and the
// addresses of metadata services, the more telling reason first.
func blocks() []block {
	var out []block
	add := func(reason string, prefixes ...string) {
		for _, p := range prefixes {
			out = append(out, block{netip.MustParsePrefix(p), reason})
		}
	}
	add("metadata service", "169.254.169.254/32", "100.100.100.200/32", "168.63.129.16/32", "192.0.0.192/32", "fd00:ec2::254/128")
	add("unspecified address", "0.0.0.0/32", "::/128")
	add("loopback address", "127.0.0.0/8", "::1/128")
	add("private address", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7", "fec0::/10")
	add("shared address", "100.64.0.0/10")
	add("link-local address", "169.254.0.0/16", "fe80::/10")
	add("documentation address", "192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32", "3fff::/20")
	add("benchmarking address", "198.18.0.0/15", "2001:2::/48")
	add("multicast address", "224.0.0.0/4", "ff00::/8")
	add("reserved address", "0.0.0.0/8", "192.0.0.0/24", "192.88.99.0/24", "240.0.0.0/4",
		"::/3", "4000::/2", "8000::/1", "2001::/23") // IPv6: all but 2000::/3
	return out
}

// Ranges whose addresses stand for IPv4 addresses.
const (
	nat64  = "64:ff9b::/96"
	to4    = "2002::/16"
	teredo = "2001::/32"
)

// guard is what Forbidden consults; it is not changed.
var guard = struct {
	blocks             []block
	nat64, to4, teredo netip.Prefix
}{blocks(), netip.MustParsePrefix(nat64), netip.MustParsePrefix(to4), netip.MustParsePrefix(teredo)}

// Forbidden reports whether an address is none that a server of another domain
// has, and why: loopback, private, link-local, shared (RFC 6598), unspecified,
// multicast, documentation, benchmarking and reserved addresses, and those of
// the metadata services of clouds. A domain whose DNS names such an address
// may want to reach into the network of the one who connects. IPv6
// addresses that stand for an IPv4 address (mapped, NAT64 of RFC 6052, 6to4,
// Teredo) are judged by that; a zone makes no difference; the zero Addr is
// forbidden.
func Forbidden(addr netip.Addr) (reason string, forbidden bool) {
	if !addr.IsValid() {
		return "no address", true
	}
	addr = addr.WithZone("").Unmap()
	if addr.Is6() {
		b := addr.As16()
		switch {
		case guard.nat64.Contains(addr):
			return Forbidden(netip.AddrFrom4([4]byte(b[12:16])))
		case guard.to4.Contains(addr):
			return Forbidden(netip.AddrFrom4([4]byte(b[2:6])))
		case guard.teredo.Contains(addr):
			// RFC 4380 section 4: the relay's address as it is, the client's
			// with every bit turned.
			if reason, forbidden := Forbidden(netip.AddrFrom4([4]byte(b[4:8]))); forbidden {
				return reason, true
			}
			return Forbidden(netip.AddrFrom4([4]byte{^b[12], ^b[13], ^b[14], ^b[15]}))
		}
	}
	for _, bl := range guard.blocks {
		if bl.prefix.Contains(addr) {
			return bl.reason, true
		}
	}
	return "", false
}
