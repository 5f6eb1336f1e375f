package dialback

import (
	"flag"
	"fmt"
	"slices"
	"strings"
	"testing"

	"isthmus.im/internal/transcript"
	"isthmus.im/internal/xmlscan"
	"isthmus.im/jid"
)

var update = flag.Bool("update", false, "rewrite the expectations of the transcripts in testdata")

// TestTranscripts plays the dialogues of testdata. Each is about the streams of
// one server, which have names. Its inputs are
//
//	serves       the domains of this side
//	secret       what keys are made of
//	limits       MaxPending, MaxPairs, MaxFailures
//	deny         a domain that Permit refuses
//	stream       a new stream: name, its id, and any of out=domain, plain, errors, bidi
//	grant        Machine.Grant: name, local and remote domain
//	start        Machine.Start: name, local and remote domain
//	confirm      Machine.Confirm: the question's remote and local domain
//	put          Machine.Ask: name, and the question's remote and local domain
//	withdraw     Machine.Withdraw: the same
//	unverified   the Verdict made with Unverified: remote and local domain, condition, text
//	peer         an element that the peer sends: name, bytes; KEY is the key sent last
//	expired      the event of that name: name, local and remote domain
//	closed       the event of that name: name
//
// and the outputs are the actions, named after their types, but for send, which
// is Write. What Answered holds is passed to its machine at once.
func TestTranscripts(t *testing.T) {
	transcript.Run(t, "testdata/*.txt", *update, func(t *testing.T, lines []transcript.Line) []transcript.Line {
		p := &player{t: t, streams: map[string]*Machine{}}
		return transcript.Play(lines, isInput, p.step)
	})
}

func isInput(key string) bool {
	return slices.Contains([]string{
		"serves", "secret", "limits", "deny", "stream", "grant", "start", "put", "confirm", "unverified", "withdraw", "peer", "expired", "closed",
	}, key)
}

// player is a server with several streams.
type player struct {
	t       *testing.T
	cfg     Config
	streams map[string]*Machine
	asked   []*Question
	key     string // the last one sent in a <db:result/>
	got     []transcript.Line
}

func (p *player) step(l transcript.Line) []transcript.Line {
	p.got = nil
	name, rest, _ := strings.Cut(l.Value, " ")
	fields := strings.Fields(rest)
	m := p.streams[name]
	switch l.Key {
	case "serves":
		ours := strings.Fields(l.Value)
		p.cfg.Serves = func(d jid.JID) bool { return slices.Contains(ours, d.String()) }
	case "secret":
		p.cfg.Secret = Fixed([]byte(l.Value))
	case "limits":
		fmt.Sscan(l.Value, &p.cfg.MaxPending, &p.cfg.MaxPairs, &p.cfg.MaxFailures)
	case "deny":
		p.cfg.Permit = func(_, remote jid.JID) (string, string) {
			if remote.String() == name {
				return NotAuthorized, "a certificate is required"
			}
			return "", ""
		}
	case "stream":
		p.stream(name, fields)
	case "grant":
		m.Grant(jid.MustParse(fields[0]), jid.MustParse(fields[1]))
	case "start":
		p.do(name, m.Start(jid.MustParse(fields[0]), jid.MustParse(fields[1])))
	case "confirm":
		q := p.question(name, fields[0])
		p.do(p.name(q.asker), q.asker.Confirm(q))
	case "put":
		p.do(name, m.Ask(p.question(fields[0], fields[1])))
	case "withdraw":
		m.Withdraw(p.question(fields[0], fields[1]))
	case "unverified":
		q := p.question(name, fields[0])
		p.do(p.name(q.asker), q.asker.Step(Unverified(q, fields[1], strings.Join(fields[2:], " "))))
	case "expired":
		p.do(name, m.Step(Expired{jid.MustParse(fields[0]), jid.MustParse(fields[1])}))
	case "closed":
		p.do(name, m.Step(Closed{}))
	case "peer":
		tok, err := xmlscan.Parse(declared(strings.ReplaceAll(rest, "KEY", p.key)), nsServer, xmlscan.Limits{})
		if err != nil {
			p.t.Fatal(err)
		}
		e, err := Parse(tok)
		if err != nil {
			p.t.Fatal(err)
		}
		p.do(name, m.Step(e))
	}
	return p.got
}

func (p *player) stream(name string, fields []string) {
	c, bidi := p.cfg, false
	c.StreamID, c.Secure = fields[0], true
	for _, f := range fields[1:] {
		switch option, value, _ := strings.Cut(f, "="); option {
		case "out":
			c.Outgoing, c.Remote = true, jid.MustParse(value)
		case "plain":
			c.Secure = false
		case "errors":
			c.Errors = true
		case "bidi":
			bidi = true
		default:
			p.t.Fatalf("no such option: %s", f)
		}
	}
	m := New(c)
	if bidi {
		m.EnableBidi()
	}
	p.streams[name] = m
}

func (p *player) name(m *Machine) string {
	for name, other := range p.streams {
		if other == m {
			return name
		}
	}
	return "?"
}

// do performs actions, and checks what holds for every list of them.
func (p *player) do(name string, actions []Action) {
	say := func(key, format string, args ...any) {
		p.got = append(p.got, transcript.Is(key, strings.TrimSpace(name+" "+fmt.Sprintf(format, args...))))
	}
	for i, a := range actions {
		switch a := a.(type) {
		case Write:
			text := string(a.Bytes)
			say("send", "%s", strings.ReplaceAll(text, "><db:", ">\n<db:"))
			if e, err := ParseBytes(declared(text)); err == nil && e.Kind == Result && e.Type == Request {
				p.key = e.Key
			}
			if i > 0 {
				if _, again := actions[i-1].(Write); again {
					p.t.Errorf("two writes in a row: %s", a.Bytes)
				}
			}
		case Ask:
			say("ask", "%v for %v", a.Question.Remote(), a.Question.Local())
			p.asked = append(p.asked, a.Question)
		case Abandon:
			say("abandon", "%v for %v", a.Question.Remote(), a.Question.Local())
		case Answered:
			say("answered", "%v", a.Verdict.Type())
			asker := a.Verdict.Question().asker
			p.do(p.name(asker), asker.Step(a.Verdict))
		case Authorized:
			say("authorized", "%v to %v", a.Local, a.Remote)
		case Refused:
			say("refused", "%v; bounce with %s", a.Err, a.Err.Bounce())
		case Accepted:
			say("accepted", "%v to %v", a.Remote, a.Local)
			if !p.streams[name].Accepts(a.Local, a.Remote) {
				p.t.Error("accepted, but Accepts says no")
			}
		case Rejected:
			say("rejected", "%v", a.Err)
		case Ignored:
			say("ignored", "%v %v: %s", a.Element.Kind, a.Element.Type, a.Reason)
		case Close:
			say("close", "")
			if i != len(actions)-1 {
				p.t.Error("actions after close")
			}
		}
	}
}

// question returns the last question about a pair.
func (p *player) question(remote, local string) *Question {
	for _, q := range slices.Backward(p.asked) {
		if q.Remote().String() == remote && q.Local().String() == local {
			return q
		}
	}
	p.t.Fatalf("nobody asked about %s for %s", remote, local)
	return nil
}
