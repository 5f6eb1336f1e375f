package s2stest

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"isthmus.im/jid"
)

// hostile is a server whose certificate is in order and which does harm
// otherwise. To those who connect it does one thing after the other, see acts;
// those whom it is told to attack it gets all of attacks.
type hostile struct {
	plain
	mu  sync.Mutex
	met int // connections accepted
}

// forged is in everything that it says under another's name.
const forged = "<body>forged</body>"

// held is how long it keeps a connection on which it has nothing more to say.
const held = 2 * time.Minute

// act is what a hostile server does to one that connects. It reports whether
// the stream came to be and stanzas may follow.
type act struct {
	name string
	do   func(*hostile, *line) bool
}

func acts() []act {
	return []act{
		{"says nothing", func(h *hostile, l *line) bool { return l.hold() }},
		{"a header without an end", func(h *hostile, l *line) bool {
			l.put("<?xml version='1.0'?><stream:stream xmlns='")
			for range 600 {
				l.put("x")
				if !l.a.sleep(time.Second) {
					break
				}
			}
			return false
		}},
		{"a header with entities", func(h *hostile, l *line) bool {
			l.put("<?xml version='1.0'?><!DOCTYPE x [<!ENTITY a '" + strings.Repeat("lol", 1000) + "'><!ENTITY b '" + strings.Repeat("&a;", 1000) + "'>]>")
			return l.hold()
		}},
		{"features without an end", func(h *hostile, l *line) bool {
			l.put(h.answer(l, "") + "<stream:features>" + strings.Repeat("<x xmlns='urn:example:x'/>", 50_000))
			return l.hold()
		}},
		{"no TLS", func(h *hostile, l *line) bool {
			l.header()
			l.put(h.answer(l, "") + "<stream:features>" + offerExternal + "</stream:features>")
			return l.hold()
		}},
		{"plaintext behind the start of TLS", func(h *hostile, l *line) bool {
			if !h.greet(l, offerTLS) || l.want(nsTLS, "starttls") == nil {
				return false
			}
			l.put(proceed + h.answer(l, l.remote) + "<stream:features>" + offerExternal + "</stream:features>" + success)
			return l.secure("") && l.hold()
		}},
		{"success that nobody asked for", func(h *hostile, l *line) bool {
			if !h.untilTLS(l) || l.header() == nil {
				return false
			}
			l.put(h.answer(l, l.remote) + success)
			return l.hold()
		}},
		{"another name after TLS", func(h *hostile, l *line) bool {
			if !h.untilTLS(l) || l.header() == nil {
				return false
			}
			l.put(strings.Replace(h.answer(l, l.remote), l.a.domain, l.remote, 1) + "<stream:features>" + offerExternal + "</stream:features>")
			return l.hold()
		}},
		{"a way to itself", func(h *hostile, l *line) bool {
			l.header()
			l.put(h.answer(l, l.remote) + "<stream:error><see-other-host xmlns='" + nsStreams + "'>127.0.0.1:5269</see-other-host></stream:error>" + footer)
			return false
		}},
		{"stanzas under other names", func(h *hostile, l *line) bool {
			if !h.plain.accept(l) {
				return false
			}
			for _, from := range []string{"tybalt@verona.example", "juliet@" + l.remote, l.remote} {
				l.put("<message from='" + from + "' to='juliet@" + l.remote + "'>" + forged + "</message>")
				l.put("<iq type='result' id='1' from='" + from + "' to='" + l.remote + "'>" + forged + "</iq>")
				l.put("<message type='error' from='" + from + "' to='juliet@" + l.remote + "'>" + forged + "</message>")
			}
			return true
		}},
		{"more acknowledged than was sent", func(h *hostile, l *line) bool {
			if !h.untilTLS(l) || !h.greet(l, offerExternal) || l.want(nsSASL, "auth") == nil {
				return false
			}
			l.put(success)
			l.scan.Restart()
			l.prove()
			if !h.greet(l, "<sm xmlns='"+nsSM+"'/>") {
				return false
			}
			l.put("<enabled xmlns='" + nsSM + "' resume='true' id='x' max='4294967295'/><a xmlns='" + nsSM + "' h='4294967295'/>")
			return l.hold()
		}},
		{"a stanza too large", func(h *hostile, l *line) bool {
			if !h.plain.accept(l) {
				return false
			}
			l.put("<message from='" + l.a.domain + "' to='" + l.remote + "'>" + strings.Repeat("<x xmlns='urn:example:x'/>", 100_000))
			return l.hold()
		}},
		{"the end of the connection", func(h *hostile, l *line) bool { h.plain.accept(l); return false }},
	}
}

// untilTLS is the beginning of an honest negotiation.
func (h *hostile) untilTLS(l *line) bool {
	if !h.greet(l, offerTLS) || l.want(nsTLS, "starttls") == nil {
		return false
	}
	l.put(proceed)
	return l.secure("")
}

func (h *hostile) accept(l *line) bool {
	list := acts()
	h.mu.Lock()
	next := list[h.met%len(list)]
	h.met++
	h.mu.Unlock()
	return next.do(h, l)
}

// hold reads what comes, answers nothing and returns false when the connection
// ends or enough time has passed.
func (l *line) hold() bool {
	l.sock.SetReadDeadline(time.Now().Add(held))
	io.Copy(io.Discard, l.conn)
	return false
}

// attack is what a hostile server sends to another: on an authenticated stream,
// unless begin is set, which negotiates as far as it goes.
type attack struct {
	name  string
	begin func(h *hostile, l *line) bool
	text  string // {me} is the hostile domain, {you} the one that is attacked
}

// fill replaces the names in the text of an attack.
func (l *line) fill(text string) string {
	return strings.NewReplacer("{me}", l.a.domain, "{you}", l.remote).Replace(text)
}

func attacks() []attack {
	const some = "<message from='mallory@{me}' to='juliet@{you}'"
	before := func(text string) func(*hostile, *line) bool {
		return func(h *hostile, l *line) bool {
			l.put("<?xml version='1.0'?><stream:stream xmlns='" + nsServer + "' xmlns:stream='" + nsStream + "' xmlns:db='" + nsDialback +
				"' from='" + l.a.domain + "' to='" + l.remote + "' version='1.0'>" + l.fill(text))
			return true
		}
	}
	secured := func(from string) func(*hostile, *line) bool {
		return func(h *hostile, l *line) bool {
			if !before("")(h, l) || l.features() == nil || !l.startTLS(l.remote) {
				return false
			}
			if from == "" {
				from = l.a.domain
			}
			l.put("<?xml version='1.0'?><stream:stream xmlns='" + nsServer + "' xmlns:stream='" + nsStream + "' xmlns:db='" + nsDialback +
				"' from='" + from + "' to='" + l.remote + "' version='1.0'>")
			return l.features() != nil
		}
	}
	return []attack{
		{"another domain's name", nil, "<message from='tybalt@verona.example' to='juliet@{you}'>" + forged + "</message>"},
		{"the name of who is attacked", nil, "<message from='juliet@{you}' to='juliet@{you}'>" + forged + "</message>"},
		{"the name of a subdomain", nil, "<message from='mallory@sub.{me}' to='juliet@{you}'>" + forged + "</message>"},
		{"a name that ends alike", nil, "<message from='mallory@evil{me}' to='juliet@{you}'>" + forged + "</message>"},
		{"a name in a resource", nil, "<message from='verona.example/@{me}' to='juliet@{you}'>" + forged + "</message>"},
		{"no sender", nil, "<message to='juliet@{you}'>" + forged + "</message>"},
		{"no recipient", nil, "<message from='mallory@{me}'>" + forged + "</message>"},
		{"a domain that is not there", nil, "<message from='mallory@{me}' to='juliet@verona.example'>" + forged + "</message>"},
		{"answers to requests of others", nil, "<iq type='result' id='1' from='verona.example' to='{you}'>" + forged + "</iq>"},
		{"two senders", nil, "<message from='tybalt@verona.example' from='mallory@{me}' to='juliet@{you}'>" + forged + "</message>"},
		{"a stanza within a stanza", nil, some + "></message><message from='tybalt@verona.example' to='juliet@{you}'>" + forged + "</message>"},
		{"another header", nil, "<stream:stream xmlns='" + nsServer + "' xmlns:stream='" + nsStream + "' from='verona.example' to='{you}' version='1.0'><message from='tybalt@verona.example' to='juliet@{you}'>" + forged + "</message>"},
		{"something after the end", nil, footer + "<message from='tybalt@verona.example' to='juliet@{you}'>" + forged + "</message>"},
		{"a stanza too large", nil, some + "><body>" + strings.Repeat("x", 4<<20) + "</body></message>"},
		{"a stanza too deep", nil, some + ">" + strings.Repeat("<a>", 10_000) + strings.Repeat("</a>", 10_000) + "</message>"},
		{"too many attributes", nil, some + manyAttributes(10_000) + "/>"},
		{"a stanza without an end", nil, some + "><body>x"},
		{"entities", nil, "<!DOCTYPE x [<!ENTITY a 'forged'>]>" + some + "><body>&a;</body></message>"},
		{"a comment", nil, some + "><!-- -->" + forged + "</message>"},
		{"bytes that are no text", nil, some + "><body>\xff\xfe</body></message>"},
		{"an undeclared prefix", nil, some + "><x:y/>" + forged + "</message>"},
		{"tags that do not match", nil, some + ">" + forged + "</presence>"},
		{"answers to stream management", nil, "<enabled xmlns='" + nsSM + "'/><a xmlns='" + nsSM + "' h='4294967295'/><resumed xmlns='" + nsSM + "' previd='x' h='4294967295'/>"},
		{"a stream of someone else", nil, "<resume xmlns='" + nsSM + "' previd='x' h='4294967295'/>"},
		{"a stanza before TLS", before("<message from='mallory@{me}' to='juliet@{you}'>" + forged + "</message>"), ""},
		{"authentication before TLS", before("<auth xmlns='" + nsSASL + "' mechanism='EXTERNAL'>=</auth>"), ""},
		{"a key before TLS", before("<db:result from='verona.example' to='{you}'>key</db:result>"), ""},
		{"a stanza before authentication", secured(""), some + ">" + forged + "</message>"},
		{"authentication as another domain", secured(""), "<auth xmlns='" + nsSASL + "' mechanism='EXTERNAL'>dmVyb25hLmV4YW1wbGU=</auth><message from='tybalt@verona.example' to='juliet@{you}'>" + forged + "</message>"},
		{"another name after TLS", secured("verona.example"), "<auth xmlns='" + nsSASL + "' mechanism='EXTERNAL'>=</auth><message from='tybalt@verona.example' to='juliet@{you}'>" + forged + "</message>"},
		{"a key for another domain", secured(""), "<db:result from='verona.example' to='{you}'>key</db:result><message from='tybalt@verona.example' to='juliet@{you}'>" + forged + "</message>"},
		{"an answer to no question", secured(""), "<db:verify from='verona.example' to='{you}' id='x' type='valid'/><db:result from='verona.example' to='{you}' type='valid'/>"},
		{"nothing", func(*hostile, *line) bool { return true }, ""},
		{"garbage", func(*hostile, *line) bool { return true }, strings.Repeat("\x00\xff\x16\x03", 1000)},
	}
}

func manyAttributes(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, " a%d=''", i)
	}
	return b.String()
}

// Attack makes a [HostileServer] attack the server of a domain in every way that
// it knows, one after the other, each on a connection of its own, and returns
// when that is over: within minutes, of virtual time at best. All that it says
// under another's name has the text "forged": a handler that sees it was
// deceived. A server that is sound serves others all the while.
func (p *Peer) Attack(domain string) {
	p.t.Helper()
	a, _ := p.running().(*actor)
	var h *hostile
	if a != nil {
		h, _ = a.character.(*hostile)
	}
	if h == nil {
		p.t.Fatalf("s2stest: %s is not hostile", p.domain)
	}
	d, err := jid.Parse(domain)
	if err != nil {
		p.t.Fatalf("s2stest: domain %q: %v", domain, err)
	}
	for _, x := range attacks() {
		fmt.Fprintf(p.t.Output(), "s2stest: %s attacks %s: %s\n", p.domain, d, x.name)
		l := a.dial(d.Domain())
		if l == nil {
			p.t.Fatalf("s2stest: %s cannot connect to %s", p.domain, d)
		}
		begin := x.begin
		if begin == nil {
			begin = func(h *hostile, l *line) bool { return h.plain.open(l) }
		}
		if begin(h, l) {
			l.put(l.fill(x.text))
			l.sock.SetReadDeadline(time.Now().Add(attackTime))
			io.Copy(io.Discard, l.conn)
		}
		l.close()
	}
}

// attackTime is how long an attack waits for an answer.
const attackTime = 5 * time.Second
