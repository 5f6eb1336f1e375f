package payload

import (
	"encoding/xml"
	"slices"
	"strings"

	"isthmus.im/stanza"
)

// Reactions are all the reactions of a sender to a message, in place of those sent
// before (XEP-0444 section 3). None takes them back.
type Reactions struct {
	XMLName xml.Name `xml:"urn:xmpp:reactions:0 reactions"`
	ID      string   `xml:"id,attr"`  // what [ReferenceID] gives for the message; required
	Emoji   []string `xml:"reaction"` // each once, [MaxItems] at most
}

// UnmarshalXML implements xml.Unmarshaler. Repeated and empty reactions are ignored
// (XEP-0444 section 4); whether one is an emoji is not looked at.
func (r *Reactions) UnmarshalXML(d *xml.Decoder, start xml.StartElement) error {
	x := read(d, start, NSReactions, "reactions")
	*r = Reactions{ID: x.need("id")}
	for _, c := range x.children() {
		if c.name != (xml.Name{Space: NSReactions, Local: "reaction"}) {
			continue
		}
		emoji := strings.TrimSpace(x.textOf(c, MaxReaction))
		if emoji != "" && !slices.Contains(r.Emoji, emoji) {
			r.Emoji = append(r.Emoji, emoji)
		}
	}
	return x.err
}

// React returns the message that gives the reactions to m, a message received, in place
// of all given before; with none it takes them back. It is to be stored unless m is not
// (XEP-0444 section 4). Repeated reactions are sent once. When m is a correction, they
// are to the first version (XEP-0444 section 4), except in a room, whose id for that
// is not in m.
//
// It returns [ErrMisplaced] for what is no message, for errors, when m has no id to
// refer to, which in a room is the one the room gave it (XEP-0444 section 4.2), and for
// reactions that are empty, too long or too many for this package to read back.
func React(m *stanza.Stanza, emoji ...string) (*stanza.Stanza, error) {
	id, ok := ReferenceID(m)
	if !ok {
		return nil, misplaced("a reaction to a message without id")
	}
	if first, err := Of[Replace](m); err == nil && m.Type != stanza.GroupChat {
		id = first.ID
	}
	r := Reactions{ID: id}
	for _, e := range emoji {
		if e == "" || len(e) > MaxReaction {
			return nil, misplaced("a reaction that is empty or too long")
		}
		if !slices.Contains(r.Emoji, e) {
			r.Emoji = append(r.Emoji, e)
		}
	}
	if len(r.Emoji) > MaxItems {
		return nil, misplaced("too many reactions")
	}
	a := answer(m)
	if a.Type != stanza.GroupChat {
		a.Type = stanza.Chat
	}
	err := a.Append(r)
	if err == nil && !HasHint(m, NoStore) {
		err = AddHint(a, Store)
	}
	return a, err
}
