package conform

import (
	"context"
	"crypto/tls"

	"isthmus.im/examples/s2sconform/wire"
)

// closing are about the end of streams.
func closing() []Scenario {
	return append([]Scenario{
		should("close-answered", "RFC 6120 section 4.4", "a closing tag is answered with a closing tag", func(d *driver) {
			s := d.stream(how{})
			d.sync(s)
			s.send("</stream:stream>")
			if e, _ := s.end(); e.Kind != wire.Footer {
				d.fail("%s instead", described(e))
			}
		}),
		must("close-connection", "RFC 6120 section 4.4", "the connection ends when both sides have closed the stream", func(d *driver) {
			s := d.authenticated(how{})
			s.send("</stream:stream>")
			for {
				switch e := s.next(); e.Kind {
				case wire.End:
					return
				case wire.Silence:
					d.fail("it stays open")
				}
			}
		}),
		must("close-quiet", "RFC 6120 section 4.4", "nothing comes behind the target's closing tag", func(d *driver) {
			s := d.authenticated(how{})
			s.send("</stream:stream>")
			footer := false
			for {
				e := s.next()
				switch {
				case e.Kind == wire.Footer:
					footer = true
				case e.Kind == wire.End || e.Kind == wire.Silence:
					return
				case footer:
					d.fail("%s does", described(e))
				}
			}
		}),
		must("close-notify", "RFC 6120 section 4.4", "TLS is closed, too, before the connection ends", func(d *driver) {
			s := d.authenticated(how{tls: func(c *tls.Config) { c.MaxVersion = tls.VersionTLS12 }})
			s.send("</stream:stream>")
			for {
				e := s.next()
				if e.Kind == wire.Silence {
					d.fail("the connection stays open")
				}
				if e.Kind == wire.End {
					break
				}
			}
			if !s.Alerted() {
				d.fail("it is not")
			}
		}),
		must("close-reopen", "RFC 6120 section 4.4", "a stream that was closed can be opened anew", func(d *driver) {
			s := d.authenticated(how{})
			s.send("</stream:stream>")
			s.closes()
			d.sync(d.stream(how{}))
		}),
		must("cut-reopen", "RFC 6120 section 4.6.1", "so can one whose connection broke", func(d *driver) {
			s := d.stream(how{})
			d.sync(s)
			s.Cut()
			d.sync(d.stream(how{}))
		}),
		must("error-sent", "RFC 6120 section 4.9.1.1", "a stream that we end with an error is closed", func(d *driver) {
			s := d.authenticated(how{})
			s.send(streamError("internal-server-error"))
			s.closes()
		}),
	}, append(initiating([]Scenario{
		must("close-theirs", "RFC 6120 section 4.4", "it closes a stream of its own that we close, and uses another one then", func(d *driver) {
			s := d.stream(how{})
			back := d.answerBy(s)
			back.send("</stream:stream>")
			if _, ok := d.await(func(a arrival) bool { return a.s == back && (a.Kind == wire.Footer || a.Kind == wire.End) }); !ok {
				d.fail("it stays open")
			}
			d.answersElsewhere(s, back)
		}),
		must("cut-theirs", "RFC 6120 section 10.4.2", "it uses another stream when the connection of its own broke", func(d *driver) {
			s := d.stream(how{})
			back := d.answerBy(s)
			back.Cut()
			d.answersElsewhere(s, back)
		}),
	}), Scenario{
		ID: "shutdown", Title: "a server that shuts down says so, and closes its streams", Clause: "RFC 6120 section 4.9.3.20",
		Level: Should, Role: Acceptor, Last: true, run: func(d *driver) {
			if d.env.Target.Stop == nil {
				d.skip("it cannot be stopped from here")
			}
			s := d.stream(how{})
			back := d.answerBy(s)
			stopped := make(chan error, 1)
			ctx, cancel := context.WithCancel(d.ctx)
			defer cancel()
			go func() { stopped <- d.env.Target.Stop(ctx) }()
			e, _ := s.end()
			if n := e.Error(); n == nil || n.Condition(nsErrors) != "system-shutdown" {
				d.fail("%s instead of stream error <system-shutdown/>", described(e))
			}
			if e, _ := s.end(); e.Kind != wire.Footer {
				d.fail("%s instead of the closing tag", described(e))
			}
			if a, ok := d.await(func(a arrival) bool { return a.s == back && (a.Kind == wire.Footer || a.Kind == wire.End) }); !ok || a.Kind != wire.Footer {
				d.fail("%s on the target's own stream instead of the closing tag", described(a.Event))
			}
			if err := <-stopped; err != nil {
				d.skip("it does not stop: %v", err)
			}
		},
	})...)
}

// answersElsewhere waits for the answer to a ping that comes by another stream
// than back, which ended. What is written before that is noticed may be lost (RFC
// 6120 section 3.4), so there are several pings.
func (d *driver) answersElsewhere(s, back *stream) {
	for range 4 {
		a, ok := d.box.wait(d.soon(), stanzaWith(s.ping()))
		if ok && a.s == back {
			d.fail("the stream is still used")
		} else if ok {
			return
		}
	}
	d.fail("no answer comes any more")
}
