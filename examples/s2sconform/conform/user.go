package conform

import (
	"context"
	"strings"

	"isthmus.im/examples/s2sconform/wire"
)

// user is somebody at the target, in a scenario.
type user struct {
	User
	d *driver
}

// user makes somebody at the target available, for this scenario alone.
func (d *driver) user() *user {
	if d.env.Target.Login == nil {
		d.skip("nobody at the target is known")
	}
	d.play.userBusy.Lock()
	d.later(d.play.userBusy.Unlock)
	ctx, cancel := context.WithDeadline(d.ctx, d.deadline())
	defer cancel()
	l, err := d.env.Target.Login(ctx)
	if err != nil {
		d.skip("nobody at the target is available: %v", err)
	}
	u := &user{l, d}
	d.later(func() { l.Close() })
	d.serving.Add(1)
	go func() {
		defer d.serving.Done()
		for {
			stanza, err := l.Next()
			if err != nil {
				return
			}
			d.log.Add("user<", stanza)
			n, err := wire.Parse(stanza, wire.NSClient)
			if err != nil {
				n = &wire.Node{Raw: stanza}
			}
			d.box.put(arrival{Event: wire.Event{Kind: wire.Element, Node: n, Raw: stanza}})
		}
	}()
	return u
}

// send sends a stanza as the user.
func (u *user) send(stanza string) {
	stanza = u.d.fill(stanza)
	u.d.log.Add("user>", stanza)
	ctx, cancel := context.WithDeadline(u.d.ctx, u.d.deadline())
	defer cancel()
	if err := u.Send(ctx, stanza); err != nil {
		u.d.fail("the user cannot send: %v", err)
	}
}

// message matches what was delivered to the user from our domain, as far as it
// is a message.
func (u *user) message(a arrival) bool {
	return a.s == nil && a.Node.Name.Local == "message" && domainOf(a.Node.Attr("from")) == u.d.domain
}

// with matches what was delivered to the user under an id.
func (u *user) with(id string) func(arrival) bool {
	return func(a arrival) bool { return a.s == nil && a.Node.Attr("id") == id }
}

// gets waits for what is delivered to the user under an id.
func (u *user) gets(id string) *wire.Node {
	a, ok := u.d.await(u.with(id))
	if !ok {
		u.d.fail("it is not delivered")
	}
	return a.Node
}

// bare returns an address without resource.
func bare(address string) string {
	address, _, _ = strings.Cut(address, "/")
	return address
}
