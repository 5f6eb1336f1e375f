package jidfuzz

import (
	"errors"
	"net/netip"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/bidi"
	other "mellium.im/xmpp/jid"

	"isthmus.im/jid"
)

// outcome is what both implementations made of one input.
type outcome struct {
	in       string
	ours     jid.JID
	ourErr   error
	theirs   other.JID
	theirErr error
}

// parse runs both implementations.
func parse(in string) outcome {
	o := outcome{in: in}
	o.ours, o.ourErr = jid.Parse(in)
	o.theirs, o.theirErr = other.Parse(in)
	return o
}

// agree reports whether both refuse the input, or both make the same of it.
func (o outcome) agree() bool {
	if o.ourErr != nil || o.theirErr != nil {
		return o.ourErr != nil && o.theirErr != nil
	}
	return o.ours.Local() == o.theirs.Localpart() && o.ours.Domain() == o.theirs.Domainpart() &&
		o.ours.Resource() == o.theirs.Resourcepart()
}

// onlyOurs and onlyTheirs report that one side alone accepts the input.
func (o outcome) onlyOurs() bool   { return o.ourErr == nil && o.theirErr != nil }
func (o outcome) onlyTheirs() bool { return o.ourErr != nil && o.theirErr == nil }
func (o outcome) both() bool       { return o.ourErr == nil && o.theirErr == nil }

// refused reports that ours alone refuses the input, in this part, with err.
func (o outcome) refused(part jid.Part, err error) bool {
	var pe *jid.ParseError
	return o.onlyTheirs() && errors.As(o.ourErr, &pe) && pe.Part == part && errors.Is(pe.Err, err)
}

// difference is a kind of input on which the two may disagree.
type difference struct {
	name    string
	why     string
	example string
	applies func(outcome) bool
}

// differences are all the kinds there are. An input on which the two disagree
// must fall under one of them.
var differences = []difference{
	{
		name:    "leading space in a resource part",
		why:     "RFC 7622 section 3.5, example 18, says that it is no address",
		example: "juliet@example.com/ foo",
		applies: func(o outcome) bool {
			return o.refused(jid.ResourcePart, jid.ErrDisallowed) && strings.HasPrefix(o.theirs.Resourcepart(), " ")
		},
	},
	{
		name:    "Bidi Rule without right-to-left characters",
		why:     "RFC 8265 section 3.3.1: no special processing for strings that have none",
		example: "josé_@example.com",
		applies: func(o outcome) bool {
			local, _, _ := strings.Cut(o.in, "@")
			return o.onlyOurs() && !ascii(local) && !hasRTL(o.ours.Local())
		},
	},
	{
		name:    "final sigma",
		why:     "toLowerCase of Unicode, which RFC 8265 section 3.3.1 asks for, regards the context",
		example: "ΟΔΟΣ@example.com",
		applies: func(o outcome) bool {
			sigma := strings.NewReplacer("ς", "σ")
			return o.both() && o.ours.Local() != o.theirs.Localpart() && o.ours.Domain() == o.theirs.Domainpart() &&
				sigma.Replace(o.ours.Local()) == sigma.Replace(o.theirs.Localpart())
		},
	},
	{
		name:    "empty label",
		why:     "RFC 1034 section 3.1: only the root has no length; example.com.. would not parse to the same twice",
		example: "example.com..",
		applies: func(o outcome) bool { return o.refused(jid.DomainPart, jid.ErrEmpty) },
	},
	{
		name:    "length of labels and names",
		why:     "RFC 1034 section 3.1: 63 octets a label and 255 a name on the wire",
		example: strings.Repeat("a", 64) + ".example",
		applies: func(o outcome) bool { return o.refused(jid.DomainPart, jid.ErrDomainLength) },
	},
	{
		name:    "characters in a domain",
		why:     "RFC 7622 section 3.2 asks for IDNA2008, which refuses symbols and what UTS 46 alone maps",
		example: "☺.example",
		applies: func(o outcome) bool {
			return o.refused(jid.DomainPart, jid.ErrDisallowed) && !ascii(o.theirs.Domainpart()+o.in)
		},
	},
	{
		name:    "malformed label",
		why:     "an A-label must be what its U-label encodes to (RFC 5890 section 2.3.2.1)",
		example: "xn--.example",
		applies: func(o outcome) bool { return o.refused(jid.DomainPart, jid.ErrLabel) },
	},
	{
		name:    "underscore in a domain",
		why:     "such domains are in use on the network",
		example: "exa_mple.net",
		applies: func(o outcome) bool { return o.onlyOurs() && strings.Contains(o.ours.Domain(), "_") },
	},
	{
		name:    "capital sharp s in a domain",
		why:     "RFC 5895 section 2 lower-cases it to a sharp s; the tables of UTS 46 at hand fold it to ss",
		example: "STRA\u1E9EE.example",
		applies: func(o outcome) bool {
			return o.both() && strings.Contains(o.in, "\u1E9E") &&
				strings.ReplaceAll(o.ours.Domain(), "ß", "ss") == strings.ReplaceAll(o.theirs.Domainpart(), "ß", "ss")
		},
	},
	{
		name:    "final dot written as an ideographic or halfwidth full stop",
		why:     "RFC 5895 section 2 makes it a dot, and a final dot is stripped (RFC 7622 section 3.2)",
		example: "例え。テスト。",
		applies: func(o outcome) bool { return o.both() && o.theirs.Domainpart() == o.ours.Domain()+"." },
	},
	{
		name:    "spelling of an IPv6 address",
		why:     "one address must have one form (RFC 5952)",
		example: "[2001:DB8:0:0::1]",
		applies: func(o outcome) bool {
			return o.both() && o.ours.IsIPLiteral() && parseIP(o.theirs.Domainpart()) == parseIP(o.ours.Domain())
		},
	},
	{
		name:    "IPv6 addresses with a zone, or that map IPv4",
		why:     "RFC 6874 and RFC 3986 section 3.2.2 admit them",
		example: "[fe80::1%25eth0]",
		applies: func(o outcome) bool { return o.onlyOurs() && strings.HasPrefix(o.ours.Domain(), "[") },
	},
}

// explain returns the difference that the outcome falls under.
func explain(o outcome) (difference, bool) {
	for _, d := range differences {
		if d.applies(o) {
			return d, true
		}
	}
	return difference{}, false
}

func parseIP(s string) netip.Addr {
	a, err := netip.ParseAddr(strings.Trim(s, "[]"))
	if err != nil {
		return netip.Addr{}
	}
	return a
}

func ascii(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r >= utf8.RuneSelf })
}

func hasRTL(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool {
		p, _ := bidi.LookupRune(r)
		return p.Class() == bidi.R || p.Class() == bidi.AL || p.Class() == bidi.AN
	})
}
