package gate

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"strings"

	"isthmus.im/jid"
	"isthmus.im/stanza"
	"isthmus.im/stanza/disco"
)

// NSReporting is the namespace of abuse reports (XEP-0377).
const NSReporting = "urn:xmpp:reporting:1"

// The reasons of XEP-0377 section 4.
const (
	ReasonSpam  = "urn:xmpp:reporting:spam"
	ReasonAbuse = "urn:xmpp:reporting:abuse"
)

// Report is a report of abuse (XEP-0377 section 4).
type Report struct {
	Who    jid.JID        // who is reported; bare
	Reason string         // ReasonSpam, ReasonAbuse, or what else both sides know
	Text   string         // what the reporting user says; may be empty
	Stanza *stanza.Stanza // the message that is reported; nil: not shown. Without To, its recipient stays unknown.
}

const (
	nsForward = "urn:xmpp:forward:0"
	nsClient  = "jabber:client"
)

type reportXML struct {
	XMLName xml.Name `xml:"urn:xmpp:reporting:1 report"`
	Reason  string   `xml:"reason,attr"`
	Who     string   `xml:"urn:xmpp:jid:0 jid"`
	Text    string   `xml:"text,omitempty"`
}

// maxReportText is how much of a report's text is taken, in bytes.
const maxReportText = 4096

// Message returns the message that carries a report to another server, in the
// form that Prosody's mod_spam_report_forwarder gave it: the report names who it
// is about, and the reported message is forwarded (XEP-0297).
func (r Report) Message(from, to jid.JID) (*stanza.Stanza, error) {
	if r.Who.IsZero() || r.Reason == "" || r.Stanza != nil && r.Stanza.Kind != stanza.Message {
		return nil, errors.New("gate: a report says who and why, and shows a message or nothing")
	}
	m, err := stanza.NewMessage("", from, to, reportXML{Reason: r.Reason, Who: r.Who.Bare().String(), Text: r.Text})
	if err != nil || r.Stanza == nil {
		return m, err
	}
	const start = "<message"
	reported := r.Stanza.AppendXML(nil)
	m.Inner = append(m.Inner, "<forwarded xmlns='"+nsForward+"'>"+start+" xmlns='"+nsClient+"'"...)
	m.Inner = append(m.Inner, reported[len(start):]...)
	m.Inner = append(m.Inner, "</forwarded>"...)
	return m, nil
}

// Report tells the domain of whom it is about of a report, at the address for
// abuse or reports that the domain names (XEP-0157), or at the domain itself. from
// is a local domain. A user's report is to be sent only if the user agreed
// (XEP-0377 section 5).
func (g *Gate) Report(ctx context.Context, from jid.JID, r Report) error {
	if g.Out == nil {
		return errNoOut
	}
	to := r.Who.Host()
	if info, err := disco.GetInfo(ctx, g.Out, from, to, ""); err == nil {
		c := info.Contacts()
		for _, uri := range append(c["report-addresses"], c["abuse-addresses"]...) {
			if j, ok := xmppURI(uri); ok {
				to = j
				break
			}
		}
	}
	m, err := r.Message(from, to)
	if err != nil {
		return err
	}
	if err := g.Out.Send(ctx, m); err != nil {
		return fmt.Errorf("gate: report to %s: %w", to, err)
	}
	return nil
}

// xmppURI reads the address of an xmpp: URI (RFC 5122) without authority.
func xmppURI(uri string) (jid.JID, bool) {
	rest, ok := strings.CutPrefix(uri, "xmpp:")
	if !ok || strings.HasPrefix(rest, "//") {
		return jid.JID{}, false
	}
	rest, _, _ = strings.Cut(rest, "?")
	rest, _, _ = strings.Cut(rest, "#")
	j, err := jid.Parse(rest)
	return j, err == nil
}

// reports tells whether a stanza is a report, and somebody to be told of it.
func (g *Gate) reports(st *stanza.Stanza) bool {
	if g.OnReport == nil || st.Kind != stanza.Message || st.Type == stanza.TypeError {
		return false
	}
	_, ok := st.Payload(NSReporting + " report")
	return ok
}

// report takes a report that came in, and reports whether that is what st is.
func (g *Gate) report(ctx context.Context, st *stanza.Stanza) bool {
	if !g.reports(st) {
		return false
	}
	var x reportXML
	if st.Decode(&x) != nil {
		return false
	}
	who, err := jid.Parse(strings.TrimSpace(x.Who))
	if err != nil || who.Domain() != st.To.Domain() {
		g.logger().Debug("report about nobody here", "remote", st.From, "local", st.To)
		return true
	}
	r := Report{Who: who.Bare(), Reason: x.Reason, Text: strings.TrimSpace(x.Text)}
	if len(r.Text) > maxReportText {
		r.Text = strings.ToValidUTF8(r.Text[:maxReportText], "")
	}
	if f, ok := st.Payload(nsForward + " forwarded"); ok {
		var forwarded struct {
			XMLName xml.Name `xml:"urn:xmpp:forward:0 forwarded"`
			Inner   []byte   `xml:",innerxml"`
		}
		if f.Decode(&forwarded) == nil {
			if m, err := stanza.Parse(forwarded.Inner); err == nil && m.From.Bare() == r.Who {
				r.Stanza = m
			}
		}
	}
	g.OnReport(ctx, st.From, r)
	return true
}
