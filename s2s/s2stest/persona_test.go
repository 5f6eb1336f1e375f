package s2stest_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"isthmus.im/s2s"
	"isthmus.im/s2s/s2stest"
	"isthmus.im/stanza"
)

// met is a server and a peer with a personality, and what the server's handler
// gets.
type met struct {
	n   *s2stest.Network
	fed *s2s.Server
	got chan *stanza.Stanza
	p   *s2stest.Peer
}

func meet(t *testing.T, persona s2stest.Persona, cfg s2s.Config) *met {
	m := &met{n: s2stest.NewNetwork(t), got: make(chan *stanza.Stanza, 100)}
	cfg.Domains = []string{here}
	cfg.Handler = stanza.HandlerFunc(func(_ context.Context, s *stanza.Stanza) (*stanza.Stanza, error) {
		m.got <- s
		return nil, nil
	})
	m.fed = m.n.Server(cfg)
	if persona.Domain == "" {
		persona.Domain = there
	}
	m.p = m.n.PeerAs(persona)
	return m
}

func hello(i int) string {
	return fmt.Sprintf(`<message from="romeo@montague.example" to="juliet@capulet.example"><body>%d</body></message>`, i)
}

// Messages go both ways between a server and every personality that means well.
func TestPersonas(t *testing.T) {
	for _, persona := range []s2stest.Persona{
		{Like: s2stest.Prosody},
		{Like: s2stest.Ejabberd},
		{Like: s2stest.Prosody, Dialback: true},
		{Like: s2stest.Ejabberd, Dialback: true},
		{Like: s2stest.OldServer},
		{Like: s2stest.SlowServer},
	} {
		for _, bidi := range []bool{false, true} {
			t.Run(fmt.Sprintf("%v dialback %v bidi %v", persona.Like, persona.Dialback, bidi), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					m := meet(t, persona, s2s.Config{Bidi: bidi, Dialback: &s2s.Dialback{}})
					for i := range 20 {
						m.fed.Send(t.Context(), text(fmt.Sprint(i)))
						m.p.Send(hello(i))
					}
					time.Sleep(time.Minute) // one of them is slow
					for i := range 20 {
						m.p.Expect(fmt.Sprintf(`<message><body>%d</body></message>`, i))
						if s := <-m.got; s.Body() != fmt.Sprint(i) {
							t.Fatalf("got %s, want %d", s, i)
						}
					}
					pong := m.p.Request(`<iq type="get" id="1" from="montague.example" to="capulet.example"><ping xmlns="urn:xmpp:ping"/></iq>`)
					if pong.Type != stanza.Result {
						t.Errorf("got %s", pong)
					}
					m.p.Quiet(time.Hour)
				})
			})
		}
	}
}
