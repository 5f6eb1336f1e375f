package disco

import (
	"cmp"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha3"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
)

const nsCaps = "urn:xmpp:caps"

var (
	// ErrIllFormed is returned for an Info that entity capabilities cannot be computed
	// from.
	ErrIllFormed = errors.New("disco: ill-formed info")
	// ErrMismatch is returned for an answer that is not what the hash in an entity's
	// presence stands for.
	ErrMismatch = errors.New("disco: the answer does not have the hash announced")
)

// Ver returns the verification string of XEP-0115 section 5.1, with SHA-1 and in
// Base64. Features, identities and forms may be in any order; Lang is not part of it.
// The string proves little: XEP-0115 is open to collisions made on purpose.
//
// It returns [ErrIllFormed] for what XEP-0115 section 5.4 calls so: a repeated identity,
// feature or FORM_TYPE, or a FORM_TYPE of two values. A form whose FORM_TYPE is absent
// or not hidden is ignored.
func (i Info) Ver() (string, error) {
	ids := slices.Clone(i.Identities)
	slices.SortFunc(ids, func(a, b Identity) int {
		return cmp.Or(cmp.Compare(a.Category, b.Category), cmp.Compare(a.Type, b.Type),
			cmp.Compare(a.Lang, b.Lang), cmp.Compare(a.Name, b.Name))
	})
	if len(slices.Compact(slices.Clone(ids))) != len(ids) {
		return "", fmt.Errorf("%w: an identity twice", ErrIllFormed)
	}
	features := slices.Sorted(slices.Values(i.Features))
	if len(slices.Compact(slices.Clone(features))) != len(features) {
		return "", fmt.Errorf("%w: a feature twice", ErrIllFormed)
	}
	forms, err := i.typedForms()
	if err != nil {
		return "", err
	}
	var s strings.Builder
	add := func(parts ...string) {
		for k, p := range parts {
			if k > 0 {
				s.WriteByte('/')
			}
			// The separator must not come from a value (XEP-0115 section 5.1, note).
			s.WriteString(strings.ReplaceAll(p, "<", "&lt;"))
		}
		s.WriteByte('<')
	}
	for _, id := range ids {
		add(id.Category, id.Type, id.Lang, id.Name)
	}
	for _, f := range features {
		add(f)
	}
	for _, f := range forms {
		add(f.typ)
		for _, field := range f.fields {
			if field.Var == formType {
				continue
			}
			add(field.Var)
			for _, v := range field.Values {
				add(v)
			}
		}
	}
	sum := sha1.Sum([]byte(s.String()))
	return base64.StdEncoding.EncodeToString(sum[:]), nil
}

// Hash returns the capability hash of XEP-0390 section 4 in Base64, made with a hash
// function of XEP-0300: sha-256, sha-512, sha3-256 or sha3-512. It returns [ErrIllFormed]
// if a form has no FORM_TYPE, or has reported fields or items, and another error for
// another hash function.
func (i Info) Hash(algo string) (string, error) {
	in, err := i.hashInput()
	if err != nil {
		return "", err
	}
	var sum []byte
	switch algo {
	case "sha-256":
		h := sha256.Sum256(in)
		sum = h[:]
	case "sha-512":
		h := sha512.Sum512(in)
		sum = h[:]
	case "sha3-256":
		h := sha3.Sum256(in)
		sum = h[:]
	case "sha3-512":
		h := sha3.Sum512(in)
		sum = h[:]
	default:
		return "", fmt.Errorf("disco: unknown hash function %q", algo)
	}
	return base64.StdEncoding.EncodeToString(sum), nil
}

// hashInput is the algorithm of XEP-0390 section 4.1.
func (i Info) hashInput() ([]byte, error) {
	var features, ids, exts []string
	for _, f := range i.Features {
		features = append(features, f+"\x1f")
	}
	for _, id := range i.Identities {
		lang := cmp.Or(id.Lang, i.Lang)
		ids = append(ids, id.Category+"\x1f"+id.Type+"\x1f"+lang+"\x1f"+id.Name+"\x1f\x1e")
	}
	for _, raw := range i.Forms {
		f, err := readForm(raw)
		switch {
		case err != nil:
			return nil, err
		case f.typ == "" || f.table:
			return nil, fmt.Errorf("%w: a form without FORM_TYPE or with items", ErrIllFormed)
		}
		var fields []string
		for _, field := range f.fields {
			var values []string
			for _, v := range field.Values {
				values = append(values, v+"\x1f")
			}
			fields = append(fields, field.Var+"\x1f"+sorted(values)+"\x1e")
		}
		exts = append(exts, sorted(fields)+"\x1d")
	}
	return []byte(sorted(features) + "\x1c" + sorted(ids) + "\x1c" + sorted(exts) + "\x1c"), nil
}

// sorted returns s in one piece, ordered from lesser to greater.
func sorted(s []string) string {
	slices.Sort(s)
	return strings.Join(s, "")
}
