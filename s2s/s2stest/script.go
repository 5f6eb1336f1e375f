package s2stest

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"isthmus.im/internal/transcript"
	"isthmus.im/s2s"
	"isthmus.im/stanza"
)

// Run plays every transcript that matches glob, as a subtest named after its
// file, in virtual time and on a network of its own, on which start has started
// the server under test. With update, which is usually a flag of the test, the
// expectations in the files are rewritten instead of compared; what changed is
// then to be judged. The package comment describes the files.
func Run(t *testing.T, glob string, update bool, start func(*testing.T, *Network)) {
	t.Helper()
	transcript.Run(t, glob, update, func(t *testing.T, lines []transcript.Line) (played []transcript.Line) {
		synctest.Test(t, func(t *testing.T) {
			n := NewNetwork(t)
			s := n.newScript(lines)
			start(t, n)
			for _, p := range n.peers {
				if p.handler == nil {
					s.adopt(p)
				}
			}
			played = transcript.Play(lines, isInput, s.step)
		})
		return played
	})
}

// Note adds a line to the transcript that is being played, "note: text": what
// the server under test made of a stanza. It may be called from any goroutine,
// and does nothing outside of [Run].
func (n *Network) Note(format string, args ...any) {
	n.mu.Lock()
	s := n.script
	n.mu.Unlock()
	if s != nil {
		s.note("note", "note", fmt.Sprintf(format, args...))
	}
}

// inputs are the keys of a transcript that make something happen, with the least
// number of words that they need.
func inputs(key string) (words int, ok bool) {
	words, ok = map[string]int{
		"server": 1, "peer": 1, "stop": 1, "start": 1, "dns": 2,
		"send": 1, "host": 1, "wait": 1,
		"cut": 2, "heal": 2, "reset": 2, "half-open": 2, "delay": 3, "impair": 2,
		"open": 3, "put": 2, "tls": 1, "authenticate": 1, "close": 1,
	}[key]
	return words, ok
}

func isInput(key string) bool {
	_, ok := inputs(key)
	return ok
}

// script is a transcript that is being played.
type script struct {
	n     *Network
	given string // all inputs
	peers map[string]*Peer
	raws  map[string]*RawStream

	mu    sync.Mutex
	out   []output
	names map[string]string // random ids -> {1}, {2}, ...
}

// output is a line, with who said it.
type output struct {
	at   time.Time
	who  string
	line transcript.Line
}

func (n *Network) newScript(lines []transcript.Line) *script {
	s := &script{n: n, peers: make(map[string]*Peer), raws: make(map[string]*RawStream), names: make(map[string]string)}
	for _, l := range lines {
		if isInput(l.Key) {
			s.given += l.Value + "\n"
		}
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.script = s
	return s
}

func (s *script) note(who, key, value string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.out = append(s.out, output{time.Now(), who, transcript.Is(key, value)})
}

// step does what an input says, and returns what follows from it.
func (s *script) step(l transcript.Line) []transcript.Line {
	t := s.n.t
	t.Helper()
	done := false
	defer func() {
		if !done {
			fmt.Fprintf(t.Output(), "s2stest: it was at %s: %s\n", l.Key, l.Value)
		}
	}()
	words := strings.Fields(l.Value)
	if need, _ := inputs(l.Key); len(words) < need {
		t.Fatalf("s2stest: %s: needs %d words: %q", l.Key, need, l.Value)
	}
	s.do(l.Key, words, s.expand(l.Value))
	synctest.Wait()
	for name, r := range s.raws {
		s.hear(name, r)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	// Who speaks first at one instant is up to the scheduler.
	slices.SortStableFunc(s.out, func(a, b output) int {
		if c := a.at.Compare(b.at); c != 0 {
			return c
		}
		return strings.Compare(a.who, b.who)
	})
	var lines []transcript.Line
	for _, o := range s.out {
		o.line.Value = s.tidy(o.line.Value)
		lines = append(lines, o.line)
	}
	s.out = nil
	done = true
	return lines
}

func (s *script) do(key string, words []string, value string) {
	n, t := s.n, s.n.t
	t.Helper()
	switch key {
	case "server":
		if s.server(words[0]) == nil {
			t.Fatalf("s2stest: no server of %s was started", words[0])
		}
	case "peer":
		if len(words) > 2 && words[1] == "like" {
			s.adopt(n.PeerLike(personality(t, strings.Join(words[2:], " ")), words[0]))
			return
		}
		s.adopt(n.Peer(words[0]))
	case "stop":
		s.peer(words[0]).Stop()
	case "start":
		s.peer(words[0]).Start()
	case "send":
		st := s.parse(value)
		s.peer(st.From.Domain()).Send(value)
	case "host":
		st := s.parse(value)
		srv := s.server(st.From.Domain())
		if srv == nil {
			t.Fatalf("s2stest: no server of %s was started", st.From.Domain())
		}
		if err := srv.Send(t.Context(), st); err != nil {
			s.note("host", "refused", err.Error())
		}
	case "wait":
		time.Sleep(duration(t, words[0]))
	case "cut":
		n.Cut(words[0], words[1])
	case "heal":
		n.Heal(words[0], words[1])
	case "reset":
		n.Reset(words[0], words[1])
	case "half-open":
		n.HalfOpen(words[0], words[1])
	case "impair":
		i, err := impairment(words[2:])
		if err != nil {
			t.Fatalf("s2stest: %v", err)
		}
		n.Impair(words[0], words[1], i)
	case "delay":
		n.Delay(words[0], words[1], duration(t, words[2]))
	case "dns":
		s.dns(words)
	default:
		s.raw(key, words, value)
	}
}

func (s *script) dns(words []string) {
	n := s.n
	n.t.Helper()
	switch what := words[1]; what {
	case "works":
		n.FailDNS(words[0], nil)
		n.SlowDNS(words[0], 0)
	case "servfail":
		n.FailDNS(words[0], ServFail)
	case "refused":
		n.FailDNS(words[0], Refused)
	case "silent":
		n.FailDNS(words[0], NoAnswer)
	case "gone":
		n.SetSRV(words[0], &net.SRV{Target: "."})
	default:
		n.SlowDNS(words[0], duration(n.t, what))
	}
}

// raw does what concerns raw streams. The first word is the stream's name.
func (s *script) raw(key string, words []string, value string) {
	t := s.n.t
	t.Helper()
	name := words[0]
	if key == "open" {
		s.raws[name] = s.n.Raw(words[1], words[2])
		return
	}
	r := s.raws[name]
	if r == nil {
		t.Fatalf("s2stest: %s: no stream %q is open", key, name)
	}
	switch key {
	case "put":
		_, text, _ := strings.Cut(value, " ")
		r.Put(text)
	case "tls":
		r.StartTLS()
	case "authenticate":
		r.Authenticate()
	case "close":
		r.Close()
		delete(s.raws, name)
	}
}

// hear takes down what has come over a raw stream.
func (s *script) hear(name string, r *RawStream) {
	text, err := r.pending()
	if text != "" {
		s.note(name, "said", name+" "+text)
	}
	if err != nil {
		s.note(name, "ended", name)
		delete(s.raws, name)
	}
}

// adopt takes down what a peer receives.
func (s *script) adopt(p *Peer) {
	p.Handle(stanza.HandlerFunc(func(_ context.Context, st *stanza.Stanza) (*stanza.Stanza, error) {
		s.note(p.domain.String(), "got", st.String())
		return nil, stanza.ErrDeferred
	}))
	s.peers[p.domain.Domain()] = p
}

func (s *script) peer(domain string) *Peer {
	s.n.t.Helper()
	p := s.peers[domain]
	if p == nil {
		s.n.t.Fatalf("s2stest: no peer %s", domain)
	}
	return p
}

// server returns the server under test that has a domain.
func (s *script) server(domain string) *s2s.Server {
	name := ascii(s.n.t, []string{domain})[0]
	s.n.mu.Lock()
	defer s.n.mu.Unlock()
	for _, srv := range s.n.servers {
		if slices.Contains(srv.domains, name) {
			return srv.Server
		}
	}
	return nil
}

func (s *script) parse(xml string) *stanza.Stanza {
	st, err := stanza.Parse([]byte(xml))
	if err != nil {
		s.n.t.Fatalf("s2stest: %s: %v", xml, err)
	}
	return st
}

func duration(t TB, text string) time.Duration {
	d, err := time.ParseDuration(text)
	if err != nil {
		t.Fatalf("s2stest: %v", err)
	}
	return d
}

func personality(t TB, name string) Personality {
	for p := Prosody; p <= HostileServer; p++ {
		if strings.EqualFold(p.String(), name) {
			return p
		}
	}
	t.Fatalf("s2stest: no personality %q", name)
	return 0
}
