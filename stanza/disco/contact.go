package disco

import (
	"encoding/xml"
	"maps"
	"slices"

	"isthmus.im/stanza"
)

// NSServerInfo is the form type of contact addresses (XEP-0157).
const NSServerInfo = "http://jabber.org/network/serverinfo"

// Contacts are the addresses by which people reach those who run a domain, as
// URIs (XEP-0157): the keys are "abuse-addresses", "admin-addresses",
// "feedback-addresses", "sales-addresses", "security-addresses",
// "status-addresses", "support-addresses" and what else is registered for the
// form, such as "report-addresses".
type Contacts map[string][]string

// Form returns the data form that carries the addresses, for [Info].Forms.
func (c Contacts) Form() (stanza.Raw, error) {
	type field struct {
		XMLName xml.Name `xml:"field"`
		Var     string   `xml:"var,attr"`
		Type    string   `xml:"type,attr"`
		Values  []string `xml:"value"`
	}
	x := struct {
		XMLName xml.Name `xml:"jabber:x:data x"`
		Type    string   `xml:"type,attr"`
		Fields  []field
	}{Type: "result", Fields: []field{{Var: formType, Type: "hidden", Values: []string{NSServerInfo}}}}
	for _, key := range slices.Sorted(maps.Keys(c)) {
		x.Fields = append(x.Fields, field{Var: key, Type: "list-multi", Values: c[key]})
	}
	return stanza.Marshal(x)
}

// maxContacts is how many addresses of a kind are read.
const maxContacts = 32

// Contacts returns the contact addresses that a domain gives; empty if it gives
// none. They are whatever the domain says: up to 32 of each kind, in its order.
func (i Info) Contacts() Contacts {
	for _, raw := range i.Forms {
		var x struct {
			XMLName xml.Name    `xml:"jabber:x:data x"`
			Fields  []formField `xml:"field"`
		}
		if raw.Decode(&x) != nil {
			continue
		}
		c, ours := make(Contacts), false
		for _, f := range x.Fields {
			if f.Var == formType {
				ours = len(f.Values) == 1 && f.Values[0] == NSServerInfo
			} else if f.Var != "" && len(f.Values) > 0 {
				c[f.Var] = append(c[f.Var], f.Values[:min(len(f.Values), maxContacts)]...)
			}
		}
		if ours {
			return c
		}
	}
	return nil
}
