package conform

import (
	"encoding/base64"
	"slices"
	"strings"

	"isthmus.im/examples/s2sconform/wire"
)

// auth are about a target that authenticates us with SASL.
func auth() []Scenario {
	return []Scenario{
		should("sasl-external-offered", "RFC 6120 section 6.3.4", "EXTERNAL is offered to who has a good certificate", func(d *driver) {
			if !offers(d.offered(how{}).features, "EXTERNAL") {
				d.fail("it is not")
			}
		}),
		should("sasl-external-first", "RFC 6120 section 6.3.4", "EXTERNAL is listed first", func(d *driver) {
			if m := mechanisms(d.offered(how{}).features); len(m) == 0 || m[0] != "EXTERNAL" {
				d.fail("the mechanisms are %s", strings.Join(m, " "))
			}
		}),
		must("sasl-authzid", "RFC 6120 section 6.3.8", "our own domain is accepted as authorization identity", func(d *driver) {
			s := d.offered(how{})
			s.send(authText(d.domain))
			s.want(wire.NSSASL, "success")
		}),
		must("sasl-no-authzid", "RFC 6120 section 4.3.6", "without authorization identity (\"=\") the header's from counts", func(d *driver) {
			s := d.offered(how{})
			s.send(authText(""))
			s.want(wire.NSSASL, "success")
			s.Restart()
			s.open()
			s.listen()
			d.sync(s)
		}),
		must("sasl-no-initial-response", "RFC 6120 section 6.3.10", "an <auth/> without initial response is challenged, or accepted", func(d *driver) {
			s := d.offered(how{})
			s.send("<auth xmlns='" + wire.NSSASL + "' mechanism='EXTERNAL'/>")
			e := s.next()
			if e.Kind == wire.Element && e.Node.Is(wire.NSSASL, "challenge") {
				s.send("<response xmlns='" + wire.NSSASL + "'>" + base64.StdEncoding.EncodeToString([]byte(d.domain)) + "</response>")
				e = s.next()
			}
			if e.Kind != wire.Element || !e.Node.Is(wire.NSSASL, "success") {
				d.fail("%s instead of <challenge/> or <success/>", described(e))
			}
		}),
		must("sasl-authzid-other", "RFC 6120 section 6.3.8", "an authorization identity that is not ours is answered with invalid-authzid", func(d *driver) {
			s := d.offered(how{})
			s.send(authText("other.example"))
			s.failsWith("invalid-authzid")
		}),
		must("sasl-authzid-malformed", "RFC 6120 section 6.5.6", "an authorization identity that is no domain is answered with invalid-authzid", func(d *driver) {
			s := d.offered(how{})
			s.send(authText("@" + d.domain))
			s.failsWith("invalid-authzid")
		}),
		must("sasl-authzid-user", "RFC 6120 section 6.3.8", "an authorization identity with a local part is answered with invalid-authzid", func(d *driver) {
			s := d.offered(how{})
			s.send(authText("somebody@" + d.domain))
			s.failsWith("invalid-authzid")
		}),
		must("sasl-base64", "RFC 6120 section 6.5.5", "what is not base 64 is answered with incorrect-encoding", func(d *driver) {
			s := d.offered(how{})
			s.send("<auth xmlns='" + wire.NSSASL + "' mechanism='EXTERNAL'>%%%</auth>")
			s.failsBestWith("incorrect-encoding", "malformed-request")
		}),
		must("sasl-mechanism-unknown", "RFC 6120 section 6.5.7", "an unknown mechanism is answered with invalid-mechanism", func(d *driver) {
			s := d.offered(how{})
			s.send("<auth xmlns='" + wire.NSSASL + "' mechanism='X-CONFORMANCE'>=</auth>")
			s.failsWith("invalid-mechanism")
		}),
		must("sasl-mechanism-missing", "RFC 6120 section 6.5.7", "no mechanism is answered with invalid-mechanism", func(d *driver) {
			s := d.offered(how{})
			s.send("<auth xmlns='" + wire.NSSASL + "'>=</auth>")
			s.failsWith("invalid-mechanism", "malformed-request")
		}),
		must("sasl-abort", "RFC 6120 section 6.4.4", "<abort/> is answered with aborted", func(d *driver) {
			s := d.offered(how{})
			s.send("<abort xmlns='" + wire.NSSASL + "'/>")
			s.failsWith("aborted")
		}),
		must("sasl-failure-shape", "RFC 6120 section 6.4.5", "a failure names one of the conditions of RFC 6120 section 6.5", func(d *driver) {
			s := d.offered(how{})
			s.send("<auth xmlns='" + wire.NSSASL + "' mechanism='X-CONFORMANCE'>=</auth>")
			n := s.want(wire.NSSASL, "failure")
			if c := n.Condition(wire.NSSASL); !slices.Contains(saslConditions(), c) {
				d.fail("it names %q: %s", c, quotable(n.Raw))
			}
		}),
		should("sasl-retry", "RFC 6120 section 6.4.5", "after a failure there is a second try", func(d *driver) {
			s := d.offered(how{})
			s.send("<auth xmlns='" + wire.NSSASL + "' mechanism='X-CONFORMANCE'>=</auth>")
			s.want(wire.NSSASL, "failure")
			s.send(authText(d.domain))
			s.want(wire.NSSASL, "success")
		}),
		must("sasl-retries-bounded", "RFC 6120 section 6.4.5", "too many failures end the stream", func(d *driver) {
			s := d.offered(how{})
			for range 40 {
				s.send(authText("other.example"))
				e := s.next()
				if e.Kind == wire.Element && e.Node.Is(wire.NSSASL, "success") {
					d.skip("somebody else's authorization identity is accepted")
				}
				if e.Kind == wire.Element && e.Node.Is(wire.NSSASL, "failure") {
					continue
				}
				if n := e.Error(); n == nil {
					d.fail("%s instead of a stream error", described(e))
				} else if c := n.Condition(wire.NSErrors); c != "policy-violation" && c != "not-authorized" {
					d.deviate("%s instead of <policy-violation/>", described(e))
				}
				return
			}
			d.deviate("40 tries were answered")
		}),
		must("sasl-white-space", "RFC 6120 section 6.3.5", "no white space stands in front of <success/>", func(d *driver) {
			s := d.offered(how{})
			s.send(authText(d.domain))
			e := s.next()
			if e.Kind != wire.Element || !e.Node.Is(wire.NSSASL, "success") {
				d.fail("%s instead of <success/>", described(e))
			} else if e.Spaced {
				d.fail("there is white space in front of it")
			}
		}),
		must("sasl-no-return", "RFC 6120 section 6.4.6", "there is no closing tag between the stream before SASL and the one behind it", func(d *driver) {
			s := d.offered(how{})
			s.send(authText(d.domain))
			s.want(wire.NSSASL, "success")
			s.Restart()
			s.send(openingTag(d.domain, d.target, ""))
			s.takeHeader()
		}),
		must("sasl-restart", "RFC 6120 section 6.3.2", "a stanza right behind <success/>, without a new header, is not processed", func(d *driver) {
			s := d.offered(how{})
			s.send(authText(d.domain))
			s.want(wire.NSSASL, "success")
			s.send("<iq type='get' id='early' from='{me}' to='{it}'>" + ping + "</iq>")
			d.sync(d.stream(how{}))
			d.none("early", "it was answered")
		}),
		must("sasl-before-tls", "RFC 6120 section 5.3.4", "EXTERNAL does not succeed before TLS", func(d *driver) {
			s := d.plain(how{})
			s.send(authText(d.domain))
			if e := s.next(); e.Kind == wire.Element && e.Node.Is(wire.NSSASL, "success") {
				d.fail("it does")
			} else if e.Kind == wire.Silence {
				d.fail("it is not answered")
			}
		}),
		must("sasl-features", "RFC 6120 section 6.4.6", "features come behind SASL, if only empty ones", func(d *driver) {
			d.authenticated(how{})
		}),
		must("sasl-again", "RFC 6120 section 6.4.1", "SASL is not offered any more once it was negotiated", func(d *driver) {
			if m := mechanisms(d.authenticated(how{}).features); len(m) > 0 {
				d.fail("%s is", strings.Join(m, " "))
			}
		}),
		must("sasl-other-from", "RFC 6120 section 4.3.6", "a header behind SASL cannot make the stream somebody else's", func(d *driver) {
			other := d.second()
			s := d.offered(how{})
			s.send(authText(d.domain))
			s.want(wire.NSSASL, "success")
			s.Restart()
			s.send(openingTag(other, d.target, ""))
			if e := s.next(); e.Kind != wire.Header {
				return
			}
			if e := s.next(); e.Kind != wire.Element || !e.Node.Is(wire.NSStream, "features") {
				return
			}
			s.listen()
			id := s.iq("get", other, d.target, ping)
			s.notAnswered(id)
		}),
	}
}

// failsWith expects a SASL failure of one of the conditions.
func (s *stream) failsWith(conditions ...string) { s.failed(Fails, conditions) }

// failsBestWith is failsWith where the conditions are what it SHOULD be.
func (s *stream) failsBestWith(conditions ...string) { s.failed(Deviates, conditions) }

func (s *stream) failed(otherwise Outcome, conditions []string) {
	e := s.next()
	if e.Kind != wire.Element || !e.Node.Is(wire.NSSASL, "failure") {
		s.d.fail("%s instead of SASL failure <%s/>", described(e), conditions[0])
	}
	if !slices.Contains(conditions, e.Node.Condition(wire.NSSASL)) {
		panic(verdict{otherwise, described(e) + " instead of <" + strings.Join(conditions, "/> or <") + "/>"})
	}
}

// saslConditions are those of RFC 6120 section 6.5.
func saslConditions() []string {
	return []string{"aborted", "account-disabled", "credentials-expired", "encryption-required", "incorrect-encoding", "invalid-authzid",
		"invalid-mechanism", "malformed-request", "mechanism-too-weak", "not-authorized", "temporary-auth-failure"}
}
