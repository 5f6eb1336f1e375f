package conform

import (
	"fmt"
	"strconv"
)

// cutAfter lets a user send a number of messages, acknowledges some of them, and
// cuts the connection that they came by.
func (d *driver) cutAfter(sent, acknowledged int) (*user, *stream) {
	u, back, before := d.sentTo(sent)
	if acknowledged > 0 {
		back.send("<a xmlns='" + nsSM + "' h='" + strconv.Itoa(before+acknowledged) + "'/><r xmlns='" + nsSM + "'/>")
		d.manages(back, "a") // so the acknowledgement was read
	}
	back.Cut()
	return u, back
}

// cutAfterHandling is cutAfter where the target hears only when it resumes the
// stream that some of them arrived.
func (d *driver) cutAfterHandling(sent, handled int) (*user, *stream) {
	u, back, before := d.sentTo(sent)
	d.mu.Lock()
	d.kept = before + handled
	d.mu.Unlock()
	back.Cut()
	return u, back
}

func (d *driver) resumeAt() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.kept
}

// sentTo lets a user send a number of messages by a stream of the target's with
// acknowledgements, and returns how many stanzas counted before them.
func (d *driver) sentTo(sent int) (u *user, back *stream, before int) {
	u = d.user()
	d.offer.finally = offerAcks
	say := func(id string) {
		u.send("<message type='chat' id='" + id + "' from='" + u.Address() + "' to='somebody@{me}'><body>" + id + "</body></message>")
	}
	say("first")
	a, ok := d.await(stanzaWith("first"))
	if !ok {
		d.fail("nothing is sent")
	}
	back = a.s
	d.enabledBy(back)
	before = back.handled()
	for i := range sent {
		id := fmt.Sprint("kept", i)
		say(id)
		if _, ok := d.await(stanzaWith(id)); !ok {
			d.fail("message %d is not sent", i)
		}
	}
	return u, back, before
}

// sentOrTold waits for a message to be sent again, by another stream, or for its
// sender to be told that it may be lost.
func (d *driver) sentOrTold(u *user, i int, before *stream) {
	id := fmt.Sprint("kept", i)
	isBounce, isAgain := u.with(id), stanzaWith(id)
	a, ok := d.await(func(a arrival) bool { return isBounce(a) || isAgain(a) && a.s != before })
	if !ok {
		d.fail("message %d is lost", i)
	}
	if a.s == nil && a.Node.Attr("type") != "error" {
		d.fail("its sender gets %s", quotable(a.Raw))
	}
}
