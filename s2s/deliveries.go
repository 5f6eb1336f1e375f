package s2s

import (
	"bytes"
	"context"
	"encoding/xml"
	"iter"
	"sync"
	"time"

	"isthmus.im/jid"
	"isthmus.im/stanza"
)

// DeliveryState is how far a message got.
type DeliveryState uint8

const (
	StateQueued       DeliveryState = iota + 1 // accepted, not written yet
	StateSent                                  // written to an authenticated stream with the recipient's domain
	StateAcknowledged                          // the domain has it (XEP-0198), or it was delivered locally
	StateDelivered                             // the recipient's client says so (XEP-0184)
	StateRefused                               // came back with an error, or could not be sent
	StateExpired                               // the domain was not reachable within Limits.QueueAge
)

var stateNames = [...]string{"unknown", "queued", "sent", "acknowledged", "delivered", "refused", "expired"}

func (s DeliveryState) String() string {
	if int(s) < len(stateNames) {
		return stateNames[s]
	}
	return stateNames[0]
}

// Final reports whether no other state follows. StateAcknowledged is not final, but
// may well be the last: few recipients send receipts unless asked.
func (s DeliveryState) Final() bool { return s >= StateDelivered }

// Delivery is the state of one message.
type Delivery struct {
	From, To jid.JID
	ID       string
	State    DeliveryState
	At       time.Time     // when it came to be so
	Err      *stanza.Error // why; of StateRefused and StateExpired
}

// Delivery returns the state of the message with this id, as long as it is
// remembered: see Config.Deliveries. Resources do not matter, since receipts and
// errors may come from another than was written to.
func (s *Server) Delivery(from, to jid.JID, id string) (Delivery, bool) {
	d := s.deliveries
	if d == nil {
		return Delivery{}, false
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	r, ok := d.known[deliveryKey{from.Bare(), to.Bare(), id}]
	if !ok || r.State == 0 {
		return Delivery{}, false
	}
	return r.Delivery, true
}

// Deliveries returns every change of a message's state from now on, in order,
// until ctx or the server ends. The changes wait for a reader that is slow; when
// Config.Deliveries of them do, the oldest are dropped, and [Server.Delivery]
// tells what became of their messages. Without Config.Deliveries there are none.
// The sequence can be ranged over once.
func (s *Server) Deliveries(ctx context.Context) iter.Seq[Delivery] {
	d := s.deliveries
	if d == nil {
		return func(func(Delivery) bool) {}
	}
	sub := &subscriber{wake: make(chan struct{}, 1)}
	d.mu.Lock()
	d.subs[sub] = struct{}{}
	d.mu.Unlock()
	context.AfterFunc(ctx, func() { d.unsubscribe(sub) })
	return func(yield func(Delivery) bool) {
		defer d.unsubscribe(sub)
		for {
			d.mu.Lock()
			list := sub.list
			sub.list = nil
			d.mu.Unlock()
			for _, v := range list {
				if ctx.Err() != nil || !yield(v) {
					return
				}
			}
			if len(list) > 0 {
				continue
			}
			select {
			case <-sub.wake:
			case <-ctx.Done():
				return
			case <-s.ctx.Done():
				return
			}
		}
	}
}

type deliveryKey struct {
	from, to jid.JID
	id       string
}

// record is a message whose delivery is followed.
type record struct {
	Delivery
	key deliveryKey
}

// deliveries remembers the states of the last messages. Its lock may be taken
// while a link's is held. A nil *deliveries remembers nothing.
type deliveries struct {
	limit int

	mu    sync.Mutex
	known map[deliveryKey]*record
	order []*record // a ring of the last limit messages
	next  int
	subs  map[*subscriber]struct{}
}

// subscriber is a sequence of changes on its way to a reader.
type subscriber struct {
	list []Delivery
	wake chan struct{}
}

func newDeliveries(limit int) *deliveries {
	if limit == 0 {
		return nil
	}
	return &deliveries{limit: limit, known: make(map[deliveryKey]*record), subs: make(map[*subscriber]struct{})}
}

func (d *deliveries) unsubscribe(sub *subscriber) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.subs, sub)
}

// follows reports whether the delivery of a stanza is followed: of messages with
// an id.
func (d *deliveries) follows(st *stanza.Stanza) bool {
	return d != nil && st.Kind == stanza.Message && st.Type != stanza.TypeError && st.ID != ""
}

// queued begins to follow a stanza.
func (d *deliveries) queued(st *stanza.Stanza, at time.Time) *record {
	if !d.follows(st) {
		return nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	r := d.add(st)
	r.State, r.At = StateQueued, at
	d.tell(r)
	return r
}

// offered begins to follow stanzas that an Outbox is about to take. They have no
// state until it has, or shows them.
func (d *deliveries) offered(list []*stanza.Stanza) []*record {
	if d == nil {
		return nil
	}
	var all []*record
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, st := range list {
		if d.follows(st) {
			all = append(all, d.add(st))
		}
	}
	return all
}

// withdraw forgets stanzas that the Outbox has not taken.
func (d *deliveries) withdraw(list []*record) {
	if d == nil {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, r := range list {
		if d.known[r.key] == r {
			delete(d.known, r.key)
		}
	}
}

// stored finds the record of a stanza that came out of the Outbox, or begins to
// follow it if an earlier process accepted it or it was forgotten meanwhile.
func (d *deliveries) stored(st *stanza.Stanza, at time.Time) *record {
	if !d.follows(st) {
		return nil
	}
	d.mu.Lock()
	r := d.known[deliveryOf(st)]
	d.mu.Unlock()
	if r == nil {
		return d.queued(st, at)
	}
	d.change(r, StateQueued, at, nil)
	return r
}

func deliveryOf(st *stanza.Stanza) deliveryKey {
	return deliveryKey{st.From.Bare(), st.To.Bare(), st.ID}
}

// add makes a record, in the place of the oldest if there are too many. d.mu is
// held.
func (d *deliveries) add(st *stanza.Stanza) *record {
	r := &record{Delivery: Delivery{From: st.From, To: st.To, ID: st.ID}, key: deliveryOf(st)}
	if len(d.order) < d.limit {
		d.order = append(d.order, r)
	} else {
		if old := d.order[d.next]; d.known[old.key] == old {
			delete(d.known, old.key)
		}
		d.order[d.next] = r
		d.next = (d.next + 1) % d.limit
	}
	d.known[r.key] = r
	return r
}

// change notes a new state. States only go forward; a refusal may follow
// an acknowledgement, but nothing a final state.
func (d *deliveries) change(r *record, state DeliveryState, at time.Time, why *stanza.Error) {
	if d == nil || r == nil {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if r.State.Final() || state <= r.State {
		return
	}
	r.State, r.At, r.Err = state, at, why
	d.tell(r)
}

// tell hands a record's state to the subscribers. d.mu is held.
func (d *deliveries) tell(r *record) {
	for sub := range d.subs {
		if len(sub.list) >= d.limit {
			sub.list = sub.list[1:]
		}
		sub.list = append(sub.list, r.Delivery)
		select {
		case sub.wake <- struct{}{}:
		default:
		}
	}
}

// nsReceipts is the namespace of delivery receipts (XEP-0184).
const nsReceipts = "urn:xmpp:receipts"

// arrived looks for news of earlier messages in an inbound one: an error or a
// receipt.
func (d *deliveries) arrived(st *stanza.Stanza) {
	if d == nil || st.Kind != stanza.Message {
		return
	}
	id, state, why := st.ID, StateRefused, (*stanza.Error)(nil)
	if st.Type == stanza.TypeError {
		why = st.Err()
	} else {
		if !bytes.Contains(st.Inner, []byte(nsReceipts)) {
			return
		}
		var receipt struct {
			XMLName xml.Name `xml:"urn:xmpp:receipts received"`
			ID      string   `xml:"id,attr"`
		}
		if st.Decode(&receipt) != nil {
			return
		}
		id, state = receipt.ID, StateDelivered
	}
	d.mu.Lock()
	r := d.known[deliveryKey{st.To.Bare(), st.From.Bare(), id}]
	d.mu.Unlock()
	d.change(r, state, time.Now(), why)
}
