package s2s_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"log"
	"log/slog"

	"isthmus.im/jid"
	"isthmus.im/s2s"
	"isthmus.im/stanza"
)

// Why does nothing arrive at montague.example? Its certificate names only the
// host that its SRV record points to.
func ExampleServer_Explain() {
	internet := newNetwork()
	defer internet.end()
	internet.PeerConfig(s2s.Config{
		Services: []string{"montague.example"},
		TLS:      &tls.Config{Certificates: []tls.Certificate{internet.Certificate("xmpp.montague.example")}},
	})
	fed := internet.Server(s2s.Config{
		Domains: []string{"capulet.example"}, Handler: stanza.NewMux(), Logger: slog.New(slog.DiscardHandler),
	})

	r := fed.Explain(context.Background(), jid.MustParse("capulet.example"), jid.MustParse("montague.example"), func(f s2s.Finding) {
		fmt.Println(f.Step, f.Code)
	})
	if r.Reachable {
		log.Fatal("reachable")
	}
	fmt.Println(r.Findings[len(r.Findings)-1].Remedy)
	// Output:
	// policy ok
	// dns ok
	// address ok
	// tcp ok
	// stream ok
	// tls ok
	// identity certificate-wrong-name
	// The certificate has to name montague.example itself; the name of the host that the SRV record names does not help.
}
