package s2stest_test

import (
	"context"
	"fmt"
	"io"
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

// A service that greets whoever writes to it, and a remote server to try it.
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
	net := s2stest.NewNetwork(t)
	fed := net.Server(s2s.Config{
		Domains: []string{"capulet.example"},
		Handler: mux,
		Limits:  s2s.Limits{QueueAge: 50 * time.Millisecond}, // unset: 5 minutes
	})
	net.Peer("montague.example")

	net.Cut("capulet.example", "montague.example")
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
