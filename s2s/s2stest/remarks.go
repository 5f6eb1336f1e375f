package s2stest

import "bytes"

// remarks takes comments and processing instructions out of XML, for
// personalities that ignore them.
type remarks struct {
	held  []byte // the beginning of what may be one
	until string // what ends the one that has begun, or a CDATA section; empty: none
	keep  bool   // it is a CDATA section
}

// read reads into p, of which it needs a few bytes, by way of what read does, and
// returns how many of them are left.
func (r *remarks) read(p []byte, read func([]byte) (int, error)) (int, error) {
	k := copy(p, r.held)
	n, err := read(p[k:])
	in := p[:k+n]
	r.held = r.held[:0]
	out := p[:0] // never ahead of in
	for len(in) > 0 {
		if r.until != "" {
			i := bytes.Index(in, []byte(r.until))
			if i < 0 {
				// The end of it may have come in part.
				i = max(0, len(in)-len(r.until)+1)
				out = r.pass(out, in[:i])
				r.held = append(r.held, in[i:]...)
				break
			}
			i += len(r.until)
			out = r.pass(out, in[:i])
			in, r.until = in[i:], ""
			continue
		}
		i := bytes.IndexByte(in, '<')
		if i < 0 {
			i = len(in)
		}
		out = append(out, in[:i]...)
		if in = in[i:]; len(in) == 0 {
			break
		}
		known := false
		for begin, until := range map[string]string{"<!--": "-->", "<?": "?>", "<![CDATA[": "]]>"} {
			if bytes.HasPrefix(in, []byte(begin)) {
				r.until, r.keep, known = until, until == "]]>", true
				out = r.pass(out, in[:len(begin)])
				in = in[len(begin):]
			} else if bytes.HasPrefix([]byte(begin), in) {
				r.held, in, known = append(r.held, in...), nil, true
			}
			if known {
				break
			}
		}
		if !known {
			out, in = append(out, '<'), in[1:]
		}
	}
	return len(out), err
}

// pass appends what is kept.
func (r *remarks) pass(out, text []byte) []byte {
	if r.until != "" && !r.keep {
		return out
	}
	return append(out, text...)
}
