package locate

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/miekg/dns"
)

var errAliases = fmt.Errorf("more than %d aliases", maxAliases)

// resolve asks the servers a question and follows aliases. A name that does
// not exist or has no such records gives an empty answer.
func (c *Client) resolve(ctx context.Context, q question) (*answer, error) {
	a := &answer{ttl: maxTTL, authentic: c.TrustAD}
	hops := 0
	for {
		m, err := c.askAll(ctx, q)
		if err != nil {
			return nil, err
		}
		a.authentic = a.authentic && m.AuthenticatedData
		next, more, err := a.take(m, q, &hops)
		if err != nil {
			return nil, err
		}
		if !more {
			return a, nil
		}
		q.name = next
	}
}

// take fills the answer from a message. If the message ends in an alias that
// the server did not follow, more is true and next is the name to ask for.
// Only records that belong to the name asked for or to its aliases count.
func (a *answer) take(m *dns.Msg, q question, hops *int) (next string, more bool, err error) {
	name := q.name
	for {
		if a.collect(m.Answer, name, q.qtype) {
			a.cname = name
			return "", false, nil
		}
		alias := findAlias(m.Answer, name)
		if alias == nil {
			break
		}
		if *hops++; *hops > maxAliases {
			return "", false, errAliases
		}
		a.age(alias.Hdr.Ttl, maxTTL)
		name = strings.ToLower(alias.Target)
	}
	soa := findSOA(m.Ns)
	if name != q.name && soa == nil && m.Rcode == dns.RcodeSuccess {
		if _, ok := newQuestion(name, q.qtype); ok {
			return name, true, nil
		}
	}
	a.cname = name
	if soa == nil {
		a.ttl = 0
	} else {
		a.age(min(soa.Minttl, soa.Hdr.Ttl), maxNegativeTTL)
	}
	return "", false, nil
}

// collect adds the records of a name and reports whether there are any.
func (a *answer) collect(rrs []dns.RR, name string, qtype uint16) bool {
	for _, rr := range rrs {
		h := rr.Header()
		if h.Rrtype != qtype || h.Class != dns.ClassINET || !strings.EqualFold(h.Name, name) {
			continue
		}
		if a.size() >= maxRecords {
			break
		}
		switch rr := rr.(type) {
		case *dns.SRV:
			a.srv = append(a.srv, net.SRV{Target: rr.Target, Port: rr.Port, Priority: rr.Priority, Weight: rr.Weight})
		case *dns.A:
			if ip, ok := netip.AddrFromSlice(rr.A.To4()); ok {
				a.addrs = append(a.addrs, ip)
			}
		case *dns.AAAA:
			if ip, ok := netip.AddrFromSlice(rr.AAAA.To16()); ok {
				a.addrs = append(a.addrs, ip.Unmap())
			}
		case *dns.TLSA:
			a.tlsa = append(a.tlsa, newTLSA(rr))
		}
		a.age(h.Ttl, maxTTL)
	}
	return a.size() > 0
}

// age shortens the life of the answer to ttl seconds, at most limit. Values
// with the top bit set are zero: RFC 2181 section 8.
func (a *answer) age(ttl uint32, limit time.Duration) {
	if ttl > 1<<31-1 {
		ttl = 0
	}
	a.ttl = min(a.ttl, limit, time.Duration(ttl)*time.Second)
}

func findAlias(rrs []dns.RR, name string) *dns.CNAME {
	for _, rr := range rrs {
		if alias, ok := rr.(*dns.CNAME); ok && alias.Hdr.Class == dns.ClassINET && strings.EqualFold(alias.Hdr.Name, name) {
			return alias
		}
	}
	return nil
}

func findSOA(rrs []dns.RR) *dns.SOA {
	for _, rr := range rrs {
		if soa, ok := rr.(*dns.SOA); ok {
			return soa
		}
	}
	return nil
}

// askAll asks the servers in turn until one gives an answer that can be
// used, and the silent ones again. The error is that of a server that answered
// at all, if there was one.
func (c *Client) askAll(ctx context.Context, q question) (*dns.Msg, error) {
	servers := c.servers()
	attempts := c.Attempts
	if attempts <= 0 {
		attempts = 2
	}
	var refused, silent error
	for range attempts {
		var again []string
		for _, server := range servers {
			m, err := c.ask(ctx, server, q)
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			if err == nil {
				err = judge(m)
			} else {
				again = append(again, server)
			}
			var bad *rcodeError
			switch {
			case err == nil:
				return m, nil
			case errors.As(err, &bad):
				refused = &serverError{server: server, err: err}
			default:
				silent = &serverError{server: server, err: err}
			}
		}
		servers = again
	}
	if refused != nil {
		return nil, refused
	}
	return nil, silent
}

// rcodeError is a server's answer that helps nobody.
type rcodeError struct{ text string }

func (e *rcodeError) Error() string { return e.text }

// judge returns an error for messages that are no answer: failures, and
// referrals of servers that do not resolve for us.
func judge(m *dns.Msg) error {
	switch m.Rcode {
	case dns.RcodeNameError:
		return nil
	case dns.RcodeSuccess:
		if len(m.Answer) > 0 || m.Authoritative || m.RecursionAvailable || findSOA(m.Ns) != nil {
			return nil
		}
		return &rcodeError{"server does not resolve for others"}
	}
	name, ok := dns.RcodeToString[m.Rcode]
	if !ok {
		name = fmt.Sprint("rcode ", m.Rcode)
	}
	return &rcodeError{"server misbehaving: " + name}
}

// servers returns whom to ask.
func (c *Client) servers() []string {
	if len(c.Servers) > 0 {
		return c.Servers
	}
	return systemServers("/etc/resolv.conf")
}

func systemServers(file string) []string {
	var servers []string
	if conf, err := dns.ClientConfigFromFile(file); err == nil {
		for _, s := range conf.Servers {
			servers = append(servers, net.JoinHostPort(s, "53"))
		}
	}
	if len(servers) == 0 {
		servers = []string{"127.0.0.1:53"}
	}
	return servers
}
