// Package payload has the payloads of messages that hosts use most, as plain structs,
// with a function for the common act of each; and a registry for payloads of a host's
// own.
//
// # Reading and writing
//
// Every type here works with [stanza.Stanza.Decode] and [stanza.Stanza.Append]. [Of]
// and [All] read in one line, a [Registry] reads all payloads of a stanza at once:
//
//	if r, err := payload.Of[payload.Reply](m); err == nil {
//		fmt.Println("answers", r.ID)
//	}
//
// Functions that add payloads take care of what each specification demands, such as ids
// and the types of messages they may be in, and return [ErrMisplaced] otherwise.
// Functions that make a message return it ready to be sent. Neither sends anything;
// only a [Sender] does.
//
// # What there is
//
//	XEP   types                      functions
//	0066  OOB                        AttachURL
//	0085  ChatState                  SetChatState
//	0184  ReceiptRequest, Receipt    RequestReceipt, ReceiptFor
//	0203  Delay                      StampDelay, StripForgedDelays
//	0300  Hash                       Hash.New, HashFile
//	0308  Replace                    Correct, SameSender
//	0333  Markable, Displayed        RequestMarker, MarkerFor
//	0334  Hint                       AddHint, HasHint
//	0353  Call                       NewCall, CallReason, Call.Media, Call.Why
//	0359  StanzaID, OriginID         SetStanzaID, StanzaIDBy, StripForgedIDs
//	0380  Encryption                 MarkEncrypted, Encryption.Label
//	0424  Retract, Retracted         Retraction, Tombstone
//	0428  Fallback                   FallbackBody, AddFallback
//	0444  Reactions                  React
//	0446  File                       File.Verify, File.SafeName
//	0447  FileSharing, Sources       ShareFile
//	0461  Reply                      ReplyTo, ReferenceID
//	0082                             FormatTime, ParseTime
//
// What a peer may put into one of them is limited: see [MaxItems] and its neighbours.
// Whatever is more, or breaks its specification, is an [*InvalidError] and no harm to
// the other payloads.
//
// # What is kept
//
// The bytes of a stanza are the truth, and payloads that nobody changes stay as they
// are, to the byte. Functions that change a stanza replace or remove the payloads they
// are about and drop nothing else but white space between payloads.
//
// A payload that was read and is written again has its canonical form: attributes and
// children in the order of its struct's fields, no white space between them, empty
// elements with an end tag, names without prefixes. A payload in that form gives equal
// bytes. Attributes and children that are not defined for it are dropped, except that
// these keep children they do not know, after those they know: [File] (such as
// thumbnails), [Sources] and [FileSharing] within their sources (such as those of
// XEP-0448 and Jingle), and [Call]. What is kept is kept to the byte if it declares its
// own namespace without a prefix; else what it inherits is declared on it as well. To
// hand a whole payload on as it came, hand on its [stanza.Raw].
//
// # Announcing
//
// The constants beginning with NS are the namespaces, and the features to announce with
// [stanza.Mux.Advertise] for what the host acts upon:
//
//	mux.Advertise(payload.NSReceipts, payload.NSCorrection)
//
// # Extensions
//
// A host whose messages say more than XMPP has words for registers a type for each such
// payload, and announces their namespaces at its domain:
//
//	var ext payload.Registry
//	payload.Register(&ext, "https://chat.example/ns/poll poll", payload.Codec[Poll]{
//		Render: func(p Poll, m *stanza.Stanza) error { return payload.SetBody(m, p.Question) },
//	})
//	mux.Advertise(ext.Features()...)
//
// A [Sender] finds out which domains announce them as well, such as other services of
// the same kind. These are sent the payload itself, all others what Render makes of it:
//
//	out := &payload.Sender{Extensions: &ext, Ask: server, Out: server}
//	err := out.Send(ctx, m)
//
// A host that knows by itself what a recipient understands calls [Registry.Prepare].
//
// # Concurrency
//
// Functions that take a stanza use it as its own documentation says: one goroutine at a
// time while it is changed. Values are plain data. A Registry and a Sender are safe for
// concurrent use.
package payload
