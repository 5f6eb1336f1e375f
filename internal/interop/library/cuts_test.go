package library

import (
	"context"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"isthmus.im/internal/interop"
	"isthmus.im/s2s"
	"isthmus.im/stanza"
)

// What is written to a connection that leads nowhere any more is written again to
// the next one: Prosody says what it has, and of ejabberd, which does not, the
// last half minute is in doubt, and of that the last Limits.Unconfirmed stanzas.
// So messages may come twice, and none is lost.
func TestCutsLoseNothing(t *testing.T) {
	const messages, cuts = 2_000, 3
	kit := interop.Open(t)
	var wire cutter
	s := startConfig(t, kit, func(cfg *s2s.Config) { cfg.Dialer = &wire })
	kit.EachPeer(t, func(t *testing.T, p *interop.Peer) {
		client := kit.Login(t, p, p.Users[2], "--no-sm")
		client.Do(t, interop.Command{"do": "archive", "default": "never"})
		alice, remote := address(t, "alice@"+domain), address(t, client.Address)
		client.Do(t, interop.Command{"do": "gather", "from": alice.String(), "prefix": "out"})
		for i := range messages {
			s.sendWhenRoom(t, stanza.Text(alice, remote, fmt.Sprintf("out %d", i)))
			const every = messages / (cuts + 1)
			switch place := i % every; {
			case i < every:
			case place == 0:
				s.say(t, client, fmt.Sprintf("before message %d", i)) // all up to here has arrived
				wire.swallow()
			case place == every/4:
				interop.Until(t, time.Minute, "something is lost", func() bool { return wire.swallowed.Load() > 0 })
				wire.cut()
			}
		}
		reply := client.Do(t, interop.Command{"do": "collect", "prefix": "out", "count": messages, "timeout": 30, "repeats": true})
		t.Logf("%s: %s", p.Name, reply.Line)
		if n := len(s.messages); n > 0 {
			t.Errorf("%d messages came back, the first is %s", n, <-s.messages)
		}
	})
}

// cutter is a Dialer whose connections can stop to lead anywhere.
type cutter struct {
	net.Dialer
	writes    atomic.Int64 // to all connections
	swallowed atomic.Int64 // bytes, since the last cut

	mu   sync.Mutex
	open []*cuttable
}

type cuttable struct {
	net.Conn
	of   *cutter
	dead atomic.Bool
}

func (c *cutter) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := c.Dialer.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	one := &cuttable{Conn: conn, of: c}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.open = append(c.open, one)
	return one, nil
}

// swallow makes the connections that there are take what is written without
// passing it on.
func (c *cutter) swallow() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, one := range c.open {
		one.dead.Store(true)
	}
}

// cut closes the connections.
func (c *cutter) cut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, one := range c.open {
		one.Conn.Close()
	}
	c.open = nil
	c.swallowed.Store(0)
}

func (c *cuttable) Write(b []byte) (int, error) {
	c.of.writes.Add(1)
	if c.dead.Load() {
		c.of.swallowed.Add(int64(len(b)))
		return len(b), nil
	}
	return c.Conn.Write(b)
}
