package jid

import (
	"strconv"
	"strings"
)

// Profile names the address format that a text satisfied.
type Profile uint8

// The address formats. Their order is the order in which ParseLegacy tries them.
const (
	// RFC7622 is the format in force, on PRECIS and IDNA2008.
	RFC7622 Profile = iota + 1
	// RFC6122 is the format before it, on stringprep and IDNA2003, which most
	// servers of the network still enforce.
	RFC6122
)

// String returns "RFC 7622" or "RFC 6122".
func (p Profile) String() string {
	switch p {
	case RFC7622:
		return "RFC 7622"
	case RFC6122:
		return "RFC 6122"
	}
	return "profile " + strconv.Itoa(int(p))
}

// ParseLegacy is Parse for what arrives from the wire. A part that RFC 7622
// refuses is normalized and checked by the profiles of RFC 6122 instead:
// Nameprep, Nodeprep and Resourceprep, code points that Unicode 3.2 did not
// assign permitted (RFC 3454 section 7), as servers apply them. The result is
// the name by which such a server knows the entity, so an answer may be sent
// to it.
//
// The Profile is RFC7622 when Parse accepts s, with the same JID, and RFC6122
// when at least one part needed the older rules. Addresses that a local
// service gives out should come from Parse or New.
//
// The error is the *ParseError that Parse gives. As with Parse, the JID may
// share the memory of s.
func ParseLegacy(s string) (JID, Profile, error) {
	if j, ok := parseASCII(s); ok {
		return j, RFC7622, nil
	}
	p, err := split(s)
	if err != nil {
		return JID{}, 0, err
	}
	return p.build(s, true)
}

// LegacyKey returns a text that is the same for two addresses when a server of
// the stringprep era (RFC 6122) takes them for one, as it does straße@example.net
// and strasse@example.net, which RFC 7622 keeps apart. It is j prepared by
// Nodeprep, Nameprep and Resourceprep, but for parts that those refuse, which
// stay as they are.
//
// A host that lets people choose names keeps this key of each local address and
// refuses a name whose key is taken. It is "" for the zero JID.
func (j JID) LegacyKey() string {
	if isASCII(j.s) {
		return j.s
	}
	prep := func(r rule, s string) string {
		if s == "" {
			return ""
		}
		if t, err := r(s); err == nil && t != "" {
			return t
		}
		return s
	}
	local := prep(nodeprep, j.Local())
	domain := prep(idna2003Domain, j.Domain())
	resource := prep(resourceprep, j.Resource())
	return join(local, domain, resource).s
}

// again returns what the modern rule makes of s, which an older rule made, if
// it accepts it: so that the result is the same when it is parsed once more.
func again(modern rule, s string) string {
	if s == "" {
		return s
	}
	if t, err := modern(s); err == nil {
		return t
	}
	return s
}

func legacyLocal(s string) (string, error) {
	s, err := nodeprep(s)
	return again(normalLocal, s), err
}

func legacyResource(s string) (string, error) {
	s, err := resourceprep(s)
	return again(normalResource, s), err
}

func legacyDomain(s string) (string, error) {
	s, err := idna2003Domain(s)
	return again(normalDomain, s), err
}

// idna2003Domain prepares a domain part as RFC 6122 section 2.2 says, with
// underscores permitted in labels.
func idna2003Domain(s string) (string, error) {
	if s[0] == '[' {
		return ipLiteral(s)
	}
	return eachLabel(dots.Replace(s), idna2003Label)
}

// idna2003Label applies ToUnicode of RFC 3490 section 4.2 to one label. An
// A-label that does not stand for a label it could have been made from stays
// as it is.
func idna2003Label(label string) (string, error) {
	label, err := nameprep(label)
	if err != nil {
		return "", err
	}
	if strings.HasPrefix(label, acePrefix) {
		if u, err := decodeLabel(label); err == nil {
			if v, err := nameprep(u); err == nil && v == u && checkLabel(u) == nil {
				return u, nil
			}
		}
		if !isASCII(label) {
			return "", ErrLabel // RFC 3490 section 4.1, step 5: it has no A-label
		}
	}
	return label, checkLabel(label)
}
