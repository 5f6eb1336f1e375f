package payload

// The namespaces of the payloads of this package. Where a specification has a feature
// for service discovery, it has the same name; announce what the host acts upon and
// nothing else (see [stanza.Mux.Advertise]).
const (
	NSReceipts     = "urn:xmpp:receipts"                     // XEP-0184
	NSMarkers      = "urn:xmpp:chat-markers:0"               // XEP-0333
	NSChatStates   = "http://jabber.org/protocol/chatstates" // XEP-0085
	NSCorrection   = "urn:xmpp:message-correct:0"            // XEP-0308
	NSRetraction   = "urn:xmpp:message-retract:1"            // XEP-0424
	NSReactions    = "urn:xmpp:reactions:0"                  // XEP-0444
	NSReply        = "urn:xmpp:reply:0"                      // XEP-0461
	NSFallback     = "urn:xmpp:fallback:0"                   // XEP-0428
	NSStanzaID     = "urn:xmpp:sid:0"                        // XEP-0359
	NSDelay        = "urn:xmpp:delay"                        // XEP-0203
	NSHints        = "urn:xmpp:hints"                        // XEP-0334
	NSOOB          = "jabber:x:oob"                          // XEP-0066
	NSFileSharing  = "urn:xmpp:sfs:0"                        // XEP-0447
	NSFileMetadata = "urn:xmpp:file:metadata:0"              // XEP-0446
	NSURLData      = "http://jabber.org/protocol/url-data"   // XEP-0103
	NSHashes       = "urn:xmpp:hashes:2"                     // XEP-0300
	NSEncryption   = "urn:xmpp:eme:0"                        // XEP-0380
	NSCalls        = "urn:xmpp:jingle-message:0"             // XEP-0353
)
