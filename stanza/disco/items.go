package disco

import (
	"encoding/xml"

	"isthmus.im/jid"
	"isthmus.im/stanza"
)

// Item is something that an address has: another address, or a node at one.
type Item struct {
	JID  jid.JID // required
	Node string  // empty: the address itself
	Name string  // for people; empty: none
}

// Items is the answer to a disco#items request (XEP-0030 section 4.1). It is a
// payload: it may be given to [stanza.Stanza.Append].
type Items struct {
	Node  string // the node asked for; empty: the address itself
	Items []Item
}

// itemsQuery is an Items as XML.
type itemsQuery struct {
	XMLName xml.Name  `xml:"http://jabber.org/protocol/disco#items query"`
	Node    string    `xml:"node,attr,omitempty"`
	Items   []itemXML `xml:"http://jabber.org/protocol/disco#items item"`
}

type itemXML struct {
	JID  string `xml:"jid,attr"`
	Node string `xml:"node,attr,omitempty"`
	Name string `xml:"name,attr,omitempty"`
}

// MarshalXML implements xml.Marshaler.
func (i Items) MarshalXML(e *xml.Encoder, _ xml.StartElement) error {
	q := itemsQuery{Node: i.Node}
	for _, it := range i.Items {
		q.Items = append(q.Items, itemXML{it.JID.String(), it.Node, it.Name})
	}
	return e.Encode(q)
}

// readItems reads the query element of an answer and leaves out items whose address
// is malformed.
func readItems(raw stanza.Raw) (Items, error) {
	var q itemsQuery
	if err := raw.Decode(&q); err != nil {
		return Items{}, err
	}
	i := Items{Node: q.Node}
	for _, it := range q.Items {
		if j, _, err := jid.ParseLegacy(it.JID); err == nil {
			i.Items = append(i.Items, Item{j, it.Node, it.Name})
		}
	}
	return i, nil
}
