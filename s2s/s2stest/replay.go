package s2stest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"isthmus.im/internal/transcript"
	"isthmus.im/jid"
	"isthmus.im/s2s"
	"isthmus.im/stanza"
)

// Replay plays what [s2s.Server.WriteRecording] wrote, in virtual time: a server
// with cfg, whose domains, handler and recorder are replaced, sends what the
// host of the recorded server sent, a peer what the recorded peer sent, at the
// recorded times and through the recorded outages; what the recording calls lost
// is lost again. The test fails unless the peer gets the same stanzas in the same
// order. It returns the recording
// of the replay, which differs from the one that was played in times alone, and
// not even in those if nothing was random or took time.
func Replay(t *testing.T, recording io.Reader, cfg s2s.Config) (again string) {
	t.Helper()
	again, err := play(t, recording, cfg)
	if err != nil {
		t.Fatalf("s2stest: %v", err)
	}
	return again
}

// play is Replay with an error for what is not as it was recorded.
func play(t *testing.T, recording io.Reader, cfg s2s.Config) (again string, different error) {
	t.Helper()
	text, err := io.ReadAll(recording)
	if err != nil {
		return "", err
	}
	lines, err := transcript.Parse(string(text))
	if err != nil {
		return "", err
	}
	r := &replay{lines: lines}
	local, remote := r.first("server"), r.first("peer")
	if local == "" || remote == "" {
		return "", errors.New("not a recording: it names no server or no peer")
	}
	route := s2s.Route{Local: jid.MustParse(local), Remote: jid.MustParse(remote)}
	want := values(lines, "got")
	synctest.Test(t, func(t *testing.T) {
		n := NewNetwork(t)
		cfg.Domains, cfg.Services = nil, []string{local}
		cfg.Handler, cfg.Record = stanza.HandlerFunc(r.handle), 4*len(lines)+100
		s := n.newScript(nil)
		var fed *s2s.Server
		soFar := func() []transcript.Line {
			var b strings.Builder
			if fed.WriteRecording(&b, route) != nil {
				return nil
			}
			lines, _ := transcript.Parse(b.String())
			return lines
		}
		if len(values(lines, "lost")) > 0 {
			cfg.Trace = before(cfg.Trace, func(i s2s.StreamInfo) {
				if r.lost(soFar()) {
					n.swallow(local, remote, i.Outgoing)
				}
			})
		}
		fed = n.Server(cfg)
		for _, l := range r.inputs() {
			s.step(l)
			if l.Key == "heal" {
				// A server tries again after pauses of random length, but at once
				// when the other side shows that it is there.
				knock := n.Raw(remote, local)
				knock.Authenticate()
				knock.Put(footer)
				synctest.Wait()
			}
		}
		for range 600 { // what waits for the next attempt to connect
			if len(values(soFar(), "got")) >= len(want) {
				break
			}
			time.Sleep(time.Second)
			synctest.Wait()
		}
		played := soFar()
		again = transcript.Format(played)
		got := values(played, "got")
		for i := range max(len(got), len(want)) {
			a, b := at(want, i), at(got, i)
			if a != b {
				different = fmt.Errorf("stanza %d of the replay\nwant %s\ngot  %s", i+1, a, b)
				return
			}
		}
	})
	return again, different
}

// replay is a recording that is being played.
type replay struct{ lines []transcript.Line }

// before returns a trace that calls out before a stanza is written, and then does
// what t does.
func before(t *s2s.Trace, out func(s2s.StreamInfo)) *s2s.Trace {
	var both s2s.Trace
	if t != nil {
		both = *t
	}
	then := both.StanzaOut
	both.StanzaOut = func(i s2s.StreamInfo, st *stanza.Stanza) {
		out(i)
		if then != nil {
			then(i, st)
		}
	}
	return &both
}

// written reports whether a line is about a stanza that was written to a stream.
func written(l transcript.Line) bool { return l.Key == "got" || l.Key == "lost" }

// lost reports whether the last stanza that a replay has written was lost when
// it was written as often as this in the recording.
func (r *replay) lost(played []transcript.Line) bool {
	last, times := "", 0
	for _, l := range slices.Backward(played) {
		if written(l) && (times == 0 || l.Value == last) {
			last = l.Value
			times++
		}
	}
	for _, l := range r.lines {
		if written(l) && l.Value == last {
			if times--; times == 0 {
				return l.Key == "lost"
			}
		}
	}
	return false
}

// first returns the first value of a key.
func (r *replay) first(key string) string {
	for _, l := range r.lines {
		if l.Key == key {
			return l.Value
		}
	}
	return ""
}

func values(lines []transcript.Line, key string) (all []string) {
	for _, l := range lines {
		if l.Key == key {
			all = append(all, l.Value)
		}
	}
	return all
}

func at(list []string, i int) string {
	if i < len(list) {
		return list[i]
	}
	return "(nothing)"
}

// inputs returns what has to be done. What was accepted before the recording
// begins is accepted before anything that the recording shows.
func (r *replay) inputs() (list []transcript.Line) {
	first := len(r.lines) // of what is accepted
	for i, l := range r.lines {
		if l.Key == "host" || r.causeless(i) {
			first = i
			break
		}
	}
	for i, l := range r.lines {
		if i == first {
			for j := range r.lines {
				if r.causeless(j) {
					list = append(list, transcript.Is("host", r.lines[j].Value))
				}
			}
		}
		if isInput(l.Key) {
			list = append(list, l)
		}
	}
	return list
}

// causeless reports whether a line is about a stanza that was accepted before
// the recording begins. Answers are not, as the server gives those again.
func (r *replay) causeless(i int) bool {
	l := r.lines[i]
	if !written(l) || slices.ContainsFunc(r.lines[:i], func(o transcript.Line) bool {
		return (o.Key == "host" || o.Key == "lost") && o.Value == l.Value
	}) {
		return false
	}
	st, err := stanza.Parse([]byte(fillText(l.Value)))
	return err == nil && st.Type != stanza.Result && st.Type != stanza.TypeError
}

// handle leaves a request to the host's recorded answer if there is one.
func (r *replay) handle(_ context.Context, s *stanza.Stanza) (*stanza.Stanza, error) {
	for _, v := range values(r.lines, "host") {
		a, err := stanza.Parse([]byte(fillText(v)))
		if err == nil && a.ID == s.ID && a.From == s.To && a.To == s.From {
			return nil, stanza.ErrDeferred
		}
	}
	return nil, nil
}
