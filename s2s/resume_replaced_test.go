package s2s_test

import (
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"isthmus.im/internal/memnet"
	"isthmus.im/jid"
	"isthmus.im/s2s"
	"isthmus.im/s2s/s2stest"
	"isthmus.im/stanza"
)

// resumable enables resumption on a stream and returns its id.
func resumable(r *s2stest.RawStream) string {
	r.Put("<enable xmlns='urn:xmpp:sm:3' resume='true'/>")
	seen := r.Expect("max='300'/>")
	id := seen[strings.LastIndex(seen, " id='")+len(" id='"):]
	id, _, _ = strings.Cut(id, "'")
	return id
}

// The peer of a stream that another resumes while it is open is told so, and gets
// the time to close it; what it sends there meanwhile does not count (XEP-0198
// section 5).
func TestStreamThatIsReplaced(t *testing.T) {
	const message = `<message from="romeo@montague.example" to="juliet@capulet.example"><body>but soft</body></message>`
	const wait = 4 * time.Second
	for _, c := range []struct {
		name string
		then string // what the peer of the old stream does when it has read the error
		took time.Duration
	}{
		{"and closes it", "</stream:stream>", 0},
		{"and goes on", message, wait},
		{"and says nothing", "", wait},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := s2stest.NewNetwork(t)
				mux, got := inbox()
				var mu sync.Mutex
				var causes []error
				fed := n.Server(s2s.Config{Domains: []string{here}, Handler: mux, Limits: s2s.Limits{Close: wait}, Trace: &s2s.Trace{
					StreamClose: func(_ s2s.StreamInfo, err error) {
						mu.Lock()
						defer mu.Unlock()
						causes = append(causes, err)
					},
				}})
				romeo := n.Peer(there)
				first, second := romeo.Raw(here), romeo.Raw(here)
				first.Authenticate()
				second.Authenticate()
				id := resumable(first)
				first.Put(message)
				<-got
				begin := time.Now()
				second.Put("<resume xmlns='urn:xmpp:sm:3' h='0' previd='" + id + "'/>")
				second.Expect("<resumed xmlns='urn:xmpp:sm:3' previd='" + id + "' h='1'/>")
				first.Expect("<stream:error><conflict xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>")
				first.Expect("</stream:error></stream:stream>")
				if c.then != "" {
					first.Put(c.then)
				}
				first.Rest()
				if took := time.Since(begin); took != c.took {
					t.Errorf("the old connection lived for %v, want %v", took, c.took)
				}
				mu.Lock()
				if want := "[s2s: stream error sent: conflict (another stream has resumed this one)]"; fmt.Sprint(causes) != want {
					t.Errorf("ended by %v, want %s", causes, want)
				}
				mu.Unlock()
				second.Put("<r xmlns='urn:xmpp:sm:3'/>")
				second.Expect(" h='1'/>")
				if len(got) > 0 || len(fed.Streams()) != 1 {
					t.Errorf("%d more messages, %d streams", len(got), len(fed.Streams()))
				}
			})
		})
	}
}

// jammed is a connection of which nothing that is written leaves any more, once it
// is stuck.
type jammed struct {
	net.Conn
	stuck  atomic.Bool
	full   net.Conn // never read from
	closed atomic.Int64
}

func (c *jammed) Write(b []byte) (int, error) {
	if c.stuck.Load() {
		return c.full.Write(b)
	}
	return c.Conn.Write(b)
}

func (c *jammed) SetWriteDeadline(t time.Time) error {
	c.full.SetWriteDeadline(t)
	return c.Conn.SetWriteDeadline(t)
}

func (c *jammed) SetDeadline(t time.Time) error {
	c.full.SetWriteDeadline(t)
	return c.Conn.SetDeadline(t)
}

func (c *jammed) Close() error {
	c.closed.CompareAndSwap(0, time.Now().UnixNano())
	c.full.Close()
	return c.Conn.Close()
}

// jamListener accepts such connections.
type jamListener struct {
	*memnet.Listener
	accepted chan *jammed
}

func (l *jamListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	full, _ := net.Pipe()
	s := &jammed{Conn: c, full: full}
	l.accepted <- s
	return s, nil
}

// A stream on a dead connection delays nothing when another resumes it, whether
// something is being written to it or not, and is given up in time.
func TestDeadStreamThatIsReplaced(t *testing.T) {
	const wait = 4 * time.Second
	for _, c := range []struct {
		name string
		put  string        // that the old stream reads when it is stuck
		took time.Duration // until its connection is closed
	}{
		{"nothing is being written", "", wait},
		{"an acknowledgement is", "<r xmlns='urn:xmpp:sm:3'/>", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := s2stest.NewNetwork(t)
				mux, got := inbox()
				fed := n.Server(s2s.Config{Domains: []string{here}, Handler: mux, Limits: s2s.Limits{Close: wait}})
				romeo := n.Peer(there)
				l := &jamListener{memnet.NewListener(&net.TCPAddr{IP: net.IPv4(10, 9, 9, 9), Port: 5269}), make(chan *jammed, 2)}
				done := make(chan struct{})
				go func() {
					defer close(done)
					fed.Serve(l)
				}()
				defer func() { l.Close(); <-done }()
				open := func() (*s2stest.RawStream, *jammed) {
					conn, err := l.Dial(t.Context(), &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 50000})
					if err != nil {
						t.Fatal(err)
					}
					r := romeo.Wrap(conn, here)
					r.Authenticate()
					return r, <-l.accepted
				}
				first, dead := open()
				second, _ := open()
				id := resumable(first)
				first.Put(`<message from="romeo@montague.example" to="juliet@capulet.example"><body>but soft</body></message>`)
				<-got
				dead.stuck.Store(true)
				first.Put(c.put)
				synctest.Wait()
				begin := time.Now()
				second.Put("<resume xmlns='urn:xmpp:sm:3' h='0' previd='" + id + "'/>")
				second.Expect("<resumed xmlns='urn:xmpp:sm:3' previd='" + id + "' h='1'/>")
				if took := time.Since(begin); took != 0 {
					t.Errorf("it took %v", took)
				}
				time.Sleep(time.Minute)
				if took := time.Unix(0, dead.closed.Load()).Sub(begin); took != c.took {
					t.Errorf("the dead connection was closed after %v, want %v", took, c.took)
				}
			})
		})
	}
}

// A peer that ends a stream because another has resumed it gets a new one at once,
// and on that what it has not acknowledged: nothing is held against it.
func TestConflictIsNoFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := s2stest.NewNetwork(t)
		fed := n.Server(s2s.Config{Domains: []string{here}, Handler: stanza.NewMux()})
		w := &world{t: t, n: n}
		var r reader
		var ended time.Time
		streams := 0
		w.script(func(conn net.Conn) {
			s := w.sm(conn)
			s.expect("<enable", "<enabled xmlns='urn:xmpp:sm:3' resume='true' id='x'/>")
			if streams++; streams > 1 {
				r.run(s)
				return
			}
			s.expect("0</body>", "<a xmlns='urn:xmpp:sm:3' h='1'/>")
			s.expect("2</body>", "")
			time.Sleep(time.Minute / 6)
			ended = time.Now()
			s.expect("", streamError("conflict"))
			hold(s)
		})
		for i := range 3 {
			fed.Send(t.Context(), text("juliet@"+here, "romeo@"+there, fmt.Sprint(i)))
		}
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		if got := strings.Join(r.bodies, " "); got != "1 2" || streams != 2 || r.at[0] != ended {
			t.Errorf("%q at %v on %d streams, the first of which ended at %v", got, r.at, streams, ended)
		}
		if list := fed.Streams(); len(list) != 1 || list[0].Remote != jid.MustParse(there) {
			t.Errorf("streams: %+v", list)
		}
	})
}
