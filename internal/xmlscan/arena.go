package xmlscan

import "sync"

// Arena lends memory to the Scanners that have something to scan, so that many
// mostly idle streams need little of it. The zero Arena is ready to use; it is safe
// for concurrent use.
type Arena struct {
	pool sync.Pool // *workspace
}

// workspace is what a Scanner holds only while it is busy.
type workspace struct {
	buf            []byte
	attrs, elAttrs []attr
	frames         []frame
	ns             []decl
	scratch        []byte
	out            []Attr
	fixed          []byte
}

const (
	arenaBuffer = 16 << 10 // what a fresh buffer holds
	arenaLimit  = 64 << 10 // the largest buffer worth keeping
)

func (a *Arena) get() *workspace {
	if w, ok := a.pool.Get().(*workspace); ok {
		return w
	}
	return &workspace{buf: make([]byte, 0, arenaBuffer)}
}

// put takes back what s works in. What a token made large is left to the
// garbage collector.
func (a *Arena) put(s *Scanner) {
	w := s.work
	if w == nil || cap(s.buf) > arenaLimit || cap(s.fixed) > arenaLimit || cap(s.scratch) > arenaLimit {
		return
	}
	clear(s.out[:cap(s.out)])
	*w = workspace{s.buf[:0], s.attrs[:0], s.el.attrs[:0], s.frames[:0], s.ns[:0], s.scratch[:0], s.out[:0], s.fixed[:0]}
	a.pool.Put(w)
}

// take makes a Scanner work in w.
func (s *Scanner) take(w *workspace) {
	s.work = w
	s.buf, s.tok = w.buf, 0
	s.attrs, s.frames, s.ns, s.scratch = w.attrs, w.frames, w.ns, w.scratch
	s.el.attrs = w.elAttrs
	s.out, s.fixed = w.out, w.fixed
}
