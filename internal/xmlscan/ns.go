package xmlscan

const (
	xmlSpace    = "http://www.w3.org/XML/1998/namespace"
	xmlnsSpace  = "http://www.w3.org/2000/xmlns/"
	streamSpace = "http://etherx.jabber.org/streams"
	serverSpace = "jabber:server"
	clientSpace = "jabber:client"
)

// Namespace names as they are handed out; nobody writes to them.
var (
	xmlSpaceBytes    = []byte(xmlSpace)
	serverSpaceBytes = []byte(serverSpace)
	clientSpaceBytes = []byte(clientSpace)
	streamSpaceBytes = []byte(streamSpace)
	streamName       = []byte("stream")
)

// source says where the text of a ref is.
type source uint8

const (
	none     source = iota // the empty string
	token                  // the current token
	scratch                // Scanner.scratch
	header                 // Scanner.head, where off is the index
	reserved               // the xml namespace
	content                // Scanner.content
	fallback               // serverSpace
)

// ref is a namespace name.
type ref struct {
	off, n int32
	src    source
}

// decl binds a prefix inside the current token.
type decl struct {
	prefix span
	space  ref
}

func (p span) of(b []byte) []byte { return b[p.off : p.off+p.n] }

// prefix returns the part of a qualified name before the colon.
func (p span) prefix(b []byte) []byte { return b[p.off : p.off+p.colon] }

// local returns the part of a qualified name after the colon.
func (p span) local(b []byte) []byte {
	if p.colon == 0 {
		return p.of(b)
	}
	return b[p.off+p.colon+1 : p.off+p.n]
}

// resolve returns the namespace name r.
func (s *Scanner) resolve(b []byte, r ref) []byte {
	switch r.src {
	case token:
		return b[r.off : r.off+r.n]
	case scratch:
		return s.scratch[r.off : r.off+r.n]
	case header:
		return s.head[r.off].Space
	case reserved:
		return xmlSpaceBytes
	case content:
		return s.content
	case fallback:
		return serverSpaceBytes
	}
	return nil
}

// contentBytes converts the name of a content namespace, without an allocation
// for those of RFC 6120.
func contentBytes(ns string) []byte {
	switch ns {
	case serverSpace:
		return serverSpaceBytes
	case clientSpace:
		return clientSpaceBytes
	}
	return []byte(ns)
}

// lookup finds what a prefix is bound to. The index is that of the declaration in
// Scanner.ns, or -1 for one made outside of the token.
func (s *Scanner) lookup(b, prefix []byte) (r ref, index int, ok bool) {
	for k := len(s.ns) - 1; k >= 0; k-- {
		if string(s.ns[k].prefix.of(b)) == string(prefix) {
			return s.ns[k].space, k, true
		}
	}
	for k := len(s.head) - 1; k >= 0; k-- {
		if string(s.head[k].Prefix) == string(prefix) {
			return ref{off: int32(k), src: header}, -1, true
		}
	}
	return ref{}, -1, false
}

// declare checks the namespace declaration a and returns its namespace name.
func (s *Scanner) declare(b []byte, a *attr) (ref, bool) {
	r := ref{a.val.off, a.val.n, token}
	if a.esc {
		r.off, r.src = int32(len(s.scratch)), scratch
		s.scratch = appendValue(s.scratch, a.val.of(b))
		r.n = int32(len(s.scratch)) - r.off
	}
	uri := s.resolve(b, r)
	at := int(a.name.off)
	if len(uri) > s.lim.Name {
		s.fail(PolicyViolation, "namespace name too long", at)
		return r, false
	}
	isXML := string(uri) == xmlSpace
	if string(uri) == xmlnsSpace {
		s.fail(NotWellFormed, "the xmlns namespace is declared", at)
		return r, false
	}
	if a.name.colon == 0 {
		if isXML {
			s.fail(NotWellFormed, "the xml namespace is made the default", at)
			return r, false
		}
		return r, true
	}
	switch prefix := a.name.local(b); {
	case string(prefix) == "xmlns":
		s.fail(NotWellFormed, "the prefix xmlns is declared", at)
	case (string(prefix) == "xml") != isXML:
		s.fail(NotWellFormed, "the prefix xml and its namespace are bound otherwise", at)
	case len(uri) == 0:
		s.fail(NotWellFormed, "a prefix is undeclared", at)
	case len(s.ns)+len(s.head) >= s.lim.Prefixes:
		s.fail(PolicyViolation, "too many namespace prefixes in scope", at)
	default:
		return r, true
	}
	return r, false
}

// declareAll puts the prefix declarations of the tag in scope. It returns the
// default namespace that the tag declares, if it does.
func (s *Scanner) declareAll(b []byte) (def ref, hasDef, ok bool) {
	for k := range s.attrs {
		a := &s.attrs[k]
		if !a.isDecl {
			continue
		}
		r, ok := s.declare(b, a)
		if !ok {
			return def, false, false
		}
		if a.name.colon == 0 {
			def, hasDef = r, true
			continue
		}
		p := span{off: a.name.off + a.name.colon + 1, n: a.name.n - a.name.colon - 1}
		s.ns = append(s.ns, decl{p, r})
	}
	return def, hasDef, true
}

// bound resolves the prefix of the name p of an element or attribute and notes
// when it is declared outside of Inner.
func (s *Scanner) bound(b []byte, p span, depth int) (ref, bool) {
	prefix := p.prefix(b)
	if string(prefix) == "xml" {
		return ref{src: reserved}, true
	}
	r, index, ok := s.lookup(b, prefix)
	if !ok {
		s.fail(NotWellFormed, "namespace prefix not declared", int(p.off))
		return r, false
	}
	if depth > 1 && index < s.el.ns {
		s.el.mend = true
	}
	return r, true
}

// attrSpaces checks the prefixes of the attributes of the tag, and that no two
// of them have the same expanded name.
func (s *Scanner) attrSpaces(b []byte, depth int) bool {
	for k := range s.attrs {
		a := &s.attrs[k]
		if a.isDecl || a.name.colon == 0 {
			continue
		}
		r, ok := s.bound(b, a.name, depth)
		if !ok {
			return false
		}
		a.space = r
		for j := range s.attrs[:k] {
			o := &s.attrs[j]
			if !o.isDecl && o.name.colon > 0 && string(o.name.local(b)) == string(a.name.local(b)) &&
				string(s.resolve(b, o.space)) == string(s.resolve(b, r)) {
				s.fail(NotWellFormed, "attribute given twice", int(a.name.off))
				return false
			}
		}
	}
	return true
}

// isContent reports whether r is the content namespace.
func (s *Scanner) isContent(b []byte, r ref) bool {
	return string(s.resolve(b, r)) == string(s.resolve(b, s.el.content))
}

// openStream checks the stream header (RFC 6120 sections 4.7 and 4.8) and keeps
// its declarations.
func (s *Scanner) openStream(b []byte) bool {
	def, hasDef, ok := s.declareAll(b)
	if !ok {
		return false
	}
	space := def
	if s.tagName.colon > 0 {
		if space, ok = s.bound(b, s.tagName, 1); !ok {
			return false
		}
	}
	if !s.attrSpaces(b, 1) {
		return false
	}
	if string(s.resolve(b, space)) != streamSpace {
		if s.tagName.colon == 0 && string(s.tagName.of(b)) == "stream" && s.declares(b, streamSpace) {
			s.fail(BadNamespacePrefix, "stream header without the prefix of its namespace", 0)
		} else {
			s.fail(InvalidNamespace, "stream header in another namespace", 0)
		}
		return false
	}
	if string(s.tagName.local(b)) != "stream" {
		s.fail(BadFormat, "first element is not a stream header", 0)
		return false
	}
	var head []Binding
	for k := range s.attrs {
		a := &s.attrs[k]
		if !a.isDecl {
			continue
		}
		bind := Binding{Space: appendValue(nil, a.val.of(b))}
		if a.name.colon > 0 {
			bind.Prefix = append(bind.Prefix, a.name.local(b)...)
		}
		head = append(head, bind)
	}
	s.el.space, s.el.name = space, s.tagName
	s.el.attrs, s.attrs = s.attrs, s.el.attrs
	s.header = append([]byte(nil), s.tagName.of(b)...)
	s.pending = head
	if hasDef {
		s.content = append([]byte{}, s.resolve(b, def)...)
	}
	return true
}

// declares reports whether a prefix is bound to uri in the token.
func (s *Scanner) declares(b []byte, uri string) bool {
	for k := range s.ns {
		if string(s.resolve(b, s.ns[k].space)) == uri {
			return true
		}
	}
	return false
}

// openElement acts on the start tag of a child of the stream, which ends at i.
func (s *Scanner) openElement(b []byte, i int) bool {
	el := &s.el
	if len(s.content) > 0 {
		el.def = ref{src: content}
	}
	if s.special {
		def, hasDef, ok := s.declareAll(b)
		if !ok {
			return false
		}
		if hasDef {
			el.def = def
		}
	}
	el.ns = len(s.ns)
	el.space = el.def
	if s.special {
		var ok bool
		if s.tagName.colon > 0 {
			if el.space, ok = s.bound(b, s.tagName, 1); !ok {
				return false
			}
		}
		if !s.attrSpaces(b, 1) {
			return false
		}
	}
	if string(s.resolve(b, el.space)) == streamSpace && string(s.tagName.local(b)) == "stream" {
		s.fail(BadFormat, "stream header inside the stream", 0)
		return false
	}
	switch d := s.resolve(b, el.def); {
	case string(d) == serverSpace, string(d) == clientSpace:
		el.content = el.def
	case len(s.content) > 0 && string(s.content) != streamSpace:
		el.content = ref{src: content}
	default:
		el.content = ref{src: fallback}
	}
	if s.isContent(b, el.def) {
		el.chain = 1
	}
	el.name, el.inner = s.tagName, i
	el.attrs, s.attrs = s.attrs, el.attrs
	return true
}

// openChild acts on a start tag further inside, at the given depth, that is the
// first or has something to do with namespaces.
func (s *Scanner) openChild(b []byte, depth int) bool {
	el := &s.el
	mark := len(s.ns)
	def, hasDef, ok := s.declareAll(b)
	if !ok {
		return false
	}
	if !hasDef {
		def = el.def // right for the first child, which alone asks
	}
	space, prefixed := def, s.tagName.colon > 0
	if prefixed {
		if space, ok = s.bound(b, s.tagName, depth); !ok {
			return false
		}
	}
	if s.special && !s.attrSpaces(b, depth) {
		return false
	}
	if !el.first {
		el.first, el.fName, el.fSpace = true, s.tagName, space
		el.mend = el.mend || el.chain == 0
	}
	if el.chain != depth-1 {
		return true
	}
	// All open elements are in the content namespace, without a prefix.
	if !prefixed && (!hasDef || s.isContent(b, def)) {
		el.chain = depth
	}
	el.mend = el.mend || (hasDef && s.isContent(b, def))
	for _, d := range s.ns[mark:] {
		el.mend = el.mend || s.isContent(b, d.space)
	}
	return true
}
