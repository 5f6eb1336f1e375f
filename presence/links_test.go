package presence

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"isthmus.im/jid"
)

// idle is a stream error that says whether it was for want of anything to say.
type idle bool

func (i idle) Error() string { return fmt.Sprintf("idle: %t", bool(i)) }
func (i idle) Idle() bool    { return bool(i) }

func TestLinks(t *testing.T) {
	montague, verona := romeo.Host(), jid.MustParse("verona.example")
	var told []string
	l := &Links{
		Lost: func(d jid.JID) { told = append(told, "lost "+d.String()) },
		Back: func(d jid.JID) { told = append(told, "back "+d.String()) },
	}
	broken := errors.New("connection reset")
	for _, tt := range []struct {
		what string
		do   func()
		want []string
	}{
		{"the first stream", func() { l.Opened(romeo) }, []string{"back montague.example"}},
		{"another", func() { l.Opened(montague) }, nil},
		{"of another domain", func() { l.Opened(verona) }, []string{"back verona.example"}},
		{"one of two breaks", func() { l.Closed(montague, broken) }, nil},
		{"the last breaks", func() { l.Closed(montague, broken) }, []string{"lost montague.example"}},
		{"it is back", func() { l.Opened(montague) }, []string{"back montague.example"}},
		{"closed in good order", func() { l.Closed(montague, nil) }, nil},
		{"opened again", func() { l.Opened(montague) }, []string{"back montague.example"}},
		{"closed by the peer, idle", func() { l.Closed(montague, fmt.Errorf("stream: %w", idle(true))) }, nil},
		{"opened again", func() { l.Opened(montague) }, []string{"back montague.example"}},
		{"a stream error", func() { l.Closed(montague, idle(false)) }, []string{"lost montague.example"}},
		{"the other domain breaks", func() { l.Closed(verona, broken) }, []string{"lost verona.example"}},
	} {
		told = nil
		tt.do()
		same(t, tt.what, told, tt.want...)
	}
	if n := len(l.domains); n != 0 {
		t.Errorf("%d domains kept", n)
	}
	(&Links{}).Opened(romeo)
}

// What is told last is true, and what is told while somebody else is told, is told
// after it.
func TestLinksInOrder(t *testing.T) {
	var l *Links
	var told []string
	l = &Links{
		Lost: func(jid.JID) { told = append(told, "lost"); l.Opened(romeo); told = append(told, "opened") },
		Back: func(jid.JID) { told = append(told, "back") },
	}
	l.Opened(romeo)
	l.Closed(romeo, errors.New("connection reset"))
	same(t, "told", told, "back", "lost", "opened", "back")

	var mu sync.Mutex
	lost := false
	l = &Links{
		Lost: func(jid.JID) { mu.Lock(); lost = true; mu.Unlock() },
		Back: func(jid.JID) { mu.Lock(); lost = false; mu.Unlock() },
	}
	var all sync.WaitGroup
	for n := range 8 {
		all.Go(func() {
			for range 200 {
				l.Opened(romeo)
				l.Closed(romeo, errors.New("connection reset"))
			}
			if n == 0 {
				l.Opened(romeo)
			}
		})
	}
	all.Wait()
	if lost || l.domains[romeo.Domain()].streams != 1 {
		t.Errorf("one stream is open, lost: %t, %+v", lost, l.domains)
	}
}
