package payload

import (
	"encoding/xml"

	"isthmus.im/jid"
	"isthmus.im/stanza"
)

// Action is a step in setting up a call (XEP-0353 section 3).
type Action string

// The actions of XEP-0353 sections 3.1 to 3.7 and of its schema.
const (
	Propose     Action = "propose" // the caller wants to talk
	Ringing     Action = "ringing" // a device of the callee rings
	Accept      Action = "accept"  // a device of the callee took it; older clients, to their own account
	Proceed     Action = "proceed" // a device of the callee took it
	Reject      Action = "reject"  // the callee does not want it
	RetractCall Action = "retract" // the caller does not want it any more
	Finish      Action = "finish"  // it is over
)

// Call is one step in setting up or ending a call, told to all devices of somebody
// before Jingle is spoken with one of them (XEP-0353 section 3). It is carried, not
// acted upon.
type Call struct {
	XMLName      xml.Name     `xml:"urn:xmpp:jingle-message:0 *"`
	Action       Action       // one of the seven; required
	ID           string       // of the call, and of its Jingle session; required
	Descriptions []stanza.Raw // what is proposed, as it came: description elements of Jingle
	Reason       stanza.Raw   // the reason element of XEP-0166 section 7.4, as it came; nil: none
	TieBreak     bool         // both called at once (XEP-0353 section 4.1)
	Migrated     string       // the id of the call that takes its place (XEP-0353 section 4.2); empty: none
	Other        []stanza.Raw // further children, as they came
}

func (a Action) valid() bool {
	switch a {
	case Propose, Ringing, Accept, Proceed, Reject, RetractCall, Finish:
		return true
	}
	return false
}

const nsJingle = "urn:xmpp:jingle:1"

// UnmarshalXML implements xml.Unmarshaler. An action that is none of the seven is an
// [*InvalidError].
func (c *Call) UnmarshalXML(d *xml.Decoder, start xml.StartElement) error {
	x := read(d, start, NSCalls, "*")
	*c = Call{Action: Action(x.name.Local), ID: x.need("id")}
	if !c.Action.valid() {
		c.Action = ""
		x.fail("no action")
	}
	for _, k := range x.children() {
		switch {
		case k.name == xml.Name{Space: NSCalls, Local: "tie-break"}:
			c.TieBreak = true
		case k.name == xml.Name{Space: NSCalls, Local: "migrated"}:
			c.Migrated = x.bounded(parse(k.raw).attr("to"), MaxAttr, "to")
		case k.name == xml.Name{Space: nsJingle, Local: "reason"} && c.Reason == nil:
			c.Reason = k.raw
		case k.name.Local == "description" && k.name.Space != NSCalls:
			c.Descriptions = append(c.Descriptions, k.raw)
		default:
			c.Other = append(c.Other, k.raw)
		}
	}
	return x.err
}

// MarshalXML implements xml.Marshaler: the children in the order of the fields. The
// error tells of an Action that is none.
func (c Call) MarshalXML(e *xml.Encoder, _ xml.StartElement) error {
	if !c.Action.valid() {
		return &InvalidError{Payload: NSCalls + " *", Reason: "no action"}
	}
	b, err := appendRaw(nil, c.Descriptions...)
	if err == nil && c.Reason != nil {
		b, err = appendRaw(b, c.Reason)
	}
	if err != nil {
		return err
	}
	if c.TieBreak {
		b = appendElement(b, "tie-break", "")
	}
	if c.Migrated != "" {
		b = appendElement(b, "migrated", "", "to", c.Migrated)
	}
	if b, err = appendRaw(b, c.Other...); err != nil {
		return err
	}
	return encode(e, NSCalls, string(c.Action), b, "id", c.ID)
}

// Media returns the media attribute of each description that has one, such as "audio".
func (c Call) Media() []string {
	var list []string
	for _, d := range c.Descriptions {
		if m := parse(d).attr("media"); m != "" {
			list = append(list, m)
		}
	}
	return list
}

// Why returns the condition of the Reason, such as "busy", and its text for people;
// both are empty when there is none (XEP-0166 section 7.4).
func (c Call) Why() (condition, text string) {
	for name, raw := range c.Reason.Children() {
		switch {
		case name.Space != nsJingle:
		case name.Local == "text":
			text = parse(raw).text
		case condition == "":
			condition = name.Local
		}
	}
	return condition, text
}

// CallReason returns a Reason for a [Call]: a condition of XEP-0166 section 7.4, such
// as "busy", and a text for people, which may be empty. The error tells of a condition
// that is no name.
func CallReason(condition, text string) (stanza.Raw, error) {
	b := []byte(`<reason xmlns="` + nsJingle + `"><` + condition + `></` + condition + `>`)
	return stanza.Marshal(stanza.Raw(append(appendText(b, "text", text), "</reason>"...)))
}

// NewCall returns the message that carries c: of type chat, with the hint to store it
// (XEP-0353 section 3). A proposal and its retraction go to the bare address of the
// callee, everything else to the full address of the other side. It returns
// [ErrMisplaced] when c has no id, and for a proposal that proposes nothing.
func NewCall(from, to jid.JID, c Call) (*stanza.Stanza, error) {
	if c.ID == "" {
		return nil, misplaced("a call without id")
	}
	if c.Action == Propose && len(c.Descriptions) == 0 {
		return nil, misplaced("a proposal without description")
	}
	return stanza.NewMessage(stanza.Chat, from, to, c, Hint{Kind: Store})
}
