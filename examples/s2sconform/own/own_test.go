package own_test

import (
	"context"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"

	"isthmus.im/examples/s2sconform/conform"
	"isthmus.im/examples/s2sconform/own"
	"isthmus.im/internal/memnet"
)

// memory is a network in memory.
type memory struct {
	mu   sync.Mutex
	all  map[string]*memnet.Listener
	used uint16
}

func (m *memory) port() *net.TCPAddr {
	m.used++
	return net.TCPAddrFromAddrPort(netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, 1}), m.used))
}

func (m *memory) Listen() (net.Listener, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	l := memnet.NewListener(m.port())
	if m.all == nil {
		m.all = make(map[string]*memnet.Listener)
	}
	m.all[l.Addr().String()] = l
	return l, nil
}

func (m *memory) DialContext(ctx context.Context, _, address string) (net.Conn, error) {
	m.mu.Lock()
	l, from := m.all[address], m.port()
	m.mu.Unlock()
	if l == nil {
		return nil, syscall.ECONNREFUSED
	}
	c, err := l.Dial(ctx, from)
	if err != nil {
		return nil, err
	}
	return c, nil
}

// notOffered are scenarios about what a server of default settings does not offer.
var notOffered = map[string]string{"dialback-verify": "dialback is not offered"}

// The library passes every scenario, in virtual time.
func TestConformance(t *testing.T) {
	for _, s := range conform.Scenarios() {
		t.Run(s.ID, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				env, stop, err := own.Start(new(memory), slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug})))
				if err != nil {
					t.Fatal(err)
				}
				r := conform.One(t.Context(), env, s)
				stop()
				if why := notOffered[s.ID]; why != "" && r.Outcome == conform.Skipped && r.Detail == why {
					return
				}
				if r.Outcome != conform.Passes {
					t.Errorf("%s: %s: %s\n%s", r.Clause, r.Outcome, r.Detail, strings.Join(r.Transcript, "\n"))
				}
			})
		})
	}
}
