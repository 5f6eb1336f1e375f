package locate

import (
	"net/netip"
	"strings"
	"testing"
)

func TestForbidden(t *testing.T) {
	tests := []struct{ reason, addrs string }{
		{"", "1.1.1.1 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.0 169.253.255.255 169.255.0.0 " +
			"172.15.255.255 172.32.0.0 192.0.1.0 192.0.3.0 192.167.255.255 192.169.0.0 198.17.255.255 198.20.0.0 198.51.99.255 " +
			"198.51.101.0 203.0.112.255 203.0.114.0 223.255.255.255"},
		{"", "2000:: 2001:200:: 2001:db7:ffff:: 2001:db9:: 2003:: 2606:4700::1111 2a00:1450:4001:831::200e 3ffe:: 3fff:1000::"},
		{"", "::ffff:1.1.1.1 64:ff9b::1.1.1.1 2002:101:101:: 2001:0:101:101::fefe:fefe"},
		{"metadata service", "169.254.169.254 fd00:ec2::254 100.100.100.200 168.63.129.16 192.0.0.192 ::ffff:169.254.169.254 64:ff9b::a9fe:a9fe " +
			"2002:a9fe:a9fe::1 2001:0:a9fe:a9fe::fefe:fefe 2001:0:101:101::5601:5601 " +
			"169.254.170.2 169.254.170.23 fd00:ec2::23 fd20:ce::254 fd00:c1::a9fe:a9fe 169.254.0.23 169.254.10.10 169.254.42.42 fd00:42::42 " +
			"fe80::a9fe:a9fe fe80::a9fe:a9fe%eth0 fd00:a9fe:a9fe::1 ::169.254.169.254 ::ffff:0:169.254.169.254 64:ff9b:1::169.254.169.254 " +
			"64:ff9b:1:a:b:c:168.63.129.16"},
		{"unspecified address", "0.0.0.0 :: ::ffff:0.0.0.0 64:ff9b:: 2002:: 2001:0:101:101::ffff:ffff"},
		{"loopback address", "127.0.0.1 127.255.255.255 ::1 ::ffff:127.0.0.1 64:ff9b::127.0.0.1 2002:7f00:1::1 2001:0:101:101::80ff:fffe " +
			"::127.0.0.1 ::ffff:0:127.0.0.1 64:ff9b:1::127.0.0.1"},
		{"private address", "10.0.0.0 10.255.255.255 172.16.0.0 172.31.255.255 192.168.0.0 192.168.255.255 fc00:: fdff:ffff::1 fec0:: " +
			"::ffff:10.1.2.3 64:ff9b::192.168.1.1 2002:a00:1:: 2001:0:a00:1::fefe:fefe 2001:0:101:101::f5ff:fffe"},
		{"shared address", "100.64.0.0 100.127.255.255 ::ffff:100.64.0.1"},
		{"link-local address", "169.254.0.0 169.254.255.255 fe80:: fe80::1%eth0 febf::1"},
		{"documentation address", "192.0.2.0 192.0.2.255 198.51.100.1 203.0.113.1 2001:db8:: 2001:db8:ffff::1 3fff:: 3fff:fff::1"},
		{"benchmarking address", "198.18.0.0 198.19.255.255 2001:2::1"},
		{"multicast address", "224.0.0.1 239.255.255.255 ff02::1 ff0e::1"},
		{"reserved address", "::10.0.0.1 ::ffff:0:8.8.8.8 64:ff9b:1::8.8.8.8 0.0.0.1 0.255.255.255 192.0.0.1 192.88.99.1 240.0.0.0 255.255.255.255 ::2 ::101:101 100::1 64:ff9b:1::1 " +
			"1fff::1 4000:: 5f00::1 8000:: fbff::1 fe00::1 2001:20::1 2001:1ff::1"},
	}
	for _, tt := range tests {
		for ip := range strings.FieldsSeq(tt.addrs) {
			reason, forbidden := Forbidden(netip.MustParseAddr(ip))
			if reason != tt.reason || forbidden != (tt.reason != "") {
				t.Errorf("%s: %q, %v, want %q", ip, reason, forbidden, tt.reason)
			}
		}
	}
	if _, forbidden := Forbidden(netip.Addr{}); !forbidden {
		t.Error("the zero address is allowed")
	}
}

func TestKindOf(t *testing.T) {
	for ip, want := range map[string]Kind{
		"1.1.1.1": Open, "2606:4700::1111": Open, "0.0.0.0": Loopback, "::": Loopback, "127.0.0.53": Loopback, "::1": Loopback, "::ffff:127.0.0.1": Loopback,
		"169.254.1.1": LinkLocal, "fe80::1": LinkLocal, "10.0.0.1": Private, "fd00::1": Private, "100.64.0.1": Private, "64:ff9b::10.0.0.1": Private,
		"169.254.169.254": Metadata, "fd00:ec2::254": Metadata, "2002:a9fe:a9fe::": Metadata, "192.0.2.1": Special, "224.0.0.1": Special, "::8.8.8.8": Special,
	} {
		if got, _ := KindOf(netip.MustParseAddr(ip)); got != want {
			t.Errorf("%s: kind %d, want %d", ip, got, want)
		}
	}
	if got, _ := KindOf(netip.Addr{}); got != Special {
		t.Errorf("the zero address: kind %d", got)
	}
}

// FuzzForbidden holds Forbidden against the predicates of net/netip and
// against itself: every way to write an IPv4 address has the same answer.
func FuzzForbidden(f *testing.F) {
	for _, ip := range []string{"1.1.1.1", "127.0.0.1", "10.0.0.1", "::1", "fe80::1", "2001:db8::1", "2002:7f00:1::", "2606:4700::1111"} {
		f.Add(netip.MustParseAddr(ip).AsSlice())
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		ip, ok := netip.AddrFromSlice(b)
		if !ok {
			return
		}
		reason, forbidden := Forbidden(ip)
		if forbidden != (reason != "") {
			t.Errorf("%v: %q, %v", ip, reason, forbidden)
		}
		u := ip.Unmap()
		if (!u.IsGlobalUnicast() || u.IsPrivate()) && !forbidden {
			t.Errorf("%v is allowed", ip)
		}
		if !u.Is4() {
			return
		}
		v4 := u.As4()
		w := [4]byte{^v4[0], ^v4[1], ^v4[2], ^v4[3]}
		for _, other := range []netip.Addr{
			netip.AddrFrom16(u.As16()),
			netip.AddrFrom16([16]byte{0, 0x64, 0xff, 0x9b, 12: v4[0], v4[1], v4[2], v4[3]}),
			netip.AddrFrom16([16]byte{0x20, 0x02, v4[0], v4[1], v4[2], v4[3], 15: 1}),
			netip.AddrFrom16([16]byte{0x20, 0x01, 4: 1, 1, 1, 1, 12: w[0], w[1], w[2], w[3]}),
			netip.AddrFrom16([16]byte{0x20, 0x01, 4: v4[0], v4[1], v4[2], v4[3], 12: 0xfe, 0xfe, 0xfe, 0xfe}),
		} {
			if r, _ := Forbidden(other); r != reason {
				t.Errorf("%v: %q, %v: %q", ip, reason, other, r)
			}
		}
	})
}

func BenchmarkForbidden(b *testing.B) {
	ip := netip.MustParseAddr("2606:4700::1111")
	b.ReportAllocs()
	for b.Loop() {
		Forbidden(ip)
	}
}
