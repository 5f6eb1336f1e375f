package dialback

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"isthmus.im/internal/xmlscan"
	"isthmus.im/jid"
)

// FuzzParse checks that what is read is within its limits and is read again from
// what is written of it.
func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"<db:result from='capulet.example' to='montague.example'>\n abc \n</db:result>",
		"<db:result from='CAPULET.example' to='montague.example.' type='valid'>abc</db:result>",
		"<db:verify from='xn--bcher-kva.example' id='&lt;&#x9;>' to='[::1]'>&amp;</db:verify>",
		"<db:verify from='a' id='1' to='b' type='error'><error><x/><item-not-found xmlns='" + nsErrors + "'/>" +
			"<text xmlns='" + nsErrors + "'> a <![CDATA[<]]> </text></error></db:verify>",
		"<db:result from='a' to='b' type='error'><db:error><t:gone xmlns:t='" + nsErrors + "'>x</t:gone></db:error></db:result>",
		"<db:result from='a@b' to='b'>k</db:result>",
	} {
		f.Add(declared(s))
	}
	f.Add([]byte(Feature))
	f.Fuzz(func(t *testing.T, raw []byte) {
		OffersErrors(raw)
		e, err := ParseBytes(raw)
		if err != nil {
			if e != (Element{}) {
				t.Fatalf("%+v beside %v", e, err)
			}
			return
		}
		if e.From != e.From.Host() || e.To != e.To.Host() || e.From.IsZero() || e.To.IsZero() {
			t.Fatalf("not domains: %+v", e)
		}
		if len(e.Key) > MaxKey || len(e.ID) > MaxID || (e.Key != "") != (e.Type == Request) || (e.ID != "") != (e.Kind == Verify) {
			t.Fatalf("not in its limits: %+v", e)
		}
		tok, err := xmlscan.Parse(declared(string(e.Append(nil))), nsServer, xmlscan.Limits{})
		if err != nil {
			t.Fatalf("%+v is written as %s: %v", e, e.Append(nil), err)
		}
		if len(tok.Raw) > MaxElement {
			return // escaping can make a text longer than what is read
		}
		if again, err := Parse(tok); err != nil || again != e {
			t.Fatalf("%+v comes back as %+v, %v", e, again, err)
		}
	})
}

// world is one server with several streams, and a record of what was said on
// them, by which every good result is judged.
type world struct {
	t       *testing.T
	m       []*Machine
	heard   []map[Element]bool // by stream: what the peer said, without keys
	said    []map[Element]bool // by stream: what was written, without keys
	awaited []map[pair]bool    // by stream: results this side may be given
	granted []map[pair]bool    // by stream
	asked   []*Question
	verdict []Verdict
}

var domains = []jid.JID{jid.MustParse("us.example"), jid.MustParse("chat.us.example"), capulet, montague}

func newWorld(t *testing.T) *world {
	w := &world{t: t}
	base := Config{
		Secure: true, Secret: Fixed([]byte("secret")), MaxPending: 3, MaxPairs: 5, MaxFailures: 4,
		Serves: func(d jid.JID) bool { return slices.Contains(domains[:2], d) },
	}
	for i := range 7 {
		c := base
		c.StreamID = fmt.Sprint("id", i)
		switch i {
		case 2, 3, 6:
			c.Outgoing, c.Remote = true, capulet
		case 4:
			c.Outgoing, c.Remote, c.Errors = true, montague, true
		case 5:
			c.Secure = false
		}
		m := New(c)
		if i == 1 || i == 3 {
			m.EnableBidi()
		}
		w.m = append(w.m, m)
		w.heard = append(w.heard, map[Element]bool{})
		w.said = append(w.said, map[Element]bool{})
		w.awaited = append(w.awaited, map[pair]bool{})
		w.granted = append(w.granted, map[pair]bool{})
	}
	return w
}

func bare(e Element) Element {
	return Element{Kind: e.Kind, Type: e.Type, From: e.From, To: e.To, ID: e.ID}
}

// proved reports whether the servers of p.remote vouched for a key of stream i,
// on another stream that was opened to them and where they had been asked.
func (w *world) proved(i int, p pair) bool {
	id := w.m[i].cfg.StreamID
	request := Element{Kind: Result, From: p.remote, To: p.local}
	question := Element{Kind: Verify, From: p.local, To: p.remote, ID: id}
	answer := Element{Kind: Verify, Type: Valid, From: p.remote, To: p.local, ID: id}
	for k, other := range w.m {
		if k != i && other.cfg.Outgoing && other.cfg.Remote == p.remote && w.said[k][question] && w.heard[k][answer] {
			return w.heard[i][request]
		}
	}
	return false
}

// hear passes an element to a stream. An answer counts only when it comes after
// its question.
func (w *world) hear(i int, e Element) {
	if e.Kind == Verify && e.Type != Request {
		question := Element{Kind: Verify, From: e.To, To: e.From, ID: e.ID}
		if w.said[i][question] {
			w.heard[i][bare(e)] = true
		}
	} else {
		w.heard[i][bare(e)] = true
	}
	actions := w.m[i].Step(e)
	expected := pair{e.To, e.From}
	for _, a := range actions {
		if a, ok := a.(Authorized); ok && (e.Kind != Result || e.Type != Valid || expected != pair{a.Local, a.Remote} || !w.awaited[i][expected]) {
			w.t.Fatalf("stream %d: %+v after %+v", i, a, e)
		}
	}
	if e.Kind == Result && e.Type != Request {
		delete(w.awaited[i], expected)
	}
	w.perform(i, actions)
}

func (w *world) perform(i int, actions []Action) {
	m := w.m[i]
	for n, a := range actions {
		switch a := a.(type) {
		case Write:
			w.wrote(i, a.Bytes)
		case Ask:
			w.asked = append(w.asked, a.Question)
		case Answered:
			w.verdict = append(w.verdict, a.Verdict)
		case Accepted:
			if p := (pair{a.Local, a.Remote}); !w.proved(i, p) || !m.cfg.Serves(a.Local) || m.cfg.Serves(a.Remote) || !m.cfg.Secure {
				w.t.Fatalf("stream %d accepts %v without proof", i, p)
			}
		case Refused:
			delete(w.awaited[i], pair{a.Err.Local, a.Err.Remote})
		case Close:
			if n != len(actions)-1 || !m.closed {
				w.t.Fatalf("stream %d goes on after Close", i)
			}
		}
	}
	if len(m.pending) > m.cfg.MaxPending || len(m.pending)+len(m.accepted) > m.cfg.MaxPairs+len(w.granted[i]) {
		w.t.Fatalf("stream %d: %d pending, %d accepted", i, len(m.pending), len(m.accepted))
	}
	if m.closed && len(m.pending)+len(m.started)+len(m.asked) > 0 {
		w.t.Fatalf("stream %d is closed and waits", i)
	}
}

// wrote reads what a machine has written.
func (w *world) wrote(i int, b []byte) {
	tok, err := xmlscan.Parse(slices.Concat([]byte("<x xmlns:db='"+NS+"'>"), b, []byte("</x>")), nsServer, xmlscan.Limits{})
	if err != nil {
		w.t.Fatalf("stream %d writes %s: %v", i, b, err)
	}
	for part := range bytes.SplitSeq(bytes.ReplaceAll(tok.Inner, []byte("><db:"), []byte(">\x00<db:")), []byte{0}) {
		e, err := ParseBytes(part)
		if err != nil {
			w.t.Fatalf("stream %d writes %s: %v", i, part, err)
		}
		w.said[i][bare(e)] = true
		p := pair{e.From, e.To}
		if e.Kind == Result && e.Type == Request {
			w.awaited[i][p] = true
		}
		if e.Kind == Result && e.Type == Valid && !w.proved(i, p) && !w.granted[i][p] {
			w.t.Fatalf("stream %d says %s without proof", i, part)
		}
	}
}

// FuzzMachines plays random events on the streams of a server, and checks that
// nothing is valid that was not proved.
func FuzzMachines(f *testing.F) {
	// A request on stream 0, the question on stream 2, the answer, the verdict.
	f.Add([]byte{0, 0, 2, 1, 2, 0, 0, 0, 2, 50, 0, 2, 0, 0})
	// The same on the bidirectional stream that this side opened, asked there.
	f.Add([]byte{0, 3, 2, 1, 3, 0, 0, 0, 3, 50, 3, 2, 3, 0})
	// A request of this side's, answered twice.
	f.Add([]byte{5, 2, 2, 0, 2, 34, 0, 2, 34})
	// A granted pair on a bidirectional stream, which is then used and closed.
	f.Add([]byte{6, 1, 2, 5, 1, 2, 0, 1, 34, 0, 1, 2, 8, 1, 0})
	f.Fuzz(func(t *testing.T, script []byte) {
		w := newWorld(t)
		next := func() int {
			if len(script) == 0 {
				return 0
			}
			c := script[0]
			script = script[1:]
			return int(c)
		}
		for len(script) > 0 {
			op, i, c := next()%10, next()%len(w.m), next()
			m, a, b := w.m[i], domains[c&3], domains[c>>2&3]
			switch op {
			case 0:
				e := Element{Kind: Result + Kind(c>>4&1), Type: Type(c >> 5 & 3), From: a, To: b, Key: "key"}
				if e.Kind == Verify {
					e.ID = fmt.Sprint("id", next()%len(w.m))
				}
				w.hear(i, e)
			case 1:
				if len(w.asked) > 0 {
					w.perform(i, m.Ask(w.asked[next()%len(w.asked)]))
				}
			case 2, 3:
				if len(w.verdict) > 0 {
					w.perform(i, m.Step(w.verdict[c%len(w.verdict)]))
				}
			case 4:
				if len(w.asked) > 0 {
					w.perform(i, m.Step(Unverified(w.asked[c%len(w.asked)], RemoteServerTimeout, "")))
				}
			case 5:
				w.perform(i, m.Start(b, a))
			case 6:
				if !m.cfg.Serves(a) && m.cfg.Serves(b) {
					w.granted[i][pair{b, a}] = true
					m.Grant(b, a)
				}
			case 7:
				w.perform(i, m.Step(Expired{b, a}))
			case 8:
				w.perform(i, m.Step(Closed{}))
			case 9:
				if len(w.asked) > 0 {
					m.Withdraw(w.asked[c%len(w.asked)])
				}
			}
		}
	})
}
