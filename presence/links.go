package presence

import (
	"errors"
	"sync"

	"isthmus.im/jid"
)

// Links finds out from a host's streams when the link with a domain breaks and when it
// is back, for [Service.DomainLost] and [Service.DomainBack]. There may be several
// streams with one domain, and the link is broken when the last of them ends by an
// error. One that ends in good order, or that the peer ends because nothing was said,
// breaks nothing: whoever has something to say opens the next.
//
// With package s2s:
//
//	links := &presence.Links{Lost: people.DomainLost, Back: people.DomainBack}
//	trace := &s2s.Trace{
//		StreamOpen:  func(i s2s.StreamInfo) { links.Opened(i.Remote) },
//		StreamClose: func(i s2s.StreamInfo, err error) { links.Closed(i.Remote, err) },
//	}
//
// Only domains with open streams take up memory. Links is safe for concurrent use if
// its functions are; they must not change once the first stream is open.
type Links struct {
	// Lost is called when the last stream with a domain ends by an error, and Back when
	// the first one opens, also when Lost was not called before. Of one domain they are
	// called one after the other, without a lock held, by whoever calls Opened or Closed,
	// which may be about another stream. Nil: nobody is told.
	Lost, Back func(domain jid.JID)

	mu      sync.Mutex
	domains map[string]*link
}

// link is what is kept of a domain while it has streams, or somebody is being told.
type link struct {
	streams    int
	lost, back bool // to be told, in this order
	busy       bool // somebody tells
}

// Opened says that a stream with a domain is open.
func (l *Links) Opened(domain jid.JID) {
	l.count(domain, func(k *link) {
		k.streams++
		k.back = k.back || k.streams == 1
	})
}

// Closed says that a stream of which Opened was called has ended, and by which error;
// nil: in good order. An error that has a method Idle, as s2s.StreamError does, says
// by it whether the stream ended only because it was idle.
func (l *Links) Closed(domain jid.JID, err error) {
	var reason interface{ Idle() bool }
	failed := err != nil && !(errors.As(err, &reason) && reason.Idle())
	l.count(domain, func(k *link) {
		k.streams = max(k.streams-1, 0)
		if k.streams == 0 && failed {
			k.lost, k.back = true, false
		}
	})
}

// count changes what is known of a domain and tells what follows.
func (l *Links) count(domain jid.JID, change func(k *link)) {
	name := domain.Domain()
	l.mu.Lock()
	defer l.mu.Unlock()
	k := l.domains[name]
	if k == nil {
		if l.domains == nil {
			l.domains = make(map[string]*link)
		}
		k = &link{}
		l.domains[name] = k
	}
	change(k)
	if k.busy {
		return
	}
	k.busy = true
	for k.lost || k.back {
		lost, back := k.lost, k.back
		k.lost, k.back = false, false
		l.mu.Unlock()
		if lost && l.Lost != nil {
			l.Lost(domain.Host())
		}
		if back && l.Back != nil {
			l.Back(domain.Host())
		}
		l.mu.Lock()
	}
	k.busy = false
	if k.streams == 0 {
		delete(l.domains, name)
	}
}
