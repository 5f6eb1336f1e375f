// Package interop proves that Isthmus and real servers federate: an unmodified
// Prosody and an unmodified ejabberd, which the scripts in kit boot on loopback
// addresses with a DNS server, certificates and accounts.
//
// Its tests run the example service, examples/chatd, as a process of its own
// and drive it through its HTTP interface, with real clients logged in at the
// peers, or run examples/fedcheck; those in the directory library embed the
// library instead. The package itself is the harness that both use:
//
//	kit := interop.Open(t)                        // skips the test if no kit is running
//	peer := kit.Peer(t, "prosody")
//	juliet := kit.Login(t, peer, "juliet")        // a client of that server
//	service := kit.StartChatd(t, interop.Chatd{}) // serves wire.test
//	alice := service.NewUser(t, "alice")
//	alice.Send(t, juliet.Address, "hello")
//	juliet.WaitMessage(t, alice.Address, "hello")
//
// Those of Server Dialback (TestDialback...) want a kit whose peers have nothing
// else, booted with DIALBACK=only; run.sh does both, one after the other.
//
// The tests share one kit and some addresses: run one package at a time, as
// make interop does. With INTEROP=required a missing kit fails a test instead
// of skipping it, with INTEROP=off every test is skipped.
package interop
