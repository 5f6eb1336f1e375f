package stream

import "strings"

// Footer ends a stream (RFC 6120 section 4.4).
const Footer = "</stream:stream>"

// Header is a stream header, the opening tag of the root element. Absent and
// empty attributes are the same.
type Header struct {
	Space, Local string // expanded name of the root element
	Content      string // default namespace declared on it
	From, To     string
	ID           string
	Version      string
	Lang         string
	Dialback     bool // the namespace of Server Dialback is declared on it (XEP-0220 section 2.4.1)
}

// AppendHeader appends an XML declaration and the opening tag of a
// server-to-server stream to b. Empty attributes are left out, except the from of
// a response, which is a header with an ID (RFC 6120 section 4.9.1.3). Space,
// Local and Content are ignored: they are always those of a stream between
// servers.
func AppendHeader(b []byte, h Header) []byte {
	b = append(b, "<?xml version='1.0'?><stream:stream xmlns='"+NSServer+"' xmlns:stream='"+NS+"'"...)
	if h.Dialback {
		b = append(b, " xmlns:db='"+NSDialback+"'"...)
	}
	for _, a := range [...]struct{ name, value string }{
		{"from", h.From}, {"to", h.To}, {"id", h.ID}, {"version", h.Version}, {"xml:lang", h.Lang},
	} {
		if a.value != "" || a.name == "from" && h.ID != "" {
			b = append(b, " "+a.name+"='"...)
			b = AppendEscaped(b, a.value)
			b = append(b, '\'')
		}
	}
	return append(b, '>')
}

// supported reports whether a version attribute announces XMPP 1.0 or later.
// The numbers are compared as integers, leading zeros do not count and an
// absent attribute means 0.9 (RFC 6120 section 4.7.5).
func supported(version string) bool {
	major, minor, ok := strings.Cut(version, ".")
	return ok && digits(major) && digits(minor) && strings.Trim(major, "0") != ""
}

func digits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}
