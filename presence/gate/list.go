package gate

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"isthmus.im/jid"
	"isthmus.im/stanza"
)

// List is a block list that a pubsub service publishes in real time, as
// xmppbl.org does: a node (XEP-0060) whose items are named after what they list,
// the SHA-256 of a bare address in hexadecimal, or a domain in plain, which
// covers its subdomains. Service, Node, Self and Out are required. Give it to a
// [Gate] and let [List.Run] run. A List is safe for concurrent use; its fields
// must not change once it runs.
type List struct {
	Service jid.JID // who publishes it
	Node    string
	Self    jid.JID // the local address that subscribes to it, of a domain for instance
	Out     stanza.Requester

	// Refresh is the time between two readings of the whole list, which repair
	// what was missed. Zero: 6 h.
	Refresh time.Duration
	// MaxItems is how many items are taken; more are ignored. Zero: 100,000.
	MaxItems int
	// Logger receives what goes wrong. Nil: [slog.Default].
	Logger *slog.Logger

	mu    sync.RWMutex
	items map[string]struct{}
	news  *changes // while the list is being read; nil otherwise
}

// changes are what the service told while the list was being read, which the answer may
// or may not have in it.
type changes struct {
	purged bool            // before what follows
	listed map[string]bool // whether an item is there now, by name
}

// maxID is how long, in bytes, the name of an item may be; others are ignored.
const maxID = 255

// retry is the time between attempts to read a list that failed.
const retry = 5 * time.Minute

// Run subscribes to the list, reads it, and reads it again from time to time,
// until ctx ends. What was read stays when the service is away.
func (l *List) Run(ctx context.Context) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
		case <-ctx.Done():
			return ctx.Err()
		}
		next := l.Refresh
		if next == 0 {
			next = 6 * time.Hour
		}
		if err := l.load(ctx); err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			l.logger().Warn("block list not read", "remote", l.Service, "node", l.Node, "err", err)
			next = min(next, retry)
		}
		timer.Reset(next)
	}
}

// load subscribes and reads the whole list, also when it cannot subscribe: a list that is
// a few hours old is better than none.
func (l *List) load(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	l.mu.Lock()
	l.news = &changes{listed: make(map[string]bool)}
	l.mu.Unlock()
	defer func() {
		l.mu.Lock()
		l.news = nil
		l.mu.Unlock()
	}()
	type subscribe struct {
		XMLName xml.Name `xml:"http://jabber.org/protocol/pubsub pubsub"`
		Sub     struct {
			Node string  `xml:"node,attr"`
			JID  jid.JID `xml:"jid,attr"`
		} `xml:"subscribe"`
	}
	var sub subscribe
	sub.Sub.Node, sub.Sub.JID = l.Node, l.Self
	_, err := l.ask(ctx, stanza.Set, sub)
	if err != nil && !errors.Is(err, &stanza.Error{Condition: stanza.Conflict}) {
		l.logger().Warn("no subscription to a block list", "remote", l.Service, "node", l.Node, "err", err)
	}
	type items struct {
		XMLName xml.Name `xml:"http://jabber.org/protocol/pubsub pubsub"`
		Items   struct {
			Node string `xml:"node,attr"`
			Item []item `xml:"item"`
		} `xml:"items"`
	}
	var query items
	query.Items.Node = l.Node
	answer, err := l.ask(ctx, stanza.Get, query)
	if err != nil {
		return fmt.Errorf("gate: items: %w", err)
	}
	var got items
	if err := answer.Decode(&got); err != nil {
		return fmt.Errorf("gate: items: %w", err)
	}
	all := make(map[string]struct{})
	for _, it := range got.Items.Item {
		l.put(all, it.ID)
	}
	l.mu.Lock()
	if l.news.purged {
		clear(all)
	}
	for id, listed := range l.news.listed {
		if delete(all, id); listed {
			l.put(all, id)
		}
	}
	l.items = all
	l.mu.Unlock()
	l.logger().Info("block list read", "remote", l.Service, "node", l.Node, "items", len(all))
	return nil
}

type item struct {
	ID string `xml:"id,attr"`
}

func (l *List) ask(ctx context.Context, typ stanza.Type, payload any) (*stanza.Stanza, error) {
	iq, err := stanza.NewIQ(typ, l.Self, l.Service, payload)
	if err != nil {
		return nil, err
	}
	return l.Out.Request(ctx, iq)
}

func (l *List) put(items map[string]struct{}, id string) {
	if most := orDefault(l.MaxItems, 100_000); id != "" && len(id) <= maxID && len(items) < most {
		items[strings.ToLower(id)] = struct{}{}
	}
}

// Len returns how many items the list has.
func (l *List) Len() int {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return len(l.items)
}

// Has reports whether an address, or a domain it belongs to, is on the list.
func (l *List) Has(j jid.JID) bool {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if len(l.items) == 0 || j.Bare() == l.Service.Bare() {
		return false
	}
	hash := func(s string) string {
		sum := sha256.Sum256([]byte(s))
		return hex.EncodeToString(sum[:])
	}
	names := []string{hash(j.Bare().String()), hash(j.Domain())}
	for d := j.ASCIIDomain(); strings.Contains(d, "."); _, d, _ = strings.Cut(d, ".") {
		names = append(names, strings.ToLower(d))
	}
	names = append(names, j.Domain())
	for _, n := range names {
		if _, ok := l.items[n]; ok {
			return true
		}
	}
	return false
}

// handle takes a notification of a change from the service, and reports whether
// that is what st is.
func (l *List) handle(st *stanza.Stanza) bool {
	if st.Kind != stanza.Message || st.From != l.Service || st.To.Bare() != l.Self.Bare() || st.Type == stanza.TypeError {
		return false
	}
	var event struct {
		XMLName xml.Name `xml:"http://jabber.org/protocol/pubsub#event event"`
		Items   struct {
			Node    string `xml:"node,attr"`
			Item    []item `xml:"item"`
			Retract []item `xml:"retract"`
		} `xml:"items"`
		Purge struct {
			Node string `xml:"node,attr"`
		} `xml:"purge"`
	}
	if st.Decode(&event) != nil {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.items == nil {
		l.items = make(map[string]struct{})
	}
	switch l.Node {
	case event.Items.Node:
		for _, it := range event.Items.Item {
			l.put(l.items, it.ID)
			l.note(it.ID, true)
		}
		for _, it := range event.Items.Retract {
			delete(l.items, strings.ToLower(it.ID))
			l.note(it.ID, false)
		}
	case event.Purge.Node:
		clear(l.items)
		if l.news != nil {
			l.news.purged = true
			clear(l.news.listed)
		}
	default:
		return false
	}
	return true
}

// note remembers a change while the list is being read. List.mu is held.
func (l *List) note(id string, listed bool) {
	if l.news == nil || len(id) > maxID {
		return
	}
	id = strings.ToLower(id)
	if _, ok := l.news.listed[id]; ok || len(l.news.listed) < orDefault(l.MaxItems, 100_000) {
		l.news.listed[id] = listed
	}
}

func (l *List) logger() *slog.Logger {
	if l.Logger != nil {
		return l.Logger
	}
	return slog.Default()
}
