package s2s

import (
	"fmt"
	"math"
	"time"
)

// Limits bounds what a peer, or an unreachable peer, may cost. A zero field
// takes the default in its comment; a negative one is refused by [New].
type Limits struct {
	StanzaBytes     int           // size of one inbound stanza; 512 KiB
	PreAuthBytes    int           // the same before the peer has authenticated; 10,000 bytes
	Depth           int           // nesting within a stanza; 64
	Queue           int           // stanzas waiting per route; 10,000
	QueueBytes      int           // their size per route; 16 MiB
	TotalQueue      int           // stanzas held on all routes, waiting or written and not acknowledged; 1,000,000
	TotalQueueBytes int           // memory of these, estimated; 256 MiB
	QueueAge        time.Duration // how long a stanza waits for its domain to be reachable, and to take it; 5 min
	Unconfirmed     int           // written stanzas kept for a stream whose peer does not acknowledge, to be sent again should it die; 512
	Unacknowledged  int           // written stanzas that await the peer's acknowledgement (XEP-0198); 8,192
	Ack             time.Duration // time for the peer to answer a request for acknowledgement, and for it to say whether it acknowledges; 30 s
	Resume          time.Duration // how long the count of a broken inbound stream is kept for its resumption (XEP-0198); 5 min
	Resumable       int           // broken streams of which it is; 10,000
	Lane            int           // stanzas waiting per (from, to) pair for the handler; 1,024
	LaneWait        time.Duration // how long a full lane holds up its stream before it refuses; 2 s
	Streams         int           // inbound streams; 100,000
	Negotiating     int           // inbound streams that have not authenticated, before the oldest of them is closed; 1,024
	Negotiation     time.Duration // time to authenticate, and to connect to one target; 30 s
	Connecting      int           // attempts to connect to remote domains at a time, an eighth of them to one registered domain, before others wait; 256
	Write           time.Duration // time for one write to make its way into the network; 60 s
	Idle            time.Duration // silence after which a stream is closed; 10 min
	KeepAlive       time.Duration // silence after which a stream that this server opened is checked, never if that is Idle or more; 5 min
	Close           time.Duration // time for the peer to answer a closing tag; 5 s
	HandlerTime     time.Duration // life of a handler's context; 30 s
	Domains         int           // pairs of domains that a peer may send for on one stream by Server Dialback (XEP-0220); 64
	Verifications   int           // dialback keys being verified; 256
	Verification    time.Duration // time to have a dialback key verified; 20 s
	Document        int           // size of a document from a web server (POSH); 64 KiB
	Fetch           time.Duration // time to get such a document; 10 s
	Identities      int           // remembered ways in which domains proved themselves, one for each direction; 10,000
	Requests        int           // requests waiting for their answers; 100,000
	SessionBytes    int           // size of what waits to be read by a session; 4 MiB
	SessionSent     int           // requests of a session that may be answered yet, and as many of its other stanzas that errors may come for; 4,096

	// What one remote domain, or one address, may use of the server, so that the
	// others find it as fast as ever. Domains below one registered domain, such as
	// montague.example and rooms.montague.example, count as one (by the public suffix
	// list, as in golang.org/x/net/publicsuffix); so do the addresses of one IPv6
	// network of 64 bits. Behind a proxy that hides addresses, set those of addresses
	// to what all may use together.
	//
	// A domain that sends too much is read more slowly, and nothing is lost. Streams
	// too many end with the stream error resource-constraint, before TLS where the
	// address says it all, and are not opened where it would be us who opened them;
	// requests for subscriptions are answered with
	// resource-constraint. Twice the bytes and stanzas, and ten times the streams and
	// requests, may come at once after a while without.
	DomainQueue         int // stanzas of one remote domain waiting for the handler, before no more is read from its streams; 4,096
	DomainHandlers      int // handlers running for one remote domain; 256
	DomainBytes         int // bytes read per second from one remote domain; 4 MiB
	DomainStanzas       int // stanzas read per second from one remote domain; 5,000
	DomainStreams       int // inbound streams of one remote domain; 1,000
	DomainNewStreams    int // new ones per second; 50
	DomainOutgoing      int // streams to one remote domain and attempts to open one; 1,000
	DomainSubscriptions int // requests for subscriptions per minute from one remote domain; 60
	AddressStreams      int // inbound streams from one address; 10,000
	AddressNewStreams   int // new ones per second; 100
	AddressNegotiating  int // those that have not authenticated; 256
}

// fill gives every zero field its default.
func (l *Limits) fill() error {
	ints := []struct {
		name string
		v    *int
		d    int
	}{
		{"StanzaBytes", &l.StanzaBytes, 512 << 10},
		{"PreAuthBytes", &l.PreAuthBytes, 10_000},
		{"Depth", &l.Depth, 64},
		{"Queue", &l.Queue, 10_000},
		{"QueueBytes", &l.QueueBytes, 16 << 20},
		{"TotalQueue", &l.TotalQueue, 1_000_000},
		{"TotalQueueBytes", &l.TotalQueueBytes, 256 << 20},
		{"Unconfirmed", &l.Unconfirmed, 512},
		{"Unacknowledged", &l.Unacknowledged, 8192},
		{"Resumable", &l.Resumable, 10_000},
		{"Lane", &l.Lane, 1024},
		{"DomainQueue", &l.DomainQueue, 4096},
		{"DomainHandlers", &l.DomainHandlers, 256},
		{"Streams", &l.Streams, 100_000},
		{"Negotiating", &l.Negotiating, 1024},
		{"Connecting", &l.Connecting, 256},
		{"Domains", &l.Domains, 64},
		{"Verifications", &l.Verifications, 256},
		{"Document", &l.Document, 64 << 10},
		{"Identities", &l.Identities, 10_000},
		{"Requests", &l.Requests, 100_000},
		{"SessionBytes", &l.SessionBytes, 4 << 20},
		{"SessionSent", &l.SessionSent, 4096},
		{"DomainBytes", &l.DomainBytes, 4 << 20},
		{"DomainStanzas", &l.DomainStanzas, 5000},
		{"DomainStreams", &l.DomainStreams, 1000},
		{"DomainNewStreams", &l.DomainNewStreams, 50},
		{"DomainOutgoing", &l.DomainOutgoing, 1000},
		{"DomainSubscriptions", &l.DomainSubscriptions, 60},
		{"AddressStreams", &l.AddressStreams, 10_000},
		{"AddressNewStreams", &l.AddressNewStreams, 100},
		{"AddressNegotiating", &l.AddressNegotiating, 256},
	}
	for _, f := range ints {
		if *f.v < 0 || *f.v > math.MaxInt32 {
			return fmt.Errorf("s2s: Limits.%s is %d", f.name, *f.v)
		}
		if *f.v == 0 {
			*f.v = f.d
		}
	}
	durations := []struct {
		name string
		v    *time.Duration
		d    time.Duration
	}{
		{"QueueAge", &l.QueueAge, 5 * time.Minute},
		{"Ack", &l.Ack, 30 * time.Second},
		{"Resume", &l.Resume, 5 * time.Minute},
		{"LaneWait", &l.LaneWait, 2 * time.Second},
		{"Negotiation", &l.Negotiation, 30 * time.Second},
		{"Write", &l.Write, time.Minute},
		{"Idle", &l.Idle, 10 * time.Minute},
		{"KeepAlive", &l.KeepAlive, 5 * time.Minute},
		{"Close", &l.Close, 5 * time.Second},
		{"Fetch", &l.Fetch, 10 * time.Second},
		{"HandlerTime", &l.HandlerTime, 30 * time.Second},
		{"Verification", &l.Verification, 20 * time.Second},
	}
	for _, f := range durations {
		if *f.v < 0 {
			return fmt.Errorf("s2s: Limits.%s is %v", f.name, *f.v)
		}
		if *f.v == 0 {
			*f.v = f.d
		}
	}
	return nil
}
