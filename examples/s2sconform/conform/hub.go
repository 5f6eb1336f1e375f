package conform

import (
	"net"
	"strings"
	"sync"
	"time"

	"isthmus.im/examples/s2sconform/wire"
)

// hub accepts what the target opens and gives each stream to the scenario whose
// domain its header asks for.
type hub struct {
	l       net.Listener
	running sync.WaitGroup

	mu     sync.Mutex
	byName map[string]*driver
	conns  map[net.Conn]bool
	closed bool
}

func newHub(l net.Listener) *hub {
	h := &hub{l: l, byName: make(map[string]*driver), conns: make(map[net.Conn]bool)}
	h.running.Add(1)
	go h.accept()
	return h
}

func (h *hub) accept() {
	defer h.running.Done()
	for {
		c, err := h.l.Accept()
		if err != nil {
			return
		}
		h.mu.Lock()
		if h.closed {
			h.mu.Unlock()
			c.Close()
			return
		}
		h.conns[c] = true
		h.running.Add(1)
		h.mu.Unlock()
		go h.sort(c)
	}
}

// sort reads the header of a connection. Until then nobody knows whose it is.
func (h *hub) sort(c net.Conn) {
	defer h.running.Done()
	log := new(wire.Log)
	s := wire.New(c, "in", log)
	e := s.Next(time.Now().Add(30 * time.Second))
	h.mu.Lock()
	delete(h.conns, c)
	var d *driver
	if e.Kind == wire.Header {
		d = h.byName[strings.ToLower(e.Node.Attr("to"))]
	}
	h.mu.Unlock()
	if d == nil || !d.incoming(s, e) {
		s.Close()
	}
}

// claim makes streams to a domain go to a scenario.
func (h *hub) claim(domain string, d *driver) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.byName[strings.ToLower(domain)] = d
}

// release undoes all claims of a scenario.
func (h *hub) release(d *driver) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for name, other := range h.byName {
		if other == d {
			delete(h.byName, name)
		}
	}
}

func (h *hub) close() {
	h.l.Close()
	h.mu.Lock()
	h.closed = true
	for c := range h.conns {
		c.Close()
	}
	h.mu.Unlock()
	h.running.Wait()
}
