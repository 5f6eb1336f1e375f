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

// A closed federation: one domain is let in, all others are not. A tenant joins
// and leaves while the server runs.
func ExampleServer_SetPolicy() {
	internet := newNetwork()
	defer internet.end()

	bounced := make(chan *stanza.Stanza, 1)
	mux := stanza.NewMux()
	mux.HandleMessage("", stanza.MessageFunc(func(ctx context.Context, m *stanza.Stanza) error {
		bounced <- m
		return nil
	}))
	fed := internet.Server(s2s.Config{Domains: []string{"capulet.example"}, Handler: mux, Logger: slog.New(slog.DiscardHandler)})
	err := fed.SetPolicy(s2s.Policy{Rules: map[string]s2s.Rule{
		"*":               {Deny: true},
		"partner.example": {},
	}})
	if err != nil {
		log.Fatal(err)
	}
	cert := internet.Certificate("tenant.example")
	err = fed.AddDomain(s2s.Domain{
		Name:           "tenant.example",
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return &cert, nil },
	})
	if err != nil {
		log.Fatal(err)
	}

	ctx := context.Background()
	partner := internet.Peer("partner.example")
	from := jid.MustParse("juliet@tenant.example")
	fed.Send(ctx, stanza.Text(from, partner.JID("paris"), "good morrow"))
	fmt.Println("read:", partner.Next().Body())
	fed.Send(ctx, stanza.Text(from, jid.MustParse("romeo@montague.example"), "good night"))
	fmt.Println("back:", (<-bounced).Err())

	if err := fed.RemoveDomain(ctx, "tenant.example"); err != nil {
		log.Fatal(err)
	}
	fmt.Println(fed.Send(ctx, stanza.Text(from, partner.JID("paris"), "farewell")))
	// Output:
	// read: good morrow
	// back: stanza: not-allowed (cancel): communication with montague.example is not allowed here
	// s2s: sender is not at a local domain: "juliet@tenant.example"
}

// Certificates from the files of an ACME client, for any number of domains.
func ExampleCertFiles() {
	files := &s2s.CertFiles{
		Cert: "/etc/letsencrypt/live/{domain}/fullchain.pem",
		Key:  "/etc/letsencrypt/live/{domain}/privkey.pem",
	}
	fed, err := s2s.New(s2s.Config{
		Domains: []string{"capulet.example"},
		TLS:     &tls.Config{GetCertificate: files.GetCertificate},
		Handler: stanza.NewMux(),
	})
	if err != nil {
		log.Fatal(err)
	}
	defer fed.Close()
	fmt.Println("it runs without them, and says every day that they are missing")
	// Output:
	// it runs without them, and says every day that they are missing
}
