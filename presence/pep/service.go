package pep

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
	"isthmus.im/stanza/disco"
)

var (
	// ErrNone says that there is no such node or item: for certain, as far as the
	// contact's server can be believed.
	ErrNone = errors.New("pep: no such node or item")
	// ErrNotVisible says that the contact's server shows the node to others only, if
	// there is one. It may be visible once the contact lets the user see their presence.
	ErrNotVisible = errors.New("pep: not visible to this user")
	// ErrUnknown says that nobody could tell, as when a server cannot be reached.
	ErrUnknown = errors.New("pep: could not find out")

	// ErrConfig is returned by Publish when a node is not configured as wanted.
	ErrConfig = errors.New("pep: the node is configured otherwise")
	// ErrPayload is returned by Publish for a payload that is not one element that
	// declares its default namespace itself.
	ErrPayload = errors.New("pep: not a payload")
	// ErrLimit is returned for what exceeds a limit of the Service.
	ErrLimit = errors.New("pep: too large or too many")
	// ErrAddress is returned for an owner, user or contact that cannot be one.
	ErrAddress = errors.New("pep: not an address for this")
)

// maxName is how many bytes the name of a node and the id of an item may have.
const maxName = 1023

// patience is how long something delayed may take once it runs.
const patience = time.Minute

// Service is the nodes of a host's users, for other servers and for the host. Store,
// Roster and Out are required; the rest is optional. Do not change a Service after
// Register, nor copy it.
//
// The functions are called by the goroutine that handles a stanza: concurrently, and
// without a lock held, so that they may call the methods. They may keep what they are
// given.
type Service struct {
	// Store keeps the nodes of each user.
	Store Store
	// Roster tells who may see whom.
	Roster roster.Store
	// Out sends notifications and questions.
	Out stanza.Requester
	// Caps finds out what contacts are interested in. Nil: a cache of its own with the
	// defaults, which asks by Out.
	Caps *disco.Cache

	// OnEvent reports what a contact's node notified a user of. Nil: nobody is told.
	OnEvent func(ctx context.Context, e Event)
	// Accept says whether an event that did not come from a contact in the user's roster
	// is wanted, which is so when the user has subscribed to the node. It is called for
	// strangers, too. Nil: such events are dropped.
	Accept func(ctx context.Context, user, owner jid.JID, node string) bool

	// MaxItem is how large a payload may be, in bytes of XML. Zero: 131072.
	MaxItem int
	// MaxItems is how many items one node may have. Zero: 256.
	MaxItems int
	// MaxNodes is how many nodes one user may have. Zero: 128.
	MaxNodes int
	// MaxSubscribers is how many addresses may be subscribed to one node explicitly. Those
	// of one domain may be a quarter of it. Zero: 1000.
	MaxSubscribers int
	// MaxAnswer is how large the payloads in one answer may be together, in bytes of XML;
	// of more items the newest are returned, and the reader is told that there are more
	// (XEP-0060 section 6.5.4). One item always is. Zero: 262144.
	MaxAnswer int
	// MaxResources is of how many sessions of one contact the interests are kept. Zero: 16.
	MaxResources int
	// MaxLearning is of how many hashes may be being found out at once what they mean;
	// one domain may be the reason for an eighth of them. Others are when a session that
	// announces them sends presence again. Zero: 1024.
	MaxLearning int
	// MaxCached and MaxCachedBytes are how many answers of others are kept, and how large
	// they may be together. Zero: 10000, and 16777216.
	MaxCached, MaxCachedBytes int

	// Interval is the least time between two rounds of sending last items to one
	// contact. Zero: 1 s. Negative: none.
	Interval time.Duration
	// Timeout is how long an answer of a contact is waited for. Zero: 30 s.
	Timeout time.Duration

	// Logger receives what goes wrong. Nil: [slog.Default].
	Logger *slog.Logger

	once   sync.Once
	seed   maphash.Seed
	change [64]sync.Mutex // by owner: what is stored is notified in the same order
	caps   *disco.Cache

	work    work.Work // what nobody waits for
	mu      sync.Mutex
	users   map[jid.JID]*user
	lessons map[disco.Caps]*lesson

	cache cache
}

var _ stanza.Handler = (*Service)(nil)

// Register makes the service the handler of requests to users' nodes and of events
// from others' nodes.
func (s *Service) Register(mux *stanza.Mux) {
	for _, typ := range []stanza.Type{stanza.Get, stanza.Set} {
		mux.HandleIQ(typ, NS+" pubsub", s)
		mux.HandleIQ(typ, nsOwner+" pubsub", s)
	}
	mux.HandleMessage(nsEvent+" event", s)
}

// Close ends what the Service does on its own, such as finding out what contacts are
// interested in and sending last items after Interval, and waits for what of it is being
// done. A host calls it before it closes Store and Roster. The functions of the Service
// must not call it. What the methods do at once they still do.
func (s *Service) Close() { s.work.Close() }

// HandleStanza handles requests to the bare address of a local user and events, and
// leaves everything else unhandled.
func (s *Service) HandleStanza(ctx context.Context, st *stanza.Stanza) (*stanza.Stanza, error) {
	if st.From.IsZero() || st.To.Local() == "" {
		return nil, nil
	}
	switch {
	case st.Kind == stanza.Message && st.Type != stanza.TypeError:
		return nil, s.event(ctx, st)
	case st.Kind == stanza.IQ && (st.Type == stanza.Get || st.Type == stanza.Set) && st.To.IsBare():
		return s.request(ctx, st)
	}
	return nil, nil
}

// orDefault is v, or the default for a v that is not set.
func orDefault[T int | time.Duration](v, def T) T {
	if v == 0 {
		return def
	}
	return v
}

func (s *Service) maxItems() int { return orDefault(s.MaxItems, 256) }

func (s *Service) log() *slog.Logger {
	if s.Logger == nil {
		return slog.Default()
	}
	return s.Logger
}

func (s *Service) setUp() {
	s.seed = maphash.MakeSeed()
	if s.caps = s.Caps; s.caps == nil {
		s.caps = &disco.Cache{Ask: s.Out}
	}
}

// ordered is the lock under which what is stored of an owner's nodes, or read of
// them, is put into the queue of notifications. Others may share it.
func (s *Service) ordered(owner jid.JID) *sync.Mutex {
	s.once.Do(s.setUp)
	return &s.change[maphash.Comparable(s.seed, owner)%uint64(len(s.change))]
}

func (s *Service) entities() *disco.Cache {
	s.once.Do(s.setUp)
	return s.caps
}
