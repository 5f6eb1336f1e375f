package conform

import (
	"crypto/tls"

	"isthmus.im/examples/s2sconform/wire"
	"isthmus.im/internal/testca"
)

// direct are about direct TLS (XEP-0368), where its address is known.
func direct() []Scenario {
	const clause = "XEP-0368 section 3"
	return []Scenario{
		must("direct-stream", clause, "a stream opens behind direct TLS, and requests are answered", func(d *driver) {
			d.sync(d.stream(how{direct: true}))
		}),
		must("direct-starttls", clause, "STARTTLS is not offered there", func(d *driver) {
			if d.offered(how{direct: true}).features.Child(wire.NSTLS, "starttls") != nil {
				d.fail("it is")
			}
		}),
		must("direct-alpn", clause, "of several protocols xmpp-server is chosen, or none", func(d *driver) {
			s := d.connect(how{direct: true, tls: func(c *tls.Config) { c.NextProtos = []string{"h2", "xmpp-client", "xmpp-server"} }})
			if p := s.tls.ConnectionState().NegotiatedProtocol; p != "xmpp-server" && p != "" {
				d.fail("%q is", p)
			}
		}),
		must("direct-no-alpn", clause, "no protocol need be named", func(d *driver) {
			d.sync(d.stream(how{direct: true, tls: func(c *tls.Config) { c.NextProtos = nil }}))
		}),
		must("direct-shows", clause, "its certificate leads to a trusted authority and names the domain that was asked for", func(d *driver) {
			d.shows(how{direct: true})
		}),
		must("direct-other-name", clause, "a certificate of another domain is refused there, too", func(d *driver) {
			s := d.connect(how{direct: true, cert: d.issue(testca.Options{DNS: []string{"unrelated.example"}})})
			s.send(openingTag(d.domain, d.target, ""))
			s.neverAuthenticates(d.domain)
		}),
		must("direct-self-signed", clause, "so is one that its owner signed", func(d *driver) {
			c := testca.SelfSigned(testca.Options{DNS: []string{d.domain}})
			s := d.connect(how{direct: true, cert: &c})
			s.send(openingTag(d.domain, d.target, ""))
			s.neverAuthenticates(d.domain)
		}),
		must("direct-host-unknown", "RFC 6120 section 4.9.3.6", "a domain that is not served is answered with host-unknown there, too", func(d *driver) {
			s := d.connect(how{direct: true})
			s.send(openingTag(d.domain, "unknown."+d.target, ""))
			s.endsBestWith("host-unknown", "host-gone")
		}),
	}
}
