package s2s

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"reflect"
	"strconv"
	"strings"

	"isthmus.im/internal/locate"
	"isthmus.im/jid"
)

// Policy says with which remote domains to federate, and how. The zero Policy
// federates with every domain that Reach lets be reached, in the same way. It is
// set in Config.Policy and changed by [Server.SetPolicy].
//
// A closed federation of two, one of them in the same building:
//
//	s2s.Policy{Rules: map[string]s2s.Rule{
//		"*":                {Deny: true},
//		"partner.example":  {},
//		"upstairs.example": {Addrs: []string{"10.1.2.3"}, Verifier: s2s.PKIX{Roots: ours}},
//	}}
type Policy struct {
	// Rules are the rules by the domains that they are for: "example.org" is for
	// this domain, "*.example.org" for all below it, at any depth, but not for
	// itself, and "*" for all. The most specific one is for a domain and the
	// others are not: a domain of its own first, then the longest pattern. A
	// domain without rule has the zero Rule.
	Rules map[string]Rule
	// Check is asked about the domains that their rules do not deny, before a
	// stream is opened and when one was authenticated; an error denies the domain.
	// It may be called concurrently and must not call SetPolicy. Nil: no error.
	Check func(ctx context.Context, remote jid.JID) error
}

// Rule says how to federate with a domain. The zero Rule is no exception from
// anything: servers are found through DNS and verified as the Config says.
type Rule struct {
	// Deny refuses all communication. The other fields do not matter.
	Deny bool
	// Addrs are the servers of the domain, to be tried in this order instead of
	// those that DNS names: each a host name or an IP address, with or without a
	// port; without, it is 5269. IP addresses need no Reach. The servers have to
	// prove the domain as any other. Empty: DNS is asked.
	Addrs []string
	// DirectTLS says that Addrs speak TLS from the first byte (XEP-0368).
	DirectTLS bool
	// SRV is the domain whose SRV records, or addresses if it has none, are used
	// in place of those of the domain itself. Empty: the domain's own.
	SRV string
	// Verifier decides whether a certificate speaks for the domain; PKIX{Roots:
	// pool} trusts other authorities. Nil: Config.Verifier.
	Verifier Verifier
	// MinMethod is the weakest way to prove the domain that is good enough, in
	// both directions. Zero: any that the server accepts.
	MinMethod Method
	// Reach adds to Config.Reach.
	Reach Reach
}

var (
	errDenied  = errors.New("s2s: the policy denies the domain")
	errLiteral = errors.New("s2s: domains that are IP addresses are not allowed")
	errDotless = errors.New("s2s: domains of one label are not allowed")
	errOwn     = errors.New("s2s: the domain is served here")
	errSelf    = errors.New("s2s: the connection led back to this server")
)

// assuranceError says that a peer proved its domain by too weak a method.
type assuranceError struct{ method, min Method }

func (e *assuranceError) Error() string {
	return fmt.Sprintf("s2s: the domain was proved by %s, the policy asks for %s", e.method, e.min)
}

// rule is a Rule that was checked.
type rule struct {
	Rule
	pattern string
	targets []locate.Target // Addrs
	srv     string          // SRV, in A-labels
}

// noRule is of domains for which there is no other.
var noRule = &rule{}

// rules is a Policy that was checked. It does not change.
type rules struct {
	exact map[string]*rule // by jid.JID.Domain()
	below map[string]*rule // by what follows "*."
	all   *rule
	check func(ctx context.Context, remote jid.JID) error
}

// newRules checks a policy.
func newRules(p Policy) (*rules, error) {
	r := &rules{exact: make(map[string]*rule), below: make(map[string]*rule), all: noRule, check: p.Check}
	for pattern, what := range p.Rules {
		one, err := newRule(pattern, what)
		if err != nil {
			return nil, fmt.Errorf("s2s: policy for %q: %w", pattern, err)
		}
		if pattern == "*" {
			r.all = one
			continue
		}
		in, name := r.exact, pattern
		if rest, ok := strings.CutPrefix(pattern, "*."); ok {
			in, name = r.below, rest
		}
		d, err := jid.Parse(name)
		if err != nil || d != d.Host() || d.IsZero() {
			return nil, fmt.Errorf("s2s: policy for %q: not a domain, \"*\", or \"*.\" and a domain", pattern)
		}
		if in[d.Domain()] != nil {
			return nil, fmt.Errorf("s2s: policy for %q: there are two rules", pattern)
		}
		in[d.Domain()] = one
	}
	return r, nil
}

func newRule(pattern string, r Rule) (*rule, error) {
	one := &rule{Rule: r, pattern: pattern}
	switch {
	case len(r.Addrs) > 0 && r.SRV != "":
		return nil, errors.New("both Addrs and SRV")
	case len(r.Addrs) > locate.MaxTargets:
		return nil, fmt.Errorf("more than %d Addrs", locate.MaxTargets)
	case r.DirectTLS && len(r.Addrs) == 0:
		return nil, errors.New("DirectTLS is of Addrs")
	case r.MinMethod > MethodDANE:
		return nil, errors.New("unknown MinMethod")
	}
	if r.SRV != "" {
		d, err := jid.Parse(r.SRV)
		if err != nil || d != d.Host() {
			return nil, fmt.Errorf("SRV %q is not a domain", r.SRV)
		}
		one.srv = d.ASCIIDomain()
	}
	for i, addr := range r.Addrs {
		t, err := parseTarget(addr)
		if err != nil {
			return nil, err
		}
		t.Direct, t.Priority = r.DirectTLS, uint16(i)
		one.targets = append(one.targets, t)
	}
	return one, nil
}

// parseTarget reads one of Rule.Addrs.
func parseTarget(addr string) (locate.Target, error) {
	t := locate.Target{Port: locate.DefaultPort}
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		host = strings.TrimSuffix(strings.TrimPrefix(addr, "["), "]")
	} else {
		n, err := strconv.ParseUint(port, 10, 16)
		if err != nil || n == 0 {
			return t, fmt.Errorf("address %q: the port is not a number", addr)
		}
		t.Port = uint16(n)
	}
	if ip, err := netip.ParseAddr(host); err == nil {
		t.Host = ip.Unmap().String()
		return t, nil
	}
	d, err := jid.Parse(host)
	if err != nil || d != d.Host() || d.IsZero() || strings.Contains(host, ":") {
		return t, fmt.Errorf("address %q is neither a host name nor an IP address", addr)
	}
	t.Host = strings.TrimSuffix(d.ASCIIDomain(), ".")
	return t, nil
}

// describe says in words what the rule is, and whether it makes the domain an
// exception.
func (r *rule) describe() (text string, overrides bool) {
	if r == noRule {
		return "", false
	}
	var list []string
	switch {
	case r.Deny:
		list = append(list, "denied")
	case len(r.targets) > 0:
		list = append(list, "servers "+strings.Join(r.Addrs, ", ")+" instead of those in DNS")
	case r.srv != "":
		list = append(list, "servers of "+r.srv+" in DNS")
	}
	if r.Verifier != nil {
		list = append(list, "certificates verified in a way of its own")
	}
	if r.MinMethod > 0 {
		list = append(list, "at least "+r.MinMethod.String())
	}
	overrides = len(list) > 0
	if !overrides {
		list = append(list, "allowed")
	}
	return fmt.Sprintf("rule for %q: %s", r.pattern, strings.Join(list, "; ")), overrides
}

// lookup finds the servers of the rule's domain.
func (r *rule) lookup(ctx context.Context, s *Server, remote jid.JID) ([]locate.Target, error) {
	switch {
	case len(r.targets) > 0:
		return r.targets, nil
	case r.srv != "":
		return locate.Targets(ctx, s.resolver, r.srv, s.intN)
	}
	return locate.Targets(ctx, s.resolver, remote.ASCIIDomain(), s.intN)
}

// reaches reports why an address of the rule's domain may not be connected to,
// or nil. Those that the rule names are the host's own choice.
func (r *rule) reaches(addr netip.AddrPort, reach Reach) error {
	for _, t := range r.targets {
		if t.Port == addr.Port() && t.Host == addr.Addr().Unmap().String() {
			return nil
		}
	}
	return reach.or(r.Reach).allows(addr.Addr())
}

// good reports why a method of proving a domain is not good enough, or nil.
func (r *rule) good(m Method) error {
	if m < r.MinMethod {
		return &assuranceError{m, r.MinMethod}
	}
	return nil
}

// of returns the rule for a domain.
func (r *rules) of(remote jid.JID) *rule {
	name := remote.Domain()
	if one := r.exact[name]; one != nil {
		return one
	}
	if len(r.below) > 0 && !remote.IsIPLiteral() {
		for _, rest, ok := strings.Cut(name, "."); ok; _, rest, ok = strings.Cut(rest, ".") {
			if one := r.below[rest]; one != nil {
				return one
			}
		}
	}
	return r.all
}

// allows reports why there is to be no communication with a domain, or nil.
func (r *rules) allows(ctx context.Context, remote jid.JID, reach Reach) error {
	one := r.of(remote)
	if one.Deny {
		return errDenied
	}
	if err := reach.or(one.Reach).usual(remote); err != nil || r.check == nil {
		return err
	}
	return r.check(ctx, remote)
}

// differ reports whether two policies may treat a domain differently.
func (r *rules) differ(other *rules, remote jid.JID) bool {
	return r.check != nil || other.check != nil || !reflect.DeepEqual(r.of(remote).Rule, other.of(remote).Rule)
}
