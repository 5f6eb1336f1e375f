package jid

import (
	"net/netip"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"
	"golang.org/x/text/secure/bidirule"
	"golang.org/x/text/unicode/norm"
)

// The limits of RFC 1034 section 3.1, for text in A-label form.
const (
	maxLabel  = 63
	maxDomain = 253
)

const acePrefix = "xn--"

// uts46 validates labels that are mapped already. It knows the characters that
// change under NFKC and case folding, which IDNA2008 refuses (RFC 5892
// section 2.2), and the rules for joiners. It takes symbols for valid;
// identifier, whose class excludes them, is asked as well.
var uts46 = idna.New(idna.MapForLookup(), idna.StrictDomainName(false), idna.Transitional(false))

// dots maps the characters that RFC 5895 section 2 treats as label separators.
var dots = strings.NewReplacer("\u3002", ".", "\uFF0E", ".", "\uFF61", ".")

// IsIPLiteral reports whether the domain part of j is an IPv4 address or an
// IPv6 address in brackets rather than a name.
func (j JID) IsIPLiteral() bool {
	d := j.Domain()
	if d == "" {
		return false
	}
	if d[0] == '[' {
		return true
	}
	if c := d[len(d)-1]; c < '0' || c > '9' {
		return false
	}
	_, err := netip.ParseAddr(d)
	return err == nil
}

// ASCIIDomain returns the domain part with A-labels, as DNS, the TLS server
// name and certificates have it. IP literals are returned as in Domain, so an
// IPv6 address keeps its brackets. It is "" for the zero JID.
func (j JID) ASCIIDomain() string {
	d := j.Domain()
	if isASCII(d) {
		return d
	}
	// Label by label: beside one that is not ASCII, an older domain may have one
	// that looks like an A-label and is none.
	labels := strings.Split(d, ".")
	for i, label := range labels {
		if isASCII(label) {
			continue
		}
		if a, err := idna.Punycode.ToASCII(label); err == nil {
			labels[i] = a
		}
	}
	return strings.Join(labels, ".")
}

// normalDomain brings a domain part to the form of RFC 7622 section 3.2: the
// mapping of RFC 5895, then U-labels that IDNA2008 permits and labels of
// letters, digits, hyphens and underscores.
func normalDomain(s string) (string, error) {
	if plainDomain(s) {
		return s, nil
	}
	if s[0] == '[' {
		return ipLiteral(s)
	}
	s = norm.NFC.String(foldWidth(domainLower(dots.Replace(s))))
	if plainDomain(s) {
		return s, nil
	}
	s, err := eachLabel(s, modernLabel)
	if err != nil || !hasRTL(s) {
		return s, err
	}
	for label := range strings.SplitSeq(s, ".") {
		if !bidirule.ValidString(label) {
			return "", ErrBidi
		}
	}
	return s, nil
}

// eachLabel applies normalize to the labels of s, a final dot stripped, and
// enforces what concerns them together.
func eachLabel(s string, normalize rule) (string, error) {
	s = strings.TrimSuffix(s, ".")
	var b strings.Builder
	length := 0
	for rest, more := s, true; more; {
		var label string
		label, rest, more = strings.Cut(rest, ".")
		if label == "" {
			return "", ErrEmpty
		}
		label, err := normalize(label)
		if err != nil {
			return "", err
		}
		n, err := asciiLength(label)
		if err != nil {
			return "", err
		}
		if length += n; more {
			length++
		}
		if b.Len() > 0 {
			b.WriteByte('.')
		}
		b.WriteString(label)
	}
	if length > maxDomain {
		return "", ErrDomainLength
	}
	return b.String(), nil
}

// asciiLength returns the length of a label in A-label form.
func asciiLength(label string) (int, error) {
	if !isASCII(label) {
		var err error
		if label, err = idna.Punycode.ToASCII(label); err != nil {
			return 0, ErrLabel
		}
	}
	if len(label) > maxLabel {
		return 0, ErrDomainLength
	}
	return len(label), nil
}

// modernLabel checks one mapped label, and turns an A-label into a U-label.
func modernLabel(label string) (string, error) {
	if strings.HasPrefix(label, acePrefix) {
		u, err := decodeLabel(label)
		if err != nil {
			return "", err
		}
		label = u
	}
	if err := checkLabel(label); err != nil {
		return "", err
	}
	if len(label) >= 4 && label[2:4] == "--" {
		return "", ErrLabel
	}
	if isASCII(label) {
		return label, nil
	}
	if u, err := uts46.ToUnicode(label); err != nil || u != label {
		return "", ErrDisallowed
	}
	if strings.IndexFunc(label, func(r rune) bool { return unicode.Is(ignorableBlocks, r) }) >= 0 {
		return "", ErrDisallowed
	}
	if !isIdentifier(label) {
		return "", ErrDisallowed
	}
	return label, nil
}

// decodeLabel returns what an A-label stands for.
func decodeLabel(label string) (string, error) {
	u, err := idna.Punycode.ToUnicode(label)
	if err != nil || isASCII(u) || !utf8.ValidString(u) {
		return "", ErrLabel
	}
	if a, err := idna.Punycode.ToASCII(u); err != nil || a != label {
		return "", ErrLabel
	}
	return u, nil
}

// checkLabel checks the hyphens of a label, and that its ASCII characters are
// letters, digits, hyphens and underscores.
func checkLabel(label string) error {
	for i := range len(label) {
		if c := label[i]; c < utf8.RuneSelf && ascii[c]&inDomain == 0 {
			return ErrDisallowed
		}
	}
	if label == "" {
		return ErrEmpty
	}
	if label[0] == '-' || label[len(label)-1] == '-' {
		return ErrLabel
	}
	return nil
}

// ignorableBlocks are the blocks that RFC 5892 section 2.4 keeps out of labels.
var ignorableBlocks = &unicode.RangeTable{
	R16: []unicode.Range16{{Lo: 0x20D0, Hi: 0x20FF, Stride: 1}},
	R32: []unicode.Range32{
		{Lo: 0x1D100, Hi: 0x1D1FF, Stride: 1},
		{Lo: 0x1D200, Hi: 0x1D24F, Stride: 1},
	},
}

// domainLower lower-cases as toLower does, but leaves Cherokee alone: there
// the capital letters are the ones that IDNA2008 permits.
func domainLower(s string) string {
	cherokee := func(r rune) bool { return r >= 0x13A0 && r <= 0x13F5 }
	if strings.IndexFunc(s, cherokee) < 0 {
		return toLower(s, false)
	}
	return strings.Map(func(r rune) rune {
		if cherokee(r) {
			return r
		}
		return unicode.ToLower(r)
	}, s)
}

// ipLiteral brings an IPv6 address in brackets to the form of RFC 5952. A zone
// is written as RFC 6874 section 2 says, after "%25".
func ipLiteral(s string) (string, error) {
	inner, ok := strings.CutSuffix(s[1:], "]")
	if !ok {
		return "", ErrIPLiteral
	}
	text, zone, zoned := strings.Cut(inner, "%25")
	addr, err := netip.ParseAddr(text)
	if err != nil || !addr.Is6() || addr.Zone() != "" {
		return "", ErrIPLiteral
	}
	if !zoned {
		return "[" + addr.String() + "]", nil
	}
	if zone == "" || strings.Trim(zone, zoneChars) != "" {
		return "", ErrIPLiteral
	}
	return "[" + addr.String() + "%25" + zone + "]", nil
}

// zoneChars are the unreserved characters of RFC 3986.
const zoneChars = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~"

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
