package disco

import (
	"encoding/xml"
	"slices"

	"isthmus.im/stanza"
)

// The namespaces of XEP-0030.
const (
	NSInfo  = "http://jabber.org/protocol/disco#info"
	NSItems = "http://jabber.org/protocol/disco#items"
)

const nsForm = "jabber:x:data"

// Identity says what kind of thing an address is, in the words of the registry of
// XEP-0030 section 10.2, such as category "server" and type "im".
type Identity struct {
	Category, Type string // both required
	Name           string // for people; empty: none
	Lang           string // the language of Name; empty: not said
}

// Info is the answer to a disco#info request (XEP-0030 section 3.1). It is a payload:
// it may be given to [stanza.Stanza.Append].
type Info struct {
	Node       string       // the node asked for; empty: the address itself
	Lang       string       // the language around identities that name none; empty: not said
	Identities []Identity   // at least one
	Features   []string     // in any order
	Forms      []stanza.Raw // data forms with more (XEP-0128)
}

// Has reports whether the feature is listed. [NSInfo] itself always is: XEP-0030
// section 3.1 says to infer it.
func (i Info) Has(feature string) bool {
	return feature == NSInfo || slices.Contains(i.Features, feature)
}

// Is reports whether one of the identities has the category and, unless it is empty,
// the type.
func (i Info) Is(category, typ string) bool {
	return slices.ContainsFunc(i.Identities, func(id Identity) bool {
		return id.Category == category && (typ == "" || id.Type == typ)
	})
}

// infoQuery is an Info as XML.
type infoQuery struct {
	XMLName    xml.Name      `xml:"http://jabber.org/protocol/disco#info query"`
	Lang       string        `xml:"http://www.w3.org/XML/1998/namespace lang,attr,omitempty"`
	Node       string        `xml:"node,attr,omitempty"`
	Identities []identityXML `xml:"http://jabber.org/protocol/disco#info identity"`
	Features   []featureXML  `xml:"http://jabber.org/protocol/disco#info feature"`
}

type identityXML struct {
	Category string `xml:"category,attr"`
	Type     string `xml:"type,attr"`
	Name     string `xml:"name,attr,omitempty"`
	Lang     string `xml:"http://www.w3.org/XML/1998/namespace lang,attr,omitempty"`
}

type featureXML struct {
	Var string `xml:"var,attr"`
}

// MarshalXML implements xml.Marshaler.
func (i Info) MarshalXML(e *xml.Encoder, _ xml.StartElement) error {
	q := struct {
		infoQuery
		Forms string `xml:",innerxml"`
	}{infoQuery: infoQuery{Lang: i.Lang, Node: i.Node}}
	for _, id := range i.Identities {
		q.Identities = append(q.Identities, identityXML(id))
	}
	for _, f := range i.Features {
		q.Features = append(q.Features, featureXML{f})
	}
	for _, f := range i.Forms {
		q.Forms += string(f)
	}
	return e.Encode(q)
}

// readInfo reads the query element of an answer.
func readInfo(raw stanza.Raw) (Info, error) {
	var q infoQuery
	if err := raw.Decode(&q); err != nil {
		return Info{}, err
	}
	i := Info{Node: q.Node, Lang: q.Lang}
	for _, id := range q.Identities {
		i.Identities = append(i.Identities, Identity(id))
	}
	for _, f := range q.Features {
		i.Features = append(i.Features, f.Var)
	}
	for name, child := range raw.Children() {
		if name.Space == nsForm && name.Local == "x" {
			i.Forms = append(i.Forms, slices.Clone(child))
		}
	}
	return i, nil
}
