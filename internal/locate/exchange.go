package locate

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"strings"
	"time"

	"github.com/miekg/dns"
)

// udpSize is the size of answers we take over UDP, the value that avoids
// fragments.
const udpSize = 1232

var errForged = errors.New("answer to another question")

// ask sends a question to one server: over UDP, and over TCP if the answer
// did not fit. A server that stumbles over EDNS(0) is asked without
// (RFC 6891 section 7). With TrustAD the question has both the AD bit, which
// asks whether the answer is authentic (RFC 6840 section 5.7), and the DO bit,
// without which some resolvers do not tell.
func (c *Client) ask(ctx context.Context, server string, q question) (*dns.Msg, error) {
	m, err := c.exchange(ctx, server, q, true)
	if err == nil && m.IsEdns0() == nil && (m.Rcode == dns.RcodeFormatError || m.Rcode == dns.RcodeNotImplemented) {
		m, err = c.exchange(ctx, server, q, false)
	}
	return m, err
}

func (c *Client) exchange(ctx context.Context, server string, q question, edns bool) (*dns.Msg, error) {
	query := &dns.Msg{
		MsgHdr:   dns.MsgHdr{Id: dns.Id(), RecursionDesired: true, AuthenticatedData: c.TrustAD},
		Question: []dns.Question{{Name: q.name, Qtype: q.qtype, Qclass: dns.ClassINET}},
	}
	if edns {
		query.SetEdns0(udpSize, c.TrustAD)
	}
	wire, err := query.Pack()
	if err != nil {
		return nil, err
	}
	m, err := c.overUDP(ctx, server, query, wire)
	if err == nil && m.Truncated {
		m, err = c.overTCP(ctx, server, query, wire)
	}
	return m, err
}

// dial connects to a server for one question. The connection ends by the time
// limit or with ctx.
func (c *Client) dial(ctx context.Context, network, server string) (net.Conn, func(), error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout())
	dial := c.Dial
	if dial == nil {
		dial = new(net.Dialer).DialContext
	}
	conn, err := dial(ctx, network, server)
	if err != nil {
		cancel()
		return nil, nil, err
	}
	stop := context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })
	return conn, func() {
		stop()
		cancel()
		conn.Close()
	}, nil
}

// overUDP waits for the answer that matches and ignores any other, which may
// be late or forged.
func (c *Client) overUDP(ctx context.Context, server string, query *dns.Msg, wire []byte) (*dns.Msg, error) {
	conn, done, err := c.dial(ctx, "udp", server)
	if err != nil {
		return nil, err
	}
	defer done()
	if _, err := conn.Write(wire); err != nil {
		return nil, err
	}
	buf := make([]byte, 64<<10)
	for {
		n, err := conn.Read(buf)
		if err != nil {
			return nil, err
		}
		if m, err := parseAnswer(buf[:n], query); err == nil {
			return m, nil
		}
	}
}

func (c *Client) overTCP(ctx context.Context, server string, query *dns.Msg, wire []byte) (*dns.Msg, error) {
	conn, done, err := c.dial(ctx, "tcp", server)
	if err != nil {
		return nil, err
	}
	defer done()
	framed := binary.BigEndian.AppendUint16(make([]byte, 0, 2+len(wire)), uint16(len(wire)))
	if _, err := conn.Write(append(framed, wire...)); err != nil {
		return nil, err
	}
	var size [2]byte
	if _, err := io.ReadFull(conn, size[:]); err != nil {
		return nil, err
	}
	buf := make([]byte, binary.BigEndian.Uint16(size[:]))
	if _, err := io.ReadFull(conn, buf); err != nil {
		return nil, err
	}
	return parseAnswer(buf, query)
}

// parseAnswer checks that a message answers the query: its id and its one
// question. Of a truncated message only that much is read.
func parseAnswer(wire []byte, query *dns.Msg) (*dns.Msg, error) {
	m := new(dns.Msg)
	if err := m.Unpack(wire); err != nil && !m.Truncated {
		return nil, err
	}
	if m.Id != query.Id || !m.Response || m.Opcode != dns.OpcodeQuery {
		return nil, errForged
	}
	if len(m.Question) == 0 && m.Rcode != dns.RcodeSuccess && m.Rcode != dns.RcodeNameError {
		return m, nil // some servers refuse with a bare header
	}
	if len(m.Question) != 1 {
		return nil, errForged
	}
	got, want := m.Question[0], query.Question[0]
	if got.Qtype != want.Qtype || got.Qclass != want.Qclass || !strings.EqualFold(got.Name, want.Name) {
		return nil, errForged
	}
	return m, nil
}
