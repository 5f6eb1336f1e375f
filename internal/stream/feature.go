package stream

import (
	"encoding/xml"
	"slices"
	"strings"
)

// featureList is what a <stream:features/> element offers.
type featureList struct {
	names      []xml.Name
	starttls   bool
	mechanisms []string
	dialback   bool
}

// parseFeatures reads features in any order. Unknown ones are only listed.
func parseFeatures(raw []byte) (featureList, error) {
	var f featureList
	root, err := parseNode(raw)
	if err != nil {
		return f, err
	}
	for _, c := range root.Nodes {
		f.names = append(f.names, c.XMLName)
		switch c.XMLName {
		case xml.Name{Space: NSTLS, Local: "starttls"}:
			f.starttls = true
		case xml.Name{Space: "urn:xmpp:features:dialback", Local: "dialback"}:
			f.dialback = true
		case xml.Name{Space: NSSASL, Local: "mechanisms"}:
			for _, n := range c.Nodes {
				if (n.XMLName == xml.Name{Space: NSSASL, Local: "mechanism"}) {
					f.mechanisms = append(f.mechanisms, strings.TrimSpace(n.Text))
				}
			}
		}
	}
	return f, nil
}

func (f *featureList) offers(mechanism string) bool { return slices.Contains(f.mechanisms, mechanism) }
