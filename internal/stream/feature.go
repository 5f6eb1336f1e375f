package stream

import (
	"encoding/xml"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// featureList is what a <stream:features/> element offers.
type featureList struct {
	names      []xml.Name
	starttls   bool
	mechanisms []string
	dialback   bool
	limits     Limits
	bidi       bool
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
		case xml.Name{Space: nsBidiOn, Local: "bidi"}, xml.Name{Space: nsBidi, Local: "bidi"}:
			f.bidi = true // ejabberd before mid-2026 offers it under the name of the request
		case xml.Name{Space: nsLimits, Local: "limits"}:
			f.limits = parseLimits(c)
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

// Limits is what a receiving entity announces of the stream (XEP-0478). A zero
// field was not announced.
type Limits struct {
	MaxBytes    int // largest first-level element it accepts
	IdleSeconds int // silence after which it may close the stream
}

// Element returns the feature that announces l; what is zero is left out.
func (l Limits) Element() []byte {
	b := []byte("<limits xmlns='" + nsLimits + "'>")
	if l.MaxBytes > 0 {
		b = fmt.Appendf(b, "<max-bytes>%d</max-bytes>", l.MaxBytes)
	}
	if l.IdleSeconds > 0 {
		b = fmt.Appendf(b, "<idle-seconds>%d</idle-seconds>", l.IdleSeconds)
	}
	return append(b, "</limits>"...)
}

// parseLimits reads a <limits/> element. Numbers that make no sense do not count.
func parseLimits(n node) Limits {
	var l Limits
	for _, c := range n.Nodes {
		v, err := strconv.ParseInt(strings.TrimSpace(c.Text), 10, 32)
		if err != nil || v <= 0 || c.XMLName.Space != nsLimits {
			continue
		}
		switch c.XMLName.Local {
		case "max-bytes":
			l.MaxBytes = int(v)
		case "idle-seconds":
			l.IdleSeconds = int(v)
		}
	}
	return l
}

func (f *featureList) offers(mechanism string) bool { return slices.Contains(f.mechanisms, mechanism) }
