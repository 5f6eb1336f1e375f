package s2s

// ring is a growing circular buffer of entries. The zero ring is empty.
type ring struct {
	buf    []entry
	head   int
	n      int
	popped uint64 // entries that have left by the front, ever
}

func (r *ring) at(i int) *entry { return &r.buf[(r.head+i)&(len(r.buf)-1)] }

func (r *ring) push(e entry) {
	if r.n == len(r.buf) {
		bigger := make([]entry, max(8, 2*len(r.buf)))
		for i := range r.n {
			bigger[i] = *r.at(i)
		}
		r.buf, r.head = bigger, 0
	}
	r.n++
	*r.at(r.n - 1) = e
}

// pop removes the oldest entry.
func (r *ring) pop() entry {
	p := r.at(0)
	e := *p
	*p = entry{}
	r.head = (r.head + 1) & (len(r.buf) - 1)
	r.n--
	r.popped++
	return e
}

// remove takes the i-th entry out.
func (r *ring) remove(i int) entry {
	e := *r.at(i)
	for ; i > 0; i-- {
		*r.at(i) = *r.at(i - 1)
	}
	r.pop()
	return e
}
