package disco

import (
	"cmp"
	"encoding/xml"
	"fmt"
	"slices"

	"isthmus.im/stanza"
)

const formType = "FORM_TYPE"

// form is a data form reduced to what is hashed. Fields are ordered by name, their
// values by themselves.
type form struct {
	typ    string // empty: no hidden FORM_TYPE
	fields []formField
	table  bool // has reported fields or items
}

type formField struct {
	Var    string   `xml:"var,attr"`
	Type   string   `xml:"type,attr"`
	Values []string `xml:"value"`
}

func readForm(raw stanza.Raw) (form, error) {
	var x struct {
		XMLName  xml.Name    `xml:"jabber:x:data x"`
		Fields   []formField `xml:"field"`
		Reported *struct{}   `xml:"reported"`
		Items    []struct{}  `xml:"item"`
	}
	if err := raw.Decode(&x); err != nil {
		return form{}, fmt.Errorf("%w: %w", ErrIllFormed, err)
	}
	f := form{fields: x.Fields, table: x.Reported != nil || len(x.Items) != 0}
	for _, field := range x.Fields {
		slices.Sort(field.Values)
		if field.Var != formType || field.Type != "hidden" {
			continue
		}
		if values := slices.Compact(slices.Clone(field.Values)); len(values) > 1 || f.typ != "" {
			return form{}, fmt.Errorf("%w: a FORM_TYPE of two values", ErrIllFormed)
		} else if len(values) == 1 {
			f.typ = values[0]
		}
	}
	slices.SortStableFunc(f.fields, func(a, b formField) int { return cmp.Compare(a.Var, b.Var) })
	return f, nil
}

// typedForms returns the forms that XEP-0115 counts, ordered by FORM_TYPE.
func (i Info) typedForms() ([]form, error) {
	var forms []form
	for _, raw := range i.Forms {
		f, err := readForm(raw)
		if err != nil {
			return nil, err
		}
		if f.typ != "" {
			forms = append(forms, f)
		}
	}
	slices.SortFunc(forms, func(a, b form) int { return cmp.Compare(a.typ, b.typ) })
	for k := 1; k < len(forms); k++ {
		if forms[k].typ == forms[k-1].typ {
			return nil, fmt.Errorf("%w: FORM_TYPE %q twice", ErrIllFormed, forms[k].typ)
		}
	}
	return forms, nil
}

// bare returns the form with nothing but what is hashed.
func (f form) bare() (stanza.Raw, error) {
	type field struct {
		Var    string   `xml:"var,attr"`
		Type   string   `xml:"type,attr,omitempty"`
		Values []string `xml:"value"`
	}
	x := struct {
		XMLName xml.Name `xml:"jabber:x:data x"`
		Type    string   `xml:"type,attr"`
		Fields  []field  `xml:"field"`
	}{Type: "result"}
	for _, ff := range f.fields {
		out := field{Var: ff.Var, Values: ff.Values}
		if ff.Var == formType {
			out.Type = ff.Type
		}
		x.Fields = append(x.Fields, out)
	}
	return stanza.Marshal(x)
}
