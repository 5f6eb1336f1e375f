package stream

import (
	"encoding/base64"
	"errors"
	"testing"

	"isthmus.im/internal/xmlscan"
	"isthmus.im/jid"
)

// events turns a script into events: one byte each, text where something is free.
func events(script []byte, text string) []Event {
	header := Header{Space: NS, Local: "stream", Content: NSServer, From: "montague.example", To: "capulet.example", Version: "1.0"}
	element := func(space, local, attrs, inner string) Element {
		b := append([]byte("<"+local+" xmlns='"+space+"'"), attrs...)
		return Element{Space: space, Local: local, Raw: []byte(string(b) + ">" + inner + "</" + local + ">")}
	}
	b64 := base64.StdEncoding.EncodeToString
	out := make([]Event, 0, len(script))
	for _, c := range script {
		var e Event
		h := header
		switch c % 32 {
		case 0, 1:
			e = h
		case 2:
			h.From = text
			e = h
		case 3:
			h.To = text
			e = h
		case 4:
			h.From = ""
			e = h
		case 5:
			h.Version = text
			e = h
		case 6:
			h.Content = text
			e = h
		case 7, 8:
			e = Secured{}
		case 9, 10:
			e = Verified{}
		case 11:
			e = Verified{Err: errors.New(text)}
		case 12:
			e = Broken{text, text}
		case 13:
			e = Closed{}
		case 14:
			e = Expired{}
		case 15:
			e = Lost{}
		case 16:
			e = element(NSTLS, "starttls", "", "")
		case 17:
			e = element(NSTLS, "proceed", "", "")
		case 18:
			e = element(NS, "features", "", "<starttls xmlns='"+NSTLS+"'/><mechanisms xmlns='"+NSSASL+"'><mechanism>EXTERNAL</mechanism></mechanisms>")
		case 19:
			e = element(NS, "features", "", "")
		case 20:
			e = element(NSSASL, "auth", " mechanism='EXTERNAL'", b64([]byte("montague.example")))
		case 21:
			e = element(NSSASL, "auth", " mechanism='EXTERNAL'", "=")
		case 22:
			e = element(NSSASL, "auth", " mechanism='EXTERNAL'", b64([]byte(text)))
		case 23:
			e = element(NSSASL, "success", "", "")
		case 24:
			e = element(NSSASL, "failure", "", "<aborted/>")
		case 25:
			e = element(NSSASL, "abort", "", "")
		case 26:
			e = element(NS, "error", "", "<"+HostGone+" xmlns='"+NSErrors+"'/>")
		case 27:
			e = element(NSServer, "message", "", "<body/>")
			if text != "" && text[0] == 's' {
				e = element(NSDialback, "verify", "", "key")
			}
		case 28:
			e = element(NSDialback, "result", "", "key")
		case 29:
			e = Element{Space: NSSASL, Local: "auth", Raw: []byte(text)}
		case 30:
			e = Element{Space: NS, Local: "features", Raw: []byte(text)}
		default:
			e = Element{Space: text, Local: "x", Raw: []byte(text)}
		}
		out = append(out, e)
	}
	return out
}

// watcher checks actions against the rules that hold whatever the peer does.
type watcher struct {
	t         *testing.T
	initiator bool
	dialback  bool
	secure    bool
	handshake bool // between StartTLS and Secured
	asked     jid.JID
	verified  map[jid.JID]bool
	over      bool
	scan      xmlscan.Scanner // reads what the machine writes
}

func (w *watcher) before(e Event) {
	switch e := e.(type) {
	case Secured:
		if w.handshake {
			w.secure, w.handshake = true, false
		}
	case Verified:
		if !w.asked.IsZero() && e.Err == nil && !w.over {
			w.verified[w.asked] = true
		}
		w.asked = jid.JID{}
	}
}

func (w *watcher) after(actions []Action) {
	for i, a := range actions {
		if w.over {
			w.t.Fatalf("%T after the end", a)
		}
		switch a := a.(type) {
		case Write:
			if w.handshake {
				w.t.Fatalf("written into the TLS handshake: %q", a.Bytes)
			}
			if i > 0 {
				if _, twice := actions[i-1].(Write); twice {
					w.t.Fatal("two writes in a row")
				}
			}
			w.read(a.Bytes)
		case StartTLS:
			if w.secure || w.handshake {
				w.t.Fatal("TLS inside TLS")
			}
			w.handshake = true
		case Restart:
			w.scan.Restart()
		case Verify:
			if !w.secure || a.Domain.IsZero() {
				w.t.Fatalf("Verify of %q, TLS: %v", a.Domain, w.secure)
			}
			w.asked = a.Domain
		case Question:
			if !w.secure || !w.dialback || w.initiator {
				w.t.Fatalf("a question with TLS: %v", w.secure)
			}
		case Ready:
			w.over = true
			told := w.initiator && w.dialback && a.Identity != nil
			if !w.secure || !w.verified[a.Remote] && !told || a.Local.IsZero() {
				w.t.Fatalf("Ready for %q with TLS: %v, verified: %v", a.Remote, w.secure, w.verified)
			}
		case Handover:
			w.over = true
			if !w.secure || !w.dialback || a.Local.IsZero() || w.initiator && w.verified[a.Remote] == (a.Identity != nil) {
				w.t.Fatalf("Handover for %q with TLS: %v, verified: %v, %v", a.Remote, w.secure, w.verified, a.Identity)
			}
		case Fail:
			w.over = true
			if a.Err == nil || a.Err.Error() == "" {
				w.t.Fatal("failed without an error")
			}
		}
	}
}

// read fails when the machine's output is not a stream.
func (w *watcher) read(b []byte) {
	copy(w.scan.Buffer(len(b)), b)
	w.scan.Fill(len(b))
	for {
		switch _, err := w.scan.Next(); err {
		case nil:
			continue
		case xmlscan.ErrMore:
			if w.scan.Buffered() > 0 {
				w.t.Fatalf("half an element was written: %q", b)
			}
			return
		default:
			w.t.Fatalf("%v in what was written: %q", err, b)
		}
	}
}

func FuzzMachine(f *testing.F) {
	f.Add(true, false, false, []byte{0, 18, 17, 7, 9, 0, 18, 23, 0, 19, 0}, "x") // an Initiator's happy path, and more
	f.Add(true, true, false, []byte{9, 0, 18, 23, 0, 19}, "x")
	f.Add(true, false, false, []byte{0, 18, 17, 7, 0, 18, 11, 23, 0, 19}, "bad <certificate>")
	f.Add(true, false, false, []byte{0, 30}, "<features xmlns='http://etherx.jabber.org/streams'><a><b/></a></features>")
	f.Add(false, false, false, []byte{0, 16, 7, 0, 9, 20, 0}, "x") // a Receiver's
	f.Add(false, true, false, []byte{4, 22, 9, 0}, "tybalt.example")
	f.Add(false, true, false, []byte{4, 22, 11, 22, 9, 0}, "tybalt.example")
	f.Add(false, true, false, []byte{0, 20, 20, 9, 0}, "x")
	f.Add(false, true, false, []byte{0, 9, 29, 22, 21}, "<auth mechanism='EXTERNAL'>")
	f.Add(false, false, false, []byte{2, 3, 12}, "'>\x00\xff<!-- \uFFFE")
	f.Add(true, false, true, []byte{0, 18, 17, 7, 11, 0, 18, 24}, "self-signed") // Server Dialback
	f.Add(true, true, true, []byte{9, 0, 19}, "x")
	f.Add(true, true, true, []byte{0, 18, 11, 23, 0, 19}, "expired")
	f.Add(false, true, true, []byte{0, 11, 27, 28}, "self-signed")
	f.Add(false, true, true, []byte{0, 9, 20, 0}, "x")
	f.Fuzz(func(t *testing.T, initiator, secure, dialback bool, script []byte, text string) {
		script, text = script[:min(len(script), 64)], text[:min(len(text), 4096)]
		cfg := Config{Role: Receiver, Local: jid.MustParse("capulet.example"), Remote: jid.MustParse("montague.example"), Secure: secure}
		if initiator {
			cfg.Role = Initiator
		}
		if dialback {
			cfg.Dialback = []byte("<dialback xmlns='urn:xmpp:features:dialback'/>")
		}
		m := New(cfg)
		w := &watcher{t: t, initiator: initiator, dialback: dialback, secure: secure, verified: map[jid.JID]bool{}}
		w.after(m.Start())
		for _, e := range events(script, text) {
			w.before(e)
			w.after(m.Step(e))
			if el, ok := e.(Element); ok {
				clear(el.Raw) // the driver's buffer is used again
			}
		}
	})
}

func FuzzParseError(f *testing.F) {
	f.Add([]byte("<error><host-gone xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></error>"))
	f.Add([]byte("<e:error xmlns:e='http://etherx.jabber.org/streams'><see-other-host xmlns='urn:ietf:params:xml:ns:xmpp-streams'>a:1</see-other-host><x xmlns='y'/></e:error>"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		e := ParseError(raw)
		if !KnownCondition(e.Condition) || !e.Remote {
			t.Fatalf("ParseError(%q) = %+v", raw, e)
		}
		e.App = nil
		again := ParseError(AppendError(nil, e))
		if again.Condition != e.Condition {
			t.Fatalf("%q became %q", e.Condition, again.Condition)
		}
	})
}
