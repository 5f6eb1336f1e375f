package locate

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"testing"
	"testing/synctest"

	"github.com/miekg/dns"
)

// vouching answers like z with the AD bit set, but for the names given.
func vouching(z zone, except ...string) zone {
	return func(network string, q *dns.Msg) []*dns.Msg {
		out := z(network, q)
		for _, m := range out {
			m.AuthenticatedData = true
			for _, name := range except {
				if q.Question[0].Name == name {
					m.AuthenticatedData = false
				}
			}
		}
		return out
	}
}

func TestLookupTLSA(t *testing.T) {
	good := func(_ string, q *dns.Msg) []*dns.Msg {
		switch name := q.Question[0].Name; name {
		case "_5269._tcp.a.example.":
			return []*dns.Msg{reply(q, name+" 60 IN TLSA 3 1 1 00ff10", name+" 60 IN TLSA 255 9 7 AB", "b.example. 60 IN TLSA 3 1 1 66")}
		case "_1._tcp.a.example.":
			return []*dns.Msg{reply(q, name+" 60 IN CNAME _2._tcp.a.example.")}
		case "_2._tcp.a.example.", "_3._tcp.a.example.":
			return []*dns.Msg{reply(q, name+" 60 IN TLSA 2 0 2 01")}
		case "_4._tcp.a.example.":
			return []*dns.Msg{failing(q, dns.RcodeServerFailure)}
		}
		return []*dns.Msg{failing(q, dns.RcodeNameError, soa)}
	}
	tests := []struct {
		name  string
		trust bool
		want  string // when nobody says AD
		ad    string // when the server does, but for _2._tcp
	}{
		{"_5269._tcp.a.example", true, "[{3 1 1 [0 255 16]} {255 9 7 [171]}]", "authentic [{3 1 1 [0 255 16]} {255 9 7 [171]}]"},
		{"_5269._tcp.a.example", false, "[{3 1 1 [0 255 16]} {255 9 7 [171]}]", "[{3 1 1 [0 255 16]} {255 9 7 [171]}]"},
		{"_1._tcp.a.example", true, "[{2 0 2 [1]}]", "[{2 0 2 [1]}]"}, // by way of an alias, the end without
		{"_3._tcp.a.example", true, "[{2 0 2 [1]}]", "authentic [{2 0 2 [1]}]"},
		{"_4._tcp.a.example", true, "temporary", "temporary"},
		{"_9._tcp.a.example", true, "not found", "authentic not found"},
		{"_9._tcp.a.example", false, "not found", "not found"},
		{"_9._tcp.a b.example", true, "not found", "not found"}, // never asked
	}
	synctest.Test(t, func(t *testing.T) {
		for _, tt := range tests {
			for z, want := range map[string]string{"plain": tt.want, "vouching": tt.ad} {
				c, _ := virtual(good)
				if z == "vouching" {
					c, _ = virtual(vouching(good, "_2._tcp.a.example."))
				}
				c.TrustAD = tt.trust
				for range 2 { // the second from the cache
					records, authentic, err := c.LookupTLSA(t.Context(), tt.name)
					got := fmt.Sprint(records)
					if err != nil {
						got = kind(t, err)
					}
					if authentic {
						got = "authentic " + got
					}
					if got != want {
						t.Errorf("%s, TrustAD %v, %s server: %s (%v), want %s", tt.name, tt.trust, z, got, err, want)
					}
					for _, r := range records {
						r.Data[0]++ // must not reach the cache
					}
				}
			}
		}
	})
}

// TestQuestionBits checks that only a client that would believe the answer
// asks for validation, with and without EDNS(0).
func TestQuestionBits(t *testing.T) {
	for _, trust := range []bool{false, true} {
		s := serve(t, func(_ string, q *dns.Msg) []*dns.Msg {
			o := q.IsEdns0()
			if q.AuthenticatedData != trust || o != nil && o.Do() != trust || q.CheckingDisabled {
				t.Errorf("TrustAD %v: question %v", trust, q)
			}
			if o != nil {
				return []*dns.Msg{failing(q, dns.RcodeFormatError)}
			}
			return []*dns.Msg{reply(q, "_1._tcp.a.example. 60 IN TLSA 3 1 1 00")}
		})
		c := client(s)
		c.TrustAD = trust
		if _, _, err := c.LookupTLSA(t.Context(), "_1._tcp.a.example"); err != nil {
			t.Error(err)
		}
		if n := s.count("udp TLSA _1._tcp.a.example."); n != 2 {
			t.Errorf("asked %d times", n)
		}
	}
}

// unaware is a resolver that cannot tell what is authentic.
type unaware struct{ c *Client }

func (u unaware) LookupSRV(ctx context.Context, service, proto, name string) (string, []*net.SRV, error) {
	return u.c.LookupSRV(ctx, service, proto, name)
}

func (u unaware) LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error) {
	return u.c.LookupNetIP(ctx, network, host)
}

func TestAuthenticTargets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _ := virtual(vouching(sets("20 0 443 two.", "10 0 5269 one."), "_xmpps-server._tcp.a.example."))
		c.TrustAD = true
		got, err := Targets(t.Context(), c, "a.example", nil)
		if err != nil || len(got) != 2 || !got[0].Authentic || got[1].Authentic {
			t.Errorf("one set signed: %+v, %v", got, err)
		}
		got, err = Targets(t.Context(), unaware{c}, "a.example", nil)
		if err != nil || len(got) != 2 || got[0].Authentic || got[1].Authentic {
			t.Errorf("resolver that does not know: %+v, %v", got, err)
		}
		c, _ = virtual(vouching(sets("NXDOMAIN", "NXDOMAIN")))
		c.TrustAD = true
		got, err = Targets(t.Context(), c, "a.example", nil)
		if err != nil || len(got) != 1 || got[0].Authentic {
			t.Errorf("no records: %+v, %v", got, err)
		}
		if _, authentic, err := c.LookupSRVAuthentic(t.Context(), "xmpp-server", "tcp", "a.example"); !authentic || !notFound(err) {
			t.Errorf("signed absence: %v, %v", authentic, err)
		}
		if _, authentic, err := c.LookupSRVAuthentic(t.Context(), "", "", "a b"); authentic || !notFound(err) {
			t.Errorf("no name: %v, %v", authentic, err)
		}
	})
}

func TestAuthenticAddresses(t *testing.T) {
	z := func(_ string, q *dns.Msg) []*dns.Msg {
		name, six := q.Question[0].Name, q.Question[0].Qtype == dns.TypeAAAA
		var m *dns.Msg
		switch {
		case name == "none.example.":
			m = failing(q, dns.RcodeNameError, soa)
		case six:
			m = reply(q, name+" 60 IN AAAA 2001:db8::1")
		default:
			m = reply(q, name+" 60 IN A 192.0.2.1")
		}
		m.AuthenticatedData = name != "plain.example." && (name != "four.example." || !six)
		return []*dns.Msg{m}
	}
	synctest.Test(t, func(t *testing.T) {
		for _, trust := range []bool{true, false} {
			c, _ := virtual(z)
			c.TrustAD = trust
			for _, tt := range []struct {
				network, host string
				n             int
				authentic     bool
			}{
				{"ip", "both.example", 2, true},
				{"ip", "four.example", 2, true}, // one family is enough
				{"ip6", "four.example", 1, false},
				{"ip", "plain.example", 2, false},
				{"ip", "none.example", 0, false},
				{"ip", "192.0.2.7", 1, false},
			} {
				addrs, authentic, err := c.LookupNetIPAuthentic(t.Context(), tt.network, tt.host)
				if len(addrs) != tt.n || authentic != (tt.authentic && trust) || (err == nil) != (tt.n > 0) {
					t.Errorf("%s %s, TrustAD %t: %v, %t, %v", tt.network, tt.host, trust, addrs, authentic, err)
				}
			}
		}
	})
}
