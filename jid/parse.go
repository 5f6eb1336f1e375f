package jid

import (
	"strings"
	"unicode/utf8"
)

// excluded holds the characters that RFC 7622 section 3.3.1 keeps out of local
// parts on top of what their profile keeps out.
const excluded = `"&'/:<>@`

// maxInput bounds the work on one part: normalization makes text shorter, but
// nothing that fits maxPart afterwards is four times as long before.
const maxInput = 4 * maxPart

// Classes of ASCII characters that stand for themselves in a part.
const (
	inLocal = 1 << iota
	inDomain
	inResource
)

// ascii tells for each byte the parts in which it stands for itself. Capital
// letters are in none but the resource part: elsewhere they are mapped.
var ascii = func() (t [256]uint8) {
	for c := ' '; c <= '~'; c++ {
		t[c] = inResource
		if c != ' ' && !strings.ContainsRune(excluded, c) && (c < 'A' || c > 'Z') {
			t[c] |= inLocal
		}
		if 'a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '-' || c == '_' {
			t[c] |= inDomain
		}
	}
	return t
}()

// Parse normalizes and checks s as RFC 7622 says.
//
// The local part follows the UsernameCaseMapped profile of RFC 8265 without
// the characters of RFC 7622 section 3.3.1, the domain part IDNA2008, the
// resource part the OpaqueString profile of RFC 8265.
//
// The error is a *ParseError. An s that is normalized already is shared, not
// copied: keep a copy (strings.Clone) when s is a piece of something large.
func Parse(s string) (JID, error) {
	if j, ok := parseASCII(s); ok {
		return j, nil
	}
	p, err := split(s)
	if err != nil {
		return JID{}, err
	}
	j, _, err := p.build(s, false)
	return j, err
}

// MustParse is Parse for addresses that are known to be good. It panics with
// the *ParseError of others.
func MustParse(s string) JID {
	j, err := Parse(s)
	if err != nil {
		panic(err)
	}
	return j
}

// New makes an address of its parts, normalized and checked as Parse does.
// An empty local or resource part means that the address has none. Nothing is
// escaped (see EscapeLocal): a local part with an "@" is refused.
func New(local, domain, resource string) (JID, error) {
	p := parts{local, domain, resource}
	j, _, err := p.build("", false)
	return j, err
}

// UnmarshalText sets j to the address that b holds, and to the zero JID when b
// is empty. It accepts what ParseLegacy accepts, so that every JID can be read
// back from the text MarshalText made of it. The error is a *ParseError.
func (j *JID) UnmarshalText(b []byte) error {
	if len(b) == 0 {
		*j = JID{}
		return nil
	}
	k, _, err := ParseLegacy(string(b))
	if err != nil {
		return err
	}
	*j = k
	return nil
}

// parseASCII handles addresses that are normalized already and plain ASCII
// without an A-label: nearly all there are. It says no to everything else.
func parseASCII(s string) (JID, bool) {
	if len(s) > 3*maxPart+2 {
		return JID{}, false
	}
	var at, slash int
	i := 0
	for i < len(s) && ascii[s[i]]&inLocal != 0 {
		i++
	}
	start := 0
	if i < len(s) && s[i] == '@' {
		if i == 0 || i > maxPart {
			return JID{}, false
		}
		at, start = i, i+1
	}
	label := start
	for i = start; ; i++ {
		if i < len(s) && ascii[s[i]]&inDomain != 0 {
			continue
		}
		if !plainLabel(s[label:i]) {
			return JID{}, false
		}
		if i == len(s) || s[i] == '/' {
			break
		}
		if s[i] != '.' {
			return JID{}, false
		}
		label = i + 1
	}
	if i-start > maxDomain {
		return JID{}, false
	}
	if i < len(s) {
		slash = i
		n := len(s) - i - 1
		if n == 0 || n > maxPart || s[i+1] == ' ' {
			return JID{}, false
		}
		for i++; i < len(s); i++ {
			if ascii[s[i]]&inResource == 0 {
				return JID{}, false
			}
		}
	}
	return JID{s: s, at: uint16(at), slash: uint16(slash)}, true
}

// plainLabel reports whether label, known to hold only characters of the class
// inDomain, is a label that stands for itself.
func plainLabel(label string) bool {
	n := len(label)
	return n > 0 && n <= maxLabel && label[0] != '-' && label[n-1] != '-' &&
		(n < 4 || label[2] != '-' || label[3] != '-')
}

// parts are the parts of an address before normalization; "" is a missing one.
type parts struct{ local, domain, resource string }

// split cuts s at its separators, before any mapping (RFC 7622 section 3.1).
func split(s string) (parts, error) {
	p := parts{domain: s}
	if i := strings.IndexByte(s, '/'); i >= 0 {
		p.domain, p.resource = s[:i], s[i+1:]
		if p.resource == "" {
			return p, &ParseError{Input: s, Part: ResourcePart, Err: ErrEmpty}
		}
	}
	if i := strings.IndexByte(p.domain, '@'); i >= 0 {
		p.local, p.domain = p.domain[:i], p.domain[i+1:]
		if p.local == "" {
			return p, &ParseError{Input: s, Part: LocalPart, Err: ErrEmpty}
		}
	}
	return p, nil
}

// rule normalizes and checks one part, which is UTF-8, not empty and not
// longer than maxInput.
type rule func(string) (string, error)

// build normalizes the parts and joins them. With legacy, a part that RFC 7622
// refuses may follow RFC 6122 instead. Errors name input, or, if that is
// empty, the part itself.
func (p parts) build(input string, legacy bool) (JID, Profile, error) {
	profile := RFC7622
	one := func(part Part, s string, modern, old rule) (string, error) {
		out, err := apply(modern, s)
		if err != nil && legacy {
			if prepared, err2 := apply(old, s); err2 == nil {
				profile = RFC6122
				return prepared, nil
			}
		}
		if err != nil {
			if input == "" {
				input = s
			}
			return "", &ParseError{Input: input, Part: part, Err: err}
		}
		return out, nil
	}
	domain, err := one(DomainPart, p.domain, normalDomain, legacyDomain)
	if err != nil {
		return JID{}, 0, err
	}
	var local, resource string
	if p.local != "" {
		if local, err = one(LocalPart, p.local, normalLocal, legacyLocal); err != nil {
			return JID{}, 0, err
		}
	}
	if p.resource != "" {
		if resource, err = one(ResourcePart, p.resource, normalResource, legacyResource); err != nil {
			return JID{}, 0, err
		}
	}
	return join(local, domain, resource), profile, nil
}

// apply runs a rule between the checks that every part has in common.
func apply(normalize rule, s string) (string, error) {
	switch {
	case s == "":
		return "", ErrEmpty
	case len(s) > maxInput:
		return "", ErrTooLong
	case !utf8.ValidString(s):
		return "", ErrEncoding
	}
	s, err := normalize(s)
	switch {
	case err != nil:
		return "", err
	case s == "":
		return "", ErrEmpty
	case len(s) > maxPart:
		return "", ErrTooLong
	}
	return s, nil
}
