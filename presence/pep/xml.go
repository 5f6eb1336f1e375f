package pep

import (
	"encoding/xml"

	"isthmus.im/stanza"
)

// NS is the namespace of XEP-0060.
const NS = "http://jabber.org/protocol/pubsub"

const (
	nsEvent  = NS + "#event"
	nsOwner  = NS + "#owner"
	nsErrors = NS + "#errors"
	nsDelay  = "urn:xmpp:delay"
)

// stampLayout is the format of XEP-0082 for a moment in UTC.
const stampLayout = "2006-01-02T15:04:05.000Z"

// pubsubXML is what requests and answers are made of.
type pubsubXML struct {
	XMLName       xml.Name          `xml:"http://jabber.org/protocol/pubsub pubsub"`
	Items         *itemsXML         `xml:"items"`
	Publish       *publishedXML     `xml:"publish"`
	Subscribe     *subscriptionXML  `xml:"subscribe"`
	Unsubscribe   *subscriptionXML  `xml:"unsubscribe"`
	Subscription  *subscriptionXML  `xml:"subscription"`
	Subscriptions *subscriptionsXML `xml:"subscriptions"`
	Set           *setXML           `xml:"http://jabber.org/protocol/rsm set"`
}

// setXML says which part of the items an answer has (XEP-0059 section 2.6).
type setXML struct {
	First firstXML `xml:"first"`
	Last  string   `xml:"last"`
	Count int      `xml:"count"`
}

type firstXML struct {
	Index int    `xml:"index,attr"`
	ID    string `xml:",chardata"`
}

type itemsXML struct {
	Node     string       `xml:"node,attr"`
	MaxItems string       `xml:"max_items,attr,omitempty"`
	Items    []itemXML    `xml:"item"`
	Retracts []retractXML `xml:"retract"`
}

type itemXML struct {
	ID      string `xml:"id,attr,omitempty"`
	Payload string `xml:",innerxml"`
}

type retractXML struct {
	ID string `xml:"id,attr"`
}

type publishedXML struct {
	Node string     `xml:"node,attr"`
	Item retractXML `xml:"item"`
}

type subscriptionXML struct {
	Node         string `xml:"node,attr,omitempty"`
	JID          string `xml:"jid,attr"`
	Subscription string `xml:"subscription,attr,omitempty"`
}

type subscriptionsXML struct {
	Node          string            `xml:"node,attr,omitempty"`
	Subscriptions []subscriptionXML `xml:"subscription"`
}

// eventXML is a notification (XEP-0060 section 7.1.2.1).
type eventXML struct {
	XMLName xml.Name  `xml:"http://jabber.org/protocol/pubsub#event event"`
	Items   *itemsXML `xml:"items"`
	Purge   *nodeXML  `xml:"purge"`
	Delete  *nodeXML  `xml:"delete"`
}

type nodeXML struct {
	Node string `xml:"node,attr"`
}

// delayXML tells when an item was published that is sent later (XEP-0203).
type delayXML struct {
	XMLName xml.Name `xml:"urn:xmpp:delay delay"`
	Stamp   string   `xml:"stamp,attr"`
}

// itemsOf is how items go over the wire: payloads are as they were published.
func itemsOf(node string, items []Item, payload bool) *itemsXML {
	x := &itemsXML{Node: node}
	for _, it := range items {
		out := itemXML{ID: it.ID}
		if payload {
			out.Payload = string(it.Payload)
		}
		x.Items = append(x.Items, out)
	}
	return x
}

// attributes are those of the elements of requests.
type attributes struct {
	Node     string `xml:"node,attr"`
	JID      string `xml:"jid,attr"`
	ID       string `xml:"id,attr"`
	MaxItems string `xml:"max_items,attr"`
	Notify   string `xml:"notify,attr"`
}

func attributesOf(raw stanza.Raw) (a attributes, err error) {
	err = raw.Decode(&a)
	return a, err
}

// checkPayload checks that a payload means the same wherever it is put: it is one
// element that declares its namespace itself.
func checkPayload(p stanza.Raw) (stanza.Raw, error) {
	p, err := stanza.Marshal(p)
	if err != nil {
		return nil, ErrPayload
	}
	const elsewhere = "urn:isthmus:elsewhere"
	for name, raw := range stanza.Raw("<x xmlns='" + elsewhere + "'>" + string(p) + "</x>").Children() {
		if name.Space == "" || name.Space == elsewhere || string(raw) != string(p) {
			return nil, ErrPayload
		}
		return p, nil
	}
	return nil, ErrPayload
}
