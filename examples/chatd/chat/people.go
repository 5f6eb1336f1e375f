package chat

import (
	"context"
	"encoding/json"
	"encoding/xml"
	"log/slog"
	"sync"
	"time"

	"isthmus.im/examples/chatd/api"
	"isthmus.im/examples/chatd/store"
	"isthmus.im/jid"
	"isthmus.im/presence"
	"isthmus.im/presence/gate"
	"isthmus.im/presence/pep"
	"isthmus.im/presence/pep/profile"
	"isthmus.im/roster"
	"isthmus.im/stanza"
	"isthmus.im/stanza/disco"
	"isthmus.im/stanza/payload"
)

// resource is that of every user's only session: this service knows whether a
// user is there, not at how many devices.
const resource = "chatd"

// software names this program in entity capabilities.
const software = "https://isthmus.im/examples/chatd"

// people is what users have of each other: contacts, presence, profiles, blocks.
// What happens to a user becomes an event.
type people struct {
	store    store.Store
	gate     *gate.Gate // in front of everything
	presence *presence.Service
	nodes    *pep.Service
	profiles *profile.Service
	client   disco.Info // what a session can do
	links    presence.Links
	log      *slog.Logger

	ctx     context.Context // ends when the service does
	quit    context.CancelFunc
	once    sync.Once
	restart sync.WaitGroup // users are being announced

	mu    sync.Mutex
	asked map[[2]jid.JID]bool // requests that users have been told of
}

// newPeople registers what it takes with the mux, and puts a gate in front of it.
// Out of the gate is to be set.
func newPeople(s store.Store, mux *stanza.Mux, contactUs disco.Contacts, log *slog.Logger) *people {
	p := &people{store: s, log: log, asked: make(map[[2]jid.JID]bool)}
	p.client = disco.Info{
		Identities: []disco.Identity{{Category: "client", Type: "web", Name: "chatd"}},
		Features:   []string{disco.NSInfo, payload.NSReceipts, payload.NSCorrection, profile.AvatarNode + "+notify", profile.NickNode + "+notify"},
	}
	contacts := s.Contacts()
	p.gate = &gate.Gate{
		Next: mux, Blocks: s, Roster: contacts, Presence: p.shown, OnUnknown: p.lost, Known: gate.Contacts(contacts),
		StrangerRate: -1, DomainRate: -1, // anybody may write to anybody here
		Logger: log,
	}
	p.profiles = &profile.Service{Profiles: p, Logger: log}
	p.nodes = &pep.Service{Store: p.profiles.Store(s.Nodes()), Roster: contacts, Out: p.gate, OnEvent: p.published, Logger: log}
	p.profiles.Nodes = p.nodes
	p.presence = &presence.Service{
		Roster: contacts, Out: p.profiles.Sender(p.gate), Logger: log,
		OnRequest: p.requested, OnPresence: p.seen, OnUnknown: p.lost, OnRoster: p.changed,
	}
	p.links.Back = p.presence.DomainBack
	p.links.Lost = func(domain jid.JID) {
		p.presence.DomainLost(domain)
		p.nodes.DomainLost(domain)
	}
	p.ctx, p.quit = context.WithCancel(context.Background())
	p.nodes.Register(mux)
	p.profiles.Register(mux)
	p.presence.Register(mux)
	discovery := &disco.Service{Features: mux, Info: p.profiles.Info, Items: p.nodes.Items, Client: p.client, Contacts: contactUs}
	discovery.Register(mux)
	return p
}

// Profile implements profile.Profiles.
func (p *people) Profile(ctx context.Context, user jid.JID) (profile.Profile, bool, error) {
	kept, err := p.store.UserProfile(ctx, user)
	if err != nil || kept.Changed.IsZero() {
		return profile.Profile{}, false, err
	}
	return profile.Profile{Name: kept.Name, Nick: kept.Nick, Changed: kept.Changed,
		Avatar: profile.Avatar{Data: kept.Avatar, Type: kept.AvatarType}}, true, nil
}

// tell appends an event of a user's.
func (p *people) tell(ctx context.Context, user jid.JID, e store.Event) {
	e.To, e.At = user.Bare().String(), time.Now().UTC()
	if _, err := p.store.Append(ctx, user, e); err != nil {
		p.log.Error("event lost", "local", user, "type", e.Type, "err", err)
	}
}

// requested tells a user once, until there is an answer, that somebody asks to see
// their presence: events are kept, so that the reminders of each login say nothing new.
func (p *people) requested(ctx context.Context, user, contact jid.JID, req *stanza.Stanza) {
	p.mu.Lock()
	known := p.asked[[2]jid.JID{user, contact}]
	p.asked[[2]jid.JID{user, contact}] = true
	p.mu.Unlock()
	if !known {
		p.tell(ctx, user, store.Event{Type: store.TypeRequest, From: contact.String(), Text: profile.NickOf(req)})
	}
}

// answered notes that no request of somebody's waits for a user any more.
func (p *people) answered(user, contact jid.JID) {
	p.mu.Lock()
	delete(p.asked, [2]jid.JID{user.Bare(), contact.Bare()})
	p.mu.Unlock()
}

// seen tells a user of the presence of a contact whom they may see.
func (p *people) seen(ctx context.Context, user, contact jid.JID, s *stanza.Stanza) {
	p.nodes.Presence(ctx, user, contact, s)
	switch s.Type {
	case "", stanza.Unavailable, stanza.TypeError:
	case stanza.Unsubscribe:
		p.answered(user, contact)
		return
	default:
		return // what it changes comes as a contact
	}
	it, err := roster.Get(ctx, p.store.Contacts(), user, contact.Bare())
	if err != nil {
		p.log.Error("contact not read", "local", user, "remote", contact, "err", err)
		return
	}
	if !it.Subscription.HasTo() && (s.Type == stanza.TypeError || !it.Ask) { // the grant may be right behind
		return
	}
	e := store.Event{Type: store.TypePresence, From: contact.String()}
	switch s.Type {
	case stanza.Unavailable:
		e.Condition = "offline"
	case stanza.TypeError:
		e.Condition = "unknown"
	default:
		e.Condition, e.Text = shownAs(s)
	}
	p.tell(ctx, user, e)
}

// shownAs reads how somebody is there: "online", or as XMPP says it.
func shownAs(s *stanza.Stanza) (show, status string) {
	var how showXML
	var why statusXML
	if err := s.Decode(&why); err == nil {
		status = why.Text
	}
	if err := s.Decode(&how); err == nil {
		switch how.Text {
		case "away", "chat", "dnd", "xa":
			return how.Text, status
		}
	}
	return "online", status
}

type showXML struct {
	XMLName xml.Name `xml:"show"`
	Text    string   `xml:",chardata"`
}

type statusXML struct {
	XMLName xml.Name `xml:"status"`
	Text    string   `xml:",chardata"`
}

// lost tells a user that a contact's presence is not known any more.
func (p *people) lost(ctx context.Context, user, contact jid.JID) {
	p.tell(ctx, user, store.Event{Type: store.TypePresence, From: contact.String(), Condition: "unknown"})
}

// changed tells a user of a contact that has changed.
func (p *people) changed(ctx context.Context, user jid.JID, it roster.Item) {
	p.nodes.RosterChanged(ctx, user, it)
	if !it.Pending {
		p.answered(user, it.Contact)
	}
	if it.InRoster() || !it.Pending {
		p.tell(ctx, user, store.Event{Type: store.TypeContact, From: it.Contact.String(), Detail: toJSON(contactOf(it))})
	}
}

// published tells a user of a contact's new avatar or nick.
func (p *people) published(ctx context.Context, e pep.Event) {
	detail := map[string]string{}
	if id, ok := profile.AvatarOf(e); ok {
		detail["avatar"] = id
	} else if nick, ok := profile.NickIn(e); ok {
		detail["nick"] = nick
	} else {
		return
	}
	detail["address"] = e.Owner.String()
	p.tell(ctx, e.User, store.Event{Type: store.TypeContact, From: e.Owner.String(), Detail: toJSON(detail)})
}

func toJSON(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // only strings and booleans are passed
	}
	return string(b)
}

func contactOf(it roster.Item) api.Contact {
	return api.Contact{Address: it.Contact.String(), Name: it.Name, Groups: it.Groups, Subscription: it.Subscription.String(),
		Asked: it.Ask, Request: it.Pending, Removed: !it.InRoster()}
}
