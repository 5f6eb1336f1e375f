package xmlscan

import (
	"math/rand/v2"
	"testing"
)

// generator writes random elements that are full of namespace trouble: few
// prefixes, few namespaces, declared and hidden at every level.
type generator struct {
	*rand.Rand
	out []byte
}

func (g *generator) pick(from ...string) string { return from[g.IntN(len(from))] }

func (g *generator) add(parts ...string) {
	for _, p := range parts {
		g.out = append(g.out, p...)
	}
}

func (g *generator) name() string {
	return g.pick("", "", "", "s:", "p:", "q:") + g.pick("a", "b", "body")
}

func (g *generator) element(depth int) {
	name := g.name()
	g.add("<", name)
	for g.IntN(3) == 0 {
		g.add(g.pick(" ", "\n", "\t "))
		switch g.IntN(4) {
		case 0:
			g.add("xmlns")
		case 1:
			g.add("xmlns:", g.pick("p", "q", "s"))
		default:
			g.add(g.name(), g.pick("", "1", "2"))
		}
		q := g.pick("'", "\"")
		g.add(g.pick("=", " =", "= "), q, g.pick("jabber:server", "jabber:server", "jabber&#x3a;server", "jabber:client", "urn:p", "urn:q", "urn:&lt;&apos;"), q)
	}
	if g.IntN(5) == 0 {
		g.add("/>")
		return
	}
	g.add(">")
	for depth < 5 && g.IntN(5) > 1 {
		switch g.IntN(6) {
		case 0:
			g.add(g.pick("text", "&amp;", "]]", ">", "\r\n", "\u00e9", "<![CDATA[</a>]]]>", "<![CDATA[]]>"))
		default:
			g.element(depth + 1)
		}
	}
	g.add("</", name, g.pick("", "", " "), ">")
}

// TestGenerated runs the checks of the fuzz targets over elements that random
// bytes would hardly ever form.
func TestGenerated(t *testing.T) {
	kept, mended := 0, 0
	for seed := range uint64(20000) {
		g := generator{Rand: rand.New(rand.NewPCG(seed, 0))}
		if g.IntN(2) == 0 {
			g.add("<q:stream xmlns:q='", streamSpace, "' xmlns:p='jabber:server'", g.pick("", " xmlns='urn:p'", " xmlns='jabber:client'"), ">")
		}
		g.element(0)
		checkDifferential(t, g.out)
		checkSelfContained(t, g.out)
		toks, _, _ := scan(stream(g.out), Limits{}, 1000)
		if len(toks) == 2 {
			if kept++; !sameBytes(toks[1]) {
				mended++
			}
		}
	}
	if kept < 8000 || mended < 1000 {
		t.Errorf("only %d elements were well-formed, %d of them not self-contained", kept, mended)
	}
}

// sameBytes reports whether Inner is what stands between the tags.
func sameBytes(t Token) bool {
	first := readTag(t.Raw, 0).end
	return len(t.Inner) == 0 || len(t.Raw) >= first+len(t.Inner) && string(t.Raw[first:first+len(t.Inner)]) == string(t.Inner)
}
