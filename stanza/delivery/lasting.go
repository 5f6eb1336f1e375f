package delivery

import (
	"isthmus.im/stanza"
	"isthmus.im/stanza/payload"
)

// Lasting reports whether a message is to be kept: it says something that its
// recipient wants to find later, text, however encrypted, what changes or answers
// an earlier message, an invitation, a call. Chat states do not last, nor do news
// and what rooms relay, which have archives of their own. Hints (XEP-0334) have
// the last word, store before no-store.
func Lasting(m *stanza.Stanza) bool {
	switch {
	case m.Kind != stanza.Message || m.Type != "" && m.Type != stanza.Chat:
		return false
	case payload.HasHint(m, payload.Store):
		return true
	}
	return says(m) && !payload.HasHint(m, payload.NoStore) && !payload.HasHint(m, payload.NoPermanentStore)
}

// says reports whether a message says something, apart from the hints.
func says(m *stanza.Stanza) bool {
	for name := range m.Payloads() {
		switch name.Space {
		case "":
			if name.Local == "body" || name.Local == "subject" {
				return true
			}
		case payload.NSReceipts:
			if name.Local == "received" {
				return true
			}
		case payload.NSMarkers:
			if name.Local != "markable" {
				return true
			}
		case payload.NSRetraction, payload.NSReactions, payload.NSCalls, payload.NSEncryption, payload.NSFileSharing,
			"eu.siacs.conversations.axolotl", "urn:xmpp:omemo:2", "jabber:x:encrypted", "urn:xmpp:openpgp:0",
			"jabber:x:conference", "http://jabber.org/protocol/muc#user":
			return true
		}
	}
	return false
}
