package chat

import (
	"context"
	"sync"

	"isthmus.im/jid"
	"isthmus.im/s2s"
)

// links tells presence when a link with another domain breaks, and when it is
// back. What streams report is taken from them at once and told by a goroutine,
// since they must not wait.
type links struct {
	p    *people
	news chan link
	ctx  context.Context // ends when the service does
	quit context.CancelFunc
	once sync.Once
	done sync.WaitGroup
}

type link struct {
	domain jid.JID
	broken bool
}

func newLinks(p *people) *links {
	l := &links{p: p, news: make(chan link, 1024)}
	l.ctx, l.quit = context.WithCancel(context.Background())
	return l
}

func (l *links) opened(i s2s.StreamInfo) { l.tell(link{i.Remote, false}) }

func (l *links) closed(i s2s.StreamInfo, err error) {
	if err != nil { // otherwise nobody had anything to say
		l.tell(link{i.Remote, true})
	}
}

// tell drops what is too much: presence is asked for again when users come
// online.
func (l *links) tell(n link) {
	select {
	case l.news <- n:
	default:
	}
}

// start announces the users who were there, and begins to listen.
func (p *people) start() {
	p.links.once.Do(func() {
		p.links.done.Go(func() {
			p.restore(p.links.ctx)
			p.links.run()
		})
	})
}

func (l *links) run() {
	broken := make(map[jid.JID]bool)
	for {
		select {
		case <-l.ctx.Done():
			return
		case n := <-l.news:
			switch {
			case n.broken && !broken[n.domain]:
				broken[n.domain] = true
				l.p.presence.DomainLost(n.domain)
				l.p.nodes.DomainLost(n.domain)
			case !n.broken && broken[n.domain]:
				delete(broken, n.domain)
				l.p.presence.DomainBack(n.domain)
			}
		}
	}
}

// stop says goodbye to everybody's contacts.
func (p *people) stop(ctx context.Context) error {
	p.links.once.Do(func() {}) // it does not start any more
	p.links.quit()
	p.links.done.Wait()
	return p.leave(ctx)
}
