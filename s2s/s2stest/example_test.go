package s2stest_test

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"isthmus.im/jid"
	"isthmus.im/s2s"
	"isthmus.im/s2s/s2stest"
	"isthmus.im/stanza"
)

// program is a TB for programs that are no tests. A test passes its
// *testing.T instead.
type program struct {
	ctx     context.Context
	cancel  context.CancelFunc
	cleanup []func()
}

func newProgram() *program {
	p := &program{}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	return p
}

// end is to be deferred.
func (p *program) end() {
	p.cancel()
	for len(p.cleanup) > 0 {
		last := len(p.cleanup) - 1
		f := p.cleanup[last]
		p.cleanup = p.cleanup[:last]
		f()
	}
}

func (p *program) Helper()                           {}
func (p *program) Errorf(format string, args ...any) { p.Fatalf(format, args...) }
func (p *program) Fatalf(format string, args ...any) { panic(fmt.Sprintf(format, args...)) }
func (p *program) Failed() bool                      { return false } // it would have panicked
func (p *program) Cleanup(f func())                  { p.cleanup = append(p.cleanup, f) }
func (p *program) Context() context.Context          { return p.ctx }
func (p *program) Output() io.Writer                 { return io.Discard }

// The test of a service that greets whoever writes to it.
func Example() {
	t := newProgram() // in a test: its *testing.T
	defer t.end()

	mux := stanza.NewMux()
	mux.HandleMessage("", stanza.HandlerFunc(func(_ context.Context, m *stanza.Stanza) (*stanza.Stanza, error) {
		return stanza.Text(m.To, m.From, "Hello, "+m.From.Local()+"!"), nil
	}))
	_, romeo := s2stest.Pair(t, s2s.Config{Services: []string{"bot.example"}, Handler: mux}, "montague.example")

	romeo.Send(`<message from="romeo@montague.example/orchard" to="bot.example"><body>hi</body></message>`)
	answer := romeo.Expect(`<message from="bot.example" to="romeo@montague.example/orchard" id="*"><body>{greeting}</body></message>`)
	fmt.Println(answer.Type, romeo.Captured("greeting"))

	pong := romeo.Request(`<iq type="get" id="1" from="romeo@montague.example" to="bot.example"><ping xmlns="urn:xmpp:ping"/></iq>`)
	fmt.Println(pong.Type)
	// Output:
	// chat Hello, romeo!
	// result
}

// What the users of a service learn while a remote domain is out of reach.
func Example_outage() {
	t := newProgram() // in a test: its *testing.T
	defer t.end()

	inbox := make(chan *stanza.Stanza, 1)
	mux := stanza.NewMux()
	mux.HandleMessage("", stanza.MessageFunc(func(_ context.Context, m *stanza.Stanza) error {
		inbox <- m
		return nil
	}))
	network := s2stest.NewNetwork(t)
	fed := network.Server(s2s.Config{
		Domains: []string{"capulet.example"},
		Handler: mux,
		Limits:  s2s.Limits{QueueAge: 50 * time.Millisecond}, // unset: 5 minutes
	})
	network.Peer("montague.example")

	network.Cut("capulet.example", "montague.example")
	m := stanza.Text(jid.MustParse("juliet@capulet.example"), jid.MustParse("romeo@montague.example"), "art thou there?")
	fmt.Println("accepted:", fed.Send(t.Context(), m) == nil)
	bounce := <-inbox
	fmt.Println("to", bounce.To, "from", bounce.From)
	fmt.Println(bounce.Err())
	// Output:
	// accepted: true
	// to juliet@capulet.example from romeo@montague.example
	// stanza: remote-server-timeout (wait): no connection to montague.example
}

// The test of a bridge: on one side there are stanzas, on the other whatever it
// bridges to, here a channel of lines.
func Example_bridge() {
	t := newProgram() // in a test: its *testing.T
	defer t.end()

	lines := make(chan string, 10)
	bridge := stanza.HandlerFunc(func(_ context.Context, m *stanza.Stanza) (*stanza.Stanza, error) {
		if m.Kind != stanza.Message || m.Body() == "" {
			return nil, nil
		}
		channel := jid.UnescapeLocal(m.To.Local())
		if channel != "#verona" {
			return nil, stanza.Errorf(stanza.ItemNotFound, "no channel %s here", channel)
		}
		lines <- "<" + m.From.Local() + "> " + m.Body()
		return nil, nil
	})
	fed, romeo := s2stest.Pair(t, s2s.Config{Services: []string{"irc.example"}, Handler: bridge}, "montague.example")

	// From XMPP ...
	romeo.Send(`<message from="romeo@montague.example/orchard" to="#verona@irc.example"><body>peace?</body></message>`)
	fmt.Println(<-lines)
	romeo.Send(`<message from="romeo@montague.example/orchard" to="#mantua@irc.example" id="7"><body>hi</body></message>`)
	refusal := romeo.Expect(`<message type="error" id="7"><error><item-not-found/></error></message>`)
	fmt.Println(refusal.Err())

	// ... and back.
	tybalt, err := jid.New("#verona", "irc.example", "tybalt")
	if err != nil {
		t.Fatalf("tybalt: %v", err)
	}
	if err := fed.Send(t.Context(), stanza.Text(tybalt, romeo.JID("romeo"), "I hate the word")); err != nil {
		t.Fatalf("send: %v", err)
	}
	romeo.Expect(`<message from="#verona@irc.example/tybalt"><body>I hate the word</body></message>`)
	// Output:
	// <romeo> peace?
	// stanza: item-not-found (cancel): no channel #mantua here
}

// What becomes of a peer that lies about who it is. [Peer.Attack] tries a great
// many more such things.
func Example_hostile() {
	t := newProgram() // in a test: its *testing.T
	defer t.end()

	mux := stanza.NewMux()
	mux.HandleMessage("", stanza.MessageFunc(func(_ context.Context, m *stanza.Stanza) error {
		fmt.Println("deceived by", m.From)
		return nil
	}))
	network := s2stest.NewNetwork(t)
	network.Server(s2s.Config{Domains: []string{"capulet.example"}, Handler: mux})

	mallory := network.Raw("mallory.example", "capulet.example")
	mallory.Authenticate() // as itself
	mallory.Put(`<message from="romeo@montague.example" to="juliet@capulet.example"><body>it is I</body></message>`)
	answer := mallory.Rest()
	fmt.Println(strings.Contains(answer, "<invalid-from"), strings.HasSuffix(answer, "</stream:stream>"))
	// Output:
	// true true
}

// A service among servers of other kinds.
func ExampleNetwork_PeerLike() {
	t := newProgram() // in a test: its *testing.T
	defer t.end()

	echo := stanza.HandlerFunc(func(_ context.Context, m *stanza.Stanza) (*stanza.Stanza, error) {
		return stanza.Text(m.To, m.From, m.Body()), nil
	})
	network := s2stest.NewNetwork(t)
	network.Server(s2s.Config{Services: []string{"echo.example"}, Handler: echo})
	for _, like := range []s2stest.Personality{s2stest.Prosody, s2stest.Ejabberd} {
		domain := strings.ToLower(like.String()) + ".example"
		peer := network.PeerLike(like, domain)
		peer.Send(`<message from="romeo@` + domain + `" to="echo.example"><body>but soft</body></message>`)
		peer.Expect(`<message to="romeo@` + domain + `"><body>but soft</body></message>`)
		fmt.Println(like, "is heard")
	}
	// Output:
	// Prosody is heard
	// ejabberd is heard
}
