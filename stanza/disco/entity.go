package disco

import (
	"encoding/xml"
	"fmt"
	"slices"
	"strings"

	"isthmus.im/stanza"
)

// maxHashes is how many hashes of one stanza are looked at.
const maxHashes = 8

// Caps names what an entity can do, by a hash that its presence carries. The zero Caps
// is none. Caps are comparable: equal ones of one entity stand for the same.
type Caps struct {
	// Node is the node to ask the entity for.
	Node string
	// Algo is the hash function in the words of XEP-0300, such as "sha-1".
	Algo string
	// Value is the hash in Base64.
	Value string
	// Version is 2 for a hash of XEP-0390 and 1 for one of XEP-0115.
	Version int
}

// caps1 and caps2 are the elements of XEP-0115 section 4 and XEP-0390 section 5.
type caps1 struct {
	XMLName xml.Name `xml:"http://jabber.org/protocol/caps c"`
	Hash    string   `xml:"hash,attr"`
	Node    string   `xml:"node,attr"`
	Ver     string   `xml:"ver,attr"`
}

type caps2 struct {
	XMLName xml.Name   `xml:"urn:xmpp:caps c"`
	Hashes  []capsHash `xml:"urn:xmpp:hashes:2 hash"`
}

type capsHash struct {
	Algo  string `xml:"algo,attr"`
	Value string `xml:",chardata"`
}

// ReadCaps reads the capabilities that presence carries. Of several hashes it takes
// the one that proves most: of XEP-0390 with a hash function known here, else that of
// XEP-0115, else none. A hash of XEP-0115 may be of any function, but one that names
// none (section 11, "legacy format") counts as none.
func ReadCaps(p *stanza.Stanza) (Caps, bool) {
	var two caps2
	if p.Decode(&two) == nil {
		for _, algo := range []string{"sha-256", "sha3-256", "sha-512", "sha3-512"} {
			for _, h := range two.Hashes[:min(len(two.Hashes), maxHashes)] {
				if value := strings.TrimSpace(h.Value); h.Algo == algo && value != "" {
					return Caps{Node: nsCaps + "#" + algo + "." + value, Algo: algo, Value: value, Version: 2}, true
				}
			}
		}
	}
	var one caps1
	if p.Decode(&one) == nil && one.Hash != "" && one.Ver != "" {
		return Caps{Node: one.Node + "#" + one.Ver, Algo: one.Hash, Value: one.Ver, Version: 1}, true
	}
	return Caps{}, false
}

// AppendCaps adds to presence the capabilities of an entity that answers disco#info
// with i: by XEP-0115, and by XEP-0390 with sha-256. software is a URI that names the
// program, such as that of its home page (XEP-0115 section 4). The error is
// [ErrIllFormed].
func (i Info) AppendCaps(p *stanza.Stanza, software string) error {
	ver, err := i.Ver()
	if err != nil {
		return err
	}
	hash, err := i.Hash("sha-256")
	if err != nil {
		return err
	}
	if err := p.Append(caps1{Hash: "sha-1", Node: software, Ver: ver}); err != nil {
		return err
	}
	return p.Append(caps2{Hashes: []capsHash{{Algo: "sha-256", Value: hash}}})
}

// verify returns, of i, what the hash vouches for. shared tells whether others who
// announce the same hash can be taken to mean the same.
func (c Caps) verify(i Info) (verified Info, shared bool, err error) {
	switch {
	case c.Version == 2:
		// The language around the query is part of what is hashed. Not everybody
		// hashes the one that the answer has come with.
		for _, lang := range []string{i.Lang, ""} {
			i.Lang = lang
			hash, err := i.Hash(c.Algo)
			if err != nil {
				return Info{}, false, err
			}
			if hash == c.Value {
				verified, err = i.hashed()
				return verified, true, err
			}
		}
		return Info{}, false, fmt.Errorf("%w: %s", ErrMismatch, c.Node)
	case c.Algo != "sha-1":
		return i, false, nil // XEP-0115 section 5.4: for this entity only
	}
	ver, err := i.Ver()
	if err != nil {
		return Info{}, false, err
	}
	if ver != c.Value {
		return Info{}, false, fmt.Errorf("%w: %s", ErrMismatch, c.Node)
	}
	i.Lang = ""
	verified, err = i.hashed()
	return verified, err == nil && !verified.ambiguous(), err
}

// hashed returns i without what is not part of a hash: forms without FORM_TYPE, and
// of the others all but the names and values of fields.
func (i Info) hashed() (Info, error) {
	i.Node = ""
	forms := i.Forms
	i.Forms = nil
	for _, raw := range forms {
		f, err := readForm(raw)
		if err != nil {
			return Info{}, err
		}
		if f.typ == "" {
			continue
		}
		bare, err := f.bare()
		if err != nil {
			return Info{}, err
		}
		i.Forms = append(i.Forms, bare)
	}
	return i, nil
}

// ambiguous reports whether another Info has the same verification string of XEP-0115,
// in which nothing marks where identities end and forms begin. Whoever knows the string
// of a program could announce it and answer with some of its features as an
// identity or as a form, hiding them of everybody who has that program.
func (i Info) ambiguous() bool {
	if len(i.Identities) == 0 || len(i.Features) == 0 {
		return true
	}
	for _, id := range i.Identities {
		if id.Category == "" || id.Type == "" || strings.Contains(id.Category+id.Type+id.Lang, "/") {
			return true
		}
	}
	for _, f := range i.Features {
		if part := strings.SplitN(f, "/", 4); len(part) == 4 && part[0] != "" && part[1] != "" {
			return true
		}
	}
	forms, err := i.typedForms()
	return err != nil || len(forms) > 0 && forms[0].typ > slices.Max(i.Features)
}
