package locate

import "net/netip"

// Kind says where an address is.
type Kind uint8

// The kinds of addresses.
const (
	Open      Kind = iota // the open network
	Loopback              // this host, the unspecified address included
	LinkLocal             // this link
	Private               // a private or shared network (RFC 1918, RFC 4193, RFC 6598)
	Metadata              // the metadata service of a cloud
	Special               // documentation, benchmarking, multicast, reserved
)

// block is a range of addresses that no public server has.
type block struct {
	prefix netip.Prefix
	kind   Kind
	reason string
}

// blocks returns the ranges of the IANA registries of special addresses
// (RFC 6890) in which no server of another domain is to be found, and the
// addresses of metadata services, the more telling first.
func blocks() []block {
	var out []block
	add := func(kind Kind, reason string, prefixes ...string) {
		for _, p := range prefixes {
			out = append(out, block{netip.MustParsePrefix(p), kind, reason})
		}
	}
	add(Metadata, "metadata service",
		"169.254.169.254/32", "fd00:ec2::254/128", // Amazon, and many others
		"169.254.170.2/32", "169.254.170.23/32", "fd00:ec2::23/128", // Amazon's containers
		"fd20:ce::254/128",                         // Google
		"168.63.129.16/32",                         // Azure
		"192.0.0.192/32", "fd00:c1::a9fe:a9fe/128", // Oracle
		"100.100.100.200/32",                  // Alibaba
		"169.254.0.23/32", "169.254.10.10/32", // Tencent
		"169.254.42.42/32", "fd00:42::42/128", // Scaleway
		"fe80::a9fe:a9fe/128", "fd00:a9fe:a9fe::1/128", // OpenStack, Linode
	)
	add(Loopback, "unspecified address", "0.0.0.0/32", "::/128")
	add(Loopback, "loopback address", "127.0.0.0/8", "::1/128")
	add(Private, "private address", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7", "fec0::/10")
	add(Private, "shared address", "100.64.0.0/10")
	add(LinkLocal, "link-local address", "169.254.0.0/16", "fe80::/10")
	add(Special, "documentation address", "192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32", "3fff::/20")
	add(Special, "benchmarking address", "198.18.0.0/15", "2001:2::/48")
	add(Special, "multicast address", "224.0.0.0/4", "ff00::/8")
	add(Special, "reserved address", "0.0.0.0/8", "192.0.0.0/24", "192.88.99.0/24", "240.0.0.0/4",
		"::/3", "4000::/2", "8000::/1", "2001::/23") // IPv6: all but 2000::/3
	return out
}

// Ranges whose addresses stand for IPv4 addresses.
const (
	nat64      = "64:ff9b::/96"    // RFC 6052
	nat64local = "64:ff9b:1::/48"  // RFC 8215
	to4        = "2002::/16"       // RFC 3056
	teredo     = "2001::/32"       // RFC 4380
	compatible = "::/96"           // RFC 4291 section 2.5.5.1
	translated = "::ffff:0:0:0/96" // RFC 2765 section 2.1
)

// guard is what KindOf consults; it is not changed.
var guard = struct {
	blocks                                                 []block
	nat64, nat64local, to4, teredo, compatible, translated netip.Prefix
}{
	blocks(), netip.MustParsePrefix(nat64), netip.MustParsePrefix(nat64local), netip.MustParsePrefix(to4),
	netip.MustParsePrefix(teredo), netip.MustParsePrefix(compatible), netip.MustParsePrefix(translated),
}

// Forbidden reports whether an address is none that a server of another domain
// has, and why: its [Kind] is not [Open]. A domain whose DNS names such an
// address may want to reach into the network of the one who connects.
func Forbidden(addr netip.Addr) (reason string, forbidden bool) {
	kind, reason := KindOf(addr)
	return reason, kind != Open
}

// KindOf says where an address is, and if that is not the open network, what it
// is in words. IPv6 addresses that stand for an IPv4 address (mapped, compatible,
// translated, NAT64, 6to4, Teredo) are judged by that; a zone makes no
// difference; the zero Addr is Special.
func KindOf(addr netip.Addr) (kind Kind, reason string) {
	if !addr.IsValid() {
		return Special, "no address"
	}
	addr = addr.WithZone("").Unmap()
	if addr.Is6() {
		b := addr.As16()
		last := netip.AddrFrom4([4]byte(b[12:16]))
		switch {
		case guard.nat64.Contains(addr):
			return KindOf(last)
		case guard.to4.Contains(addr):
			return KindOf(netip.AddrFrom4([4]byte(b[2:6])))
		case guard.teredo.Contains(addr):
			// RFC 4380 section 4: the relay's address as it is, the client's
			// with every bit turned.
			if kind, reason := KindOf(netip.AddrFrom4([4]byte(b[4:8]))); kind != Open {
				return kind, reason
			}
			return KindOf(netip.AddrFrom4([4]byte{^b[12], ^b[13], ^b[14], ^b[15]}))
		case b == [16]byte{15: 1}, b == [16]byte{}: // the loopback and the unspecified address are no IPv4 addresses
		case guard.compatible.Contains(addr), guard.translated.Contains(addr), guard.nat64local.Contains(addr):
			// Nobody is to be found there, whatever it stands for. But a host
			// that does not mind may mind what is behind it.
			if kind, reason := KindOf(last); kind == Metadata || kind == Loopback || kind == LinkLocal {
				return kind, reason
			}
		}
	}
	for _, bl := range guard.blocks {
		if bl.prefix.Contains(addr) {
			return bl.kind, bl.reason
		}
	}
	return Open, ""
}
