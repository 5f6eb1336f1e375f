package s2stest

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/miekg/dns"

	"isthmus.im/internal/memnet"
)

// nameServer is where the network's name server is. It is outside of what
// Listen gives out.
const nameServer = "10.255.255.53:53"

// maxAliases is how many aliases the name server follows.
const maxAliases = 8

// dialDNS connects to the name server. On "udp" connections one write is one
// message, since who asks waits for the answer.
func (n *Network) dialDNS(_ context.Context, network, address string) (net.Conn, error) {
	to := net.TCPAddrFromAddrPort(netip.MustParseAddrPort(address))
	near, far := memnet.Pipe(&net.TCPAddr{}, to)
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		near.Cut()
		return near, nil
	}
	n.questions[far] = struct{}{}
	go n.serveDNS(far, network == "tcp")
	return near, nil
}

// serveDNS answers the questions of one connection.
func (n *Network) serveDNS(c *memnet.Conn, framed bool) {
	defer func() {
		c.Close()
		n.mu.Lock()
		defer n.mu.Unlock()
		delete(n.questions, c)
	}()
	buf := make([]byte, 2<<10) // questions are short
	for {
		size, err := c.Read(buf)
		if err != nil {
			return
		}
		wire := buf[:size]
		if framed {
			wire = wire[min(2, size):]
		}
		q := new(dns.Msg)
		if q.Unpack(wire) != nil || len(q.Question) != 1 {
			return
		}
		m, delay := n.answerDNS(q)
		if m == nil {
			continue
		}
		if !framed {
			m.Truncate(udpSize(q))
		}
		out, err := m.Pack()
		if err != nil {
			return
		}
		if framed {
			out = append(binary.BigEndian.AppendUint16(nil, uint16(len(out))), out...)
		}
		c.SetFault(memnet.Fault{Delay: delay})
		if _, err := c.Write(out); err != nil {
			return
		}
	}
}

func udpSize(q *dns.Msg) int {
	if o := q.IsEdns0(); o != nil {
		return int(o.UDPSize())
	}
	return dns.MinMsgSize
}

// answerDNS returns the answer to a question, nil for none, and how much later
// it comes.
func (n *Network) answerDNS(q *dns.Msg) (*dns.Msg, time.Duration) {
	n.mu.Lock()
	defer n.mu.Unlock()
	d := &n.names
	m := new(dns.Msg)
	m.SetReply(q)
	m.RecursionAvailable = true
	name := strings.ToLower(strings.TrimSuffix(q.Question[0].Name, "."))
	delay := closest(d.slow, name)
	m.AuthenticatedData = q.AuthenticatedData
	for range maxAliases {
		m.AuthenticatedData = m.AuthenticatedData && closest(d.signed, name)
		switch closest(d.fails, name) {
		case nil:
		case NoAnswer:
			return nil, 0
		case Refused:
			m.Rcode = dns.RcodeRefused
			return m, delay
		default:
			m.Rcode = dns.RcodeServerFailure
			return m, delay
		}
		ttl := uint32(closest(d.ttls, name) / time.Second)
		r := d.records[name]
		if r != nil && r.alias != "" {
			m.Answer = append(m.Answer, &dns.CNAME{Hdr: header(name, dns.TypeCNAME, ttl), Target: dns.Fqdn(r.alias)})
			name = strings.ToLower(r.alias)
			continue
		}
		found := r.answer(name, q.Question[0].Qtype, ttl)
		if r == nil {
			m.Rcode = dns.RcodeNameError
		}
		if len(found) == 0 {
			m.Ns = append(m.Ns, &dns.SOA{Hdr: header(name, dns.TypeSOA, ttl), Ns: ".", Mbox: ".", Minttl: ttl})
		}
		m.Answer = append(m.Answer, found...)
		return m, delay
	}
	m.Rcode = dns.RcodeServerFailure
	return m, delay
}

func header(name string, t uint16, ttl uint32) dns.RR_Header {
	return dns.RR_Header{Name: dns.Fqdn(name), Rrtype: t, Class: dns.ClassINET, Ttl: ttl}
}

// answer returns the records of a type.
func (r *records) answer(name string, t uint16, ttl uint32) []dns.RR {
	if r == nil {
		return nil
	}
	h := header(name, t, ttl)
	var found []dns.RR
	switch t {
	case dns.TypeSRV:
		for _, s := range r.srv {
			found = append(found, &dns.SRV{Hdr: h, Priority: s.Priority, Weight: s.Weight, Port: s.Port, Target: dns.Fqdn(s.Target)})
		}
	case dns.TypeTLSA:
		for _, s := range r.tlsa {
			found = append(found, &dns.TLSA{Hdr: h, Usage: s.Usage, Selector: s.Selector, MatchingType: s.MatchingType, Certificate: hex.EncodeToString(s.Data)})
		}
	case dns.TypeA:
		for _, a := range r.addrs {
			if a.Unmap().Is4() {
				found = append(found, &dns.A{Hdr: h, A: a.Unmap().AsSlice()})
			}
		}
	case dns.TypeAAAA:
		for _, a := range r.addrs {
			if !a.Unmap().Is4() {
				found = append(found, &dns.AAAA{Hdr: h, AAAA: a.AsSlice()})
			}
		}
	}
	return found
}
