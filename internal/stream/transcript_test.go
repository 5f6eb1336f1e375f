package stream

import (
	"errors"
	"flag"
	"fmt"
	"strings"
	"testing"

	"isthmus.im/internal/transcript"
	"isthmus.im/internal/xmlscan"
	"isthmus.im/jid"
)

var update = flag.Bool("update", false, "rewrite the expectations of the transcripts in testdata")

// TestTranscripts plays the dialogues of testdata. Their inputs are
//
//	role, local, remote, secure, serves, features, dialback, askonly   the Config
//	start          the first actions
//	peer           bytes the peer sends, cut by the real scanner
//	secured        the TLS handshake is done
//	verified       the answer to verify; with a text it is refused
//	disproved      the answer to verify that leaves nothing to Server Dialback
//	unwanted       the answer to verify that ends the stream with policy-violation
//	lost, expired  the event of that name
//
// and the outputs are the actions, named after their types. "<stream:stream …"
// stands for the beginning of a header that is always the same.
func TestTranscripts(t *testing.T) {
	transcript.Run(t, "testdata/*.txt", *update, func(t *testing.T, lines []transcript.Line) []transcript.Line {
		p := &player{t: t}
		played := transcript.Play(lines, isInput, p.step)
		if p.m == nil || p.m.phase != over {
			t.Error("the dialogue has no end")
		}
		return played
	})
}

func isInput(key string) bool {
	switch key {
	case "role", "local", "remote", "secure", "bidi", "serves", "features", "dialback", "askonly", "start", "peer", "secured", "verified", "disproved", "unwanted", "lost", "expired":
		return true
	}
	return false
}

// player drives a machine as a connection would.
type player struct {
	t    testing.TB
	cfg  Config
	ids  int
	m    *Machine
	scan xmlscan.Scanner
	got  []transcript.Line
}

func (p *player) step(l transcript.Line) []transcript.Line {
	p.got = nil
	switch l.Key {
	case "role":
		p.cfg.Role = map[string]Role{"initiator": Initiator, "receiver": Receiver}[l.Value]
	case "local":
		p.cfg.Local = jid.MustParse(l.Value)
	case "remote":
		p.cfg.Remote = jid.MustParse(l.Value)
	case "secure":
		p.cfg.Secure = true
	case "bidi":
		p.cfg.Bidi, p.cfg.Limits = true, Limits{MaxBytes: 1000, IdleSeconds: 60}
	case "dialback":
		p.cfg.Dialback = []byte("<dialback xmlns='urn:xmpp:features:dialback'><errors/></dialback>")
	case "askonly":
		p.cfg.AskOnly = true
	case "features":
		p.cfg.Features = []byte(l.Value)
	case "serves":
		p.cfg.Serves = func(d jid.JID) bool {
			for s := range strings.FieldsSeq(l.Value) {
				if d == jid.MustParse(s) {
					return true
				}
			}
			return false
		}
	case "start":
		p.cfg.NewID = func() string { p.ids++; return fmt.Sprint("id-", p.ids) }
		p.m = New(p.cfg)
		p.do(p.m.Start())
	case "peer":
		p.hear(strings.ReplaceAll(l.Value, short, long))
	case "secured":
		p.do(p.m.Step(Secured{}))
	case "verified", "disproved":
		var err error
		if l.Value != "" {
			err = errors.New(l.Value)
		}
		p.do(p.m.Step(Verified{Err: err, Disproved: l.Key == "disproved"}))
	case "unwanted":
		p.do(p.m.Step(Verified{Err: errors.New(l.Value), Refused: &Error{Condition: PolicyViolation, Text: "not with you"}}))
	case "lost":
		p.do(p.m.Step(Lost{errors.New(l.Value)}))
	case "expired":
		p.do(p.m.Step(Expired{}))
	}
	return p.got
}

// hear feeds bytes to the scanner and its tokens to the machine.
func (p *player) hear(s string) {
	copy(p.scan.Buffer(len(s)), s)
	p.scan.Fill(len(s))
	for p.m.phase != over {
		tok, err := p.scan.Next()
		var bad *xmlscan.Error
		switch {
		case err == xmlscan.ErrMore:
			return
		case errors.As(err, &bad):
			p.do(p.m.Step(Broken{bad.Condition, bad.Text}))
			return
		case err != nil:
			p.t.Fatal(err)
		}
		p.do(p.m.Step(EventOf(tok)))
	}
}

// do performs actions, and checks what holds for every list of them.
func (p *player) do(actions []Action) {
	for i, a := range actions {
		var l transcript.Line
		switch a := a.(type) {
		case Write:
			l = transcript.Is("send", split.Replace(string(a.Bytes)))
			if i > 0 {
				if _, again := actions[i-1].(Write); again {
					p.t.Errorf("two writes in a row: %s", a.Bytes)
				}
			}
		case StartTLS:
			l = transcript.Is("starttls", a.Local.String())
			if p.scan.Buffered() > 0 {
				p.got = append(p.got, l)
				p.do(p.m.Step(Broken{PolicyViolation, "data between STARTTLS and the TLS handshake"}))
				return
			}
		case Restart:
			l = transcript.Is("restart", "")
			p.scan.Restart()
		case Verify:
			l = transcript.Is("verify", a.Domain.String())
		case Ready:
			l = transcript.Is("ready", fmt.Sprintf("%v with %v, id %s, by %s", a.Local, a.Remote, a.StreamID, a.Method))
			if a.Bidi {
				l.Value += fmt.Sprintf("\nboth ways, limits %d bytes, %d s", a.Limits.MaxBytes, a.Limits.IdleSeconds)
			}
			l.Value += p.errors(a.Identity)
			for _, f := range a.Features {
				l.Value += "\n" + f.Space + " " + f.Local
			}
			if a.From != "" && a.From != a.Remote.String() {
				l.Value += "\nfrom " + a.From
			}
		case Question:
			l = transcript.Is("question", string(a.Raw))
		case Handover:
			l = transcript.Is("handover", fmt.Sprintf("%v with %q, id %s, announced %t", a.Local, a.Remote, a.StreamID, a.Announced))
			if a.Bidi {
				l.Value += fmt.Sprintf("\nboth ways, limits %d bytes, %d s", a.Limits.MaxBytes, a.Limits.IdleSeconds)
			}
			l.Value += p.errors(a.Identity, a.External)
			if a.First != nil {
				l.Value += "\n" + string(a.First)
			}
		case Fail:
			l = transcript.Is("fail", fmt.Sprintf("%T\n%v", a.Err, a.Err))
		}
		p.got = append(p.got, l)
	}
}

// errors puts what did not end the negotiation on lines of its own.
func (p *player) errors(list ...error) string {
	var s string
	for _, err := range list {
		if err != nil {
			s += fmt.Sprintf("\n%T: %v", err, err)
		}
	}
	return s
}

// The beginning of a header with all its namespaces.
const (
	short = "<stream:stream …"
	long  = "<?xml version='1.0'?><stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams'"
)

// split puts the pieces of a Write on lines of their own.
var split = strings.NewReplacer(
	long, short,
	">"+long, ">\n"+short,
	"><stream:features", ">\n<stream:features",
	"><stream:error", ">\n<stream:error",
	"></stream:stream", ">\n</stream:stream",
	"><failure", ">\n<failure",
)
