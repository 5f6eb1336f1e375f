package chat

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"time"

	"isthmus.im/examples/chatd/store"
	"isthmus.im/presence"
	"isthmus.im/roster"
	"isthmus.im/s2s"
	"isthmus.im/stanza"
	"isthmus.im/stanza/payload"
)

// federate makes the service's users reachable from every other domain, and
// every other domain from the service. Nothing is opened yet.
func federate(cfg Config) (*s2s.Server, *people, error) {
	mux := stanza.NewMux()
	p := newPeople(cfg.Store, mux, cfg.Contacts, cfg.Logger)
	mux.HandleMessage("", inbox{cfg.Store, p.gate, cfg.Logger}.handler())
	mux.Advertise(payload.NSReceipts, payload.NSCorrection)
	fed, err := s2s.New(s2s.Config{
		Domains:  cfg.Domains,
		TLS:      cfg.TLS,
		Users:    cfg.Store,
		Handler:  p.gate,
		Verifier: s2s.PKIX{Roots: cfg.Roots},
		DNS:      cfg.DNS,
		Reach:    s2s.Reach{Private: cfg.Private, Loopback: cfg.Private},
		Limits:   limits(cfg.Unlimited),
		Software: s2s.Software{Name: "chatd"},
		Logger:   cfg.Logger,
		Trace:    watch(&p.links),
	})
	p.gate.Out = fed
	return fed, p, err
}

// watch has links follow what becomes of streams.
func watch(links *presence.Links) *s2s.Trace {
	return &s2s.Trace{
		StreamOpen:  func(i s2s.StreamInfo) { links.Opened(i.Remote) },
		StreamClose: func(i s2s.StreamInfo, err error) { links.Closed(i.Remote, err) },
	}
}

// limits are the defaults, or none on what one domain or address may send.
func limits(unlimited bool) s2s.Limits {
	if !unlimited {
		return s2s.Limits{}
	}
	const most = math.MaxInt32
	return s2s.Limits{
		DomainBytes: most, DomainStanzas: most, DomainStreams: most, DomainNewStreams: most, DomainSubscriptions: most,
		AddressStreams: most, AddressNewStreams: most, AddressNegotiating: most,
	}
}

// inbox keeps what arrives for the service's users, from other domains and
// from each other.
type inbox struct {
	store store.Store
	out   stanza.Sender
	log   *slog.Logger
}

func (in inbox) handler() stanza.Handler { return stanza.MessageFunc(in.save) }

// save returns when the message is stored, so that a message is never lost
// between its sender's server and the user.
func (in inbox) save(ctx context.Context, m *stanza.Stanza) error {
	e := store.Event{From: m.From.String(), To: m.To.String(), At: time.Now().UTC()}
	switch m.Type {
	case stanza.TypeError: // a message of ours could not be delivered
		why := m.Err()
		e.Type, e.InReplyTo, e.Condition, e.Text = store.TypeError, m.ID, string(why.Condition), why.Text
	case stanza.GroupChat:
		return stanza.Errorf(stanza.ServiceUnavailable, "this is not a room")
	default:
		e.Type, e.Body, e.StanzaID = store.TypeMessage, m.Body(), m.ID
		if replace, err := payload.Of[payload.Replace](m); err == nil {
			e.Type, e.InReplyTo = store.TypeCorrection, replace.ID
		} else if receipt, err := payload.Of[payload.Receipt](m); err == nil {
			e.Type, e.InReplyTo, e.Body = store.TypeReceipt, receipt.ID, ""
		} else if e.Body == "" {
			return nil // "is typing" and the like have no place in this service
		}
	}
	_, err := in.store.Append(ctx, m.To, e)
	if errors.Is(err, store.ErrNoUser) { // the domain itself was written to
		return stanza.Errorf(stanza.ServiceUnavailable, "nobody reads messages at this address")
	}
	if err != nil {
		return err
	}
	if err := in.acknowledge(ctx, m); err != nil { // the message is there all the same
		in.log.Warn("receipt not sent", "local", m.To, "remote", m.From, "err", err)
	}
	return nil
}

// acknowledge sends the receipt that a message asks for, if its sender may know
// that the user is there.
func (in inbox) acknowledge(ctx context.Context, m *stanza.Stanza) error {
	receipt, asked := payload.ReceiptFor(m)
	if !asked {
		return nil
	}
	it, err := roster.Get(ctx, in.store.Contacts(), m.To.Bare(), m.From.Bare())
	if err != nil || !it.Subscription.HasFrom() {
		return err
	}
	return in.out.Send(ctx, receipt)
}
