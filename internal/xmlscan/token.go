package xmlscan

// Kind tells the three tokens of a stream apart.
type Kind uint8

const (
	// Open is the stream header.
	Open Kind = iota + 1
	// Element is a complete child of the stream.
	Element
	// Close is the stream footer.
	Close
)

// String returns "open", "element" or "close".
func (k Kind) String() string {
	switch k {
	case Open:
		return "open"
	case Element:
		return "element"
	case Close:
		return "close"
	}
	return "none"
}

// Attr is an attribute of the outermost tag. Space is empty for a name without
// prefix. Value is unescaped and its white space normalised as XML 1.0 section
// 3.3.3 says; it is never nil.
type Attr struct {
	Space, Local, Value []byte
}

// Binding is a namespace declaration of the stream header. Prefix is empty for
// the default namespace.
type Binding struct {
	Prefix, Space []byte
}

// Token is one token of a stream. Every slice in it is valid until the next call
// of a method of the Scanner, and must not be changed.
type Token struct {
	Kind Kind
	// Space and Local are the namespace and the local name of the outermost tag.
	Space, Local []byte
	// Attrs are its attributes in order, without namespace declarations.
	Attrs []Attr
	// Raw is the token as received: a whole element with its tags, or the header
	// or footer tag.
	Raw []byte
	// Inner is what stands between the tags of an Element, self-contained: it
	// means the same inside any element whose default namespace is Content and
	// with no prefix declared. Unless something had to be declared again it is
	// part of Raw.
	Inner []byte
	// FirstSpace and FirstLocal name the first child element of an Element, and
	// are nil when it has none.
	FirstSpace, FirstLocal []byte
	// Content is the content namespace (RFC 6120 section 4.8.2): for an Open the
	// default namespace of the header, nil when it declares none; for an Element
	// the default namespace that Inner expects around it.
	Content []byte
	// Bindings are the namespace declarations of an Open, in order.
	Bindings []Binding
}

// Head is the part of a stanza's start tag that RFC 6120 section 8.1 defines. A
// field is nil when the attribute is absent.
type Head struct {
	// Kind is the local name of the element.
	Kind []byte
	Type []byte
	ID   []byte
	From []byte
	To   []byte
	// Lang is the value of xml:lang.
	Lang []byte
}

// Head picks the stanza attributes out of Attrs.
func (t *Token) Head() Head {
	h := Head{Kind: t.Local}
	for i := range t.Attrs {
		a := &t.Attrs[i]
		if len(a.Space) != 0 {
			if string(a.Local) == "lang" && string(a.Space) == xmlSpace {
				h.Lang = a.Value
			}
			continue
		}
		switch string(a.Local) {
		case "type":
			h.Type = a.Value
		case "id":
			h.ID = a.Value
		case "from":
			h.From = a.Value
		case "to":
			h.To = a.Value
		}
	}
	return h
}
