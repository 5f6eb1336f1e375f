package demo

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"

	"github.com/miekg/dns"
)

// nameServer answers for the domains of the demo, on UDP and TCP of one
// loopback port, and knows nothing else.
type nameServer struct {
	addr     string
	udp, tcp *dns.Server
	wg       sync.WaitGroup

	mu    sync.RWMutex
	ports map[string]uint16 // domain, with its final dot -> port of its server-to-server listener
}

// startNameServer listens on a free port.
func startNameServer() (*nameServer, error) {
	var errs []error
	for range 10 { // a port free for TCP may be taken for UDP
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, fmt.Errorf("demo: name server: %w", err)
		}
		pc, err := net.ListenPacket("udp", l.Addr().String())
		if err != nil {
			errs = append(errs, err, l.Close())
			continue
		}
		ns := &nameServer{addr: l.Addr().String(), ports: make(map[string]uint16)}
		ns.tcp = &dns.Server{Listener: l, Handler: ns}
		ns.udp = &dns.Server{PacketConn: pc, Handler: ns}
		for _, s := range []*dns.Server{ns.tcp, ns.udp} {
			ready := make(chan struct{})
			s.NotifyStartedFunc = func() { close(ready) }
			ns.wg.Go(func() { s.ActivateAndServe() })
			<-ready // Shutdown is an error before
		}
		return ns, nil
	}
	return nil, fmt.Errorf("demo: name server: %w", errors.Join(errs...))
}

// add makes domain known: an SRV record with port, and the address 127.0.0.1.
func (ns *nameServer) add(domain string, port uint16) {
	ns.mu.Lock()
	defer ns.mu.Unlock()
	ns.ports[dns.Fqdn(domain)] = port
}

func (ns *nameServer) close() error {
	err := errors.Join(ns.tcp.Shutdown(), ns.udp.Shutdown())
	ns.wg.Wait()
	return err
}

// ServeDNS implements dns.Handler.
func (ns *nameServer) ServeDNS(w dns.ResponseWriter, q *dns.Msg) {
	m := new(dns.Msg)
	m.SetReply(q)
	m.Authoritative = true
	if len(q.Question) != 1 || q.Question[0].Qclass != dns.ClassINET {
		m.Rcode = dns.RcodeRefused
	} else {
		ns.answer(m, q.Question[0])
	}
	w.WriteMsg(m)
}

func (ns *nameServer) answer(m *dns.Msg, q dns.Question) {
	const service = "_xmpp-server._tcp."
	name := strings.ToLower(q.Name)
	domain := strings.TrimPrefix(name, service)
	ns.mu.RLock()
	port, known := ns.ports[domain]
	ns.mu.RUnlock()

	hdr := dns.RR_Header{Name: q.Name, Rrtype: q.Qtype, Class: dns.ClassINET, Ttl: 60}
	switch {
	case known && name != domain && q.Qtype == dns.TypeSRV:
		m.Answer = append(m.Answer, &dns.SRV{Hdr: hdr, Port: port, Target: domain})
		m.Extra = append(m.Extra, &dns.A{
			Hdr: dns.RR_Header{Name: domain, Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: 60},
			A:   net.IPv4(127, 0, 0, 1),
		})
		return
	case known && name == domain && q.Qtype == dns.TypeA:
		m.Answer = append(m.Answer, &dns.A{Hdr: hdr, A: net.IPv4(127, 0, 0, 1)})
		return
	case !known && !ns.within(name):
		m.Rcode = dns.RcodeNameError
	}
	// Nothing to say, or no such name: RFC 2308 wants the zone's SOA with either.
	m.Ns = append(m.Ns, &dns.SOA{
		Hdr: dns.RR_Header{Name: "test.", Rrtype: dns.TypeSOA, Class: dns.ClassINET, Ttl: 60},
		Ns:  "ns.test.", Mbox: "hostmaster.test.", Serial: 1, Refresh: 60, Retry: 60, Expire: 60, Minttl: 1,
	})
}

// within reports whether a known name lies below name, which therefore exists.
func (ns *nameServer) within(name string) bool {
	ns.mu.RLock()
	defer ns.mu.RUnlock()
	for domain := range ns.ports {
		if strings.HasSuffix("_xmpp-server._tcp."+domain, "."+name) {
			return true
		}
	}
	return false
}
