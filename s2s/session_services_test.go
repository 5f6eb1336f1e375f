package s2s_test

import (
	"context"
	"encoding/xml"

	"isthmus.im/s2s"
	"isthmus.im/stanza"
)

// host starts a server for a domain with one of the services below, or none.
func (n *network) host(domain string, service func(mux *stanza.Mux, out stanza.Sender)) {
	peer, mux := n.PeerConfig(s2s.Config{Services: []string{domain}}), stanza.NewMux()
	if service != nil {
		service(mux, peer.Server())
	}
	peer.Handle(mux)
}

// publisher has one node (XEP-0060), which keeps one item.
func publisher(mux *stanza.Mux, _ stanza.Sender) {
	const payload = "http://jabber.org/protocol/pubsub pubsub"
	var item string
	mux.HandleIQ(stanza.Set, payload, stanza.IQFunc(func(_ context.Context, iq *stanza.Stanza) (any, error) {
		var q struct {
			XMLName xml.Name `xml:"http://jabber.org/protocol/pubsub pubsub"`
			Publish struct {
				Item string `xml:",innerxml"`
			} `xml:"publish"`
		}
		err := iq.Decode(&q)
		item = q.Publish.Item
		return nil, err
	}))
	mux.HandleIQ(stanza.Get, payload, stanza.IQFunc(func(context.Context, *stanza.Stanza) (any, error) {
		return stanza.Raw(`<pubsub xmlns="http://jabber.org/protocol/pubsub"><items node="balcony">` + item + `</items></pubsub>`), nil
	}))
}

// room is one with an echo (XEP-0045).
func room(mux *stanza.Mux, _ stanza.Sender) {
	const self = `<x xmlns="http://jabber.org/protocol/muc#user"><item affiliation="none" role="participant"/><status code="110"/></x>`
	mux.HandlePresence(stanza.AnyType, stanza.HandlerFunc(func(_ context.Context, p *stanza.Stanza) (*stanza.Stanza, error) {
		return stanza.NewPresence(p.Type, p.To, p.From, stanza.Raw(self))
	}))
	mux.HandleMessage("body", stanza.HandlerFunc(func(_ context.Context, m *stanza.Stanza) (*stanza.Stanza, error) {
		nick, err := m.To.WithResource(m.From.Local())
		return &stanza.Stanza{Kind: stanza.Message, Type: m.Type, ID: m.ID, From: nick, To: m.From, Inner: m.Inner}, err
	}))
}

// archive remembers two messages (XEP-0313).
func archive(mux *stanza.Mux, out stanza.Sender) {
	mux.HandleIQ(stanza.Set, "urn:xmpp:mam:2 query", stanza.HandlerFunc(func(ctx context.Context, iq *stanza.Stanza) (*stanza.Stanza, error) {
		var q struct {
			XMLName xml.Name `xml:"urn:xmpp:mam:2 query"`
			ID      string   `xml:"queryid,attr"`
		}
		if err := iq.Decode(&q); err != nil {
			return nil, err
		}
		for _, body := range []string{"But soft", "What light"} {
			m, err := stanza.NewMessage("", iq.To, iq.From, stanza.Raw(`<result xmlns="urn:xmpp:mam:2" queryid="`+q.ID+`" id="1">`+
				`<forwarded xmlns="urn:xmpp:forward:0"><message xmlns="jabber:client"><body>`+body+`</body></message></forwarded></result>`))
			if err != nil {
				return nil, err
			}
			if err := out.Send(ctx, m); err != nil {
				return nil, err
			}
		}
		return iq.Reply(stanza.Result, stanza.Raw(`<fin xmlns="urn:xmpp:mam:2" complete="true"><set xmlns="http://jabber.org/protocol/rsm"><count>2</count></set></fin>`))
	}))
}
