package pep

import (
	"context"
	"fmt"
	"time"

	"isthmus.im/jid"
	"isthmus.im/stanza"
)

// Event is what a node told a local user: its owner published items, took some away, or
// all, or the node. It comes from the server of the owner, who is the only one to speak
// for it.
type Event struct {
	User  jid.JID // the local user, bare
	Owner jid.JID // whose node it is, bare
	Node  string
	// Items were published. Their payloads may be absent; see Config.NoPayload.
	Items []Item
	// Retracted are the ids of items that were taken away.
	Retracted []string
	// Purged: all items were taken away. Deleted: the node was, too.
	Purged, Deleted bool
	// Stamp is when the items were published, if they come later than that: a last item
	// was sent since a session of User came online. Zero: now.
	Stamp time.Time
}

// event reports the events in a message. Those that the owner of a node did not send
// are dropped, and so are those of strangers that nobody wants.
func (s *Service) event(ctx context.Context, m *stanza.Stanza) error {
	raw, ok := m.Payload(nsEvent + " event")
	if !ok || s.OnEvent == nil || !m.From.IsBare() || m.From.Local() == "" {
		return nil
	}
	user := m.To.Bare()
	v, err := s.view(ctx, user, m.From)
	if err != nil {
		return fmt.Errorf("pep: event of %s: %w", m.From, err)
	}
	for _, e := range readEvents(raw) {
		if !v.owner && !v.item.InRoster() && (s.Accept == nil || !s.Accept(ctx, user, m.From, e.Node)) {
			continue
		}
		e.User, e.Owner = user, m.From
		if len(e.Items) > 0 {
			e.Stamp = stampOf(m)
		}
		s.cache.change(user, m.From, e.Node)
		s.OnEvent(ctx, e)
	}
	return nil
}

// readEvents reads an event element. What has no node or is not known is left out.
func readEvents(raw stanza.Raw) []Event {
	var events []Event
	for name, child := range raw.Children() {
		a, err := attributesOf(child)
		if err != nil || name.Space != nsEvent || a.Node == "" {
			continue
		}
		e := Event{Node: a.Node}
		switch name.Local {
		case "items":
			e.Items, e.Retracted = readItems(child, nsEvent)
			if len(e.Items)+len(e.Retracted) == 0 {
				continue
			}
		case "purge":
			e.Purged = true
		case "delete":
			e.Deleted = true
		default:
			continue
		}
		events = append(events, e)
	}
	return events
}

// readItems reads the children of an items element.
func readItems(raw stanza.Raw, space string) (items []Item, retracted []string) {
	for name, child := range raw.Children() {
		a, err := attributesOf(child)
		if err != nil || name.Space != space {
			continue
		}
		switch name.Local {
		case "item":
			it := Item{ID: a.ID}
			for _, payload := range child.Children() {
				it.Payload = payload
				break
			}
			items = append(items, it)
		case "retract":
			retracted = append(retracted, a.ID)
		}
	}
	return items, retracted
}

// stampOf is the time that a delay (XEP-0203) on a message tells, zero if there is none.
func stampOf(m *stanza.Stanza) time.Time {
	var d delayXML
	if m.Decode(&d) != nil {
		return time.Time{}
	}
	t, err := time.Parse(time.RFC3339Nano, d.Stamp)
	if err != nil {
		return time.Time{}
	}
	return t.UTC()
}
