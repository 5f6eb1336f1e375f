package conform

import (
	"context"
	"crypto/rand"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"isthmus.im/examples/s2sconform/wire"
)

// driver is the suite's side of one scenario: a server of a domain of its own.
type driver struct {
	*play
	ctx    context.Context
	log    *wire.Log
	target string // the domain to check
	domain string // ours
	offer  offer  // to streams that the target opens

	box box // what arrives on streams that are read in the background

	mu      sync.Mutex
	closers []func()
	byHand  bool // streams that the target opens wait for next
	conns   int
	closed  bool
	serving sync.WaitGroup
	waiting chan *stream // buffered
	ids     int
	kept    int // stanzas of the target's stream that we say we have handled when it resumes that
}

func newDriver(ctx context.Context, p *play, log *wire.Log) *driver {
	p.mu.Lock()
	p.n++
	n := p.n
	p.mu.Unlock()
	d := &driver{play: p, ctx: ctx, log: log, target: p.env.Target.Domain, waiting: make(chan *stream, 64)}
	d.box.arrived = make(chan struct{}, 1)
	d.domain = d.sibling(strconv.Itoa(n))
	d.claim(d.domain)
	return d
}

// newTag returns a part of a domain label that was not used before.
func newTag() string { return "c" + strings.ToLower(rand.Text()[:5]) }

// sibling returns another domain right below ours.
func (d *driver) sibling(label string) string { return d.tag + "-" + label + "." + d.env.Domain }

// second returns a second domain of this scenario's, which the certificate for
// the first does not name.
func (d *driver) second() string {
	first, rest, _ := strings.Cut(d.domain, ".")
	return d.claim(first + "b." + rest)
}

// claim makes streams that the target opens to a domain come to this scenario.
func (d *driver) claim(domain string) string {
	d.hub.claim(domain, d)
	return domain
}

// later keeps f for the end of the scenario.
func (d *driver) later(f func()) {
	d.mu.Lock()
	closed := d.closed
	if !closed {
		d.closers = append(d.closers, f)
	}
	d.mu.Unlock()
	if closed {
		f()
	}
}

// close ends all streams of the scenario, the newest first, and waits for what
// serves them.
func (d *driver) close() {
	d.hub.release(d)
	d.mu.Lock()
	d.closed = true
	closers := d.closers
	d.closers = nil
	d.mu.Unlock()
	for i := len(closers) - 1; i >= 0; i-- {
		closers[i]()
	}
	d.serving.Wait()
}

// fail ends the scenario: a MUST is not kept.
func (d *driver) fail(format string, args ...any) {
	panic(verdict{Fails, fmt.Sprintf(format, args...)})
}

// deviate ends the scenario: a SHOULD is not kept.
func (d *driver) deviate(format string, args ...any) {
	panic(verdict{Deviates, fmt.Sprintf(format, args...)})
}

// skip ends the scenario: it cannot be told, or does not apply.
func (d *driver) skip(format string, args ...any) {
	panic(verdict{Skipped, fmt.Sprintf(format, args...)})
}

// deadline is until when to wait for what ought to happen now.
func (d *driver) deadline() time.Time { return time.Now().Add(d.env.patience()) }

// soon is until when to wait for what ought not to happen.
func (d *driver) soon() time.Time { return time.Now().Add(min(2*time.Second, d.env.patience())) }

// id returns a new id for a stanza.
func (d *driver) id() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.ids++
	return d.tag + "-" + strconv.Itoa(d.ids)
}

// fill writes the domains into a text: {me} is ours, {it} the target's.
func (d *driver) fill(text string) string {
	return strings.NewReplacer("{me}", d.domain, "{it}", d.target).Replace(text)
}

// quotable shortens what is quoted in a verdict.
func quotable(text string) string {
	if len(text) > 200 {
		return text[:200] + "..."
	}
	return text
}
