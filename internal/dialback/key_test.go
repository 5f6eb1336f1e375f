package dialback

import (
	"bytes"
	"testing"

	"isthmus.im/jid"
)

// The vectors of XEP-0185 section 3 and XEP-0220 sections 2.1.1 and 2.2.2.
func TestKeyVectors(t *testing.T) {
	for _, c := range []struct{ secret, receiving, originating, id, want string }{
		{"s3cr3tf0rd14lb4ck", "xmpp.example.com", "example.org", "D60000229F",
			"37c69b1cf07a3f67c04a5ef5902fa5114f2c76fe4a2686482ba5b89323075643"},
		{"s3cr3tf0rd14lb4ck", "montague.example", "capulet.example", "D60000229F",
			"b4835385f37fe2895af6c196b59097b16862406db80559900d96bf6fa7d23df3"},
		{"d14lb4ck43v3r", "capulet.example", "montague.example", "417GAF25",
			"225cc5aa6a071133249d25fef42ae516fc7a86c523aa1c6980a7f73e784c972d"},
	} {
		got := Key([]byte(c.secret), jid.MustParse(c.receiving), jid.MustParse(c.originating), c.id)
		if got != c.want {
			t.Errorf("key of %s for %s: %s, want %s", c.originating, c.receiving, got, c.want)
		}
	}
}

func TestAuthority(t *testing.T) {
	ours, theirs := jid.MustParse("montague.example"), jid.MustParse("capulet.example")
	serves := func(d jid.JID) bool { return d == ours }
	old, current := []byte("d14lb4ck43v3r"), []byte("another secret of ours")
	key := Key(old, theirs, ours, "417GAF25")
	request := Element{Kind: Verify, From: theirs, To: ours, ID: "417GAF25", Key: key}
	change := func(f func(*Element)) Element {
		e := request
		f(&e)
		return e
	}
	for _, c := range []struct {
		name      string
		secret    Secret
		request   Element
		want      Type
		condition string
	}{
		{"ours", Fixed(old), request, Valid, ""},
		{"of a replica that has a newer secret", Fixed(current, old), request, Valid, ""},
		{"of another secret", Fixed(current), request, Invalid, ""},
		{"of a random secret", Random(), request, Invalid, ""},
		{"other id", Fixed(old), change(func(e *Element) { e.ID = "417GAF26" }), Invalid, ""},
		{"other receiving domain", Fixed(old), change(func(e *Element) { e.From = jid.MustParse("chat.capulet.example") }), Invalid, ""},
		{"cut short", Fixed(old), change(func(e *Element) { e.Key = key[:63] }), Invalid, ""},
		{"too long", Fixed(old), change(func(e *Element) { e.Key += "0" }), Invalid, ""},
		{"other domain", Fixed(old), change(func(e *Element) { e.To = theirs }), Failure, ItemNotFound},
		{"no secret", Fixed(), request, Failure, InternalServerError},
		{"empty secret", Fixed([]byte{}), change(func(e *Element) { e.Key = Key(nil, theirs, ours, e.ID) }), Failure, InternalServerError},
		{"empty secret beside another", Fixed(current, nil), change(func(e *Element) { e.Key = Key(nil, theirs, ours, e.ID) }), Invalid, ""},
	} {
		got := Authority{c.secret, serves}.Answer(c.request)
		if got.Type != c.want || got.Condition != c.condition {
			t.Errorf("%s: %v %s, want %v %s", c.name, got.Type, got.Condition, c.want, c.condition)
		}
		if got.Kind != Verify || got.From != c.request.To || got.To != c.request.From || got.ID != c.request.ID {
			t.Errorf("%s: the answer %+v is not one to the request", c.name, got)
		}
	}
}

func TestSecrets(t *testing.T) {
	given := []byte("shared by replicas")
	fixed := Fixed(given)
	given[0] = 'X'
	if got := fixed(); len(got) != 1 || string(got[0]) != "shared by replicas" {
		t.Errorf("Fixed gives %q", got)
	}
	a, b := Random()()[0], Random()()[0]
	if len(a) != 32 || bytes.Equal(a, b) {
		t.Errorf("Random gives %x and %x", a, b)
	}
}

func BenchmarkAuthority(b *testing.B) {
	b.ReportAllocs()
	ours, theirs := jid.MustParse("montague.example"), jid.MustParse("capulet.example")
	secret := Random()
	a := Authority{secret, func(d jid.JID) bool { return d == ours }}
	request := Element{Kind: Verify, From: theirs, To: ours, ID: "417GAF25", Key: Key(secret()[0], theirs, ours, "417GAF25")}
	for b.Loop() {
		if a.Answer(request).Type != Valid {
			b.Fatal("not valid")
		}
	}
}
