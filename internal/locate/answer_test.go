package locate

import (
	"testing"

	"github.com/miekg/dns"
)

// FuzzAnswer takes any bytes for the answer of a server.
func FuzzAnswer(f *testing.F) {
	query := new(dns.Msg)
	query.SetQuestion("_xmpp-server._tcp.a.example.", dns.TypeSRV)
	query.Id = 0x1234
	other := query.Copy()
	other.Id++
	for _, m := range []*dns.Msg{
		query,
		reply(query),
		reply(query, soa),
		failing(query, dns.RcodeNameError, soa),
		failing(query, dns.RcodeServerFailure),
		reply(other, "_xmpp-server._tcp.a.example. 60 IN SRV 1 2 3 b.example."),
		reply(query, "_xmpp-server._tcp.a.example. 60 IN SRV 1 2 3 b.example."),
		reply(query, "_xmpp-server._tcp.a.example. 60 IN CNAME b.example.", "b.example. 60 IN SRV 1 2 3 ."),
		reply(query, "_xmpp-server._tcp.a.example. 60 IN CNAME _xmpp-server._tcp.a.example."),
	} {
		wire, err := m.Pack()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(wire)
		f.Add(wire[:len(wire)/2])
	}
	q := question{name: "_xmpp-server._tcp.a.example.", qtype: dns.TypeSRV}
	f.Fuzz(func(t *testing.T, wire []byte) {
		m, err := parseAnswer(wire, query)
		if err != nil {
			return
		}
		if m.Id != query.Id || !m.Response {
			t.Fatal("answer to another question")
		}
		if judge(m) != nil {
			return
		}
		a, hops := &answer{ttl: maxTTL}, 0
		next, more, err := a.take(m, q, &hops)
		if hops > maxAliases+1 || len(a.srv) > maxRecords || a.ttl < 0 || a.ttl > maxTTL {
			t.Fatalf("%d aliases, %d records, ttl %v", hops, len(a.srv), a.ttl)
		}
		if more && (next == q.name || err != nil || !a.empty()) {
			t.Fatalf("asks on for %q, %v", next, err)
		}
	})
}
