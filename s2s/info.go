package s2s

import (
	"cmp"
	"net/netip"
	"slices"
	"time"

	"isthmus.im/jid"
	"isthmus.im/stanza"
)

// StreamInfo describes one authenticated stream.
type StreamInfo struct {
	ID            string // the stream's id, as in both sides' logs
	Local, Remote jid.JID
	Addr          netip.AddrPort // the peer's
	Outgoing      bool           // opened by this server
	Bidi          bool           // stanzas travel both ways (XEP-0288)
	SM            bool           // what this server sends, or what it receives, is acknowledged (XEP-0198)
	Mechanism     string         // how the initiating side authenticated: "EXTERNAL", or "dialback" (XEP-0220)
	Others        []Route        // further pairs of domains that the peer may send for (XEP-0220 section 2.6)
	Assurance     Assurance      // how the peer proved its domain
	Since         time.Time
	In, Out       uint64 // stanzas received and sent
}

// Streams returns the authenticated streams, ordered by remote domain, local
// domain and direction (incoming first).
func (s *Server) Streams() []StreamInfo {
	list := append(s.streams(false), s.streams(true)...)
	infos := make([]StreamInfo, len(list))
	for i, c := range list {
		infos[i] = c.info()
	}
	slices.SortFunc(infos, func(a, b StreamInfo) int {
		direction := 0
		if a.Outgoing != b.Outgoing {
			direction = 1
			if b.Outgoing {
				direction = -1
			}
		}
		return cmp.Or(a.Remote.Compare(b.Remote), a.Local.Compare(b.Local), direction, a.Since.Compare(b.Since))
	})
	return infos
}

func (c *conn) info() StreamInfo {
	return StreamInfo{
		ID: c.id, Local: c.local, Remote: c.remote, Addr: c.addr(), Outgoing: c.out, Bidi: c.bidi, SM: c.managed(), Mechanism: c.mechanism,
		Others: c.dialback.Load().pairs(), Assurance: c.assurance, Since: c.since,
		In: c.in.Load(), Out: c.sent.Load(),
	}
}

// managed reports whether the stream is under stream management.
func (c *conn) managed() bool {
	if !c.out || c.link == nil { // the link of another may be set at any time
		return c.counting.Load()
	}
	c.link.mu.Lock()
	defer c.link.mu.Unlock()
	return c.acks.state == acksOn
}

// traceOut returns the function that reports written stanzas; nil if nobody
// asked for it.
func (s *Server) traceOut(c *conn) func(*stanza.Stanza) {
	t := s.trace.StanzaOut
	if t == nil {
		return nil
	}
	info := c.info()
	return func(st *stanza.Stanza) { t(info, st) }
}
