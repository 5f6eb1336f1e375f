package conform

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"isthmus.im/examples/s2sconform/wire"
)

// odd is a payload that is easily damaged on its way.
const odd = "<p:conformance xmlns:p='urn:example:conformance' xmlns:q='urn:example:attributes' a='1' q:a='2' p:b='&lt;&quot;&#10;'>" +
	"<none xmlns=''/> mixed <p:text xml:lang='de'>&amp;<![CDATA[<cdata/>]]></p:text><other xmlns='urn:example:other'><child/></other></p:conformance>"

// users are about what reaches somebody at the target, and what they send.
func users() []Scenario {
	say := func(id, attrs, inner string) string {
		return "<message type='chat' id='" + id + "'" + attrs + ">" + inner + "</message>"
	}
	return append([]Scenario{
		must("user-message", "RFC 6121 section 8.5.3.1", "a message to a session is delivered to it", func(d *driver) {
			u := d.user()
			d.stream(how{}).send(say("said", " from='somebody@{me}/here' to='"+u.Address()+"'", "<body>hello</body>"))
			if got := bodyOf(u.gets("said")); got != "hello" {
				d.fail("it says %q", got)
			}
		}),
		must("user-from", "RFC 6120 section 10.5", "the sender's address stays as it is", func(d *driver) {
			u := d.user()
			d.stream(how{}).send(say("said", " from='somebody@{me}/Some Where' to='"+u.Address()+"'", "<body>hello</body>"))
			if from := u.gets("said").Attr("from"); from != d.fill("somebody@{me}/Some Where") {
				d.fail("it is %q", from)
			}
		}),
		must("user-to", "RFC 6121 section 8.5.2.1.1", "a message to an account is not rewritten to one to its session", func(d *driver) {
			u := d.user()
			d.stream(how{}).send(say("said", " from='{me}' to='"+bare(u.Address())+"'", "<body>hello</body>"))
			if to := u.gets("said").Attr("to"); to != bare(u.Address()) {
				d.fail("it is to %q", to)
			}
		}),
		must("user-type", "RFC 6120 section 8.1.4", "the type stays as it is", func(d *driver) {
			u := d.user()
			s := d.stream(how{})
			for _, typ := range []string{"chat", "headline", "normal"} {
				s.send("<message type='" + typ + "' id='" + typ + "' from='{me}' to='" + u.Address() + "'><body>hello</body></message>")
				if got := u.gets(typ).Attr("type"); got != typ && (got != "" || typ != "normal") {
					d.fail("%s became %q", typ, got)
				}
			}
		}),
		must("user-lang", "RFC 6120 section 8.1.5", "the xml:lang of a stanza stays as it is", func(d *driver) {
			u := d.user()
			d.stream(how{attrs: " xml:lang='de'"}).send(say("said", " xml:lang='tlh' from='{me}' to='"+u.Address()+"'", "<body>nuqneH</body>"))
			if lang := u.gets("said").Lang(); lang != "tlh" {
				d.fail("it is %q", lang)
			}
		}),
		should("user-lang-default", "RFC 6120 section 4.7.4", "a stanza without xml:lang gets that of the stream", func(d *driver) {
			u := d.user()
			d.stream(how{attrs: " xml:lang='de'"}).send(say("said", " from='{me}' to='"+u.Address()+"'", "<body>guten Tag</body>"))
			if lang := u.gets("said").Lang(); lang != "de" {
				d.fail("it is %q", lang)
			}
		}),
		must("user-payload", "RFC 6120 section 8.4", "payloads that the target does not know are delivered unchanged", func(d *driver) {
			u := d.user()
			d.stream(how{}).send(say("said", " from='{me}' to='"+u.Address()+"'", odd))
			d.unchanged(u.gets("said"))
		}),
		must("user-scope", "RFC 6120 section 4.8.3", "what was in jabber:server is in jabber:client when it is delivered", func(d *driver) {
			u := d.user()
			d.stream(how{}).send(say("said", " from='{me}' to='"+u.Address()+"'", "<body>hello</body>"))
			n := u.gets("said")
			if b := n.Child("", "body"); n.Name.Space != wire.NSClient || b == nil || b.Name.Space != wire.NSClient {
				d.fail("it is %s", quotable(n.Raw))
			}
		}),
		must("user-scope-header", "RFC 6120 section 4.8.5", "a prefix that only our header declares is declared again, or the stream ends", func(d *driver) {
			u := d.user()
			s := d.stream(how{attrs: " xmlns:p='urn:example:conformance'"})
			s.send(say("said", " from='{me}' to='"+u.Address()+"'", "<p:conformance/>"))
			isEnd, isSaid := endOf(s), u.with("said")
			a, ok := d.await(func(a arrival) bool { return isEnd(a) || isSaid(a) })
			switch {
			case !ok:
				d.fail("it is not delivered")
			case isSaid(a) && a.Node.Child("urn:example:conformance", "conformance") == nil:
				d.fail("it is %s", quotable(a.Raw))
			}
		}),
		must("user-scope-prefix", "RFC 6120 section 4.8.5", "a stanza with a prefix for jabber:server is not delivered as it is", func(d *driver) {
			u := d.user()
			s := d.stream(how{})
			s.send("<x:message xmlns:x='jabber:server' type='chat' id='said' from='{me}' to='" + u.Address() + "'><x:body>hello</x:body></x:message>")
			s.probe()
			s.end()
			d.stream(how{}).send(say("after", " from='{me}' to='"+u.Address()+"'", "<body>hello</body>"))
			u.gets("after")
			if a, ok := d.box.look(u.with("said")); ok && (!a.Node.Is(wire.NSClient, "message") || strings.Contains(a.Raw, "x:message")) {
				d.fail("it is %s", quotable(a.Raw))
			}
		}),
		must("user-request", "RFC 6121 section 8.5.2.1.3", "an unknown request to the account is answered with service-unavailable", func(d *driver) {
			u := d.user()
			s := d.stream(how{})
			d.errs(s, s.iq("get", d.domain, bare(u.Address()), unknown), "service-unavailable")
		}),
		must("user-harvest", "RFC 6120 section 13.11", "to an unknown request, an account answers like one that does not exist", func(d *driver) {
			u := d.user()
			s := d.stream(how{})
			one := condition(d.answered(s, s.iq("get", d.domain, bare(u.Address()), unknown)))
			other := condition(d.answered(s, s.iq("get", d.domain, "nobody@"+d.target, unknown)))
			if one != other {
				d.fail("%s and %s", one, other)
			}
		}),
	}, initiating([]Scenario{
		must("sends-from", "RFC 6120 section 8.1.2.1", "what a user sends is from their full address", func(d *driver) {
			u := d.user()
			u.send(say("said", " from='"+u.Address()+"' to='somebody@{me}'", "<body>hello</body>"))
			if from := d.arrives("said").Attr("from"); from != u.Address() {
				d.fail("it is from %q", from)
			}
		}),
		must("sends-scope", "RFC 6120 section 4.8.3", "what was in jabber:client is in jabber:server when it is sent", func(d *driver) {
			u := d.user()
			u.send(say("said", " from='"+u.Address()+"' to='somebody@{me}'", "<body>hello</body>"))
			n := d.arrives("said")
			if b := n.Child("", "body"); n.Name.Space != wire.NSServer || b == nil || b.Name.Space != wire.NSServer {
				d.fail("it is %s", quotable(n.Raw))
			}
		}),
		must("sends-payload", "RFC 6120 section 8.4", "payloads that the target does not know are sent unchanged", func(d *driver) {
			u := d.user()
			u.send(say("said", " from='"+u.Address()+"' to='somebody@{me}'", odd))
			d.unchanged(d.arrives("said"))
		}),
		must("sends-lang", "RFC 6120 section 8.1.5", "the xml:lang of a stanza stays as it is", func(d *driver) {
			u := d.user()
			u.send(say("said", " xml:lang='tlh' from='"+u.Address()+"' to='somebody@{me}'", "<body>nuqneH</body>"))
			if lang := d.arrives("said").Lang(); lang != "tlh" {
				d.fail("it is %q", lang)
			}
		}),
		must("asks-id", "RFC 6120 section 8.1.3", "an answer with another id is not taken for the one to a request", func(d *driver) {
			d.asks("<iq type='result' id='other' from='somebody@{me}' to='%[1]s'>" + unknown + "</iq>")
		}),
		must("asks-from", "RFC 6120 section 8.2.3", "an answer from another address is not", func(d *driver) {
			d.asks("<iq type='result' id='%[2]s' from='other@{me}' to='%[1]s'>" + unknown + "</iq>")
		}),
		must("asks-to", "RFC 6120 section 8.2.3", "an answer to another address is not", func(d *driver) {
			d.asks("<iq type='result' id='%[2]s' from='somebody@{me}' to='nobody@{it}'>" + unknown + "</iq>")
		}),
	})...)
}

// arrives waits for what a user sent.
func (d *driver) arrives(id string) *wire.Node {
	a, ok := d.await(stanzaWith(id))
	if !ok {
		d.fail("it does not arrive")
	}
	return a.Node
}

// unchanged compares the first child of a stanza with odd.
func (d *driver) unchanged(n *wire.Node) {
	want, err := wire.Parse(odd, "")
	if err != nil {
		d.fail("%v", err)
	}
	got := n.Child("urn:example:conformance", "conformance")
	if got == nil {
		d.fail("it is %s", quotable(n.Raw))
	}
	if a, b := canonical(got), canonical(want); a != b {
		d.fail("it became %s", a)
	}
}

// canonical writes an element so that two with the same meaning look the same.
func canonical(n *wire.Node) string {
	var attrs []string
	for _, a := range n.Attrs {
		if a.Name.Space != "xmlns" && (a.Name.Space != "" || a.Name.Local != "xmlns") {
			attrs = append(attrs, fmt.Sprintf(" {%s}%s=%q", a.Name.Space, a.Name.Local, a.Value))
		}
	}
	slices.Sort(attrs)
	b := fmt.Sprintf("<{%s}%s%s>%q", n.Name.Space, n.Name.Local, strings.Join(attrs, ""), n.Text)
	for _, c := range n.Nodes {
		b += canonical(c)
	}
	return b + "</>"
}

// asks lets a user ask something and sends a false answer, with the asker's
// address and the id filled in, before the right one.
func (d *driver) asks(lie string) {
	u := d.user()
	r, ok := u.User.(Requester)
	if !ok {
		d.skip("users match answers themselves")
	}
	type outcome struct {
		answer string
		err    error
	}
	got := make(chan outcome, 1)
	ctx, cancel := context.WithDeadline(d.ctx, d.deadline())
	defer cancel()
	d.serving.Add(1)
	go func() {
		defer d.serving.Done()
		answer, err := r.Request(ctx, d.fill("<iq type='get' id='asked' from='"+u.Address()+"' to='somebody@{me}'>"+unknown+"</iq>"))
		got <- outcome{answer, err}
	}()
	d.arrives("asked")
	s := d.stream(how{})
	s.send(fmt.Sprintf(lie, u.Address(), "asked"))
	d.sync(s)
	s.send("<iq type='result' id='asked' from='somebody@{me}' to='" + u.Address() + "'><right xmlns='urn:example:conformance'/></iq>")
	o := <-got
	switch {
	case o.err != nil:
		d.fail("there is no answer: %v", o.err)
	case !strings.Contains(o.answer, "<right"):
		d.fail("it is: %s", quotable(o.answer))
	}
}
