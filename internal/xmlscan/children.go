package xmlscan

import "iter"

// Child is one element of a valid Inner.
type Child struct {
	// Space and Local are its namespace and local name.
	Space, Local []byte
	// Raw is the element with its tags, Inner what stands between them.
	Raw, Inner []byte
}

// Children walks over the elements at the top of inner, which must be the Inner
// of a Token; contentNS is the namespace of a child that declares none. Nothing
// is allocated for a child whose namespace is written without references. What a
// child's own tag declares is not repeated in Child.Inner: given that, Children
// leaves the Space of an element nil whose prefix is not declared on its own tag.
func Children(inner []byte, contentNS string) iter.Seq[Child] {
	return func(yield func(Child) bool) {
		var def []byte
		for i := nextTag(inner, 0); i < len(inner); i = nextTag(inner, i) {
			t := readTag(inner, i)
			end, innerEnd := t.end, t.end
			if !t.empty {
				innerEnd, end = skipElement(inner, t.end)
			}
			c := Child{Raw: inner[i:end], Inner: inner[t.end:innerEnd], Local: t.name.local(inner)}
			if space, ok := t.declared(inner); ok {
				c.Space = space
			} else if t.name.colon == 0 {
				if def == nil {
					def = contentBytes(contentNS)
				}
				c.Space = def
			}
			if !yield(c) {
				return
			}
			i = end
		}
	}
}
