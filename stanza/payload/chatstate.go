package payload

import (
	"encoding/xml"

	"isthmus.im/stanza"
)

// State is somebody's part in a conversation (XEP-0085 section 2).
type State string

// The states of XEP-0085 section 2.
const (
	Active    State = "active"    // paying attention
	Composing State = "composing" // typing
	Paused    State = "paused"    // stopped typing
	Inactive  State = "inactive"  // not paying attention
	Gone      State = "gone"      // left the conversation
)

// ChatState carries a State (XEP-0085 section 5.6).
type ChatState struct {
	XMLName xml.Name `xml:"http://jabber.org/protocol/chatstates *"`
	State   State    // one of the five; required
}

func (s State) valid() bool {
	switch s {
	case Active, Composing, Paused, Inactive, Gone:
		return true
	}
	return false
}

// UnmarshalXML implements xml.Unmarshaler. A state that is none of the five is an
// [*InvalidError].
func (c *ChatState) UnmarshalXML(d *xml.Decoder, start xml.StartElement) error {
	x := read(d, start, NSChatStates, "*")
	*c = ChatState{State: State(x.name.Local)}
	if !c.State.valid() {
		*c = ChatState{}
		x.fail("no chat state")
	}
	return x.err
}

// MarshalXML implements xml.Marshaler. The error tells of a State that is none.
func (c ChatState) MarshalXML(e *xml.Encoder, _ xml.StartElement) error {
	if !c.State.valid() {
		return &InvalidError{Payload: NSChatStates + " *", Reason: "no chat state"}
	}
	return encode(e, NSChatStates, string(c.State), nil)
}

// SetChatState makes s the state that m tells, in place of any other, for a message has
// one at most. As XEP-0085 sections 5.4 to 5.6 say, it returns [ErrMisplaced] unless m
// is of type chat or groupchat, for [Gone] in a room, and for a state other than
// [Active] beside a body or a subject.
func SetChatState(m *stanza.Stanza, s State) error {
	if m.Kind != stanza.Message || m.Type != stanza.Chat && m.Type != stanza.GroupChat {
		return misplaced("a chat state outside of a conversation")
	}
	if s == Gone && m.Type == stanza.GroupChat {
		return misplaced("gone in a room")
	}
	if s != Active && (has(m, "body") || has(m, "subject")) {
		return misplaced("a state other than active beside a body or a subject")
	}
	r, err := stanza.Marshal(ChatState{State: s})
	if err != nil {
		return err
	}
	remove(m, NSChatStates)
	return m.Append(r)
}

// remove removes the payloads of a namespace.
func remove(m *stanza.Stanza, space string) int {
	return edit(m, func(name xml.Name, raw stanza.Raw) stanza.Raw {
		if name.Space == space {
			return nil
		}
		return raw
	})
}
