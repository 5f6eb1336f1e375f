// Package s2stest puts an XMPP federation inside a test: a network with DNS, a
// certificate authority and peers, all in memory, with the real TLS and the
// real stream negotiation of package s2s in between.
//
// A test makes a [Network], starts the server under test on it and lets a
// [Peer], a remote server that does what the test says, talk to it. A complete
// file:
//
//	package bot_test
//
//	import (
//		"context"
//		"testing"
//		"testing/synctest"
//		"time"
//
//		"isthmus.im/s2s"
//		"isthmus.im/s2s/s2stest"
//		"isthmus.im/stanza"
//	)
//
//	// A bot greets whoever writes to it, when the network is down a little later.
//	func TestBot(t *testing.T) {
//		synctest.Test(t, func(t *testing.T) {
//			mux := stanza.NewMux()
//			mux.HandleMessage("", stanza.HandlerFunc(func(_ context.Context, m *stanza.Stanza) (*stanza.Stanza, error) {
//				return stanza.Text(m.To, m.From, "Hello, "+m.From.Local()+"!"), nil
//			}))
//			network := s2stest.NewNetwork(t)
//			network.Server(s2s.Config{Services: []string{"bot.example"}, Handler: mux})
//			romeo := network.Peer("montague.example")
//
//			const hi = `<message from="romeo@montague.example" to="bot.example"><body>hi</body></message>`
//			const hello = `<message from="bot.example" to="romeo@montague.example"><body>Hello, romeo!</body></message>`
//			romeo.Send(hi)
//			romeo.Expect(hello)
//
//			synctest.Wait() // or what is under way might come twice
//			network.Cut("bot.example", "montague.example")
//			romeo.Send(hi)
//			romeo.Quiet(time.Minute)
//			network.Heal("bot.example", "montague.example")
//			time.Sleep(time.Minute) // servers pause between attempts
//			romeo.Expect(hello)
//		})
//	}
//
// [Pair] makes a network, a server and a peer in one. A host that calls [s2s.New]
// itself gives it a Config of [Network.Config] and a listener of
// [Network.Listen].
//
// Everything waits on channels, conditions and timers, so a test may run inside
// a [testing/synctest] bubble, as this one does, where outages of hours take no
// time. The network has to be made in the bubble, too: one from outside ends the
// program with "wake of synctest goroutine from outside bubble". Without a
// bubble it works as well, in real time. Networks share nothing, so tests may run
// in parallel.
//
// # Faults
//
// [Network.Cut] parts two servers, [Network.Heal] joins them again,
// [Network.Reset] breaks their connections once, [Network.HalfOpen] lets them
// stand while nothing passes any more. [Network.Impair] spoils one way between
// them: delay and jitter, little bandwidth, bytes that arrive one by one, a reset
// after so many bytes, a corrupted byte, silence; [Network.Delay] is the
// short form of the most common one. [Peer.Stop] and [Peer.Start] take a peer
// down and up again. What is random follows from [Network.Seed], which a failing
// test prints.
//
// DNS is a name server in memory, which servers ask through the caching
// resolver that they have outside of tests too. [Network.SetSRV],
// [Network.SetDirectSRV], [Network.SetAddrs], [Network.SetAlias] and
// [Network.SetTLSA] change its records, [Network.SetTTL] and [Network.SignDNS]
// their time to live and whether DNSSEC vouches for them, and [Network.FailDNS]
// and [Network.SlowDNS] break it.
//
// [Network.CertificateOf] issues certificates that are expired, for another
// name, by nobody and so on, see [CertKind], [Network.Issue] any other;
// [Network.TLS] makes a Config.TLS of them, for the server under test or, with
// [Network.PeerConfig] and [Network.PeerAs], for a peer.
//
// # Peers
//
// The peer of [Network.Peer] is a server of this library. [Network.PeerLike]
// starts one that behaves like other software, in both roles: what it offers and
// in which order, what it says to what, which certificates it accepts, and what
// it does when something fails. All of that was taken down from the real
// servers.
//
// [Prosody] is Prosody 0.12. Features come in a random order. Without TLS there
// is nothing but STARTTLS; the header after it must name the same domains. A
// certificate that it does not trust is a stream error not-authorized right
// after that header (with [Persona].Dialback, EXTERNAL is left out instead); an
// SRVName is as good as a dNSName, an id-on-xmppAddr is none, a common name
// counts alone. An empty <auth/> is malformed, "=" is not. Behind the
// authentication it offers stream management, in both versions, and
// answers resume='true' without an id; with XEP-0288 it sends <bidi/> right
// before <auth/>. As initiator it sends no server name in TLS and <starttls/>
// whether or not that was offered, goes through all _xmpps-server records before
// the others, sends what waits and then <enable/>. It has a dialback key
// verified on its own stream to the domain, once that is authorized. A stanza
// to an unknown domain, from another one, or an element that it does not know
// ends the stream, and so do comments, and elements of more than 512 KiB, or 10,000
// bytes before authentication. It leaves with system-shutdown.
//
// [Ejabberd] is ejabberd 23.01. EXTERNAL is offered always and judged at
// <auth/>; after a <failure/> the stream stays open. A certificate needs the
// usage of its role, so that one for servers only is refused from those who
// connect; an SRVName counts for nothing, a common name for something beside
// anything, and at an id-on-xmppAddr its process crashes. No stream management,
// no XEP-0288. What it cannot read (an IQ without id, a malformed address) it
// sends back on the stream on which it came, against that stream's direction;
// errors carry the whole payload, and headlines get them, too. Comments and
// processing instructions are ignored. Without a from the authorization identity
// says who connects.
// It merges both kinds of SRV records by priority, goes silent where EXTERNAL is
// not offered, opens a connection for each dialback key that it verifies, and
// after a failure bounces everything to that domain for up to 5 minutes. It
// leaves without a word.
//
// [OldServer] is jabberd2: STARTTLS with any certificate, then Server Dialback,
// without SASL. The server under test needs Config.Dialback to talk to it.
//
// [SlowServer] has no quirks and takes 4 seconds for each thing that it says,
// and a second for each stanza that it reads.
//
// [HostileServer] has a good certificate and bad intentions. To each connection
// it does something else: it says nothing, never ends its header or its
// features, sends entities, offers no TLS, sends plaintext behind <proceed/>,
// claims success or another name, points back to loopback, speaks under other
// names on a stream that is not for speaking, acknowledges what was not sent,
// sends a stanza without an end, or hangs up. [Peer.Attack] makes it do the
// like to a server.
//
// What their users and services answer (PEP, MIX and the like) is no part of the
// personalities: it is up to the handler of [Peer.Handle].
//
// A [RawStream] is for bytes of the test's choice: [Network.Raw] opens one,
// [RawServer.Accept] takes one from the server under test.
//
// # Patterns
//
// [Peer.Expect] takes a stanza as a pattern. What the pattern does not mention
// may be anything: attributes, children, text, and the namespace of an element
// without xmlns. Children may come in any order; each of the pattern takes the
// first that fits it. An empty attribute value wants the attribute empty or
// absent. An attribute value or text of "*" matches anything that is
// there; "{name}" captures the value and, when used again in a later pattern of
// the same Peer, stands for what was captured.
//
// # Transcripts
//
// [Run] plays text files: each line is a key and a value, and after each input
// come the lines that follow from it. With its update argument the latter are
// written anew.
//
//	# A greeting.
//	peer: montague.example
//	send: <message from='romeo@montague.example' to='bot.example'><body>hi</body></message>
//	got: <message from="bot.example" to="romeo@montague.example" id="{1}" type="chat"><body>Hello!</body></message>
//
// The inputs are
//
//	server: DOMAIN          there is a server under test for it
//	peer: DOMAIN            a peer starts; or DOMAIN like Prosody
//	send: STANZA            the peer that it is from sends it
//	host: STANZA            the server under test that it is from sends it
//	wait: DURATION          as in 1m30s; what comes meanwhile follows
//	stop: DOMAIN            the peer is stopped, or started again
//	start: DOMAIN
//	cut: DOMAIN DOMAIN      the like: heal, reset, half-open
//	delay: DOMAIN DOMAIN DURATION
//	impair: DOMAIN DOMAIN WHAT  one way: any of delay=DURATION, jitter=DURATION, bandwidth=BYTES,
//	                        split=BYTES, reset-after=BYTES, corrupt=BYTE, once, lose; or nothing
//	dns: NAME WHAT          servfail, refused, silent, gone, works or a DURATION
//	open: NAME FROM TO      a raw stream, called NAME
//	tls: NAME               runs STARTTLS; its header was put, and features have come
//	authenticate: NAME      negotiates all the way
//	put: NAME TEXT
//	close: NAME
//
// and the outputs: "got", a stanza that a peer received; "said", what came over
// a raw stream, and "ended"; "refused", the error of a Send; "note", what the
// server under test said with [Network.Note]. Random ids are written {1}, {2}
// and so on, also in inputs; {x7} is seven bytes of text.
//
// [Replay] plays what the flight recorder of a server has kept (Config.Record of
// package s2s), which has the same form and one output more: "lost", a stanza
// that was written to a stream which then broke, and was written again later.
//
// # Failures
//
// Methods of this package fail the test rather than return errors, and must be
// called from the test's goroutine unless they say otherwise. A stanza that a
// Peer received and nobody asked for fails the test at its end, see
// [Peer.Ignore]. In a bubble that includes what is on its way then, unless a
// delay holds it up; in real time a test that wants to be sure ends with
// [Peer.Quiet].
//
// Subtests may share a network, and a peer by means of [Peer.In]: what goes wrong
// in a subtest must fail that, which the peer of its parent cannot do.
//
//	for _, c := range cases {
//		t.Run(c.name, func(t *testing.T) {
//			romeo := romeo.In(t)
//			romeo.Send(c.send)
//			romeo.Expect(c.want)
//		})
//	}
//
// As [testing/synctest] allows no t.Run in a bubble, such a test runs in real
// time, or has a bubble and a network in each subtest.
//
// A test in a bubble that waits for what never comes is no deadlock for Go, since
// timers of servers go off for ever. After a year of virtual time, which takes no
// time, the network fails it, shows what peers have sent and received and where
// all goroutines wait, and closes its servers; then the bubble ends.
//
// All goroutines end with the test. Programs that are no tests can use the
// package as well, see [TB].
package s2stest
