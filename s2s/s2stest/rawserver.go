package s2stest

import (
	"net"
	"time"
)

// RawServer is where the servers of others connect to a domain whose side of
// the conversation the test writes itself.
type RawServer struct {
	n      *Network
	domain string
	l      net.Listener
}

// RawServer listens for a domain. It closes with the test.
func (n *Network) RawServer(domain string) *RawServer {
	n.t.Helper()
	return &RawServer{n, domain, n.Listen(domain)}
}

// Accept waits for the next connection, up to 30 seconds. Its streams come
// from any server; the first header that the test reads with Authenticate says
// which.
func (s *RawServer) Accept() *RawStream {
	s.n.t.Helper()
	type result struct {
		c   net.Conn
		err error
	}
	got := make(chan result, 1)
	go func() {
		c, err := s.l.Accept()
		got <- result{c, err}
	}()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case r := <-got:
		if r.err != nil {
			s.n.t.Fatalf("s2stest: %s: %v", s.domain, r.err)
		}
		return s.n.wrap(r.c, s.domain, "", true)
	case <-timer.C:
		s.n.t.Fatalf("s2stest: nobody connected to %s within %v", s.domain, patience)
		return nil
	}
}

// Close ends it before the test does. New connections are refused then.
func (s *RawServer) Close() { s.l.Close() }
