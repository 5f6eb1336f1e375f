package s2s_test

import (
	"context"
	"crypto/tls"
	"fmt"

	"isthmus.im/s2s"
	"isthmus.im/stanza"
)

// A server that also talks to those without a certificate, and tells its handler
// whose word it is.
func ExampleDialback() {
	net := newNetwork()
	defer net.end()
	done := make(chan struct{})
	net.Server(s2s.Config{
		Domains:  []string{"capulet.example"},
		Dialback: &s2s.Dialback{Secret: s2s.FixedSecret("what all servers of capulet.example know")},
		Handler: stanza.HandlerFunc(func(ctx context.Context, st *stanza.Stanza) (*stanza.Stanza, error) {
			a, _ := s2s.AssuranceOf(ctx)
			fmt.Printf("%s says %q, by %v\n", st.From.Domain(), st.Body(), a.Method)
			close(done)
			return nil, nil
		}),
	})
	romeo := net.PeerConfig(s2s.Config{
		Services: []string{"montague.example"},
		TLS:      &tls.Config{Certificates: []tls.Certificate{net.Certificate("unrelated.example")}},
		Dialback: &s2s.Dialback{},
	})
	romeo.Send(`<message from="romeo@montague.example" to="juliet@capulet.example"><body>but soft</body></message>`)
	<-done
	// Output:
	// montague.example says "but soft", by dialback
}
