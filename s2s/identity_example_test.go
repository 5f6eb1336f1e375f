package s2s_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"

	"isthmus.im/internal/testca"
	"isthmus.im/s2s"
	"isthmus.im/s2s/s2stest"
	"isthmus.im/stanza"
)

// A handler tells its users how sure it is who wrote to them. DNSSEC vouches for
// the certificate of montague.example, which no authority has signed.
func ExampleAssuranceOf() {
	internet := newNetwork()
	defer internet.end()
	internet.SignDNS(".", true)
	cert := testca.SelfSigned(s2stest.CertOptions{})
	internet.SetTLSA("xmpp.montague.example", 5269, s2stest.TLSAFor(3, 1, 1, cert.Leaf))
	romeo := internet.PeerConfig(s2s.Config{
		Services: []string{"montague.example"}, TLS: &tls.Config{Certificates: []tls.Certificate{cert}},
	})
	told := make(chan string, 1)
	mux := stanza.NewMux()
	mux.HandleMessage("", stanza.MessageFunc(func(ctx context.Context, m *stanza.Stanza) error {
		a, ok := s2s.AssuranceOf(ctx)
		if !ok || a.Method < s2s.MethodPKIX {
			return errors.New("somebody says that they are " + m.From.String())
		}
		told <- fmt.Sprintf("%s, by %s: %s", m.From, a.Method, m.Body())
		return nil
	}))
	internet.Server(s2s.Config{
		Domains: []string{"capulet.example"}, Handler: mux, DNSSEC: true, Logger: slog.New(slog.DiscardHandler),
	})

	romeo.Send(`<message from="romeo@montague.example" to="juliet@capulet.example"><body>but soft</body></message>`)
	fmt.Println(<-told)
	// Output:
	// romeo@montague.example, by DANE: but soft
}
