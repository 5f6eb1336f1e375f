package locate

import (
	"testing"

	"github.com/miekg/dns"
)

// FuzzAnswer takes any bytes for the answer of a server.
func FuzzAnswer(f *testing.F) {
	const name = "_xmpp-server._tcp.a.example."
	query, tlsa := new(dns.Msg), new(dns.Msg)
	query.SetQuestion(name, dns.TypeSRV)
	tlsa.SetQuestion(name, dns.TypeTLSA)
	query.Id, tlsa.Id = 0x1234, 0x1234
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
		reply(tlsa, name+" 60 IN TLSA 3 1 1 00ff", name+" 60 IN TLSA 0 0 0 30"),
	} {
		wire, err := m.Pack()
		if err != nil {
			f.Fatal(err)
		}
		for _, both := range []bool{false, true} {
			f.Add(wire, both)
			f.Add(wire[:len(wire)/2], both)
		}
	}
	f.Fuzz(func(t *testing.T, wire []byte, wantTLSA bool) {
		query := query
		if wantTLSA {
			query = tlsa
		}
		q := question{name: name, qtype: query.Question[0].Qtype}
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
		if hops > maxAliases+1 || a.size() > maxRecords || a.ttl < 0 || a.ttl > maxTTL {
			t.Fatalf("%d aliases, %d records, ttl %v", hops, a.size(), a.ttl)
		}
		if more && (next == q.name || err != nil || a.size() > 0) {
			t.Fatalf("asks on for %q, %v", next, err)
		}
	})
}
