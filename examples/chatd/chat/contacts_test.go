package chat

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"slices"
	"testing"

	"isthmus.im/examples/chatd/store"
	"isthmus.im/jid"
	"isthmus.im/stanza"
	"isthmus.im/stanza/disco"
)

// asked is a Requester whose requests a handler answers.
type asked struct{ stanza.Handler }

func (a asked) Send(context.Context, *stanza.Stanza) error { return nil }

func (a asked) Request(ctx context.Context, iq *stanza.Stanza) (*stanza.Stanza, error) {
	return a.HandleStanza(ctx, iq)
}

func never(*tls.ClientHelloInfo) (*tls.Certificate, error) { return nil, errors.New("nobody connects") }

// Other domains are told how to reach those who run this one.
func TestContactAddresses(t *testing.T) {
	abuse := []string{"mailto:abuse@capulet.example"}
	fed, p, err := federate(Config{
		Domains: []string{"capulet.example"}, Store: store.NewMemory(), TLS: &tls.Config{GetCertificate: never},
		Contacts: disco.Contacts{"abuse-addresses": abuse},
		Logger:   slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer fed.Close()
	info, err := disco.GetInfo(t.Context(), asked{p.gate}, jid.MustParse("montague.example"), jid.MustParse("capulet.example"), "")
	if err != nil {
		t.Fatal(err)
	}
	if got := info.Contacts()["abuse-addresses"]; !slices.Equal(got, abuse) {
		t.Errorf("told %v, want %v", got, abuse)
	}
}
