package xmlscan

import "slices"

// mender rewrites what stands inside an element so that it keeps its meaning
// when the declarations around it are gone. Elements that are in the content
// namespace, and all of whose parents inside Inner are, make up the chain: they
// lose their prefix and any declaration of that namespace. Each element that
// stands in the chain but is not of it is the root of a foreign part, which stays
// as it is except that its root declares what the part used from outside.
type mender struct {
	s       *Scanner
	tok     []byte // the whole element, to which outer declarations refer
	in, out []byte
	content []byte
	scope   []scoped
	open    []opened
	root    int // index in open of the foreign root; -1 in the chain
	need    []Binding
	insert  int // where in out the foreign root takes declarations
}

// scoped is a prefix declaration inside Inner.
type scoped struct {
	Binding
	kept bool // it is in the output
}

// opened is an open element inside Inner.
type opened struct {
	scope int    // len(scope) outside of it
	def   []byte // default namespace inside it; used in the chain only
	local []byte // what the end tag says; nil for a copy
}

// mend returns inner, which is a part of the element tok, self-contained.
func (s *Scanner) mend(tok, inner []byte) []byte {
	m := mender{s: s, tok: tok, in: inner, out: s.fixed[:0], content: s.resolve(tok, s.el.content), root: -1}
	m.open = append(m.open, opened{def: s.resolve(tok, s.el.def)})
	for i := 0; i < len(inner); {
		k := nextTag(inner, i)
		m.out = append(m.out, inner[i:k]...)
		if i = k; i < len(inner) {
			i = m.tag(i)
		}
		if len(m.out) > s.lim.Bytes {
			s.fail(PolicyViolation, "element too large once namespaces are declared where used", len(tok))
			return nil
		}
	}
	s.fixed = m.out
	return m.out
}

// tag rewrites the start or end tag at i and returns the place after it.
func (m *mender) tag(i int) int {
	b := m.in
	if b[i+1] == '/' {
		j := i
		for b[j] != '>' {
			j++
		}
		if local := m.open[len(m.open)-1].local; local != nil {
			m.out = append(append(m.out, "</"...), local...)
			m.out = append(m.out, '>')
		} else {
			m.out = append(m.out, b[i:j+1]...)
		}
		m.close()
		return j + 1
	}
	t := readTag(b, i)
	o := opened{scope: len(m.scope), def: m.open[len(m.open)-1].def}
	ownDef := m.declarations(t, &o)
	switch prefix := t.name.prefix(b); {
	case m.root >= 0:
		m.out = append(m.out, b[i:t.end]...)
	case len(prefix) > 0 && string(m.find(prefix)) == string(m.content),
		len(prefix) == 0 && string(o.def) == string(m.content):
		m.chain(t, &o)
	default:
		m.foreign(t, &o, ownDef)
	}
	if m.root >= 0 {
		m.uses(t.name)
		for i := t.attrs; ; {
			a, end, ok := nextAttr(b, i)
			if !ok {
				break
			}
			if !a.isDecl {
				m.uses(a.name)
			}
			i = end
		}
	}
	m.open = append(m.open, o)
	if t.empty {
		m.close()
	}
	return t.end
}

// declarations puts the prefixes that a tag declares in scope and sets the default
// namespace inside it. It reports whether the tag declares that itself.
func (m *mender) declarations(t startTag, o *opened) (ownDef bool) {
	for i := t.attrs; ; {
		a, end, ok := nextAttr(m.in, i)
		if !ok {
			return ownDef
		}
		i = end
		if !a.isDecl {
			continue
		}
		space := plainValue(a.val.of(m.in))
		if a.name.colon == 0 {
			o.def, ownDef = space, true
			continue
		}
		m.scope = append(m.scope, scoped{Binding{a.name.local(m.in), space}, true})
	}
}

// find returns what a prefix is bound to at this place of the input.
func (m *mender) find(prefix []byte) []byte {
	for k := len(m.scope) - 1; k >= 0; k-- {
		if string(m.scope[k].Prefix) == string(prefix) {
			return m.scope[k].Space
		}
	}
	if string(prefix) == "xml" {
		return xmlSpaceBytes
	}
	r, _, _ := m.s.lookup(m.tok, prefix)
	return m.s.resolve(m.tok, r)
}

// missing reports whether the output lacks the declaration of a prefix.
func (m *mender) missing(prefix []byte) bool {
	for k := len(m.scope) - 1; k >= 0; k-- {
		if string(m.scope[k].Prefix) == string(prefix) {
			return !m.scope[k].kept
		}
	}
	return string(prefix) != "xml"
}

// uses notes that a foreign part has the name p.
func (m *mender) uses(p span) {
	prefix := p.prefix(m.in)
	if len(prefix) == 0 || !m.missing(prefix) {
		return
	}
	for _, n := range m.need {
		if string(n.Prefix) == string(prefix) {
			return
		}
	}
	m.need = append(m.need, Binding{prefix, m.find(prefix)})
}

// chain writes the start tag of an element in the content namespace.
func (m *mender) chain(t startTag, o *opened) {
	b := m.in
	o.local = t.name.local(b)
	m.out = append(append(m.out, '<'), o.local...)
	for k := o.scope; k < len(m.scope); k++ {
		m.scope[k].kept = string(m.scope[k].Space) != string(m.content)
	}
	for i := t.attrs; ; {
		a, end, ok := nextAttr(b, i)
		if !ok {
			break
		}
		i = end
		switch name := a.name; {
		case a.isDecl:
			if name.colon == 0 || string(plainValue(a.val.of(b))) == string(m.content) {
				continue
			}
		case name.colon > 0 && m.missing(name.prefix(b)):
			d := Binding{name.prefix(b), m.find(name.prefix(b))}
			m.out = appendDecl(m.out, d)
			m.scope = append(m.scope, scoped{d, true})
		}
		m.out = append(append(m.out, ' '), b[a.name.off:end]...)
	}
	if t.empty {
		m.out = append(m.out, '/')
	}
	m.out = append(m.out, '>')
}

// foreign writes the start tag of the root of a foreign part.
func (m *mender) foreign(t startTag, o *opened, ownDef bool) {
	b := m.in
	m.root = len(m.open)
	m.out = append(append(m.out, '<'), t.name.of(b)...)
	m.insert = len(m.out)
	if !ownDef && string(o.def) != string(m.content) {
		m.out = appendDecl(m.out, Binding{Space: o.def})
	}
	i := t.attrs
	for {
		a, end, ok := nextAttr(b, i)
		if !ok {
			break
		}
		if !a.isDecl || a.name.colon > 0 || string(plainValue(a.val.of(b))) != string(m.content) {
			m.out = append(m.out, b[i:end]...)
		}
		i = end
	}
	m.out = append(m.out, b[i:t.end]...)
}

// close leaves the innermost element, and gives the root of a foreign part the
// declarations it needs.
func (m *mender) close() {
	o := m.open[len(m.open)-1]
	m.open = m.open[:len(m.open)-1]
	m.scope = m.scope[:o.scope]
	if m.root != len(m.open) {
		return
	}
	m.root = -1
	if len(m.need) == 0 {
		return
	}
	var d []byte
	for _, n := range m.need {
		d = appendDecl(d, n)
	}
	m.out = slices.Insert(m.out, m.insert, d...)
	m.need = m.need[:0]
}

// appendDecl appends a namespace declaration.
func appendDecl(dst []byte, d Binding) []byte {
	dst = append(dst, " xmlns"...)
	if len(d.Prefix) > 0 {
		dst = append(append(dst, ':'), d.Prefix...)
	}
	dst = append(dst, "='"...)
	for _, c := range d.Space {
		switch c {
		case '\'':
			dst = append(dst, "&apos;"...)
		case '&':
			dst = append(dst, "&amp;"...)
		case '<':
			dst = append(dst, "&lt;"...)
		case '\t':
			dst = append(dst, "&#9;"...)
		case '\n':
			dst = append(dst, "&#10;"...)
		case '\r':
			dst = append(dst, "&#13;"...)
		default:
			dst = append(dst, c)
		}
	}
	return append(dst, '\'')
}
