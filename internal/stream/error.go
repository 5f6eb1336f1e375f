package stream

import (
	"encoding/xml"
	"slices"
	"strings"

	"isthmus.im/jid"
)

// Error is a stream error (RFC 6120 section 4.9): one that this side sent, or
// with Remote one that the peer sent. It ends the stream either way.
type Error struct {
	Condition string // one of the constants of this package
	Text      string // for the other side's administrator; may be empty
	Remote    bool
	Host      string // with see-other-host: where to go, "domain" or "domain:port"
	App       []byte // the application-specific condition, one element as sent; nil for none
}

// Error names the side that found the fault, the condition and the text.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("stream: ")
	if e.Remote {
		b.WriteString("the peer ended the stream: ")
	}
	b.WriteString(e.Condition)
	if e.Host != "" {
		b.WriteString(" (" + e.Host + ")")
	}
	if e.Text != "" {
		b.WriteString(": " + e.Text)
	}
	return b.String()
}

// Is reports whether target is an *Error with the same condition, so that
// errors.Is(err, &stream.Error{Condition: stream.HostUnknown}) holds for both
// directions.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Condition == e.Condition
}

// TLSError says that no TLS could be started, so that the stream was given up:
// this side never goes on in plaintext.
type TLSError struct {
	Remote  jid.JID
	Refused bool // STARTTLS was offered, and answered with <failure/>; otherwise it was not offered
}

// Error says which of the two happened.
func (e *TLSError) Error() string {
	if e.Refused {
		return "stream: " + e.Remote.String() + " offered STARTTLS and refused it: no certificate configured there?"
	}
	return "stream: " + e.Remote.String() + " offers no STARTTLS, and unencrypted streams are never used: " +
		"its administrator has to enable TLS for server-to-server connections"
}

// IdentityError says that the certificate the peer showed does not speak for
// the domain.
type IdentityError struct {
	Domain jid.JID
	Err    error // from Verified
}

// Error names the domain and the reason.
func (e *IdentityError) Error() string {
	return "stream: the certificate shown does not authenticate " + e.Domain.String() + ": " + e.Err.Error() +
		"; it has to be replaced there, unless this side is to trust it"
}

// Unwrap returns the verifier's error.
func (e *IdentityError) Unwrap() error { return e.Err }

// AuthError says that SASL EXTERNAL did not succeed: it was not offered
// (Condition empty), or it ended in a failure that the Initiator received or
// the Receiver sent.
type AuthError struct {
	Local, Remote jid.JID
	Condition     string   // RFC 6120 section 6.5, or empty: EXTERNAL was not offered
	Text          string   // the text that came with the condition
	Offered       []string // Initiator: the mechanisms the peer listed
	Dialback      bool     // Initiator: the peer offered Server Dialback
	Sent          bool     // this side is the Receiver, which refused

	allowed bool // Server Dialback may take the place of EXTERNAL here
}

// Error tells what was offered or answered, and what to change on which side.
func (e *AuthError) Error() string {
	local, remote := e.Local.String(), e.Remote.String()
	if e.Sent {
		return "stream: authentication of " + name(e.Remote, "the peer") + " refused: " + e.Condition + suffix(e.Text)
	}
	check := "; here, check that the certificate shown names " + local + ", has its whole chain, is in date and comes from a CA that " + remote + " trusts"
	instead := ""
	if e.Dialback && !e.allowed {
		instead = "; or Server Dialback, which proves less and is offered there, has to be allowed here"
	}
	if e.Condition != "" {
		s := "stream: " + remote + " refused to authenticate " + local + ": " + e.Condition + suffix(e.Text)
		if e.Condition == saslNotAuthorized {
			s += check + "; there, that CA has to be trusted"
		}
		return s + instead
	}
	offered := slices.Clone(e.Offered)
	if e.Dialback {
		offered = append(offered, "Server Dialback")
	}
	if len(offered) == 0 {
		offered = append(offered, "nothing")
	}
	return "stream: " + remote + " does not offer SASL EXTERNAL to " + local + " (it offers " + strings.Join(offered, ", ") + ")" + check +
		"; there, certificate authentication of servers has to be enabled (Prosody: modules tls and saslauth, ejabberd: s2s_use_starttls)" + instead
}

// EndError says that the stream ended in the middle of the negotiation without
// a stream error.
type EndError struct {
	Waiting string // what this side was waiting for
	Err     error  // from Lost; nil when the peer closed the stream in good order
}

// Error says how far the negotiation had come.
func (e *EndError) Error() string {
	if e.Err == nil {
		return "stream: the peer closed the stream without saying why, while this side waited for " + e.Waiting
	}
	return "stream: connection lost while waiting for " + e.Waiting + ": " + e.Err.Error()
}

// Unwrap returns the reason given by Lost, if any.
func (e *EndError) Unwrap() error { return e.Err }

func suffix(text string) string {
	if text == "" {
		return ""
	}
	return ": " + text
}

func name(j jid.JID, otherwise string) string {
	if j.IsZero() {
		return otherwise
	}
	return j.String()
}

// AppendError appends e as a <stream:error/> element to b. An unknown condition
// is sent as undefined-condition; Text and Host are escaped, App is copied.
func AppendError(b []byte, e *Error) []byte {
	condition := e.Condition
	if !KnownCondition(condition) {
		condition = UndefinedCondition
	}
	b = append(b, "<stream:error><"+condition+" xmlns='"+NSErrors+"'"...)
	if condition == SeeOtherHost && e.Host != "" {
		b = append(b, '>')
		b = AppendEscaped(b, e.Host)
		b = append(b, "</"+condition+">"...)
	} else {
		b = append(b, "/>"...)
	}
	if e.Text != "" {
		b = append(b, "<text xmlns='"+NSErrors+"' xml:lang='en'>"...)
		b = AppendEscaped(b, e.Text)
		b = append(b, "</text>"...)
	}
	b = append(b, e.App...)
	return append(b, "</stream:error>"...)
}

// ParseError reads a received <stream:error/>, the Raw of an [Element]. Its Remote
// is true and its App is a copy. It never returns nil: a
// condition that is missing, unknown or unreadable is undefined-condition.
func ParseError(raw []byte) *Error {
	e := &Error{Condition: UndefinedCondition, Remote: true}
	root, err := parseNode(raw)
	if err != nil {
		return e
	}
	for _, c := range root.Nodes {
		switch {
		case c.XMLName == xml.Name{Space: NSErrors, Local: "text"}:
			e.Text = strings.TrimSpace(c.Text)
		case c.XMLName.Space == NSErrors:
			if KnownCondition(c.XMLName.Local) {
				e.Condition = c.XMLName.Local
			}
			if c.XMLName.Local == SeeOtherHost {
				e.Host = strings.TrimSpace(c.Text)
			}
		case e.App == nil:
			e.App = c.raw
		}
	}
	return e
}
