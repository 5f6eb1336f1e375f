package conform

import (
	"fmt"
	"strconv"

	"isthmus.im/examples/s2sconform/wire"
)

// many is how many stanzas a scenario about order sends at once.
const many = 120

// order are about the order of stanzas.
func order() []Scenario {
	return append([]Scenario{
		must("order-requests", "RFC 6120 section 10.1", "requests from one address to another are answered in their order", func(d *driver) {
			s := d.stream(how{})
			ids := make([]string, many)
			for i := range ids {
				ids[i] = s.ping()
			}
			d.inOrder(s, ids)
		}),
		must("order-outcomes", "RFC 6120 section 10.1", "whether they succeed or not", func(d *driver) {
			s := d.stream(how{})
			ids := make([]string, many)
			for i := range ids {
				payload := ping
				if i%3 == 1 {
					payload = unknown
				}
				ids[i] = s.iq("get", d.domain, d.target, payload)
			}
			d.inOrder(s, ids)
		}),
		must("order-account", "RFC 6120 section 10.1", "requests from one address to one account are answered in their order", func(d *driver) {
			s := d.stream(how{})
			ids := make([]string, many)
			for i := range ids {
				ids[i] = s.iq("get", d.domain, "nobody@"+d.target, unknown)
			}
			d.inOrder(s, ids)
		}),
		must("order-delivery", "RFC 6120 section 10.1", "messages from one address to another are delivered in their order", func(d *driver) {
			u := d.user()
			s := d.stream(how{})
			d.delivered(u, s, func(int) string { return u.Address() })
		}),
		must("order-delivery-bare", "RFC 6120 section 10.1", "whether they are to the account or to its resource", func(d *driver) {
			u := d.user()
			s := d.stream(how{})
			d.delivered(u, s, func(i int) string {
				if i%2 == 1 {
					return bare(u.Address())
				}
				return u.Address()
			})
		}),
	}, initiating([]Scenario{
		must("order-sending", "RFC 6120 section 10.1", "messages of a user to one address are sent in their order, by one stream", func(d *driver) {
			u := d.user()
			to := "somebody@" + d.domain
			d.sent(u, func(int) string { return to })
		}),
		must("order-sending-bare", "RFC 6120 section 10.1", "whether they are to the account or to its resource", func(d *driver) {
			u := d.user()
			d.sent(u, func(i int) string {
				if i%2 == 1 {
					return "somebody@" + d.domain
				}
				return "somebody@" + d.domain + "/here"
			})
		}),
	})...)
}

// inOrder waits for the answers to all requests and checks their order.
func (d *driver) inOrder(s *stream, ids []string) {
	wanted := make(map[string]bool, len(ids))
	for _, id := range ids {
		wanted[id] = true
	}
	isEnd := endOf(s)
	for i, id := range ids {
		a, ok := d.await(func(a arrival) bool {
			return isEnd(a) || a.s != nil && a.Kind == wire.Element && isStanza(a.Node) && wanted[a.Node.Attr("id")]
		})
		switch {
		case !ok:
			d.fail("%d of %d are answered", i, len(ids))
		case a.Node == nil || !isStanza(a.Node):
			d.fail("the stream ended with %s", described(a.Event))
		case a.Node.Attr("id") != id:
			d.fail("the answer to request %s comes before that to %s", a.Node.Attr("id"), id)
		}
	}
}

// delivered sends messages to a user and checks the order in which they arrive.
func (d *driver) delivered(u *user, s *stream, to func(i int) string) {
	for i := range many {
		s.send(fmt.Sprintf("<message type='chat' from='%s' to='%s'><body>%d</body></message>", d.domain, to(i), i))
	}
	for i := range many {
		a, ok := d.await(u.message)
		if !ok {
			d.fail("%d of %d are delivered", i, many)
		}
		if got := bodyOf(a.Node); got != strconv.Itoa(i) {
			d.fail("message %s is delivered where %d is due", got, i)
		}
	}
}

// sent makes a user send messages to us and checks the order in which they
// arrive.
func (d *driver) sent(u *user, to func(i int) string) {
	for i := range many {
		u.send(fmt.Sprintf("<message type='chat' from='%s' to='%s'><body>%d</body></message>", u.Address(), to(i), i))
	}
	var first *stream
	for i := range many {
		a, ok := d.await(isMessage)
		if !ok {
			d.fail("%d of %d arrive", i, many)
		}
		if got := bodyOf(a.Node); got != strconv.Itoa(i) {
			d.fail("message %s arrives where %d is due", got, i)
		}
		if first == nil {
			first = a.s
		}
		if a.s != first {
			d.fail("message %d arrives by another stream", i)
		}
	}
}

// isMessage matches the messages that came to us.
func isMessage(a arrival) bool {
	return a.s != nil && a.Kind == wire.Element && isStanza(a.Node) && a.Node.Name.Local == "message"
}

func bodyOf(n *wire.Node) string {
	if b := n.Child("", "body"); b != nil {
		return b.Text
	}
	return ""
}
