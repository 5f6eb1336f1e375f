package s2s

import (
	"cmp"
	"context"
	"errors"
	"io"
	"slices"
	"sync"
	"sync/atomic"

	"isthmus.im/internal/dialback"
	"isthmus.im/internal/stream"
	"isthmus.im/internal/xmlscan"
	"isthmus.im/jid"
)

// dialbackStream is Server Dialback on one stream. It performs what the machine
// says, in the order in which it says it; the machine is stepped by the stream's
// reader and by those who have keys verified, in turn. A turn may take as long as
// a write or a hook of the host, so nothing that a host can call waits for one.
type dialbackStream struct {
	c        *conn
	offered  bool    // the peer announces Server Dialback
	claimed  jid.JID // inbound: the domain in the peer's header
	external error   // why SASL EXTERNAL came to nothing; nil: it did not, or nobody tried

	proved atomic.Bool // somebody has authenticated

	turn    waitLock
	m       *dialback.Machine
	asking  map[*dialback.Question]context.CancelFunc      // the peer's requests that are being verified
	asked   map[*dialback.Question]chan<- dialback.Verdict // questions put to the peer
	started chan error                                     // buffered; what became of our own request
	changes uint64                                         // Server.changes before the question under discussion was put
	refused error                                          // the peer's last request that came to nothing
	over    bool                                           // the stream has ended

	pmu     sync.RWMutex
	methods map[Route]Method // how the peer proved what it proved by Server Dialback
}

// newDialback makes the Server Dialback of a stream whose negotiation is over.
func (s *Server) newDialback(c *conn, offered bool) *dialbackStream {
	m := dialback.New(dialback.Config{
		Outgoing: c.out, Remote: c.remote, StreamID: c.id, Secure: c.tls != nil, Secret: s.dialback.secret, Serves: s.serves,
		MaxPending: maxPending, MaxFailures: maxFailures, MaxPairs: s.limits.Domains,
	})
	if c.bidi {
		m.EnableBidi()
	}
	return &dialbackStream{
		c: c, m: m, offered: offered,
		methods: make(map[Route]Method),
		asking:  make(map[*dialback.Question]context.CancelFunc),
		asked:   make(map[*dialback.Question]chan<- dialback.Verdict),
		started: make(chan error, 1),
	}
}

// withDialback gives a stream its Server Dialback.
func (c *conn) withDialback(offered bool) *dialbackStream {
	d := c.s.newDialback(c, offered)
	c.dialback.Store(d)
	return d
}

// listening returns the Server Dialback of a stream whose peer speaks it. Without
// Config.Dialback a peer that has authenticated by its certificate may still add
// domains of it; few do, so that the stream gets what that takes only then. It is
// nil on streams of ours then.
func (c *conn) listening() *dialbackStream {
	d := c.dialback.Load()
	if d == nil && !c.out {
		d = c.withDialback(false)
		d.certified()
	}
	return d
}

// hear takes an element of Server Dialback. An error ends the stream.
func (d *dialbackStream) hear(t *xmlscan.Token) error {
	e, err := dialback.Parse(*t)
	var bad *dialback.ParseError
	switch {
	case errors.As(err, &bad):
		return &stream.Error{Condition: bad.Condition, Text: bad.Text}
	case err != nil:
		return err
	case e.Kind == dialback.Verify && e.Type == dialback.Request:
		// This has nothing to do with the rest, and asks the host's Secret.
		d.c.answerKey(e)
		return nil
	}
	d.turn.Lock()
	defer d.turn.Unlock()
	d.perform(d.m.Step(e))
	return nil
}

// perform does what the machine wants. It is the caller's turn.
func (d *dialbackStream) perform(actions []dialback.Action) {
	first := false
	for _, a := range actions {
		switch a := a.(type) {
		case dialback.Write:
			if err := d.c.write(a.Bytes); err != nil {
				d.c.sock.Close() // the reader reports it
				return
			}
		case dialback.Ask:
			d.verify(a.Question)
		case dialback.Abandon:
			if cancel := d.asking[a.Question]; cancel != nil {
				cancel()
			}
		case dialback.Answered:
			if q := a.Verdict.Question(); d.asked[q] != nil {
				d.asked[q] <- a.Verdict
				delete(d.asked, q)
			}
		case dialback.Authorized:
			d.proved.Store(true)
			d.started <- nil
		case dialback.Refused:
			d.started <- a.Err
		case dialback.Accepted:
			if first = !d.proved.Load(); first && !d.admit(Route{a.Local, a.Remote}) {
				return
			}
			d.c.s.log.Info("domain accepted", "local", a.Local, "remote", a.Remote, "stream", d.c.id, "method", d.method(a.Local, a.Remote).String())
		case dialback.Rejected:
			d.refused = a.Err
			d.c.s.log.Debug("domain refused", "addr", d.c.addr().String(), "stream", d.c.id, "err", a.Err)
		case dialback.Ignored:
			d.c.s.log.Debug("dialback ignored", "addr", d.c.addr().String(), "stream", d.c.id, "why", a.Reason)
		case dialback.Close:
			d.c.end(nil)
		}
	}
	if first {
		d.begin()
	}
}

// admit makes an inbound stream one of the server's when its first domain has
// been proved, before the peer is told. It reports false if the stream may not
// stay. It is the caller's turn.
func (d *dialbackStream) admit(r Route) bool {
	c := d.c
	c.local, c.remote, c.mechanism, c.method = r.Local, r.Remote, mechanismDialback, d.method(r.Local, r.Remote)
	if err := c.enlist(); err != nil {
		d.refused = err
		c.end(noPlace(err))
		return false
	}
	d.proved.Store(true)
	c.s.negotiated(c, true)
	if c.s.changes.Load() != d.changes {
		if err := c.s.permitsStream(c.s.ctx, c); err != nil {
			c.end(notPermitted(c, err))
			return false
		}
	}
	return true
}

// begin lets stanzas go where both sides want that, when the peer has been told.
// It is the caller's turn.
func (d *dialbackStream) begin() {
	d.c.s.kick(d.c.remote)
	if d.c.bidi {
		d.c.s.adopt(d.c)
	}
}

// token takes what the peer says on a stream on which nobody has authenticated.
// An error ends the stream.
func (d *dialbackStream) token(t *xmlscan.Token) error {
	switch {
	case t.Kind == xmlscan.Close:
		return io.EOF
	case t.Kind != xmlscan.Element:
		return &stream.Error{Condition: stream.BadFormat, Text: "a second stream header"}
	case string(t.Space) == stream.NS && string(t.Local) == "error":
		return stream.ParseError(stream.ElementOf(*t).Raw)
	case string(t.Space) == dialback.NS:
		return d.hear(t)
	}
	return &stream.Error{Condition: stream.NotAuthorized, Text: "Server Dialback has to be over before anything else is sent"}
}

// close says that the stream is over. It reports whether anybody had
// authenticated and, if not, why the peer's last request came to nothing.
func (d *dialbackStream) close(err error) (proved bool, refused error) {
	d.turn.Lock()
	defer d.turn.Unlock()
	d.over = true
	d.perform(d.m.Step(dialback.Closed{Err: err}))
	return d.proved.Load(), d.refused
}

// certified says that SASL has authenticated the side that opened the stream.
func (d *dialbackStream) certified() {
	d.turn.Lock()
	defer d.turn.Unlock()
	d.proved.Store(true)
	if !d.c.out {
		d.m.Grant(d.c.local, d.c.remote)
	}
}

// speaks reports whether the peer proved a domain by Server Dialback.
func (d *dialbackStream) speaks(remote jid.JID) bool {
	if d == nil {
		return false
	}
	remote = remote.Host()
	d.pmu.RLock()
	defer d.pmu.RUnlock()
	for r := range d.methods {
		if r.Remote == remote {
			return true
		}
	}
	return false
}

// method returns how the peer proved by Server Dialback that it may send from
// remote to local; zero if it did not.
func (d *dialbackStream) method(local, remote jid.JID) Method {
	d.pmu.RLock()
	defer d.pmu.RUnlock()
	return d.methods[Route{local.Host(), remote.Host()}]
}

// permits reports whether the peer may send from remote to local. What it
// authenticated by SASL counts towards all local domains.
func (d *dialbackStream) permits(local, remote jid.JID) bool {
	c := d.c
	if remote.Domain() == c.remote.Domain() && (c.mechanism != mechanismDialback || local.Domain() == c.local.Domain()) {
		return true
	}
	return d.method(local, remote) != 0
}

// pairs returns the pairs of domains that the peer proved beside the one that the
// stream began with.
func (d *dialbackStream) pairs() []Route {
	if d == nil {
		return nil
	}
	d.pmu.RLock()
	defer d.pmu.RUnlock()
	var list []Route
	for r := range d.methods {
		if r != (Route{d.c.local, d.c.remote}) {
			list = append(list, r)
		}
	}
	slices.SortFunc(list, func(a, b Route) int { return cmp.Or(a.Remote.Compare(b.Remote), a.Local.Compare(b.Local)) })
	return list
}
