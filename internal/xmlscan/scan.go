package xmlscan

import "unicode/utf8"

// state is where in the grammar the next byte falls.
type state uint8

const (
	atStart    state = iota // the very first byte; an XML declaration may follow
	inDecl                  // in the XML declaration
	atHeader                // before the stream header
	atStream                // between the children of the stream
	atEnd                   // after the stream footer
	inText                  // character data of an element
	inMarkup                // after '<'
	inCDATA                 // in a CDATA section
	inName                  // in the name of a start tag
	inTag                   // in a start tag, after its name or an attribute
	inAttrName              // in the name of an attribute
	afterAttr               // after the name of an attribute
	beforeVal               // after '='
	inValue                 // in the value of an attribute
	inEmpty                 // after the '/' of an empty-element tag
	inEndName               // in the name of an end tag
	inEndSpace              // after the name of an end tag
)

// frame is an open element.
type frame struct {
	off, n int32 // its qualified name
	ns     int32 // prefix declarations in scope outside it
}

// Scanner cuts the bytes of one direction of a stream into tokens. The zero
// value is ready for use with the default limits. A Scanner is for one goroutine
// at a time.
type Scanner struct {
	// Arena, when set before the first use, lends the memory that scanning takes,
	// from Buffer to Release. Nil: the Scanner allocates its own.
	Arena *Arena

	lim    Limits
	err    error
	buf    []byte // its length is the end of what was read
	tok    int    // where the current token begins
	taken  int    // length of the token handed out last
	base   int64  // stream offset of tok
	blank  int64  // white space skipped between tokens
	state  state
	inited bool

	// Everything below, where an offset, counts from tok.
	pos     int    // next byte to look at
	lt      int    // the '<' of the markup at hand
	nameOff int    // the name being read
	colon   int    // its colon, from nameOff; 0 without
	valOff  int    // the value being read
	endK    int    // bytes of an end tag's name that have matched
	quote   byte   // the quote around the value
	esc     bool   // the value needs unescaping
	gap     bool   // white space was seen since the last attribute
	special bool   // the tag has a colon or a namespace declaration
	seen    uint64 // hashes of the attribute names of this tag

	tagName span // of the current start tag
	attrs   []attr
	frames  []frame
	ns      []decl // prefix declarations inside the token
	scratch []byte // unescaped namespace names and values

	el element // facts about the current element

	header  []byte    // qualified name of the stream header
	head    []Binding // its declarations
	pending []Binding // the same while its token is made
	content []byte    // its default namespace

	out   []Attr // Attrs of the token handed out
	fixed []byte // Inner of the token handed out, when it was rewritten

	work *workspace // lent by the Arena, in use or nil
}

// span is a part of the current token.
type span struct {
	off, n int32
	colon  int32 // from off; 0 without
}

// attr is an attribute of the current start tag.
type attr struct {
	name   span
	val    span
	space  ref // when the name has a prefix
	esc    bool
	isDecl bool
}

// element is what the scanner remembers of the outermost element.
type element struct {
	name    span
	space   ref
	attrs   []attr
	def     ref  // default namespace inside the start tag
	content ref  // the content namespace
	inner   int  // where Inner begins
	end     int  // where Inner ends
	ns      int  // prefix declarations in scope inside the start tag
	chain   int  // open elements, from the outside, that are in the content namespace
	first   bool // a child element was seen
	fName   span
	fSpace  ref
	mend    bool // Inner is not self-contained as it stands
}

// New returns a Scanner with the limits l.
func New(l Limits) *Scanner {
	s := new(Scanner)
	s.SetLimits(l)
	return s
}

// SetLimits changes the limits for everything not scanned yet.
func (s *Scanner) SetLimits(l Limits) {
	s.lim = l.withDefaults()
	s.inited = true
}

// Restart makes the Scanner expect a new stream header, as after TLS and SASL.
// Unread bytes are kept; a token that was begun is begun again.
func (s *Scanner) Restart() {
	s.drop()
	s.state, s.pos, s.err = atStart, 0, nil
	s.reset()
	s.header, s.head, s.pending, s.content = nil, nil, nil, nil
}

// reset forgets the current token.
func (s *Scanner) reset() {
	s.frames = s.frames[:0]
	s.ns = s.ns[:0]
	s.scratch = s.scratch[:0]
	a := s.el.attrs[:0]
	s.el = element{attrs: a}
}

// drop consumes the token handed out last.
func (s *Scanner) drop() {
	s.tok += s.taken
	s.base += int64(s.taken)
	if s.taken > 0 {
		s.taken = 0
		s.reset()
	}
}

// Next returns the next token. It returns ErrMore when the bytes given to Fill
// end before the token does, and an *Error when they break a rule; from then on
// it returns that error until Restart.
func (s *Scanner) Next() (Token, error) {
	if s.err != nil {
		return Token{}, s.err
	}
	if !s.inited {
		s.SetLimits(s.lim)
	}
	s.drop()
	if s.state <= inDecl && !s.declaration() {
		return Token{}, s.stopped(false)
	}
	if s.state <= atEnd {
		s.skipBlank()
	}
	b := s.buf[s.tok:]
	capped := len(b) >= s.lim.Bytes
	if capped {
		b = b[:s.lim.Bytes]
	}
	kind, i := s.run(b)
	if kind == 0 {
		return Token{}, s.stopped(capped)
	}
	t := s.token(kind, b[:i])
	if s.err != nil {
		return Token{}, s.err
	}
	s.taken, s.pos = i, 0
	return t, nil
}

// stopped returns why the scan stopped.
func (s *Scanner) stopped(capped bool) error {
	switch {
	case s.err != nil:
		return s.err
	case capped:
		s.fail(PolicyViolation, "element too large", s.lim.Bytes)
		return s.err
	}
	return ErrMore
}

// skipBlank consumes white space before a token.
func (s *Scanner) skipBlank() {
	i := s.tok
	for i < len(s.buf) && isSpace(s.buf[i]) {
		i++
	}
	n := i - s.tok
	s.blank += int64(n)
	s.base += int64(n)
	s.tok = i
}

// more stops the scan at i until there are more bytes.
func (s *Scanner) more(i int) int {
	s.pos = i
	return -1
}

// fail stops the scan for good.
func (s *Scanner) fail(condition, text string, i int) int {
	s.err = &Error{Condition: condition, Text: text, Offset: s.base + int64(i)}
	return -1
}

// run scans b, which begins at the token, from s.pos on. It returns the kind of
// the token and its end, or 0 when it had to stop.
func (s *Scanner) run(b []byte) (Kind, int) {
	i := s.pos
	for i >= 0 {
		switch s.state {
		case inText:
			i = s.text(b, i)
		case inMarkup:
			i = s.markup(b, i)
		case inCDATA:
			i = s.cdata(b, i)
		case inEndName, inEndSpace:
			if i = s.endTag(b, i); i >= 0 && len(s.frames) == 0 {
				if s.state == atEnd {
					return Close, i
				}
				s.state = atStream
				return Element, i
			}
		case atHeader, atStream, atEnd:
			i = s.between(b, i)
		default:
			kind := Element
			if s.header == nil {
				kind = Open
			}
			if i = s.tag(b, i); i >= 0 && s.state == atStream {
				return kind, i
			}
		}
	}
	return 0, 0
}

// between looks at what follows the white space outside of the stanzas.
func (s *Scanner) between(b []byte, i int) int {
	switch {
	case i >= len(b):
		return s.more(i)
	case s.state == atEnd:
		return s.fail(NotWellFormed, "data after the end of the stream", i)
	case b[i] == '<':
		s.state, s.lt = inMarkup, i
		return i + 1
	case !utf8.FullRune(b[i:]):
		return s.more(i)
	case b[i] >= utf8.RuneSelf:
		if r, n := utf8.DecodeRune(b[i:]); r == utf8.RuneError && n == 1 {
			return s.fail(UnsupportedEncoding, "invalid UTF-8", i)
		}
	case !isChar(rune(b[i])):
		return s.fail(NotWellFormed, "character not allowed in XML", i)
	}
	if s.state == atHeader {
		return s.fail(NotWellFormed, "text before the stream header", 0)
	}
	return s.fail(BadFormat, "text between stanzas", 0)
}

// text scans character data and the '<' that ends it.
func (s *Scanner) text(b []byte, i int) int {
	for {
		i = skipText(b, i)
		if i >= len(b) {
			return s.more(i)
		}
		switch c := b[i]; {
		case c == '<':
			s.lt = i
			s.state = inMarkup
			return i + 1
		case c >= utf8.RuneSelf:
			if i = s.chars(b, i); i < 0 {
				return i
			}
		case c == '&':
			if i = s.ref(b, i); i < 0 {
				return i
			}
		case c == '>':
			// Markup ends in '>', so two brackets before this one are text.
			if b[i-1] == ']' && b[i-2] == ']' {
				return s.fail(NotWellFormed, "']]>' in character data", i)
			}
			i++
		case isSpace(c):
			i++
		default:
			return s.fail(NotWellFormed, "character not allowed in XML", i)
		}
	}
}

// markup decides what the '<' before i begins.
func (s *Scanner) markup(b []byte, i int) int {
	if i >= len(b) {
		return s.more(i)
	}
	inside := len(s.frames) > 0
	switch b[i] {
	case '/':
		if !inside && s.header == nil {
			return s.fail(NotWellFormed, "end tag before the stream header", i)
		}
		s.state, s.endK = inEndName, 0
		return i + 1
	case '!':
		const open = "![CDATA["
		n := 0
		for n < len(open) && i+n < len(b) && b[i+n] == open[n] {
			n++
		}
		switch {
		case n == len(open) && inside:
			s.state = inCDATA
			return i + n
		case n == len(open) && s.header == nil:
			return s.fail(NotWellFormed, "CDATA section outside of the stream", i)
		case n == len(open):
			return s.fail(BadFormat, "character data between stanzas", i)
		case i+n >= len(b):
			return s.more(i)
		}
		return s.fail(RestrictedXML, "comment or document type declaration", i)
	case '?':
		return s.fail(RestrictedXML, "processing instruction", i)
	}
	s.state, s.nameOff, s.colon = inName, i, 0
	return i
}

// cdata scans a CDATA section.
func (s *Scanner) cdata(b []byte, i int) int {
	for {
		i = skipText(b, i)
		if i >= len(b) {
			return s.more(i)
		}
		switch c := b[i]; {
		case c == '>':
			i++
			if b[i-2] == ']' && b[i-3] == ']' {
				s.state = inText
				return i
			}
		case c >= utf8.RuneSelf:
			if i = s.chars(b, i); i < 0 {
				return i
			}
		case c == '<', c == '&', isSpace(c):
			i++
		default:
			return s.fail(NotWellFormed, "character not allowed in XML", i)
		}
	}
}
