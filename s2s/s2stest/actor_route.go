package s2stest

import (
	"context"
	"fmt"
	"net"
	"time"
)

// post queues something for a domain, and writes it if it can.
func (a *actor) post(domain string, i item) {
	a.mu.Lock()
	r := a.routes[domain]
	if r == nil {
		r = new(route)
		a.routes[domain] = r
	}
	if i.st != nil && time.Now().Before(r.refuse) {
		a.mu.Unlock()
		a.giveUp([]item{i}, r.reached)
		return
	}
	r.items = append(r.items, i)
	l := r.line
	if l == nil && !r.busy && a.ctx.Err() == nil {
		r.busy = true
		a.running.Go(func() { a.connect(domain, r) })
	}
	a.mu.Unlock()
	if l != nil {
		a.flush(l, r)
	}
}

// flush writes what waits.
func (a *actor) flush(l *line, r *route) {
	l.fmu.Lock()
	defer l.fmu.Unlock()
	for {
		a.mu.Lock()
		if r.line != l {
			a.mu.Unlock()
			return
		}
		items := r.items
		r.items = nil
		a.mu.Unlock()
		if len(items) == 0 {
			a.wrote(l)
			return
		}
		for _, i := range items {
			l.put(i.raw)
		}
	}
}

// connect opens the stream of a route and reads it.
func (a *actor) connect(domain string, r *route) {
	l := a.dial(domain)
	ok := l != nil && a.open(l)
	a.mu.Lock()
	r.busy = false
	if !ok {
		items := r.items
		r.items = nil
		reached := r.reached
		a.mu.Unlock()
		if l != nil {
			l.close()
		}
		a.failed(a, domain)
		a.giveUp(items, reached)
		return
	}
	if r.line == nil { // one of the other side's may serve both ways since
		r.line = l
	}
	r.reached = true
	a.mu.Unlock()
	defer l.close()
	a.flush(l, r)
	l.read()
}

// attach lets a line that the other side opened carry stanzas both ways.
func (a *actor) attach(l *line) {
	a.mu.Lock()
	r := a.routes[l.remote]
	if r == nil {
		r = new(route)
		a.routes[l.remote] = r
	}
	if r.line == nil {
		r.line = l
	}
	r.reached = true
	a.mu.Unlock()
	a.flush(l, r)
}

// giveUp tells the senders of stanzas that they cannot be delivered.
func (a *actor) giveUp(items []item, reached bool) {
	for _, i := range items {
		if i.st == nil {
			continue
		}
		if b := a.bounce(i.st, reached); b != nil {
			a.take(b)
		}
	}
}

// lost forgets a line. What waits is for the next.
func (a *actor) lost(l *line) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.lines, l)
	for _, r := range a.routes {
		if r.line == l {
			r.line = nil
		}
	}
}

func (a *actor) stop() {
	a.listener.Close()
	a.mu.Lock()
	lines := make([]*line, 0, len(a.lines))
	for l := range a.lines {
		lines = append(lines, l)
	}
	a.mu.Unlock()
	for _, l := range lines {
		a.leave(l)
	}
	a.close()
}

func (a *actor) close() {
	a.listener.Close()
	a.cancel()
	a.mu.Lock()
	for l := range a.lines {
		l.sock.Close()
	}
	a.mu.Unlock()
	a.running.Wait()
}

// target is a server of a domain.
type target struct {
	host   string
	port   uint16
	direct bool
}

// services returns the targets of one kind of SRV record.
func (a *actor) services(service, domain string) (list []target, records []*net.SRV) {
	_, records, err := a.dns.LookupSRV(a.ctx, service, "tcp", domain)
	if err != nil {
		return nil, nil
	}
	for _, s := range records {
		if s.Target != "." {
			list = append(list, target{s.Target, s.Port, service == "xmpps-server"})
		}
	}
	return list, records
}

// dial connects to the first server of a domain that listens, as a personality
// does that does not race.
func (a *actor) dial(domain string) *line {
	name := ascii(a.n.t, []string{domain})[0]
	for _, t := range a.targets(a, name) {
		addrs, err := a.dns.LookupNetIP(a.ctx, "ip", t.host)
		if err != nil {
			continue
		}
		for _, addr := range addrs {
			ctx, cancel := context.WithTimeout(a.ctx, patience)
			c, err := a.n.Dialer(a.domain).DialContext(ctx, "tcp", net.JoinHostPort(addr.String(), fmt.Sprint(t.port)))
			cancel()
			if err != nil {
				continue
			}
			l := a.newLine(c, domain)
			if !t.direct || l.secure(name) {
				return l
			}
			l.close()
		}
	}
	return nil
}
