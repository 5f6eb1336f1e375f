package xmlscan

// Limits bounds what one peer can make a Scanner hold. A zero or negative field
// takes the default named beside it. Whatever exceeds a limit is refused with
// policy-violation.
type Limits struct {
	// Bytes is the largest element or stream header, in bytes as received; it
	// also bounds Inner. Default 524288 (512 KiB), at most 1 GiB.
	Bytes int
	// Depth is the deepest nesting; a child of the stream has depth 1. Default 64.
	Depth int
	// Attrs is the number of attributes of one tag, namespace declarations
	// included. Default 64.
	Attrs int
	// Name is the length in bytes of a qualified name, and of a namespace name.
	// Default 1024.
	Name int
	// Prefixes is the number of prefix declarations in scope at one place, those
	// of the stream header included. Default 128.
	Prefixes int
}

const maxBytes = 1 << 30

func (l Limits) withDefaults() Limits {
	def := func(p *int, n int) {
		if *p <= 0 {
			*p = n
		}
	}
	def(&l.Bytes, 512<<10)
	def(&l.Depth, 64)
	def(&l.Attrs, 64)
	def(&l.Name, 1024)
	def(&l.Prefixes, 128)
	l.Bytes = min(l.Bytes, maxBytes)
	return l
}
