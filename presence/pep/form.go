package pep

import (
	"encoding/xml"
	"slices"
	"strconv"
	"strings"

	"isthmus.im/stanza"
)

const (
	formPublish = NS + "#publish-options"
	formConfig  = NS + "#node_config"
)

// formXML is a data form (XEP-0004).
type formXML struct {
	XMLName xml.Name   `xml:"jabber:x:data x"`
	Type    string     `xml:"type,attr"`
	Fields  []fieldXML `xml:"field"`
}

type fieldXML struct {
	Var     string      `xml:"var,attr"`
	Type    string      `xml:"type,attr,omitempty"`
	Values  []string    `xml:"value"`
	Options []optionXML `xml:"option"`
}

type optionXML struct {
	Value string `xml:"value"`
}

// fixed are the fields that have one value here. A form may say them, not change them.
var fixed = map[string][]string{
	"pubsub#deliver_notifications":   {"1", "true"},
	"pubsub#notify_delete":           {"1", "true"},
	"pubsub#notify_retract":          {"1", "true"},
	"pubsub#publish_model":           {"publishers"},
	"pubsub#publish_node_full":       {"retract-oldest"},
	"pubsub#notification_type":       {"headline"},
	"pubsub#presence_based_delivery": {"0", "false"},
	"pubsub#item_expire":             {"max"},
	"pubsub#subscribe":               {"1", "true"},
}

// readForm reads the form within a request. It returns a function that makes a
// configuration say what the form does, and false for a form that is none or that says
// what no configuration here can.
func readForm(around stanza.Raw, formType string) (func(Config) Config, bool) {
	var form formXML
	found := false
	for name, raw := range around.Children() {
		if name.Space == "jabber:x:data" && name.Local == "x" {
			if found = raw.Decode(&form) == nil; !found {
				return nil, false
			}
			break
		}
	}
	if !found || form.Type != "submit" {
		return nil, false
	}
	var changes []func(*Config)
	for _, f := range form.Fields {
		change, ok := readField(f, formType)
		if !ok {
			return nil, false
		}
		if change != nil {
			changes = append(changes, change)
		}
	}
	return func(c Config) Config {
		for _, change := range changes {
			change(&c)
		}
		return c
	}, true
}

// readField reads one field. It returns nil for one that changes nothing.
func readField(f fieldXML, formType string) (func(*Config), bool) {
	value := ""
	if len(f.Values) > 0 {
		value = strings.TrimSpace(f.Values[0])
	}
	switch f.Var {
	case "FORM_TYPE":
		return nil, value == formType
	case "pubsub#access_model":
		i := slices.Index(accessNames, value)
		return func(c *Config) { c.Access = Access(i) }, i >= 0
	case "pubsub#send_last_published_item":
		i := slices.Index(sendLastNames, value)
		return func(c *Config) { c.SendLast = SendLast(i) }, i >= 0
	case "pubsub#roster_groups_allowed":
		return func(c *Config) { c.Groups = f.Values }, true
	case "pubsub#persist_items":
		b, ok := readBool(value)
		return func(c *Config) { c.Transient = !b }, ok
	case "pubsub#deliver_payloads":
		b, ok := readBool(value)
		return func(c *Config) { c.NoPayload = !b }, ok
	case "pubsub#max_items":
		if value == "max" {
			return func(c *Config) { c.MaxItems = Max }, true
		}
		n, err := strconv.ParseUint(value, 10, 31)
		return func(c *Config) { c.MaxItems = int(n) }, err == nil && n > 0
	}
	return nil, slices.Contains(fixed[f.Var], value)
}

func readBool(s string) (value, ok bool) {
	switch s {
	case "1", "true":
		return true, true
	case "0", "false":
		return false, true
	}
	return false, false
}

// form is the form that shows and changes a configuration.
func (c Config) form() formXML {
	bit := func(b bool) []string {
		if b {
			return []string{"1"}
		}
		return []string{"0"}
	}
	options := func(names []string) (o []optionXML) {
		for _, n := range names {
			o = append(o, optionXML{n})
		}
		return o
	}
	limit := "max"
	if n := c.limit(); n != Max {
		limit = strconv.Itoa(n)
	}
	return formXML{Type: "form", Fields: []fieldXML{
		{Var: "FORM_TYPE", Type: "hidden", Values: []string{formConfig}},
		{Var: "pubsub#access_model", Type: "list-single", Values: []string{c.Access.String()}, Options: options(accessNames)},
		{Var: "pubsub#roster_groups_allowed", Type: "text-multi", Values: c.Groups},
		{Var: "pubsub#max_items", Type: "text-single", Values: []string{limit}},
		{Var: "pubsub#persist_items", Type: "boolean", Values: bit(!c.Transient)},
		{Var: "pubsub#deliver_payloads", Type: "boolean", Values: bit(!c.NoPayload)},
		{Var: "pubsub#send_last_published_item", Type: "list-single", Values: []string{c.SendLast.String()}, Options: options(sendLastNames)},
	}}
}
