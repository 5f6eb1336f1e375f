package s2s

import (
	"context"
	"encoding/xml"
	"time"

	"isthmus.im/stanza"
)

// Namespaces of the requests that a server answers by itself.
const (
	nsPing    = "urn:xmpp:ping"     // XEP-0199
	nsVersion = "jabber:iq:version" // XEP-0092
	nsTime    = "urn:xmpp:time"     // XEP-0202
)

// answer answers a request that the handler left unanswered, on behalf of a
// domain. What accounts and sessions say is the handler's business: an account
// that answered by itself would tell strangers that it exists.
func (s *Server) answer(ctx context.Context, iq *stanza.Stanza) (*stanza.Stanza, error) {
	unavailable := &stanza.Error{Condition: stanza.ServiceUnavailable}
	if iq.To != iq.To.Host() {
		return nil, unavailable
	}
	for name := range iq.Payloads() {
		switch {
		case name.Space == nsPing && name.Local == "ping" && iq.Type == stanza.Get:
			return iq.Reply(stanza.Result, nil)
		case name.Space == nsVersion && name.Local == "query" && iq.Type == stanza.Get && !s.software.Hidden:
			return iq.Reply(stanza.Result, s.version())
		case name.Space == nsTime && name.Local == "time" && iq.Type == stanza.Get:
			return iq.Reply(stanza.Result, entityTime(time.Now()))
		}
		break
	}
	if reply, err := s.disco.HandleStanza(ctx, iq); reply != nil || err != nil {
		return reply, err
	}
	return nil, unavailable
}

// softwareVersion is the answer of XEP-0092.
type softwareVersion struct {
	XMLName xml.Name `xml:"jabber:iq:version query"`
	Name    string   `xml:"name"`
	Version string   `xml:"version"`
	OS      string   `xml:"os,omitempty"`
}

func (s *Server) version() softwareVersion {
	v := softwareVersion{Name: s.software.Name, Version: s.software.Version, OS: s.software.OS}
	if v.Name == "" {
		v.Name = "Isthmus"
	}
	if v.Version == "" {
		v.Version = "unknown"
	}
	return v
}

// timeAnswer is the answer of XEP-0202.
type timeAnswer struct {
	XMLName xml.Name `xml:"urn:xmpp:time time"`
	TZO     string   `xml:"tzo"`
	UTC     string   `xml:"utc"`
}

func entityTime(now time.Time) timeAnswer {
	return timeAnswer{TZO: now.Format("-07:00"), UTC: now.UTC().Format("2006-01-02T15:04:05Z")}
}

// builtin lists the features of a domain: what the server answers itself and
// what the host's mux handles.
type builtin struct{ s *Server }

// Features returns the namespaces in no particular order.
func (b builtin) Features() []string {
	f := []string{nsPing, nsTime}
	if !b.s.software.Hidden {
		f = append(f, nsVersion)
	}
	if b.s.features != nil {
		f = append(f, b.s.features.Features()...)
	}
	return f
}
