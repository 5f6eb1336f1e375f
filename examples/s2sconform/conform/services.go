package conform

import (
	"strings"
	"time"

	"isthmus.im/examples/s2sconform/wire"
)

const (
	nsInfo    = "http://jabber.org/protocol/disco#info"
	nsItems   = "http://jabber.org/protocol/disco#items"
	nsPing    = "urn:xmpp:ping"
	nsVersion = "jabber:iq:version"
	nsTime    = "urn:xmpp:time"
)

// services are about what servers answer for themselves.
func services() []Scenario {
	return []Scenario{
		must("ping", "XEP-0199 section 4.3", "a ping is answered with an empty result, or with service-unavailable", func(d *driver) {
			s := d.stream(how{})
			n := d.pong(s)
			switch {
			case n.Attr("type") == "result" && len(n.Nodes) == 0:
			case n.Attr("type") == "error" && condition(n) == "service-unavailable":
			default:
				d.fail("the answer is %s", quotable(n.Raw))
			}
		}),
		must("ping-advertised", "XEP-0199 section 5", "a server that says it answers pings does", func(d *driver) {
			s := d.stream(how{})
			d.advertised(s, nsPing)
			if n := d.pong(s); n.Attr("type") != "result" {
				d.fail("the answer is %s", quotable(n.Raw))
			}
		}),
		must("info", "XEP-0030 section 3.1", "a question about identities and features is answered with a query, or an error", func(d *driver) {
			s := d.stream(how{})
			n := d.answered(s, s.iq("get", d.domain, d.target, "<query xmlns='"+nsInfo+"'/>"))
			if n.Attr("type") == "result" && n.Child(nsInfo, "query") == nil {
				d.fail("the answer is %s", quotable(n.Raw))
			}
		}),
		must("info-identity", "XEP-0030 section 3.1", "there is an identity, and each has category and type", func(d *driver) {
			q := d.info(d.stream(how{}))
			count := 0
			for _, n := range q.Nodes {
				if !n.Is(nsInfo, "identity") {
					continue
				}
				count++
				if n.Attr("category") == "" || n.Attr("type") == "" {
					d.fail("one is %s", n.Raw)
				}
			}
			if count == 0 {
				d.fail("there is none")
			}
		}),
		must("info-features", "XEP-0030 section 3.1", "there is a feature, and each has a var and no child", func(d *driver) {
			q := d.info(d.stream(how{}))
			count := 0
			for _, n := range q.Nodes {
				if !n.Is(nsInfo, "feature") {
					continue
				}
				count++
				if n.Attr("var") == "" || len(n.Nodes) > 0 {
					d.fail("one is %s", n.Raw)
				}
			}
			if count == 0 {
				d.fail("there is none")
			}
		}),
		must("info-node", "XEP-0030 section 3.2", "a question about a node that does not exist is answered", func(d *driver) {
			s := d.stream(how{})
			d.answered(s, s.iq("get", d.domain, d.target, "<query xmlns='"+nsInfo+"' node='urn:example:conformance'/>"))
		}),
		must("items", "XEP-0030 section 4.1", "a question about items is answered with a query, each item with a jid, or an error", func(d *driver) {
			s := d.stream(how{})
			n := d.answered(s, s.iq("get", d.domain, d.target, "<query xmlns='"+nsItems+"'/>"))
			if n.Attr("type") == "error" {
				return
			}
			q := n.Child(nsItems, "query")
			if q == nil {
				d.fail("the answer is %s", quotable(n.Raw))
			}
			for _, i := range q.Nodes {
				if i.Is(nsItems, "item") && i.Attr("jid") == "" {
					d.fail("an item is %s", i.Raw)
				}
			}
		}),
		must("version", "XEP-0092 section 2", "a server that says it tells its version names itself, at least", func(d *driver) {
			s := d.stream(how{})
			d.advertised(s, nsVersion)
			n := d.answered(s, s.iq("get", d.domain, d.target, "<query xmlns='"+nsVersion+"'/>"))
			if n.Attr("type") == "result" && n.Child(nsVersion, "query").Child(nsVersion, "name") == nil {
				d.fail("the answer is %s", quotable(n.Raw))
			}
		}),
		must("time", "XEP-0202 section 2", "a server that says it tells the time does, in UTC", func(d *driver) {
			s := d.stream(how{})
			d.advertised(s, nsTime)
			n := d.answered(s, s.iq("get", d.domain, d.target, "<time xmlns='"+nsTime+"'/>"))
			if n.Attr("type") == "error" {
				return
			}
			t := n.Child(nsTime, "time")
			utc, tzo := t.Child(nsTime, "utc"), t.Child(nsTime, "tzo")
			if utc == nil || tzo == nil {
				d.fail("the answer is %s", quotable(n.Raw))
			}
			if _, err := time.Parse("2006-01-02T15:04:05.999999999Z", utc.Text); err != nil {
				d.fail("%v", err)
			}
		}),
	}
}

// software is what the target calls itself.
func (d *driver) software() string {
	s := d.stream(how{})
	n := d.answered(s, s.iq("get", d.domain, d.target, "<query xmlns='"+nsVersion+"'/>"))
	var words []string
	for _, name := range []string{"name", "version"} {
		if part := n.Child(nsVersion, "query").Child(nsVersion, name); part != nil {
			words = append(words, strings.TrimSpace(part.Text))
		}
	}
	return strings.Join(words, " ")
}

// info asks the target about itself.
func (d *driver) info(s *stream) *wire.Node {
	n := d.answered(s, s.iq("get", d.domain, d.target, "<query xmlns='"+nsInfo+"'/>"))
	q := n.Child(nsInfo, "query")
	if n.Attr("type") == "error" || q == nil {
		d.skip("service discovery is not answered")
	}
	return q
}

// advertised skips the scenario unless the target lists a feature.
func (d *driver) advertised(s *stream, feature string) {
	for _, n := range d.info(s).Nodes {
		if n.Is(nsInfo, "feature") && n.Attr("var") == feature {
			return
		}
	}
	d.skip("it is not advertised")
}
