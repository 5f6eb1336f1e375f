// Package stanza holds the unit of XMPP routing, the stanza of RFC 6120 section 8,
// and the vocabulary around it: its errors, and who handles, sends and asks.
//
// # Stanzas
//
// A [Stanza] is a value: a parsed header and the raw bytes of its children, kept
// exactly as they were sent. Nothing is decoded before somebody asks. Make one with
// [Text], [NewMessage], [NewPresence] or [NewIQ], answer one with [Stanza.Reply] or
// [Stanza.ErrorReply], read one from bytes with [Parse] and write one with
// [Stanza.AppendXML].
//
// Children are read with [Stanza.Body], with [Stanza.Payload] and
// [Stanza.Payloads], which return their bytes as [Raw], or with [Stanza.Decode],
// which fills a struct with encoding/xml. They are added with [Stanza.Append]; a
// struct with encoding/xml tags, a Raw and an [*Error] are all payloads.
//
// # Names and namespaces
//
// A payload is named as in an encoding/xml tag: "urn:xmpp:ping ping". On a client's
// stream the namespace of a message's body is jabber:client and on a server's it is
// jabber:server; neither is ever declared inside a stanza here, so that the same
// bytes fit both streams. Such a child is in the content namespace, has an empty
// Space and is named without one: "body". The names "jabber:client body" and
// "jabber:server body", also in the tags of a host's struct, mean the same.
//
// # Errors
//
// An [*Error] is a stanza error of RFC 6120 section 8.3, on its way in or out. A
// handler returns one, most easily made by [Errorf], to refuse what it was given;
// [Stanza.Err] reads one from an error stanza, and a [Requester] returns the
// peer's. errors.Is compares conditions:
//
//	errors.Is(err, &stanza.Error{Condition: stanza.ItemNotFound})
//
// Every other error type of this package tells of a mistake on this side, or of a
// header that is not a stanza's ([*HeaderError]).
//
// # Handlers
//
// A [Handler] takes one inbound stanza and returns its answer. A [Mux] is a Handler
// that finds the right one: by the domain addressed, then by payload, then by kind.
// [MessageFunc], [PresenceFunc] and [IQFunc] make handlers of functions. Middleware
// is a func(Handler) Handler.
//
// Protocols are written against [Handler], [Sender] and [Requester] and know nothing
// of the network, so that they can be tested with a slice as the Sender.
package stanza
