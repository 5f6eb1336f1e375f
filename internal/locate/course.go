package locate

import (
	"net/netip"
	"slices"
	"time"
)

// resolutionDelay is how long the IPv4 addresses of a host wait for its IPv6
// addresses, RFC 8305 section 3.
const resolutionDelay = 50 * time.Millisecond

// The families of addresses, in the order of preference.
const (
	ipv6 = iota
	ipv4
	families
)

// host is a target on the course.
type host struct {
	target  Target
	addrs   [families][]netip.Addr // not yet tried
	pending [families]bool         // still being looked up
	known   [families]time.Time    // when the answer came
	begun   time.Time              // when the lookups began; zero: not yet
	found   bool                   // there has been an address
	failure error                  // of the lookups
	last    int                    // the family tried last, ipv4 at first
}

func newHost(t Target) *host {
	h := &host{target: t, last: ipv4}
	if ip, err := netip.ParseAddr(t.Host); err == nil {
		h.begun, h.found = time.Unix(0, 0), true
		h.add(ip)
	}
	return h
}

// add puts an address behind the others of its family.
func (h *host) add(ip netip.Addr) {
	family := ipv6
	if ip = ip.Unmap(); ip.Is4() {
		family = ipv4
	}
	h.addrs[family] = append(h.addrs[family], ip)
}

func (h *host) waiting() bool { return h.pending[ipv6] || h.pending[ipv4] }
func (h *host) empty() bool   { return len(h.addrs[ipv6])+len(h.addrs[ipv4]) == 0 }

// take removes the next address: the families take turns, IPv6 first. The
// host is not empty.
func (h *host) take() netip.Addr {
	h.last = families - 1 - h.last
	if len(h.addrs[h.last]) == 0 {
		h.last = families - 1 - h.last
	}
	ip := h.addrs[h.last][0]
	h.addrs[h.last] = h.addrs[h.last][1:]
	return ip
}

// course decides which address is tried next: by priority; within a priority
// the hosts take turns, in their order, with one address of each family
// (XEP-0495 section 4, RFC 8305 section 4). Hosts are looked up when they are
// reached. One that keeps the course waiting for a step is passed over and
// comes first as soon as it is known. A course does nothing by itself.
type course struct {
	ahead []Target // not reached yet
	open  []*host  // reached, in the order of their turns
	step  time.Duration
	begin func(*host) // starts the lookups of a host
}

// done reports that there is nothing left to try or to wait for.
func (c *course) done() bool { return len(c.ahead) == 0 && len(c.open) == 0 }

// next returns what to try at a time. If that is nothing, again says when to
// ask again, lookups apart; zero is not before one of them ends.
func (c *course) next(now time.Time) (t Target, ip netip.Addr, ok bool, again time.Time) {
	for i := 0; ; i++ {
		if i == len(c.open) && !c.reach() {
			return Target{}, netip.Addr{}, false, time.Time{}
		}
		h := c.open[i]
		if h.begun.IsZero() {
			h.begun = now
			h.pending = [families]bool{true, true}
			c.begin(h)
		}
		ready := now
		switch {
		case h.empty():
			ready = h.begun.Add(c.step) // then it is passed over
		case len(h.addrs[ipv6]) == 0 && h.pending[ipv6]:
			ready = h.known[ipv4].Add(resolutionDelay)
		}
		if now.Before(ready) {
			return Target{}, netip.Addr{}, false, ready
		}
		if !h.empty() {
			ip = h.take()
			c.turn(i)
			return h.target, ip, true, time.Time{}
		}
	}
}

// reach opens the next priority.
func (c *course) reach() bool {
	if len(c.ahead) == 0 {
		return false
	}
	n := 1
	for n < len(c.ahead) && c.ahead[n].Priority == c.ahead[0].Priority {
		n++
	}
	for _, t := range c.ahead[:n] {
		c.open = append(c.open, newHost(t))
	}
	c.ahead = c.ahead[n:]
	return true
}

// turn ends the turn of open[i], unless its second family is still to come: it
// goes behind the others of its priority, or away if nothing is left of it.
func (c *course) turn(i int) {
	h := c.open[i]
	if h.last == ipv6 && (len(h.addrs[ipv4]) > 0 || h.pending[ipv4]) {
		return
	}
	c.open = slices.Delete(c.open, i, i+1)
	if h.empty() && !h.waiting() {
		return
	}
	for i < len(c.open) && c.open[i].target.Priority == h.target.Priority {
		i++
	}
	c.open = slices.Insert(c.open, i, h)
}

// learn takes the answer to one lookup of a host. It returns an error when
// that was the last and the host has no address at all.
func (c *course) learn(h *host, family int, ips []netip.Addr, err error, now time.Time) error {
	h.pending[family] = false
	h.known[family] = now
	for _, ip := range ips {
		if ip.Unmap().Is4() == (family == ipv4) { // some resolvers return both
			h.add(ip)
			h.found = true
		}
	}
	if err == nil && len(ips) == 0 {
		err = noSuchHost(h.target.Host)
	}
	if err != nil && (h.failure == nil || notFound(h.failure)) {
		h.failure = err
	}
	if h.waiting() || !h.empty() {
		return nil
	}
	c.open = slices.DeleteFunc(c.open, func(o *host) bool { return o == h })
	if h.found {
		return nil
	}
	if h.failure == nil {
		h.failure = noSuchHost(h.target.Host)
	}
	return h.failure
}
