package presence

import (
	"context"
	"errors"
	"hash/maphash"
	"log/slog"
	"sync"
	"time"

	"isthmus.im/internal/work"
	"isthmus.im/jid"
	"isthmus.im/roster"
	"isthmus.im/stanza"
)

var (
	// ErrAddress is returned for a user or contact that cannot be one: no address,
	// one and the same, or a session without a resource part.
	ErrAddress = errors.New("presence: not an address for this")
	// ErrType is returned by Announce for a stanza that is not presence that is
	// available or unavailable.
	ErrType = errors.New("presence: only available and unavailable presence is announced")
	// ErrResources is returned by Announce when a user has Service.MaxResources
	// sessions.
	ErrResources = errors.New("presence: too many sessions of this user")
	// ErrDirected is returned by Announce when a session has sent directed presence
	// to Service.MaxDirected addresses.
	ErrDirected = errors.New("presence: too many addresses with directed presence")
)

// Service gives the users of a host contacts, subscriptions and presence. Roster
// and Out are required; the rest is optional. Do not change a Service after
// Register, nor copy it.
//
// The functions are called by the goroutine that handles a stanza, runs a method,
// or wakes up for something delayed: concurrently, and without a lock held, so that
// they may call the methods. What they are slow at waits behind them. They may keep
// the stanzas and items that they are given.
type Service struct {
	// Roster keeps the contacts of each user.
	Roster roster.Store
	// Out sends stanzas, also those to contacts who are local users.
	Out stanza.Sender

	// OnRequest reports a request that the user must answer with Approve or Deny. It
	// is called when the request arrives, and again, until it is answered, whenever
	// a session of the user becomes available (RFC 6121 section 3.1.3). Nil: nobody
	// is told.
	OnRequest func(ctx context.Context, user, contact jid.JID, req *stanza.Stanza)
	// OnPresence reports what a contact sent: presence, with contact the full address
	// of one of their sessions, or a bare one for all of them; the answers and
	// cancellations subscribed, unsubscribe and unsubscribed, when they change
	// something; and errors, after which the contact's presence is unknown. Anybody
	// may send presence to anybody: the contact may be a stranger. Nil: nobody is told.
	OnPresence func(ctx context.Context, user, contact jid.JID, p *stanza.Stanza)
	// OnUnknown reports that a contact's presence is not known any more, as the link
	// with the contact's domain was lost; see DomainLost. Nil: nobody is told.
	OnUnknown func(ctx context.Context, user, contact jid.JID)
	// OnRoster reports a changed item as it is when the call begins, so that changes
	// in quick succession may be reported as one, twice. One that was removed from the
	// roster is not InRoster. Nil: nobody is told.
	OnRoster func(ctx context.Context, user jid.JID, it roster.Item)

	// Interval is the least time between two broadcasts of one session. Changes that
	// come earlier wait for it, and only the last counts. Zero: 1 s. Negative: none.
	Interval time.Duration
	// Retry is the time between two sendings of the requests without answer of a user
	// who is online. Zero: 1 h. Negative: they are repeated only at logins, and when a
	// link is back.
	Retry time.Duration
	// MaxPending is how many requests of strangers may wait for one user, those of one
	// domain a quarter of it; more are dropped. Zero: 100.
	MaxPending int
	// MaxRequest is how large, in bytes of XML, a request may be to be kept whole. Of
	// a larger one the children are dropped. Zero: 4096.
	MaxRequest int
	// MaxResources is how many sessions one user may have. One that ended counts
	// until Interval has passed. Zero: 16.
	MaxResources int
	// MaxDirected is to how many addresses one session may have sent directed
	// presence that it has not taken back. Zero: 128.
	MaxDirected int

	// Logger receives what goes wrong. Nil: [slog.Default].
	Logger *slog.Logger

	work    work.Work // what nobody waits for
	mu      sync.Mutex
	users   map[jid.JID]*user
	domains map[string]*domain

	once    sync.Once
	seed    maphash.Seed
	arrival [64]sync.Mutex // by user: requests of strangers are counted one at a time
}

var _ stanza.Handler = (*Service)(nil)

// Register makes the service the handler of all presence for which mux has no
// other: types that have a handler of their own, and domains that do, stay with it.
func (s *Service) Register(mux *stanza.Mux) {
	mux.HandlePresence(stanza.AnyType, s)
}

// orDefault is v, or the default for a v that is not set.
func orDefault[T int | time.Duration](v, def T) T {
	if v == 0 {
		return def
	}
	return v
}

func (s *Service) interval() time.Duration { return max(orDefault(s.Interval, time.Second), 0) }

func (s *Service) log() *slog.Logger {
	if s.Logger == nil {
		return slog.Default()
	}
	return s.Logger
}

// stripe is the lock for requests to one user, which others may share.
func (s *Service) stripe(user jid.JID) *sync.Mutex {
	s.once.Do(func() { s.seed = maphash.MakeSeed() })
	return &s.arrival[maphash.Comparable(s.seed, user)%uint64(len(s.arrival))]
}

// send sends presence without children.
func (s *Service) send(ctx context.Context, typ stanza.Type, from, to jid.JID, id string) error {
	return s.Out.Send(ctx, &stanza.Stanza{Kind: stanza.Presence, Type: typ, From: from, To: to, ID: id})
}

// trySend sends where nobody can be told of a failure. Whatever is lost here,
// a later probe or the next request repairs.
func (s *Service) trySend(ctx context.Context, st *stanza.Stanza) {
	from, to := st.From, st.To
	if err := s.Out.Send(ctx, st); err != nil {
		s.log().Warn("presence not sent", "local", from, "remote", to, "err", err)
	}
}

func (s *Service) tryType(ctx context.Context, typ stanza.Type, from, to jid.JID, id string) {
	s.trySend(ctx, &stanza.Stanza{Kind: stanza.Presence, Type: typ, From: from, To: to, ID: id})
}

// item reads one item.
func (s *Service) item(ctx context.Context, user, contact jid.JID) (roster.Item, error) {
	return roster.Get(ctx, s.Roster, user, contact)
}
