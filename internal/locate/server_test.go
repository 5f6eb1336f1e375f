package locate

import (
	"context"
	"encoding/binary"
	"net"
	"net/netip"
	"sync"
	"testing"

	"github.com/miekg/dns"

	"isthmus.im/internal/memnet"
)

// zone answers a question; what it returns is sent as it is.
type zone func(network string, q *dns.Msg) []*dns.Msg

// server is a DNS server on a loopback port, or behind Dial in memory.
type server struct {
	addr string

	mu    sync.Mutex
	zone  zone
	asked map[string]int // questions by network, type and name
}

func (s *server) answer(network string, q *dns.Msg) []*dns.Msg {
	s.mu.Lock()
	if s.asked == nil {
		s.asked = make(map[string]int)
	}
	s.asked[network+" "+dns.TypeToString[q.Question[0].Qtype]+" "+q.Question[0].Name]++
	z := s.zone
	s.mu.Unlock()
	return z(network, q)
}

// count returns how often a question like "udp A a.example." was asked.
func (s *server) count(q string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked[q]
}

func (s *server) set(z zone) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.zone = z
}

// serve starts a server for UDP and TCP on one loopback port.
func serve(t testing.TB, z zone) *server {
	t.Helper()
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	udp, err := net.ListenPacket("udp", tcp.Addr().String())
	for range 20 { // the port may be taken for UDP alone
		if err == nil {
			break
		}
		tcp.Close()
		if tcp, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
			t.Fatal(err)
		}
		udp, err = net.ListenPacket("udp", tcp.Addr().String())
	}
	if err != nil {
		t.Fatal(err)
	}
	s := &server{addr: tcp.Addr().String(), zone: z}
	for _, d := range []*dns.Server{{PacketConn: udp}, {Listener: tcp}} {
		network := "udp"
		if d.Listener != nil {
			network = "tcp"
		}
		d.Handler = dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
			for _, m := range s.answer(network, q) {
				w.WriteMsg(m)
			}
		})
		started := make(chan struct{})
		d.NotifyStartedFunc = func() { close(started) }
		go d.ActivateAndServe()
		<-started
		t.Cleanup(func() { d.Shutdown() })
	}
	return s
}

// dialer connects to servers in memory: one write is one message there, as
// the reader takes it before the next.
func dialer(servers map[string]*server) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		to := net.TCPAddrFromAddrPort(netip.MustParseAddrPort(address))
		near, far := memnet.Pipe(&net.TCPAddr{}, to)
		go func() {
			defer far.Close()
			buf := make([]byte, 64<<10)
			for {
				n, err := far.Read(buf)
				if err != nil {
					return
				}
				wire := buf[:n]
				if network == "tcp" {
					wire = wire[2:]
				}
				q := new(dns.Msg)
				if q.Unpack(wire) != nil {
					return
				}
				for _, m := range servers[address].answer(network, q) {
					out, err := m.Pack()
					if err != nil {
						return
					}
					if network == "tcp" {
						out = append(binary.BigEndian.AppendUint16(nil, uint16(len(out))), out...)
					}
					far.Write(out)
				}
			}
		}()
		return near, nil
	}
}

// reply makes an answer of records in zone file notation; a SOA goes to the
// authority section.
func reply(q *dns.Msg, records ...string) *dns.Msg {
	m := new(dns.Msg)
	m.SetReply(q)
	m.RecursionAvailable = true
	for _, r := range records {
		rr, err := dns.NewRR(r)
		if err != nil {
			panic(err)
		}
		if rr.Header().Rrtype == dns.TypeSOA {
			m.Ns = append(m.Ns, rr)
		} else {
			m.Answer = append(m.Answer, rr)
		}
	}
	return m
}

func failing(q *dns.Msg, rcode int, records ...string) *dns.Msg {
	m := reply(q, records...)
	m.Rcode = rcode
	return m
}

// always answers every question with the records.
func always(records ...string) zone {
	return func(_ string, q *dns.Msg) []*dns.Msg { return []*dns.Msg{reply(q, records...)} }
}

func alwaysFailing(rcode int, records ...string) zone {
	return func(_ string, q *dns.Msg) []*dns.Msg { return []*dns.Msg{failing(q, rcode, records...)} }
}

func silent(string, *dns.Msg) []*dns.Msg { return nil }
