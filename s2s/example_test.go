package s2s_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"strings"

	"isthmus.im/jid"
	"isthmus.im/s2s"
	"isthmus.im/s2s/s2stest"
	"isthmus.im/stanza"
	"isthmus.im/stanza/disco"
)

// network is one in memory for examples, which have no *testing.T.
type network struct {
	*s2stest.Network
	ctx     context.Context
	cancel  context.CancelFunc
	cleanup []func()
}

func newNetwork() *network {
	n := &network{}
	n.ctx, n.cancel = context.WithCancel(context.Background())
	n.Network = s2stest.NewNetwork(n)
	return n
}

// end is to be deferred.
func (n *network) end() {
	n.cancel()
	for i := len(n.cleanup) - 1; i >= 0; i-- {
		n.cleanup[i]()
	}
}

func (n *network) Helper()                           {}
func (n *network) Errorf(format string, args ...any) { n.Fatalf(format, args...) }
func (n *network) Fatalf(format string, args ...any) { panic(fmt.Sprintf(format, args...)) }
func (n *network) Failed() bool                      { return false } // it would have panicked
func (n *network) Cleanup(f func())                  { n.cleanup = append(n.cleanup, f) }
func (n *network) Context() context.Context          { return n.ctx }
func (n *network) Output() io.Writer                 { return io.Discard }

// A chat service with one user, and another server's user who writes to her.
func Example() {
	internet := newNetwork() // one in memory, with DNS, an authority and another server
	defer internet.end()

	juliet := jid.MustParse("juliet@capulet.example")
	inbox := make(chan *stanza.Stanza)
	mux := stanza.NewMux()
	mux.HandleMessage("", stanza.MessageFunc(func(ctx context.Context, m *stanza.Stanza) error {
		inbox <- m // a service stores it; an error would go back to its sender
		return nil
	}))
	fed, err := s2s.New(s2s.Config{
		Domains: []string{"capulet.example"},
		TLS:     &tls.Config{Certificates: []tls.Certificate{internet.Certificate("capulet.example")}},
		Users: s2s.DirectoryFunc(func(ctx context.Context, user jid.JID) (bool, error) {
			return user == juliet, nil
		}),
		Handler: mux,
		// The real internet needs none of the following.
		Verifier: s2s.PKIX{Roots: internet.Roots()},
		Resolver: internet.Resolver(),
		Dialer:   internet.Dialer("capulet.example"),
		Reach:    s2s.Reach{Private: true},
		Logger:   slog.New(slog.DiscardHandler),
	})
	if err != nil {
		log.Fatal(err)
	}
	go fed.Serve(internet.Listen("capulet.example")) // there: fed.Run(ctx), on port 5269
	defer fed.Close()

	romeo := internet.Peer("montague.example")
	romeo.Send(`<message from="romeo@montague.example" to="juliet@capulet.example"><body>but soft</body></message>`)
	m := <-inbox
	fmt.Println(m.From, "wrote:", m.Body())

	if err := fed.Send(context.Background(), stanza.Text(juliet, m.From, "art thou not Romeo?")); err != nil {
		log.Fatal(err)
	}
	fmt.Println("and read:", romeo.Next().Body())
	// Output:
	// romeo@montague.example wrote: but soft
	// and read: art thou not Romeo?
}

// A bridge between XMPP and mail: every mailbox has an address at a domain that
// has no users of its own.
func Example_bridge() {
	internet := newNetwork()
	defer internet.end()

	outgoing := make(chan string, 1)
	mux := stanza.NewMux()
	mux.HandleMessage("", stanza.MessageFunc(func(ctx context.Context, m *stanza.Stanza) error {
		mailbox := jid.UnescapeLocal(m.To.Local())
		switch {
		case m.Type == stanza.TypeError:
			return nil // a message of the bridge was not delivered
		case !strings.Contains(mailbox, "@"):
			return stanza.Errorf(stanza.ItemNotFound, "%q is no mail address", mailbox)
		}
		outgoing <- mailbox + ": " + m.Body()
		return nil
	}))
	bridge := internet.Server(s2s.Config{Services: []string{"mail.example"}, Handler: mux})

	romeo := internet.Peer("montague.example")
	romeo.Send(`<message from="romeo@montague.example" to="ann\40corp.example@mail.example"><body>hello</body></message>`)
	fmt.Println(<-outgoing)

	from, err := jid.New(jid.EscapeLocal("ann@corp.example"), "mail.example", "")
	if err != nil {
		log.Fatal(err)
	}
	if err := bridge.Send(context.Background(), stanza.Text(from, romeo.JID("romeo"), "Re: hello")); err != nil {
		log.Fatal(err)
	}
	fmt.Println(romeo.Next().From)

	romeo.Send(`<message from="romeo@montague.example" to="ann@mail.example"><body>hello?</body></message>`)
	fmt.Println(romeo.Next().Err())
	// Output:
	// ann@corp.example: hello
	// ann\40corp.example@mail.example
	// stanza: item-not-found (cancel): "ann" is no mail address
}

// A server asks other domains what they can do.
func ExampleServer_Request() {
	internet := newNetwork()
	defer internet.end()
	fed := internet.Server(s2s.Config{Domains: []string{"capulet.example"}, Handler: stanza.NewMux()})
	internet.Server(s2s.Config{Domains: []string{"montague.example"}, Handler: stanza.NewMux()})

	for _, domain := range []string{"montague.example", "nowhere.example"} {
		// GetInfo makes the iq and calls fed.Request.
		info, err := disco.GetInfo(context.Background(), fed, jid.MustParse("capulet.example"), jid.MustParse(domain), "")
		switch {
		case errors.Is(err, &stanza.Error{Condition: stanza.RemoteServerNotFound}):
			fmt.Println(domain, "does not exist")
		case err != nil:
			fmt.Println(err)
		default:
			fmt.Println(domain, "answers pings:", info.Has("urn:xmpp:ping"))
		}
	}
	// Output:
	// montague.example answers pings: true
	// nowhere.example does not exist
}
