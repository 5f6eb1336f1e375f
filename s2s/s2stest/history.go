package s2stest

import (
	"slices"
	"time"

	"isthmus.im/stanza"
)

// history are the last stanzas, the oldest first.
type history []note

type note struct {
	at   time.Time
	sent bool
	text string
}

// kept is how many stanzas of each direction a failure shows.
const kept = 10

func (h *history) add(n note) {
	same := 0
	first := -1
	for i, o := range *h {
		if o.sent == n.sent {
			same++
			if first < 0 {
				first = i
			}
		}
	}
	if same == kept {
		*h = slices.Delete(*h, first, first+1)
	}
	*h = append(*h, n)
}

func (p *Peer) note(sent bool, s *stanza.Stanza) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.history.add(note{time.Now(), sent, s.String()})
}

// past describes the history.
func (p *Peer) past() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.history) == 0 {
		return "nothing was sent or received before"
	}
	text := "the last stanzas of " + p.domain.String() + ":"
	for _, n := range p.history {
		way := "got "
		if n.sent {
			way = "sent"
		}
		text += "\n" + n.at.Format("15:04:05.000") + " " + way + " " + n.text
	}
	return text
}
