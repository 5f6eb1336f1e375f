package locate

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

const soa = "example. 600 IN SOA ns.example. admin.example. 1 7200 3600 1209600 300"

func client(s ...*server) *Client {
	c := new(Client)
	for _, s := range s {
		c.Servers = append(c.Servers, s.addr)
	}
	return c
}

func TestLookupSRV(t *testing.T) {
	s := serve(t, always(
		"_xmpp-server._tcp.a.example. 60 IN SRV 20 0 5270 two.example.",
		"_XMPP-server._tcp.A.example. 60 IN SRV 10 5 5269 One.example.",
		"other.example. 60 IN SRV 1 1 1 forged.example.",
	))
	cname, got, err := client(s).LookupSRV(t.Context(), "xmpp-server", "tcp", "A.Example")
	if err != nil {
		t.Fatal(err)
	}
	if cname != "_xmpp-server._tcp.a.example." {
		t.Errorf("cname %q", cname)
	}
	want := []net.SRV{{Target: "One.example.", Port: 5269, Priority: 10, Weight: 5}, {Target: "two.example.", Port: 5270, Priority: 20}}
	if len(got) != 2 || *got[0] != want[0] || *got[1] != want[1] {
		for _, r := range got {
			t.Errorf("record %+v", *r)
		}
	}
	if _, _, err := client(s).LookupSRV(t.Context(), "", "", "other.example"); err != nil {
		t.Errorf("name as it is: %v", err)
	}
}

func TestLookupNetIP(t *testing.T) {
	s := serve(t, func(_ string, q *dns.Msg) []*dns.Msg {
		name := q.Question[0].Name
		switch {
		case name == "four.example." && q.Question[0].Qtype == dns.TypeAAAA,
			name == "six.example." && q.Question[0].Qtype == dns.TypeA:
			return []*dns.Msg{reply(q, soa)}
		case name == "half.example." && q.Question[0].Qtype == dns.TypeAAAA:
			return []*dns.Msg{failing(q, dns.RcodeServerFailure)}
		case name == "broken.example." && q.Question[0].Qtype == dns.TypeA:
			return []*dns.Msg{failing(q, dns.RcodeServerFailure)}
		case name == "broken.example.":
			return []*dns.Msg{reply(q, soa)}
		case q.Question[0].Qtype == dns.TypeA:
			return []*dns.Msg{reply(q, name+" 60 IN A 192.0.2.1", name+" 60 IN A 192.0.2.2")}
		}
		return []*dns.Msg{reply(q, name+" 60 IN AAAA 2001:db8::1")}
	})
	tests := []struct{ network, host, want string }{
		{"ip", "both.example", "[2001:db8::1 192.0.2.1 192.0.2.2]"},
		{"ip4", "both.example", "[192.0.2.1 192.0.2.2]"},
		{"ip6", "both.example.", "[2001:db8::1]"},
		{"ip", "four.example", "[192.0.2.1 192.0.2.2]"},
		{"ip", "six.example", "[2001:db8::1]"},
		{"ip", "half.example", "[192.0.2.1 192.0.2.2]"},
		{"ip", "192.0.2.9", "[192.0.2.9]"},
		{"ip6", "2001:db8::9", "[2001:db8::9]"},
		{"ip6", "four.example", "not found"},
		{"ip", "broken.example", "temporary"},
		{"ip6", "192.0.2.9", "not found"},
		{"ip4", "2001:db8::9", "not found"},
		{"ip", "a b.example", "not found"},
		{"ip", "a..example", "not found"},
		{"ip", "", "not found"},
		{"ip", `a\.b.example`, "not found"},
		{"ip", strings.Repeat("a", 64) + ".example", "not found"},
		{"ip", strings.Repeat("a.", 127) + "a", "not found"},
		{"udp", "both.example", "unknown network"},
	}
	c := client(s)
	for _, tt := range tests {
		got, err := c.LookupNetIP(t.Context(), tt.network, tt.host)
		text := fmt.Sprint(got)
		if err != nil {
			text = kind(t, err)
		}
		if text != tt.want {
			t.Errorf("%s %q: %v, %v, want %s", tt.network, tt.host, got, err, tt.want)
		}
	}
}

// kind says what a *net.DNSError stands for.
func kind(t *testing.T, err error) string {
	t.Helper()
	var e *net.DNSError
	if !errors.As(err, &e) {
		t.Errorf("not a DNSError: %v", err)
		return ""
	}
	var unknown net.UnknownNetworkError
	switch {
	case errors.As(err, &unknown):
		return "unknown network"
	case e.IsNotFound && !e.IsTimeout && !e.IsTemporary:
		return "not found"
	case e.IsTimeout && !e.IsNotFound:
		return "timeout"
	case e.IsTemporary && !e.IsNotFound:
		return "temporary"
	}
	return fmt.Sprintf("%+v", e)
}

func TestFailures(t *testing.T) {
	lame := func(_ string, q *dns.Msg) []*dns.Msg {
		m := reply(q)
		m.RecursionAvailable = false
		return []*dns.Msg{m}
	}
	bare := func(_ string, q *dns.Msg) []*dns.Msg {
		m := failing(q, dns.RcodeRefused)
		m.Question = nil
		return []*dns.Msg{m}
	}
	tests := []struct {
		name string
		zone zone
		want string
	}{
		{"NXDOMAIN", alwaysFailing(dns.RcodeNameError, soa), "not found"},
		{"NXDOMAIN without SOA", alwaysFailing(dns.RcodeNameError), "not found"},
		{"NODATA", always(soa), "not found"},
		{"NODATA without SOA", always(), "not found"},
		{"only records of others", always("b.example. 60 IN A 192.0.2.1"), "not found"},
		{"only records of another type", always("a.example. 60 IN AAAA 2001:db8::1"), "not found"},
		{"SERVFAIL", alwaysFailing(dns.RcodeServerFailure), "temporary"},
		{"REFUSED", alwaysFailing(dns.RcodeRefused), "temporary"},
		{"REFUSED in a bare header", bare, "temporary"},
		{"unknown rcode", alwaysFailing(14), "temporary"},
		{"lame", lame, "temporary"},
		{"alias to nothing", alwaysFailing(dns.RcodeNameError, "a.example. 60 IN CNAME b.example.", soa), "not found"},
		{"alias to itself", always("a.example. 60 IN CNAME a.example."), "temporary"},
		{"alias loop", always("a.example. 60 IN CNAME b.example.", "b.example. 60 IN CNAME a.example."), "temporary"},
	}
	s := serve(t, silent)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s.set(tt.zone)
			_, err := client(s).LookupNetIP(t.Context(), "ip4", "a.example")
			if got := kind(t, err); got != tt.want {
				t.Errorf("%s (%v), want %s", got, err, tt.want)
			}
		})
	}
}

func TestAliases(t *testing.T) {
	s := serve(t, func(_ string, q *dns.Msg) []*dns.Msg {
		switch q.Question[0].Name {
		case "a.example.":
			return []*dns.Msg{reply(q, "c.example. 60 IN A 192.0.2.1", "b.example. 60 IN CNAME C.example.", "a.example. 60 IN CNAME b.example.")}
		case "far.example.": // not followed by the server
			return []*dns.Msg{reply(q, "far.example. 60 IN CNAME a.example.")}
		}
		return []*dns.Msg{failing(q, dns.RcodeNameError, soa)}
	})
	for _, name := range []string{"a.example", "far.example"} {
		got, err := client(s).LookupNetIP(t.Context(), "ip4", name)
		if err != nil || !slices.Equal(got, []netip.Addr{netip.MustParseAddr("192.0.2.1")}) {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}

func TestTruncated(t *testing.T) {
	var records []string
	for i := range 200 {
		records = append(records, fmt.Sprintf("_xmpp-server._tcp.a.example. 60 IN SRV %d 0 5269 a-rather-long-name-%d.example.", i, i))
	}
	s := serve(t, func(network string, q *dns.Msg) []*dns.Msg {
		m := reply(q, records...)
		if network == "udp" {
			if o := q.IsEdns0(); o == nil || o.UDPSize() != udpSize {
				t.Errorf("question without EDNS(0) size: %v", o)
			}
			m.Truncate(udpSize)
		}
		return []*dns.Msg{m}
	})
	_, got, err := client(s).LookupSRV(t.Context(), "xmpp-server", "tcp", "a.example")
	if err != nil || len(got) != maxRecords || got[0].Target != "a-rather-long-name-0.example." {
		t.Errorf("%d records, %v", len(got), err)
	}
	if n := s.count("tcp SRV _xmpp-server._tcp.a.example."); n != 1 {
		t.Errorf("asked %d times over TCP", n)
	}

	s.set(func(network string, q *dns.Msg) []*dns.Msg {
		m := reply(q)
		m.Truncated = network == "udp"
		if network == "tcp" {
			m.Id++
		}
		return []*dns.Msg{m}
	})
	_, err = client(s).LookupNetIP(t.Context(), "ip4", "b.example")
	if !errors.Is(err, errForged) || kind(t, err) != "temporary" {
		t.Errorf("wrong id over TCP: %v", err)
	}
}

func TestForgedAnswersIgnored(t *testing.T) {
	const forged, good = "a.example. 60 IN A 203.0.113.66", "a.example. 60 IN A 192.0.2.1"
	s := serve(t, func(_ string, q *dns.Msg) []*dns.Msg {
		id := reply(q, forged)
		id.Id++
		name := reply(q, forged)
		name.Question = []dns.Question{{Name: "b.example.", Qtype: dns.TypeA, Qclass: dns.ClassINET}}
		typ := reply(q, forged)
		typ.Question = []dns.Question{{Name: "a.example.", Qtype: dns.TypeAAAA, Qclass: dns.ClassINET}}
		none := reply(q, forged)
		none.Question = nil
		query := reply(q, forged)
		query.Response = false
		opcode := reply(q, forged)
		opcode.Opcode = dns.OpcodeNotify
		return []*dns.Msg{id, name, typ, none, query, opcode, reply(q, good)}
	})
	got, err := client(s).LookupNetIP(t.Context(), "ip4", "a.example")
	if err != nil || fmt.Sprint(got) != "[192.0.2.1]" {
		t.Errorf("%v, %v", got, err)
	}
}

func TestServerWithoutEDNS(t *testing.T) {
	s := serve(t, func(_ string, q *dns.Msg) []*dns.Msg {
		if q.IsEdns0() != nil {
			return []*dns.Msg{failing(q, dns.RcodeFormatError)}
		}
		return []*dns.Msg{reply(q, "a.example. 60 IN A 192.0.2.1")}
	})
	if got, err := client(s).LookupNetIP(t.Context(), "ip4", "a.example"); err != nil || len(got) != 1 {
		t.Errorf("%v, %v", got, err)
	}
}

func TestRefusingServerIsSkipped(t *testing.T) {
	bad := serve(t, alwaysFailing(dns.RcodeServerFailure))
	good := serve(t, always("a.example. 60 IN A 192.0.2.1"))
	if got, err := client(bad, good).LookupNetIP(t.Context(), "ip4", "a.example"); err != nil || len(got) != 1 {
		t.Errorf("%v, %v", got, err)
	}
	if n := bad.count("udp A a.example."); n != 1 {
		t.Errorf("the first server was asked %d times", n)
	}
	bad2 := serve(t, alwaysFailing(dns.RcodeRefused))
	_, err := client(bad, bad2).LookupNetIP(t.Context(), "ip4", "a.example")
	var e *net.DNSError
	if !errors.As(err, &e) || e.Server != bad2.addr || kind(t, err) != "temporary" {
		t.Errorf("both refuse: %#v", err)
	}
}

func TestSystemServers(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "resolv.conf")
	if got := systemServers(file); !slices.Equal(got, []string{"127.0.0.1:53"}) {
		t.Errorf("no file: %q", got)
	}
	if err := os.WriteFile(file, []byte("search example\nnameserver 192.0.2.53\nnameserver 2001:db8::53\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := systemServers(file); !slices.Equal(got, []string{"192.0.2.53:53", "[2001:db8::53]:53"}) {
		t.Errorf("two servers: %q", got)
	}
}

func TestCancelledContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := new(Client).LookupNetIP(ctx, "ip", "a.example")
	if !errors.Is(err, context.Canceled) || kind(t, err) != "temporary" {
		t.Errorf("err = %v", err)
	}
}
