package stream

import "isthmus.im/internal/xmlscan"

const nsXML = "http://www.w3.org/XML/1998/namespace"

// EventOf turns a scanner's token into the event that reports it: a Header, an
// [Element] or [Closed]. Nothing in the event refers to the token's bytes.
func EventOf(t xmlscan.Token) Event {
	switch t.Kind {
	case xmlscan.Open:
		return HeaderOf(t)
	case xmlscan.Element:
		return ElementOf(t)
	}
	return Closed{}
}

// HeaderOf reads the token of a stream header.
func HeaderOf(t xmlscan.Token) Header {
	h := Header{Space: string(t.Space), Local: string(t.Local), Content: string(t.Content)}
	for _, a := range t.Attrs {
		switch string(a.Space) + " " + string(a.Local) {
		case " from":
			h.From = string(a.Value)
		case " to":
			h.To = string(a.Value)
		case " id":
			h.ID = string(a.Value)
		case " version":
			h.Version = string(a.Value)
		case nsXML + " lang":
			h.Lang = string(a.Value)
		}
	}
	for _, b := range t.Bindings {
		h.Dialback = h.Dialback || string(b.Space) == NSDialback
	}
	return h
}

// ElementOf reads the token of a first-level element. Its Raw is written anew
// with the namespaces that the element took from the stream header declared in
// it; attributes in a namespace are left out, except xml:lang.
func ElementOf(t xmlscan.Token) Element {
	e := Element{Space: string(t.Space), Local: string(t.Local)}
	b := append([]byte("<e:"), t.Local...)
	b = append(b, " xmlns:e='"...)
	b = AppendEscaped(b, e.Space)
	b = append(b, "' xmlns='"...)
	b = AppendEscaped(b, string(t.Content))
	b = append(b, '\'')
	for _, a := range t.Attrs {
		switch string(a.Space) {
		case "":
			b = append(b, ' ')
		case nsXML:
			b = append(b, " xml:"...)
		default:
			continue
		}
		b = append(b, a.Local...)
		b = append(b, "='"...)
		b = AppendEscaped(b, string(a.Value))
		b = append(b, '\'')
	}
	b = append(b, '>')
	b = append(b, t.Inner...)
	b = append(b, "</e:"...)
	b = append(b, t.Local...)
	e.Raw = append(b, '>')
	return e
}
