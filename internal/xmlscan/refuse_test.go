package xmlscan

import (
	"encoding/xml"
	"errors"
	"strings"
	"testing"
	"unicode/utf8"
)

// refusal is a stream that must be refused with a condition.
type refusal struct{ name, in, condition string }

// inside holds what must be refused after a stream header.
var inside = []refusal{
	{"comment", "<!-- c -->", RestrictedXML},
	{"comment in element", "<a><!-- c --></a>", RestrictedXML},
	{"processing instruction", "<?php ?>", RestrictedXML},
	{"processing instruction in element", "<a><?php ?></a>", RestrictedXML},
	{"second XML declaration", "<?xml version='1.0'?>", RestrictedXML},
	{"document type", "<!DOCTYPE a>", RestrictedXML},
	{"document type in element", "<a><!DOCTYPE a></a>", RestrictedXML},
	{"element declaration", "<a><!ELEMENT a></a>", RestrictedXML},
	{"CDATA in small letters", "<a><![cdata[x]]></a>", RestrictedXML},
	{"entity", "<a>&foo;</a>", RestrictedXML},
	{"entity in attribute", "<a b='&foo;'/>", RestrictedXML},
	{"long entity", "<a>&abcdefghijklmnopqrstuvwxyz;</a>", RestrictedXML},
	{"HTML entity", "<a>&nbsp;</a>", RestrictedXML},
	{"entity in capitals", "<a>&LT;</a>", RestrictedXML},

	{"text between stanzas", "x", BadFormat},
	{"non-ASCII text between stanzas", "\u00e9", BadFormat},
	{"reference between stanzas", "&#32;", BadFormat},
	{"CDATA between stanzas", "<![CDATA[ ]]>", BadFormat},
	{"stream header in stream", "<stream:stream>", BadFormat},

	{"]]> in text", "<a>]]></a>", NotWellFormed},
	{"]]> after text", "<a>x]]]></a>", NotWellFormed},
	{"]]> in text of stanza", "<message><body>a]]>b</body></message>", NotWellFormed},
	{"]]> after CDATA", "<a><![CDATA[x]]>]]></a>", NotWellFormed},
	{"null reference", "<a>&#0;</a>", NotWellFormed},
	{"reference beyond Unicode", "<a>&#x110000;</a>", NotWellFormed},
	{"reference without number", "<a>&#zz;</a>", NotWellFormed},
	{"control reference in attribute", "<a b='&#1;'/>", NotWellFormed},
	{"reference that overflows", "<a>&#x100000041;</a>", NotWellFormed},
	{"decimal reference that overflows", "<a>&#4294967361;</a>", NotWellFormed},
	{"surrogate reference", "<a>&#xD800;</a>", NotWellFormed},
	{"noncharacter reference", "<a>&#xFFFE;</a>", NotWellFormed},
	{"capital X in reference", "<a>&#X41;</a>", NotWellFormed},
	{"empty reference", "<a>&;</a>", NotWellFormed},
	{"empty decimal reference", "<a>&#;</a>", NotWellFormed},
	{"empty hexadecimal reference", "<a>&#x;</a>", NotWellFormed},
	{"bare ampersand", "<a>x & y</a>", NotWellFormed},
	{"reference without semicolon", "<a>&lt </a>", NotWellFormed},
	{"reference beginning with digit", "<a>&1lt;</a>", NotWellFormed},
	{"control character", "<a>\x01</a>", NotWellFormed},
	{"null byte", "<a>\x00</a>", NotWellFormed},
	{"control character in attribute", "<a b='\x1f'/>", NotWellFormed},
	{"control character in CDATA", "<a><![CDATA[\x08]]></a>", NotWellFormed},
	{"control character between stanzas", "\x01", NotWellFormed},
	{"U+FFFE in text", "<a>\ufffe</a>", NotWellFormed},
	{"U+FFFF in attribute", "<a b='\uffff'/>", NotWellFormed},
	{"U+FFFE in CDATA", "<a><![CDATA[\ufffe]]></a>", NotWellFormed},
	{"U+FFFE in name", "<a\ufffe/>", NotWellFormed},

	{"name -a", "<-a/>", NotWellFormed},
	{"name 1", "<1/>", NotWellFormed},
	{"name .a", "<.a/>", NotWellFormed},
	{"name a:b:c", "<p:b:c/>", NotWellFormed},
	{"name :a", "<:a/>", NotWellFormed},
	{"name a:", "<p:/>", NotWellFormed},
	{"local name 1", "<p:1/>", NotWellFormed},
	{"local name -a", "<p:-a/>", NotWellFormed},
	{"attribute name :a", "<a :a='1'/>", NotWellFormed},
	{"attribute name a:", "<a p:='1'/>", NotWellFormed},
	{"attribute name a:b:c", "<a p:b:c='1'/>", NotWellFormed},
	{"attribute name 1", "<a 1='1'/>", NotWellFormed},
	{"name of combining character", "<\u0301/>", NotWellFormed},
	{"name with times sign", "<a\u00d7/>", NotWellFormed},
	{"name with emoji", "<a\U0001F600/>", NotWellFormed},
	{"space before name", "< a/>", NotWellFormed},
	{"no name", "<>", NotWellFormed},
	{"tag in tag", "<a<b/>", NotWellFormed},
	{"slash in tag", "<a / >", NotWellFormed},
	{"attribute after slash", "<a /b='1'>", NotWellFormed},

	{"end tag of another name", "<a></b>", NotWellFormed},
	{"end tag of longer name", "<a></ab>", NotWellFormed},
	{"end tag of shorter name", "<ab></a>", NotWellFormed},
	{"end tag of other case", "<a></A>", NotWellFormed},
	{"end tag with attribute", "<a></a b='1'>", NotWellFormed},
	{"end tag with space first", "<a></ a>", NotWellFormed},
	{"end tags crossed", "<a><b></a></b>", NotWellFormed},
	{"end tag of other prefix", "<p:a xmlns:q='urn:p'></q:a>", NotWellFormed},
	{"end tag too many", "<a/></a>", NotWellFormed},
	{"data after stream", "</stream:stream><a/>", NotWellFormed},
	{"text after stream", "</stream:stream>\nx", NotWellFormed},

	{"attribute twice", "<a b='1' b='1'/>", NotWellFormed},
	{"attribute twice apart", "<a b='1' c='2' b='3'/>", NotWellFormed},
	{"attribute twice by namespace", "<a xmlns:q='urn:p' q:b='1' p:b='2'/>", NotWellFormed},
	{"attribute twice by escaped namespace", "<a xmlns:q='urn&#58;p' q:b='1' p:b='2'/>", NotWellFormed},
	{"xml attribute twice", "<a xml:lang='1' xml:lang='2'/>", NotWellFormed},
	{"default namespace twice", "<a xmlns='u' xmlns='v'/>", NotWellFormed},
	{"prefix declared twice", "<a xmlns:q='u' xmlns:q='v'/>", NotWellFormed},
	{"attributes without space", "<a b='1'c='2'/>", NotWellFormed},
	{"attribute without value", "<a b/>", NotWellFormed},
	{"attribute without equals sign", "<a b '1'/>", NotWellFormed},
	{"attribute without quotes", "<a b=1/>", NotWellFormed},
	{"< in attribute", "<a b='<'/>", NotWellFormed},
	{"quote in tag", "<a 'b'/>", NotWellFormed},

	{"unbound prefix", "<q:a/>", NotWellFormed},
	{"unbound prefix further in", "<message><foo:body>What is this foo?</foo:body></message>", NotWellFormed},
	{"unbound prefix of attribute", "<a q:b='1'/>", NotWellFormed},
	{"unbound prefix of deep attribute", "<a><b><c q:b='1'/></b></a>", NotWellFormed},
	{"prefix out of scope", "<a><b xmlns:q='urn:q'/><q:c/></a>", NotWellFormed},
	{"prefix out of scope in next stanza", "<a xmlns:q='urn:q'/><q:c/>", NotWellFormed},
	{"prefix xmlns", "<xmlns:a/>", NotWellFormed},
	{"prefix xmlns declared", "<a xmlns:xmlns='http://www.w3.org/2000/xmlns/'/>", NotWellFormed},
	{"namespace of xmlns", "<a xmlns:q='http://www.w3.org/2000/xmlns/'/>", NotWellFormed},
	{"namespace of xmlns as default", "<a xmlns='http://www.w3.org/2000/xmlns/'/>", NotWellFormed},
	{"prefix xml bound otherwise", "<a xmlns:xml='urn:x'/>", NotWellFormed},
	{"namespace of xml bound otherwise", "<a xmlns:q='http://www.w3.org/XML/1998/namespace'/>", NotWellFormed},
	{"namespace of xml escaped", "<a xmlns:q='http://www.w3.org/XML/1998/namespac&#101;'/>", NotWellFormed},
	{"namespace of xml as default", "<a xmlns='http://www.w3.org/XML/1998/namespace'/>", NotWellFormed},
	{"prefix undeclared", "<a xmlns:q=''/>", NotWellFormed},

	{"byte FF", "<a>\xff</a>", UnsupportedEncoding},
	{"Latin-1", "<a>caf\xe9</a>", UnsupportedEncoding},
	{"lone continuation", "<a b='\x80'/>", UnsupportedEncoding},
	{"overlong", "<a>\xc0\xbc</a>", UnsupportedEncoding},
	{"overlong of three", "<a>\xe0\x80\xbc</a>", UnsupportedEncoding},
	{"encoded surrogate", "<a>\xed\xa0\x80</a>", UnsupportedEncoding},
	{"beyond Unicode", "<a>\xf4\x90\x80\x80</a>", UnsupportedEncoding},
	{"invalid UTF-8 in name", "<a\xff/>", UnsupportedEncoding},
	{"invalid UTF-8 in CDATA", "<a><![CDATA[\xff]]></a>", UnsupportedEncoding},
	{"invalid UTF-8 between stanzas", "\xff", UnsupportedEncoding},

	{"too large", "<a>" + strings.Repeat("x", 2000) + "</a>", PolicyViolation},
	{"too deep", strings.Repeat("<a>", 9) + strings.Repeat("</a>", 9), PolicyViolation},
	{"too deep, empty", strings.Repeat("<a>", 8) + "<b/>" + strings.Repeat("</a>", 8), PolicyViolation},
	{"too many attributes", "<a a='' b='' c='' d='' e='' f='' g='' h='' i=''/>", PolicyViolation},
	{"name too long", "<" + strings.Repeat("a", 101) + "/>", PolicyViolation},
	{"attribute name too long", "<a " + strings.Repeat("a", 101) + "=''/>", PolicyViolation},
	{"namespace too long", "<a xmlns='" + strings.Repeat("a", 101) + "'/>", PolicyViolation},
	{"too many prefixes", "<a xmlns:b='b' xmlns:c='b' xmlns:d='b'><a xmlns:e='b' xmlns:f='b'/></a>", PolicyViolation},
	{"reference too long", "<a>&#00000000000000000065;</a>", PolicyViolation},
	{"too large with declarations", "<a>" + strings.Repeat("<p:a/>", 60) + "</a>", PolicyViolation},
}

const (
	streams  = " xmlns:stream='http://etherx.jabber.org/streams'"
	goodHead = "<stream:stream xmlns='jabber:server'" + streams + ">"
)

// headers holds what must be refused from the first byte on.
var headers = []refusal{
	{"document type", "<!DOCTYPE a>" + goodHead, RestrictedXML},
	{"comment", "<!-- -->" + goodHead, RestrictedXML},
	{"comment after declaration", "<?xml version='1.0'?><!-- -->" + goodHead, RestrictedXML},
	{"processing instruction", "<?php ?>" + goodHead, RestrictedXML},
	{"style sheet", "<?xml-stylesheet href='x'?>" + goodHead, RestrictedXML},
	{"space before declaration", " <?xml version='1.0'?>" + goodHead, RestrictedXML},
	{"two declarations", "<?xml version='1.0'?><?xml version='1.0'?>" + goodHead, RestrictedXML},

	{"encoding UTF-16", "<?xml version='1.0' encoding='UTF-16'?>" + goodHead, UnsupportedEncoding},
	{"encoding ISO-8859-1", "<?xml version='1.0' encoding='ISO-8859-1'?>" + goodHead, UnsupportedEncoding},
	{"encoding empty", "<?xml version='1.0' encoding=''?>" + goodHead, UnsupportedEncoding},
	{"encoding US-ASCII", "<?xml version='1.0' encoding='US-ASCII'?>" + goodHead, UnsupportedEncoding},
	{"UTF-16 little endian with mark", "\xff\xfe<\x00", UnsupportedEncoding},
	{"UTF-16 big endian with mark", "\xfe\xff\x00<", UnsupportedEncoding},
	{"UTF-16 little endian", "<\x00s\x00", UnsupportedEncoding},
	{"UTF-16 big endian", "\x00<\x00s", UnsupportedEncoding},
	{"UTF-32 with mark", "\x00\x00\xfe\xff", UnsupportedEncoding},
	{"invalid UTF-8", "<stream:stream to='\xff' xmlns='jabber:server'" + streams + ">", UnsupportedEncoding},
	{"invalid UTF-8 first", "\x80" + goodHead, UnsupportedEncoding},

	{"byte order mark of UTF-8", "\ufeff" + goodHead, NotWellFormed},
	{"text first", "x" + goodHead, NotWellFormed},
	{"HTTP", "GET / HTTP/1.1\r\n", NotWellFormed},
	{"TLS", "\x16\x03\x01\x02\x00\x01", NotWellFormed},
	{"CDATA first", "<![CDATA[x]]>" + goodHead, NotWellFormed},
	{"end tag first", "</stream:stream>", NotWellFormed},
	{"unbound prefix", "<stream:stream xmlns='jabber:server'>", NotWellFormed},
	{"unbound prefix of attribute", "<stream:stream xmlns='jabber:server' a:b='c'" + streams + ">", NotWellFormed},
	{"attribute twice", "<stream:stream to='a' to='b' xmlns='jabber:server'" + streams + ">", NotWellFormed},
	{"declaration empty", "<?xml ?>" + goodHead, NotWellFormed},
	{"declaration without version", "<?xml encoding='utf-8'?>" + goodHead, NotWellFormed},
	{"declaration in wrong order", "<?xml version='1.0' standalone='no' encoding='utf-8'?>" + goodHead, NotWellFormed},
	{"version twice", "<?xml version='1.0' version='1.0'?>" + goodHead, NotWellFormed},
	{"declaration without space", "<?xml version='1.0'encoding='utf-8'?>" + goodHead, NotWellFormed},
	{"declaration with quotes mixed", "<?xml version='1.0\"?>" + goodHead, NotWellFormed},
	{"declaration without quotes", "<?xml version=1.0?>" + goodHead, NotWellFormed},
	{"declaration with foreign name", "<?xml version='1.0' foo='bar'?>" + goodHead, NotWellFormed},
	{"declaration with rest", "<?xml version='1.0' x?>" + goodHead, NotWellFormed},
	{"standalone neither yes nor no", "<?xml version='1.0' standalone='maybe'?>" + goodHead, NotWellFormed},

	{"XML 1.1", "<?xml version='1.1'?>" + goodHead, BadFormat},
	{"XML 2.0", "<?xml version='2.0'?>" + goodHead, BadFormat},
	{"another local name", "<stream:features xmlns='jabber:server'" + streams + ">", BadFormat},
	{"empty element", "<stream:stream xmlns='jabber:server'" + streams + "/>", BadFormat},

	{"another stream namespace", "<stream:stream xmlns='jabber:server' xmlns:stream='http://wrong.namespace.example.org/'>", InvalidNamespace},
	{"no stream namespace", "<stream xmlns='jabber:server'>", InvalidNamespace},
	{"no namespace", "<stream>", InvalidNamespace},
	{"a stanza", "<message xmlns='jabber:server'>", InvalidNamespace},
	{"stream without prefix", "<stream xmlns='jabber:server'" + streams + ">", BadNamespacePrefix},

	{"declaration too long", "<?xml version='1.0' " + strings.Repeat(" ", 300) + "?>", PolicyViolation},
	{"header too large", "<stream:stream a='" + strings.Repeat("a", 1000), PolicyViolation},
}

// tight are limits that the tables exceed in few bytes.
var tight = Limits{Bytes: 1000, Depth: 8, Attrs: 8, Name: 100, Prefixes: 8}

func TestRefuse(t *testing.T) {
	check := func(c refusal, in string) {
		t.Run(c.name, func(t *testing.T) {
			for _, size := range []int{1, 3, len(in)} {
				err := feed(New(tight), []byte(in), size, func(Token) {})
				e := new(Error)
				if !errors.As(err, &e) {
					t.Fatalf("pieces of %d: %q gave %v, want %s", size, in, err, c.condition)
				}
				if e.Condition != c.condition {
					t.Errorf("pieces of %d: %q gave %v, want %s", size, in, e, c.condition)
				}
				if e.Offset < 0 || e.Offset > int64(len(in)) {
					t.Errorf("%q: offset %d is outside", in, e.Offset)
				}
			}
		})
	}
	for _, c := range headers {
		check(c, c.in)
	}
	for _, c := range inside {
		c.name += " inside"
		check(c, header1+c.in)
	}
}

// accepted holds what looks odd and is right; each follows a stream header.
var accepted = []string{
	"<a>]]&gt; ]] > ]&#93;></a>",
	"<a>]]<![CDATA[]]]]>></a>",
	"<a><![CDATA[<b>&foo;]] ]>]]></a>",
	"<a><![CDATA[]]></a>",
	"<a><![CDATA[]]]></a>",
	"<a>&#x10FFFF;&#9;&#xA;&#13;&lt;&gt;&amp;&quot;&apos;&#00065;</a>",
	"<a b = '>' c\n=\n\"'\"\t/>",
	"<a b='\"' xml:lang=''></a\r\n>",
	"<_a.b-c1 _='1' A='2'/>",
	"<\u00e9l\u00e9ment \u00e0='\u00df'>\u65e5\u672c\u8a9e \U0001F600 \ufffd \u0085 \u007f</\u00e9l\u00e9ment>",
	"<p:a p:b='1' b='2' s:b='3'><p:b/></p:a>",
	"<a xmlns:xml='http://www.w3.org/XML/1998/namespace' xml:space='preserve'/>",
	"<a xmlns=''><b xmlns='urn:b'><c xmlns=''/></b></a>",
	"<a xmlns:q='urn:q'><b xmlns:q='urn:r'><q:c/></b><q:c/></a>",
	"<a xmlns:q='urn:&amp;&#9;q' q:b='1'/>",
	"<xmlish xmlnsfoo='1' xml='2'/>",
	"<stream:error><a xmlns='urn:x'/></stream:error>",
	"<a>\r\n\r \t</a>",
	"<xml:a/>",
}

func TestAccept(t *testing.T) {
	for _, in := range accepted {
		for _, size := range []int{1, len(header1) + len(in)} {
			n := 0
			if err := feed(New(Limits{}), []byte(header1+in), size, func(Token) { n++ }); err != ErrMore || n != 2 {
				t.Errorf("%q: %d tokens, %v", in, n, err)
			}
		}
	}
	for _, decl := range []string{
		"", " \n", "<?xml version='1.0'?>", "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n",
		"<?xml  version = '1.0' encoding='utf-8' standalone='yes' ?>", "<?xml\nversion='1.0'\tstandalone='no'?>",
	} {
		for _, head := range []string{goodHead, "<stream xmlns='http://etherx.jabber.org/streams'>", "<x:stream xmlns:x='http://etherx.jabber.org/streams'>"} {
			n := 0
			if err := feed(New(Limits{}), []byte(decl+head), 1, func(Token) { n++ }); err != ErrMore || n != 1 {
				t.Errorf("%q: %d tokens, %v", decl+head, n, err)
			}
		}
	}
}

func TestAtTheLimits(t *testing.T) {
	for _, in := range []string{
		"<a>" + strings.Repeat("x", 993) + "</a>",
		strings.Repeat("<a>", 8) + strings.Repeat("</a>", 8),
		"<a a='' b='' c='' d='' e='' f='' g='' h=''/>",
		"<" + strings.Repeat("a", 100) + " xmlns='" + strings.Repeat("a", 100) + "'/>",
		"<a xmlns:b='b' xmlns:c='b' ><a xmlns:e='b'/><a xmlns:f='b'/></a>",
	} {
		n := 0
		if err := feed(New(tight), []byte(header1+in), 1, func(Token) { n++ }); err != ErrMore || n != 2 {
			t.Errorf("%q: %d tokens, %v", in, n, err)
		}
	}
}

// TestNameRunes compares the name tables with encoding/xml, which must accept
// each character that we accept.
func TestNameRunes(t *testing.T) {
	n := 0
	for r := rune(1); r <= utf8.MaxRune; r++ {
		if !utf8.ValidRune(r) || (r >= utf8.RuneSelf && !isNameRune(r, false)) {
			continue
		}
		for _, name := range []string{string(r), "a" + string(r)} {
			_, err := Parse([]byte("<"+name+"/>"), "", Limits{})
			if err != nil {
				continue
			}
			n++
			var v struct{ XMLName xml.Name }
			if err := xml.Unmarshal([]byte("<"+name+"/>"), &v); err != nil && r > ' ' {
				t.Errorf("%q: %v", name, err)
			}
		}
	}
	if n < 60000 {
		t.Errorf("only %d names accepted", n)
	}
}

func TestParse(t *testing.T) {
	for _, c := range []struct{ in, condition string }{
		{"<a/>", ""},
		{" \n<a></a>\n", ""},
		{"<a/><b/>", NotWellFormed},
		{"<a/>x", NotWellFormed},
		{"<a>", NotWellFormed},
		{"", NotWellFormed},
		{"</>", NotWellFormed},
		{"</a>", NotWellFormed},
		{"x<a/>", BadFormat},
		{"<?xml version='1.0'?><a/>", RestrictedXML},
		{"<p:a/>", NotWellFormed},
	} {
		_, err := Parse([]byte(c.in), "jabber:client", Limits{})
		e := new(Error)
		if errors.As(err, &e); e.Condition != c.condition {
			t.Errorf("%q: %v, want %q", c.in, err, c.condition)
		}
	}
	for _, c := range []struct{ in, space, content, child string }{
		{"<message><body/></message>", "jabber:client", "jabber:client", "jabber:client"},
		{"<message xmlns='jabber:server'><body/></message>", "jabber:server", "jabber:server", "jabber:server"},
		{"<x:message xmlns:x='jabber:server'><x:body/></x:message>", "jabber:server", "jabber:client", "jabber:server"},
		{"<query xmlns='urn:q'><item/></query>", "urn:q", "jabber:client", "urn:q"},
	} {
		tok, err := Parse([]byte(c.in), "jabber:client", Limits{})
		if err != nil || string(tok.Space) != c.space || string(tok.Content) != c.content || string(tok.FirstSpace) != c.child {
			t.Errorf("%q: %v, %s", c.in, err, show(tok))
		}
	}
}
