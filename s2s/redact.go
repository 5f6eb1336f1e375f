package s2s

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"slices"
	"strings"

	"isthmus.im/jid"
	"isthmus.im/stanza"
)

// maxRedacted is the size of a redacted stanza that is recorded whole. Of a
// larger one the payload is left out.
const maxRedacted = 16 << 10

// redact writes a stanza without what people said, on one line.
func (r *recorder) redact(st *stanza.Stanza) string {
	var b strings.Builder
	kind := st.Kind.String()
	b.WriteString("<" + kind)
	for _, a := range [][2]string{
		{"from", r.alias(st.From)}, {"to", r.alias(st.To)}, {"id", r.kept(st.ID)}, {"type", string(st.Type)}, {"xml:lang", r.kept(st.Lang)},
	} {
		if a[1] != "" {
			writeAttr(&b, a[0], a[1])
		}
	}
	inner, err := r.redactXML(st.Inner)
	switch {
	case err != nil || len(inner) > maxRedacted:
		fmt.Fprintf(&b, "><payload-left-out xmlns='urn:isthmus:recording' bytes='%d'/></%s>", len(st.Inner), kind)
	case inner == "":
		b.WriteString("/>")
	default:
		b.WriteString(">" + inner + "</" + kind + ">")
	}
	return b.String()
}

// redactXML copies elements and replaces their texts.
func (r *recorder) redactXML(inner []byte) (string, error) {
	if len(inner) == 0 {
		return "", nil
	}
	var b strings.Builder
	d := xml.NewDecoder(strings.NewReader("<x>" + string(inner) + "</x>"))
	depth, open := 0, false // a tag was written up to its end
	var text []byte
	end := func(with string) {
		if len(strings.TrimSpace(string(text))) > 0 {
			if open {
				b.WriteString(">")
			}
			fmt.Fprintf(&b, "{x%d}", len(text))
			open = false
		}
		text = text[:0]
		if open {
			b.WriteString(with)
		}
	}
	for {
		t, err := d.RawToken()
		if err != nil {
			return "", err
		}
		switch t := t.(type) {
		case xml.StartElement:
			if depth++; depth == 1 {
				continue
			}
			end(">")
			b.WriteString("<" + qualified(t.Name))
			for _, a := range t.Attr {
				writeAttr(&b, qualified(a.Name), r.redactAttr(a))
			}
			open = true
		case xml.EndElement:
			end("/>")
			if depth--; depth == 0 {
				return b.String(), nil
			}
			if !open {
				b.WriteString("</" + qualified(t.Name) + ">")
			}
			open = false
		case xml.CharData:
			text = append(text, t...)
		}
	}
}

func qualified(n xml.Name) string {
	if n.Space == "" {
		return n.Local
	}
	return n.Space + ":" + n.Local
}

func writeAttr(b *strings.Builder, name, value string) {
	b.WriteString(" " + name + "='")
	for _, c := range value {
		switch c {
		case '&':
			b.WriteString("&amp;")
		case '<':
			b.WriteString("&lt;")
		case '\'':
			b.WriteString("&apos;")
		case '\n', '\r', '\t':
			b.WriteByte(' ')
		default:
			b.WriteRune(c)
		}
	}
	b.WriteString("'")
}

// redactAttr keeps what belongs to the protocol, gives addresses pseudonyms and
// replaces anything else.
func (r *recorder) redactAttr(a xml.Attr) string {
	switch {
	case a.Name.Local == "xmlns", a.Name.Space == "xmlns":
		return a.Value
	case a.Name.Space == "xml":
		return r.kept(a.Value)
	case a.Name.Local == "stamp":
		return "2000-01-01T00:00:00Z" // when it was is in the transcript
	case slices.Contains([]string{
		"action", "affiliation", "algo", "ask", "code", "h", "hash", "id", "max", "node", "role", "seconds", "subscription", "type", "var", "ver",
	}, a.Name.Local):
		return r.kept(a.Value)
	}
	known := slices.Contains([]string{"by", "from", "jid", "to", "with"}, a.Name.Local)
	if j, err := jid.Parse(a.Value); err == nil && (known || strings.ContainsAny(a.Value, "@/")) {
		return r.alias(j)
	}
	if known {
		return r.pseudonym('i', a.Value, a.Value)
	}
	return fmt.Sprintf("{x%d}", len(a.Value))
}

// kept leaves an id, or a name that a protocol gives to something, as it is. An
// address gets pseudonyms, for ids and nodes may be addresses (XEP-0402), and so
// does what has other characters than such names have, or more: people chose it.
func (r *recorder) kept(s string) string {
	const most = 256
	if strings.Contains(s, "@") {
		if j, err := jid.Parse(s); err == nil {
			return r.alias(j)
		}
	}
	if len(s) > most || strings.ContainsFunc(s, isUnusual) {
		return r.pseudonym('i', s, s)
	}
	return s
}

func isUnusual(c rune) bool {
	return (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && !strings.ContainsRune(":._#/+=-", c)
}

// alias returns an address with pseudonyms for its local part and resource.
func (r *recorder) alias(j jid.JID) string {
	local := r.pseudonym('u', j.Local(), j.Bare().String())
	resource := r.pseudonym('r', j.Resource(), j.String())
	if a, err := jid.New(local, j.Domain(), resource); err == nil {
		return a.String()
	}
	return j.Domain()
}

// pseudonym returns a name for a part of an address or for an id; one that is a pseudonym
// already is its own, so that the recording of a replay is that recording.
func (r *recorder) pseudonym(kind byte, part, whole string) string {
	if part == "" || len(part) == 12 && part[0] == kind && part[1] == '-' && isHex(part[2:]) {
		return part
	}
	mac := hmac.New(sha256.New, r.key[:])
	mac.Write([]byte(whole))
	return string(kind) + "-" + hex.EncodeToString(mac.Sum(nil)[:5])
}

func isHex(s string) bool { return strings.Trim(s, "0123456789abcdef") == "" }
