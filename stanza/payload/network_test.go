package payload_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"isthmus.im/s2s/s2stest"
	"isthmus.im/stanza"
	"isthmus.im/stanza/disco"
	"isthmus.im/stanza/payload"
)

// polls is what the services of one kind have in common.
func polls() *payload.Registry {
	var ext payload.Registry
	payload.Register(&ext, "https://chat.example/ns/poll poll", payload.Codec[Poll]{
		Render: func(p Poll, m *stanza.Stanza) error { return payload.SetBody(m, "Poll: "+p.Question) },
	})
	return &ext
}

// Three domains: one of the same kind, which announces the extension; one that has never
// heard of it; and one that cannot be reached, for which the message waits.
func TestExtensionToThreeDomains(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := s2stest.NewNetwork(t)
		ext := polls()
		capulet := network.Peer("capulet.example").Server()
		out := &payload.Sender{Extensions: ext, Ask: capulet, Out: capulet}

		got := make(chan *stanza.Stanza, 2)
		service := func(domain string, announces ...string) {
			mux := stanza.NewMux()
			mux.HandleMessage("", stanza.HandlerFunc(func(_ context.Context, m *stanza.Stanza) (*stanza.Stanza, error) {
				got <- m
				return nil, nil
			}))
			mux.Advertise(announces...)
			d := disco.Service{Features: mux}
			d.Register(mux)
			network.Peer(domain).Handle(mux)
		}
		service("kin.example", ext.Features()...)
		service("plain.example")
		gone := network.Peer("gone.example")
		gone.Stop()

		for _, tt := range []struct{ domain, want string }{
			{"kin.example", `<poll xmlns="https://chat.example/ns/poll" question="Cake?"></poll>`},
			{"plain.example", `<body>Poll: Cake?</body>`},
		} {
			for range 2 { // asked, and known
				if err := out.Send(t.Context(), cake(t, ext, tt.domain)); err != nil {
					t.Fatal(err)
				}
				m := <-got
				want := tt.want + "<origin-id xmlns='" + payload.NSStanzaID + "' id='" + m.ID + "'/>" // the server's
				if m.To.Domain() != tt.domain || string(m.Inner) != want {
					t.Errorf("%s got %s, want %s", tt.domain, m, want)
				}
			}
		}

		begin := time.Now()
		if err := out.Send(t.Context(), cake(t, ext, "gone.example")); err != nil {
			t.Fatal(err)
		}
		if d := time.Since(begin); d > 10*time.Second {
			t.Errorf("a domain that is down was waited for for %v", d)
		}
		gone.Start()
		gone.ExpectAll( // the question, which nobody waits for any more, in either order
			`<iq type="get" to="gone.example"/>`,
			`<message to="romeo@gone.example"><body>Poll: Cake?</body></message>`,
		)
	})
}

// cake is a message with an extension and nothing else.
func cake(t *testing.T, ext *payload.Registry, domain string) *stanza.Stanza {
	t.Helper()
	m := stanza.MustParse(`<message from="juliet@capulet.example/balcony" to="romeo@` + domain + `"/>`)
	if err := ext.Append(m, Poll{Question: "Cake?"}); err != nil {
		t.Fatal(err)
	}
	return m
}
