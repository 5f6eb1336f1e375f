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
