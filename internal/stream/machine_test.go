package stream

import (
	"errors"
	"testing"

	"isthmus.im/jid"
)

var (
	capulet  = jid.MustParse("capulet.example")
	montague = jid.MustParse("montague.example")
	plain    = Header{Space: NS, Local: "stream", Content: NSServer, From: "montague.example", To: "capulet.example", ID: "p", Version: "1.0"}
)

func failed(t *testing.T, actions []Action) error {
	t.Helper()
	if len(actions) > 0 {
		if f, ok := actions[len(actions)-1].(Fail); ok {
			return f.Err
		}
	}
	t.Fatalf("no failure in %v", actions)
	return nil
}

func TestNewRefusesConfig(t *testing.T) {
	for name, c := range map[string]Config{
		"no role":   {Local: capulet, Remote: montague},
		"no local":  {Role: Initiator, Remote: montague},
		"no remote": {Role: Initiator, Local: capulet},
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			New(c)
		}()
	}
}

func TestNothingAfterTheEnd(t *testing.T) {
	m := New(Config{Role: Initiator, Local: capulet, Remote: montague})
	m.Start()
	var lost *EndError
	if err := failed(t, m.Step(Lost{})); !errors.As(err, &lost) || lost.Waiting != "a stream header" || lost.Err == nil {
		t.Errorf("Lost fails with %v", err)
	}
	for _, e := range []Event{plain, Element{Space: NS, Local: "error"}, Closed{}, Secured{}, Verified{}, Broken{}, Expired{}, Lost{}} {
		if got := m.Step(e); got != nil {
			t.Errorf("%T after the end is answered with %v", e, got)
		}
	}
	if got := m.Start(); got != nil {
		t.Errorf("Start after the end returns %v", got)
	}
}

func TestStartIsOnce(t *testing.T) {
	m := New(Config{Role: Initiator, Local: capulet, Remote: montague, Secure: true})
	if got := m.Start(); len(got) != 2 {
		t.Fatalf("Start returns %v, want a Write and a Verify", got)
	}
	if got := m.Start(); got != nil {
		t.Errorf("Start again returns %v", got)
	}
}

// TestDriverMistakes sends what no peer can cause. It ends the stream, never
// authenticates it.
func TestDriverMistakes(t *testing.T) {
	element := Element{Space: NS, Local: "features", Raw: []byte("<features/>")}
	for _, c := range []struct {
		name   string
		events []Event
	}{
		{"TLS not asked for", []Event{Secured{}}},
		{"TLS twice", []Event{plain, Element{Space: NSTLS, Local: "starttls"}, Secured{}, Secured{}}},
		{"verdict not asked for", []Event{Verified{}}},
		{"element before the header", []Event{element}},
		{"header where none is expected", []Event{plain, plain}},
		{"header during the handshake", []Event{plain, Element{Space: NSTLS, Local: "starttls"}, plain}},
		{"element during the handshake", []Event{plain, Element{Space: NSTLS, Local: "starttls"}, element}},
		{"stream error during the handshake", []Event{plain, Element{Space: NSTLS, Local: "starttls"}, Element{Space: NS, Local: "error"}}},
	} {
		m := New(Config{Role: Receiver, Local: capulet})
		m.Start()
		var last []Action
		for _, e := range c.events {
			last = m.Step(e)
		}
		var local *Error
		if err := failed(t, last); !errors.As(err, &local) || local.Remote {
			t.Errorf("%s: fails with %v", c.name, err)
		}
	}
}

func TestNothingIsWrittenIntoTheHandshake(t *testing.T) {
	for _, e := range []Event{Closed{}, Broken{Condition: PolicyViolation}, Expired{}, Lost{}, plain, Element{Space: NS, Local: "error"}} {
		m := New(Config{Role: Receiver, Local: capulet})
		m.Step(plain)
		m.Step(Element{Space: NSTLS, Local: "starttls"})
		if got := m.Step(e); len(got) != 1 {
			t.Errorf("%T during the handshake leads to %v", e, got)
		}
	}
}

func TestStreamIDsAreUnique(t *testing.T) {
	seen := map[string]bool{}
	for range 100 {
		m := New(Config{Role: Receiver, Local: capulet})
		m.Step(plain)
		if len(m.id) < 26 || seen[m.id] {
			t.Fatalf("stream id %q is short or was given before", m.id)
		}
		seen[m.id] = true
	}
}

func TestReceiverWithoutDomainsServesNone(t *testing.T) {
	m := New(Config{Role: Receiver})
	if err := failed(t, m.Step(plain)); !errors.Is(err, &Error{Condition: HostUnknown}) {
		t.Errorf("fails with %v, want host-unknown", err)
	}
}

func TestStepKeepsNoBytes(t *testing.T) {
	m := New(Config{Role: Receiver, Local: capulet, Secure: true})
	m.Step(plain)
	raw := []byte("<auth xmlns='" + NSSASL + "' mechanism='EXTERNAL'>=</auth>")
	m.Step(Element{Space: NSSASL, Local: "auth", Raw: raw}) // held until the verdict
	clear(raw)
	actions := m.Step(Verified{})
	if len(actions) != 2 || actions[1] != (Restart{}) {
		t.Errorf("a held <auth/> whose buffer was used again leads to %v", actions)
	}
}

func TestReasonsAreUnwrapped(t *testing.T) {
	reason := errors.New("self-signed")
	m := New(Config{Role: Initiator, Local: capulet, Remote: montague, Secure: true})
	m.Start()
	err := failed(t, m.Step(Verified{Err: reason}))
	var id *IdentityError
	if !errors.Is(err, reason) || !errors.As(err, &id) || id.Domain != montague {
		t.Errorf("fails with %v", err)
	}
	m = New(Config{Role: Initiator, Local: capulet, Remote: montague})
	m.Start()
	if err := failed(t, m.Step(Lost{reason})); !errors.Is(err, reason) {
		t.Errorf("fails with %v", err)
	}
}

func TestReceiverTellsWhichDomainsAreGone(t *testing.T) {
	for _, c := range []struct{ to, want string }{{"capulet.example", HostGone}, {"verona.example", HostUnknown}} {
		m := New(Config{
			Role: Receiver, Serves: func(jid.JID) bool { return false },
			Gone: func(d jid.JID) bool { return d.String() == "capulet.example" },
		})
		h := plain
		h.To = c.to
		if err := failed(t, m.Step(h)); !errors.Is(err, &Error{Condition: c.want}) {
			t.Errorf("to %s: %v, want %s", c.to, err, c.want)
		}
	}
}
