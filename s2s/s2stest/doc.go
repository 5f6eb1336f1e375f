// Package s2stest puts an XMPP federation inside a test: a network with DNS, a
// certificate authority and peers, all in memory, with the real TLS and the
// real stream negotiation of package s2s in between.
//
// A test makes a [Network], starts the server under test on it and lets a
// [Peer], a remote server that does what the test says, talk to it:
//
//	net := s2stest.NewNetwork(t)
//	fed := net.Server(s2s.Config{Domains: []string{"capulet.example"}, Handler: mux})
//	romeo := net.Peer("montague.example")
//	romeo.Send(`<message from="romeo@montague.example" to="juliet@capulet.example"><body>but soft</body></message>`)
//	romeo.Expect(`<message from="juliet@capulet.example"><body>art thou not Romeo?</body></message>`)
//
// [Pair] does the first three lines in one.
//
// Everything waits on channels, conditions and timers, so a test may run inside
// a [testing/synctest] bubble, where outages of hours take no time:
//
//	synctest.Test(t, func(t *testing.T) {
//		...
//		net.Cut("capulet.example", "montague.example")
//		time.Sleep(10 * time.Minute)
//	})
//
// Without a bubble it works too, in real time.
//
// # Faults
//
// [Network.Cut] parts two servers, [Network.Heal] joins them again,
// [Network.Reset] breaks their connections once, [Network.HalfOpen] lets them
// stand while nothing passes any more. [Network.Impair] spoils one way between
// them: delay and jitter, little bandwidth, bytes that arrive one by one, a reset
// after so many bytes, a corrupted byte, silence; [Network.Delay] is the
// short form of the most common one. What is random follows from
// [Network.Seed], which a failing test prints.
//
// DNS is a name server in memory, which servers ask through the caching
// resolver that they have outside of tests too. [Network.SetSRV],
// [Network.SetDirectSRV], [Network.SetAddrs], [Network.SetAlias] and
// [Network.SetTLSA] change its records, [Network.SetTTL] and [Network.SignDNS]
// their time to live and whether DNSSEC vouches for them, and [Network.FailDNS]
// and [Network.SlowDNS] break it.
//
// [Network.Certificate] issues certificates for any names; a config with
// another certificate or Verifier shows what happens to those that do not fit.
// [Peer.Raw] opens a connection for bytes of the test's choice.
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
// # Failures
//
// Methods of this package fail the test rather than return errors, and must be
// called from the test's goroutine unless they say otherwise. A stanza that a
// Peer received and nobody asked for fails the test at its end, see
// [Peer.Ignore]. Programs that are no tests can use the package as well, see
// [TB].
package s2stest
