package jid

import "strings"

// Classes of ASCII characters that stand for themselves in a part.
const (
	inLocal = 1 << iota
	inDomain
	inResource
)

// ascii tells for each byte the parts in which it stands for itself. Capital
// letters are in none but the resource part: elsewhere they are mapped.
var ascii = func() (t [256]uint8) {
	for c := ' '; c <= '~'; c++ {
		t[c] = inResource
		if c != ' ' && !strings.ContainsRune(excluded, c) && (c < 'A' || c > 'Z') {
			t[c] |= inLocal
		}
		if 'a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '-' || c == '_' {
			t[c] |= inDomain
		}
	}
	return t
}()

// parseASCII handles, in one pass, addresses that are plain in every part, as
// nearly all are. It says no to everything else, good or bad.
func parseASCII(s string) (JID, bool) {
	i := 0
	for i < len(s) && ascii[s[i]]&inLocal != 0 {
		i++
	}
	at, start := 0, 0
	if i < len(s) && s[i] == '@' {
		if i == 0 || i > maxPart {
			return JID{}, false
		}
		at, start = i, i+1
	}
	label := start
	for i = start; i < len(s) && s[i] != '/'; i++ {
		if ascii[s[i]]&inDomain != 0 {
			continue
		}
		if s[i] != '.' || !plainLabel(s[label:i]) {
			return JID{}, false
		}
		label = i + 1
	}
	if !plainLabel(s[label:i]) || i-start > maxDomain {
		return JID{}, false
	}
	if i == len(s) {
		return JID{s: s, at: uint16(at)}, true
	}
	if resource := s[i+1:]; resource == "" || !plainResource(resource) {
		return JID{}, false
	}
	return JID{s: s, at: uint16(at), slash: uint16(i)}, true
}

// plainLocal reports whether s is a local part of ASCII that stands for itself.
func plainLocal(s string) bool { return len(s) <= maxPart && allIn(inLocal, s) }

// plainResource reports whether s is a resource part of ASCII that stands for
// itself.
func plainResource(s string) bool {
	return len(s) <= maxPart && (s == "" || s[0] != ' ') && allIn(inResource, s)
}

// allIn reports whether every byte of s is in class, with no branch per byte.
func allIn(class uint8, s string) bool {
	for i := range len(s) {
		class &= ascii[s[i]]
	}
	return class != 0
}

// plainDomain reports whether s is a domain part of ASCII that stands for
// itself: one without capital letters and A-labels.
func plainDomain(s string) bool {
	if len(s) > maxDomain {
		return false
	}
	label := 0
	for i := range len(s) {
		if ascii[s[i]]&inDomain != 0 {
			continue
		}
		if s[i] != '.' || !plainLabel(s[label:i]) {
			return false
		}
		label = i + 1
	}
	return plainLabel(s[label:])
}

// plainLabel reports whether label, known to hold only characters of the class
// inDomain, is a label that stands for itself.
func plainLabel(label string) bool {
	n := len(label)
	return n > 0 && n <= maxLabel && label[0] != '-' && label[n-1] != '-' &&
		(n < 4 || label[2] != '-' || label[3] != '-')
}
