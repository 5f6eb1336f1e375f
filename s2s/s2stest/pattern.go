package s2stest

import (
	"encoding/xml"
	"fmt"
	"strings"
)

// node is an element of a pattern, or of a stanza that is compared with one.
type node struct {
	XMLName xml.Name
	Attrs   []xml.Attr `xml:",any,attr"`
	Text    string     `xml:",chardata"`
	Nodes   []node     `xml:",any"`
}

func parsePattern(s string) (*node, error) {
	n := new(node)
	if err := xml.Unmarshal([]byte(s), n); err != nil {
		return nil, err
	}
	return n, nil
}

// match returns why got does not match the pattern; empty if it does. Captures
// are added to seen only then.
func (n *node) match(got *node, seen map[string]string) string {
	fresh := make(map[string]string)
	if why := n.compare(got, seen, fresh); why != "" {
		return why
	}
	for k, v := range fresh {
		seen[k] = v
	}
	return ""
}

func (n *node) compare(got *node, seen, fresh map[string]string) string {
	if n.XMLName.Local != got.XMLName.Local {
		return fmt.Sprintf("want <%s/>, got <%s/>", n.XMLName.Local, got.XMLName.Local)
	}
	if n.XMLName.Space != "" && space(n.XMLName) != space(got.XMLName) {
		return fmt.Sprintf("<%s/>: want namespace %q, got %q", n.XMLName.Local, n.XMLName.Space, got.XMLName.Space)
	}
	for _, a := range n.Attrs {
		if a.Name.Local == "xmlns" || a.Name.Space == "xmlns" {
			continue
		}
		value, ok := got.attr(a.Name)
		if !ok && a.Value != "" {
			return fmt.Sprintf("<%s/>: attribute %s is missing", n.XMLName.Local, a.Name.Local)
		}
		if !same(a.Value, value, seen, fresh) {
			return fmt.Sprintf("<%s/>: attribute %s: want %s, got %q", n.XMLName.Local, a.Name.Local, wanted(a.Value, seen, fresh), value)
		}
	}
	if want := strings.TrimSpace(n.Text); want != "" && !same(want, strings.TrimSpace(got.Text), seen, fresh) {
		return fmt.Sprintf("<%s/>: want text %s, got %q", n.XMLName.Local, wanted(want, seen, fresh), got.Text)
	}
	used := make([]bool, len(got.Nodes))
	for i := range n.Nodes {
		why := fmt.Sprintf("<%s/>: child <%s/> is missing", n.XMLName.Local, n.Nodes[i].XMLName.Local)
		found := false
		for j := range got.Nodes {
			if used[j] {
				continue
			}
			trial := make(map[string]string)
			for k, v := range fresh {
				trial[k] = v
			}
			reason := n.Nodes[i].compare(&got.Nodes[j], seen, trial)
			if reason == "" {
				used[j], found = true, true
				for k, v := range trial {
					fresh[k] = v
				}
				break
			}
			if n.Nodes[i].XMLName.Local == got.Nodes[j].XMLName.Local {
				why = reason
			}
		}
		if !found {
			return why
		}
	}
	return ""
}

// space returns the namespace of an element. Stanzas may come without theirs.
func space(n xml.Name) string {
	if n.Space == nsServer {
		return ""
	}
	return n.Space
}

func (n *node) attr(name xml.Name) (string, bool) {
	for _, a := range n.Attrs {
		if a.Name == name {
			return a.Value, true
		}
	}
	return "", false
}

// same compares a value with its pattern.
func same(want, got string, seen, fresh map[string]string) bool {
	if want == "*" {
		return got != ""
	}
	name := capture(want)
	if name == "" {
		return want == got
	}
	if v, ok := captured(name, seen, fresh); ok {
		return v == got
	}
	fresh[name] = got
	return true
}

// capture returns the name in "{name}", empty for any other value.
func capture(want string) string {
	if len(want) > 2 && want[0] == '{' && want[len(want)-1] == '}' {
		return want[1 : len(want)-1]
	}
	return ""
}

func captured(name string, seen, fresh map[string]string) (string, bool) {
	if v, ok := seen[name]; ok {
		return v, true
	}
	v, ok := fresh[name]
	return v, ok
}

// wanted quotes a value of a pattern, with what it stands for.
func wanted(want string, seen, fresh map[string]string) string {
	if v, ok := captured(capture(want), seen, fresh); ok {
		return fmt.Sprintf("%q (%q)", want, v)
	}
	return fmt.Sprintf("%q", want)
}
