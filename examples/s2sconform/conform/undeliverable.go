package conform

import (
	"slices"
	"time"

	"isthmus.im/examples/s2sconform/wire"
	"isthmus.im/internal/testca"
)

// undeliverable are about what users of the target are told of stanzas that
// cannot be delivered.
func undeliverable() []Scenario {
	const nowhere = "somebody@conformance.invalid"
	message := func(u *user, id, attrs, to string) {
		u.send("<message id='" + id + "'" + attrs + " from='" + u.Address() + "' to='" + to + "'><body>hello</body></message>")
	}
	return initiating([]Scenario{
		must("bounce-not-found", "RFC 6120 section 10.4.3", "that a domain cannot be resolved is told as remote-server-not-found", func(d *driver) {
			u := d.user()
			message(u, "lost", "", nowhere)
			if n := u.told("lost"); condition(n) != "remote-server-not-found" {
				d.fail("the sender is told %s", quotable(n.Raw))
			}
		}),
		must("bounce-timeout", "RFC 6120 section 10.4.3", "that no stream can be negotiated is told as remote-server-timeout", func(d *driver) {
			u := d.user()
			cert := testca.SelfSigned(testca.Options{DNS: []string{"unrelated.example"}})
			d.offer.cert = &cert
			message(u, "lost", "", "somebody@"+d.domain)
			if n := u.told("lost"); condition(n) != "remote-server-timeout" {
				d.fail("the sender is told %s", quotable(n.Raw))
			}
		}),
		must("bounce-id", "RFC 6120 section 8.3.1", "what is told has the id of what was sent", func(d *driver) {
			u := d.user()
			message(u, "lost", "", nowhere)
			u.told("lost")
		}),
		must("bounce-kind", "RFC 6120 section 8.3", "it is an error of the same kind, from the recipient to the sender", func(d *driver) {
			u := d.user()
			message(u, "lost", "", nowhere)
			n := u.told("lost")
			if n.Name.Local != "message" || n.Attr("type") != "error" || n.Attr("from") != nowhere || n.Attr("to") != u.Address() {
				d.fail("it is %s", quotable(n.Raw))
			}
		}),
		must("bounce-condition", "RFC 6120 section 8.3.2", "it has a defined condition and one of five types", func(d *driver) {
			u := d.user()
			message(u, "lost", "", nowhere)
			n := u.told("lost")
			t := n.Child("", "error").Attr("type")
			if !slices.Contains(stanzaConditions(), condition(n)) || !slices.Contains([]string{"auth", "cancel", "continue", "modify", "wait"}, t) {
				d.fail("it is %s", quotable(n.Raw))
			}
		}),
		must("bounce-request", "RFC 6120 section 8.3.1", "a request that cannot be delivered is answered with an error", func(d *driver) {
			u := d.user()
			u.send("<iq type='get' id='lost' from='" + u.Address() + "' to='" + nowhere + "'>" + unknown + "</iq>")
			if n := u.told("lost"); n.Name.Local != "iq" || n.Attr("type") != "error" {
				d.fail("it is %s", quotable(n.Raw))
			}
		}),
		must("bounce-once", "RFC 6120 section 10.4.3", "it is told once", func(d *driver) {
			u := d.user()
			message(u, "lost", "", nowhere)
			message(u, "last", "", nowhere)
			u.told("lost")
			u.told("last")
			if a, ok := d.box.look(u.with("lost")); ok {
				d.fail("there is a second error: %s", quotable(a.Raw))
			}
		}),
		must("bounce-error", "RFC 6120 section 8.3.1", "an error that cannot be delivered is not answered with an error", func(d *driver) {
			u := d.user()
			u.send("<message type='error' id='lost' from='" + u.Address() + "' to='" + nowhere + "'>" + anError + "</message>")
			message(u, "last", "", nowhere)
			u.told("last")
			if a, ok := d.box.look(u.with("lost")); ok {
				d.fail("it is: %s", quotable(a.Raw))
			}
		}),
		must("bounce-result", "RFC 6120 section 8.2.3", "nor is the answer to a request", func(d *driver) {
			u := d.user()
			u.send("<iq type='result' id='lost' from='" + u.Address() + "' to='" + nowhere + "'/>")
			message(u, "last", "", nowhere)
			u.told("last")
			if a, ok := d.box.look(u.with("lost")); ok {
				d.fail("it is: %s", quotable(a.Raw))
			}
		}),
		must("bounce-then-stream", "RFC 6120 section 10.4.2", "a stream that broke is replaced by a new one when there is something to send", func(d *driver) {
			u := d.user()
			message(u, "first", "", "somebody@"+d.domain)
			a, ok := d.await(stanzaWith("first"))
			if !ok {
				d.fail("nothing is sent")
			}
			a.s.send("</stream:stream>")
			if _, ok := d.await(func(e arrival) bool { return e.s == a.s && (e.Kind == wire.Footer || e.Kind == wire.End) }); !ok {
				d.fail("the first stream stays open")
			}
			message(u, "second", "", "somebody@"+d.domain)
			if b, ok := d.await(stanzaWith("second")); !ok || b.s == a.s {
				d.fail("it does not arrive by a new stream")
			}
		}),
	})
}

// told waits for what the user hears of a stanza, which may take longer than
// other things.
func (u *user) told(id string) *wire.Node {
	a, ok := u.d.box.wait(time.Now().Add(3*u.d.env.patience()), u.with(id))
	if !ok {
		u.d.fail("the sender is told nothing")
	}
	return a.Node
}
