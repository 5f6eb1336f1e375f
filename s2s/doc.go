// Package s2s is the engine of XMPP federation: it opens and accepts the
// streams between servers (RFC 6120), decides whose they are, and carries
// stanzas over them, for a service that has its own users and its own client
// protocol.
//
// # A server
//
// [New] takes a [Config] and returns a [Server]; [Server.Run] listens and
// serves until its context ends. A service that owns its listeners calls
// [Server.Serve] and [Server.ServeTLS] instead, and [Server.Shutdown] at the
// end. One whose web server has port 443 shares it: [Server.TLSConfig] shows how,
// and [Server.ServeConn] takes the connections.
//
//	mux := stanza.NewMux()
//	fed, err := s2s.New(s2s.Config{
//		Domains: []string{"chat.example"},
//		TLS:     &tls.Config{Certificates: []tls.Certificate{cert}},
//		Users:   users,
//		Handler: mux,
//	})
//	...
//	mux.HandleMessage("", stanza.MessageFunc(save))
//	err = fed.Run(ctx)
//
// What arrives for the local domains goes to the handler; what the service has
// to say goes through [Server.Send] and [Server.Request]. One Server serves any
// number of local domains, those with users (Config.Domains) and those without
// (Config.Services). [Server.AddDomain] and [Server.RemoveDomain] change them
// while it runs, thousands if need be; a domain may bring its own certificate.
//
// # Who is who
//
// Every stream is encrypted with TLS 1.2 or later and authenticated with
// certificates in both directions (SASL EXTERNAL). [Dialback] permits a weaker
// proof where there is no certificate, and nothing permits streams without TLS.
// Which certificates speak for which domain is decided by Config.Verifier, by
// default [PKIX], and where that is switched on by TLSA records (DANE,
// Config.DNSSEC) or the domain's web server (Config.POSH). Which [Method] it was is
// part of the [Assurance], which [Server.Streams] shows and [AssuranceOf] gives to
// handlers. What is remembered of it from one stream to the next makes a surprising
// [Change] an event, which Config.OnChange may turn into a pause.
//
// A stanza is accepted only if the domain of its From was authenticated on the
// stream it came by and the domain of its To is local; a peer that breaks this
// rule loses the stream. The same is checked of everything the service sends,
// which gets an error instead.
//
// # On by default, off by default
//
// On, and without a switch: TLS and certificates in both directions, the check of
// stapled OCSP responses, the memory of identities, which tells and does not
// refuse, acknowledgements and resumption where the peer has them (XEP-0198), the
// announcement of limits (XEP-0478), further domains of a peer on one stream if its
// certificate names them (XEP-0344), direct TLS to those who offer it (XEP-0368),
// and answers to discovery, ping, version and time. On, with a value that can be
// changed: every field of [Limits], among them the check of silent streams
// (KeepAlive, 5 minutes) and their end (Idle, 10 minutes).
//
// Off until a field of [Config] says otherwise: stanzas both ways on one stream
// (Bidi, XEP-0288), Server Dialback (Dialback), all that believes DNS or a web
// server (DNSSEC, POSH), refusing surprising changes (OnChange) and certificates
// without an OCSP response (Revoked), listening for direct TLS (DirectTLS), queues
// that outlive the process (Outbox), states of deliveries (Deliveries), the flight
// recorder (Record), contact addresses (Contacts), and what [Reach] permits:
// addresses that are not of the open network, domains that are IP addresses or
// single labels, and following see-other-host.
//
// # With whom
//
// By default with every domain of the open network. [Policy] holds rules by
// domain or pattern, in Config.Policy and, at any time, through
// [Server.SetPolicy]: a [Rule] denies domains, says where their servers are and
// how to verify them, or asks for a stronger [Method] to prove them by. A domain
// that is denied while streams with it are open loses them at once. [Reach] says
// what is refused for being unusual: IP addresses and single labels as domains,
// addresses that are not of the open network, and this server itself.
//
// # Certificates
//
// Every handshake asks for the certificate of its domain, so that one that was
// renewed serves new streams without disturbing the others; [CertFiles] notices
// that files have changed. When one is about to end, or cannot be had, the log
// and Trace.Certificate say so every day (Config.ExpiryWarning).
//
// # Arriving stanzas
//
// Answers to requests under way are matched by both addresses and id.
// Everything else waits in a lane, one per pair of addresses, where an account and
// its resources count as one recipient (RFC 6120 section 10.1): stanzas of one
// pair are handled in order and one at a time, pairs are handled concurrently,
// and the reader of a stream never runs host code. A lane that is full holds up
// its stream for Limits.LaneWait and then refuses with resource-constraint; a
// domain of which Limits.DomainQueue stanzas wait is not read from until some are
// done. A stanza counts as acknowledged (XEP-0198) once it is in its lane.
//
// Stanzas for accounts that Config.Users does not know are answered without
// troubling the handler. Requests that the handler leaves unanswered are
// answered by the server: service discovery (XEP-0030) with what the mux
// serves, ping (XEP-0199), software version (XEP-0092) and entity time
// (XEP-0202) for domains, and service-unavailable for all else. An account
// without handler thus looks the same as no account.
//
// # Leaving stanzas
//
// A stanza that Send accepted waits in the queue of its route, the pair of local
// and remote domain. The stream is opened on demand: to the servers of the
// domain's SRV records, or to its addresses when it has none, all of which race in
// their order (RFC 8305), each up to an authenticated stream. Domains that cannot
// be reached for the moment are tried again, with growing pauses, until each stanza's time is up (Limits.QueueAge); then, or at once when
// waiting cannot help, the handler gets one error stanza per message, presence
// or request, from the recipient, with the reason. [ConnectError] says what
// happened to each target.
//
// What the peer has not acknowledged (XEP-0198) when a stream breaks is sent
// again on the next one. Peers that do not acknowledge are given the benefit of
// the doubt for half a minute: the last stanzas written to them in that time
// (Limits.Unconfirmed) are sent again. So none is lost, but a recipient may see
// a message or request twice, unless the peer can resume a broken stream
// (XEP-0198 section 5), as servers of this package can: then what has arrived is
// known. A message that goes again carries the time of its first sending
// (XEP-0203) and, as its origin id (XEP-0359), its id.
//
// A stream on which nothing happens is closed after Limits.Idle, in good order,
// and opened again when there is something to send. Until then the side that
// opened it checks every Limits.KeepAlive whether it still works.
//
// With Config.Outbox, queues outlive the process. [Server.Deliveries] and
// [Server.Delivery] say how far messages got, [Server.SendAll] sends to many,
// [Server.TrySend] never waits, unless for the Outbox.
//
// # Sessions
//
// A service that would rather be a client is one with [Server.Session], which
// opens a session of a local address for the packages of mellium.im/xmpp: they
// discover, join rooms, publish, and read archives.
//
// # When it does not work
//
// [Server.Explain] goes to a domain step by step and says of each step what was
// found, how long it took and what to do about it; [Server.CheckDomain] says what
// others see of one of ours. [Server.Streams] lists the streams, [Trace] has hooks
// for what happens. Addresses that are not of the open network are refused
// unless Config.Reach says otherwise; a test or a closed federation needs that.
//
// # What is bounded
//
// [Limits] lists every quantity that a peer controls, and how many streams this
// server opens, and tries to open, for the names that somebody makes it write to.
// The defaults suit a service of any size.
package s2s
